#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "conf/raw.h"

static struct err err;
static char warned[4096];

static void
say(void *ctx, unsigned line, const char *text)
{
	size_t n = strlen(warned);

	(void)ctx;
	snprintf(warned + n, sizeof warned - n, "%u: %s\n", line, text);
}

static const struct conf_warn warn = { say, 0 };

static const char *
expanded(const char *s)
{
	static char out[512];
	stralloc sa = STRALLOC_ZERO;

	*warned = 0;
	assert_int_equal(conf_expand(&sa, s, strlen(s), &warn, &err), 0);
	assert_true(sa.len < sizeof out);
	if (sa.len)
		memcpy(out, sa.s, sa.len);
	out[sa.len] = 0;
	stralloc_free(&sa);
	return out;
}

static void
variables_expand_as_go_expands_them(void **state)
{
	char pid[32];

	(void)state;
	setenv("LS_T", "v1", 1);
	setenv("LS_T2", "$LS_T", 1);
	unsetenv("LS_NONE");
	assert_string_equal(expanded("a$LS_T b"), "av1 b");
	assert_string_equal(expanded("a${LS_T}b"), "av1b");
	assert_string_equal(expanded("$LS_T-$LS_T.$LS_T"), "v1-v1.v1");
	assert_string_equal(expanded("$LS_T2"), "$LS_T");
	assert_string_equal(expanded("$LS_NONE|${LS_NONE}"), "|");
	assert_string_equal(warned,
	    "1: $LS_NONE is not set; it expands to nothing\n"
	    "1: $LS_NONE is not set; it expands to nothing\n");
	assert_string_equal(expanded("cost: 5$"), "cost: 5$");
	assert_string_equal(expanded("a$ b"), "a$ b");
	assert_string_equal(expanded("a$.b$\"c"), "a$.b$\"c");
	assert_string_equal(expanded("a$$b$1c$?${*}d"), "abcd");
	assert_string_equal(expanded("a${}b"), "ab");
	assert_string_equal(expanded("a${LS_T"), "aLS_T");
	assert_string_equal(expanded("${LS_T:-x}"), "");
	assert_string_equal(expanded("x\n # $LS_NONE\n"), "x\n # \n");
	assert_string_equal(warned, "");
	assert_string_equal(expanded("x\n\n$LS_NONE"), "x\n\n");
	assert_non_null(strstr(warned, "3: $LS_NONE"));
	snprintf(pid, sizeof pid, "<%ld>", (long)getpid());
	assert_string_equal(expanded("<$PID>"), pid);
}

static void
a_variable_cannot_grow_without_end(void **state)
{
	stralloc out = STRALLOC_ZERO, in = STRALLOC_ZERO;
	static char big[60000];

	(void)state;
	memset(big, 'x', sizeof big - 1);
	setenv("LS_T", big, 1);
	for (int i = 0; i < 1000; i++)
		assert_true(stralloc_cats(&in, "$LS_T "));
	assert_int_equal(conf_expand(&out, in.s, in.len, 0, &err), -1);
	unsetenv("LS_T");
	stralloc_free(&in);
	stralloc_free(&out);
}

static void
records_are_held_against_their_form(void **state)
{
	static const char *const bad[] = {
		"", "ls-conf 2\nend\n", "ls-conf 1\n", "ls-conf 1\nend",
		"ls-conf 1\nend\nend\n", "ls-conf 1\nregion\t1\tx\n",
		"ls-conf 1\nregion\t1\nend\n", "ls-conf 1\npath\t1\tx\nend\n",
		"ls-conf 1\nregion\tx\ty\nend\n",
		"ls-conf 1\nregion\t1\t\\q\nend\n",
		"ls-conf 1\nregion\t1\tx\\\nend\n",
		"ls-conf 1\nreplica\t1\nend\n", "ls-conf 1\nnope\t1\tx\nend\n",
		"ls-conf 1\nregion\t99999999999999999999\tx\nend\n",
		"ls-conf 1\nerror\tnope\tx\nend\n", "ls-conf 1\n\nend\n",
	};
	struct conf_raw raw = { 0 };
	struct err e = { 0 };
	stralloc sa = STRALLOC_ZERO;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (conf_raw_read(&raw, bad[i], strlen(bad[i]), &err) != -1)
			fail_msg("accepted: %s", bad[i]);
		conf_raw_free(&raw);
	}
	err_set(&e, ERR_DENIED, "a\tb\nc\\");
	assert_int_equal(conf_raw_write_error(&e, &sa), 0);
	assert_int_equal(conf_raw_read(&raw, sa.s, sa.len, &err), -1);
	assert_int_equal(err.kind, ERR_DENIED);
	assert_string_equal(err.msg, "a\tb\nc\\");
	stralloc_free(&sa);
	conf_raw_free(&raw);
}

static void
sizes(void **state)
{
	static const struct { const char *s; int64_t n; } t[] = {
		{ "0", 0 }, { "5242880", 5242880 }, { "5MB", 5000000 },
		{ "5MiB", 5242880 }, { "5 mib", 5242880 }, { "1.5GB",
		    1500000000 }, { "16M", 16000000 }, { "16Mi", 16777216 },
		{ "100B", 100 }, { "1024KB", 1024000 }, { "", -1 },
		{ "MB", -1 }, { "5XB", -1 }, { "5MBs", -1 }, { "-5MB", -1 },
		{ "0x10", -1 }, { "5e9", -1 }, { "9999EB", -1 }, { "1..5M", -1 },
		{ "nan", -1 }, { "inf", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		uint64_t v = 0;
		int r = conf_value_size(t[i].s, &v);

		if (r != (t[i].n < 0 ? -1 : 0) || (!r && v
		    != (uint64_t)t[i].n))
			fail_msg("%s: %d %llu", t[i].s, r,
			    (unsigned long long)v);
	}
}

static void
every_key_has_a_name_and_a_place(void **state)
{
	(void)state;
	for (int i = 0; i < CONF_KEYS; i++) {
		const struct conf_key *k = conf_key((enum conf_key_id)i);

		assert_non_null(k->name);
		assert_true(k->scope);
		if (k->type == CONF_DURATION || k->type == CONF_NUMBER
		    || k->type == CONF_SIZE)
			assert_true(k->max > k->min);
		for (int j = 0; j < i; j++)
			if (!strcmp(k->name, conf_key((enum conf_key_id)j)
			    ->name))
				assert_false(k->scope
				    & conf_key((enum conf_key_id)j)->scope);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_expand_as_go_expands_them),
		cmocka_unit_test(a_variable_cannot_grow_without_end),
		cmocka_unit_test(records_are_held_against_their_form),
		cmocka_unit_test(sizes),
		cmocka_unit_test(every_key_has_a_name_and_a_place),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
