#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "conf/raw.h"

/* The keys that say how a replica lives: levels, what is kept, proofs, format
 * 0.3. */

static char warned[1024];

static void
say(void *ctx, unsigned line, const char *text)
{
	size_t n = strlen(warned);

	(void)ctx;
	snprintf(warned + n, sizeof warned - n, "%u: %s\n", line, text);
}

static const struct conf_warn warn = { say, 0 };

static struct conf
good(const char *yaml)
{
	struct conf_raw raw = { 0 };
	struct err err = { 0 };
	struct conf c = { 0 };

	*warned = 0;
	if (conf_yaml(&raw, yaml, strlen(yaml), &warn, &err) < 0
	    || conf_resolve(&c, &raw, &warn, &err) < 0)
		fail_msg("%s\n%s", err.msg, yaml);
	conf_raw_free(&raw);
	return c;
}

#define DB "dbs:\n- path: /d/a.db\n"

static void
the_life_of_a_replica(void **state)
{
	struct conf c = good(DB "  replica: {path: /r}\n");

	(void)state;
	assert_int_equal(c.n_levels, 3);
	assert_int_equal(c.level_ms[2], 3600000);
	assert_int_equal(c.dbs[0].keep.daily, 0);
	assert_int_equal(c.dbs[0].verify_interval_ms, 604800000);
	assert_int_equal(c.dbs[0].replicas[0].format, CONF_FORMAT_LTX);
	conf_free(&c);
	c = good("levels: [{interval: 10s}, {interval: 1m}]\n"
	    "keep: {all: 24h, daily: 7}\naddr: ':9'\n"
	    DB "  keep: {weekly: 4, monthly: 12}\n  verify: {interval: 0s, "
	    "pace: 5MB}\n  replica: {path: /r, format: v0.3, retention: 1h, "
	    "snapshot-interval: 2h}\n");
	assert_string_equal(warned, "");
	assert_int_equal(c.n_levels, 2);
	assert_int_equal(c.level_ms[1], 60000);
	assert_int_equal(c.dbs[0].keep.all_ms, 86400000);
	assert_int_equal(c.dbs[0].keep.daily, 7);
	assert_int_equal(c.dbs[0].keep.monthly, 12);
	assert_int_equal(c.dbs[0].verify_interval_ms, 0);
	assert_int_equal(c.dbs[0].verify_pace, 5000000);
	assert_int_equal(c.dbs[0].replicas[0].format, CONF_FORMAT_V03);
	assert_int_equal(c.dbs[0].replicas[0].retention_ms, 3600000);
	assert_int_equal(c.dbs[0].replicas[0].snapshot_interval_ms, 7200000);
	assert_string_equal(c.addr, ":9");
	conf_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_life_of_a_replica)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
