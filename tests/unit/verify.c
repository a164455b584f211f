#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "repl/pace.h"
#include "repl/verify_chain.h"
#include "repl/verify_fresh.h"

/* "L:MIN-MAX" words, by level and TXIDs. */
static void
listing_text(struct listing *l, struct replica_file *f, const char *text)
{
	unsigned level;
	unsigned long long min, max;
	int len;

	memset(l, 0, sizeof *l);
	l->f = f;
	while (sscanf(text, " %u:%llu-%llu%n", &level, &min, &max, &len) == 3) {
		f[l->n++] = (struct replica_file){ .min = min, .max = max,
		    .level = (uint8_t)level, .size = 100 };
		text += len;
	}
	assert_string_equal(text, "");
}

struct said {
	char text[300];
};

static int
say(void *ctx, const struct verify_chain *c, struct err *e)
{
	static const char *const word[] = { "hole", "overlap", "behind",
	    "base" };
	struct said *s = ctx;
	size_t n = strlen(s->text);

	(void)e;
	snprintf(s->text + n, sizeof s->text - n, "%s%s %u %d-%d%s%s",
	    n ? ", " : "", word[c->kind], c->level, (int)c->from, (int)c->to,
	    c->covered ? " covered" : "", c->jumped ? " jumped" : "");
	return 0;
}

static const struct {
	const char *files, *found;
} chains[] = {
	{ "", "" },
	{ "0:1-1 0:2-2 0:3-3", "" },
	{ "0:7-7 0:8-8 1:3-5 1:6-7 9:1-2 9:1-7", "" },
	{ "0:1-1 0:3-3", "hole 0 2-2" },
	{ "0:1-1 0:3-3 1:1-3", "hole 0 2-2 covered jumped" },
	{ "0:1-1 0:5-5 1:2-3 1:4-4", "hole 0 2-4 covered" },
	{ "0:1-1 0:5-5 1:2-2 1:4-4", "hole 0 2-4, hole 1 3-3" },
	{ "0:8-8 1:1-2 1:5-8 9:1-6", "hole 1 3-4 covered jumped" },
	{ "0:1-1 0:2-2 1:1-4", "behind 0 3-4" },
	{ "0:1-1 0:2-2 9:1-4", "behind 0 3-4" },
	{ "0:9-9 1:1-4 2:1-8", "behind 1 5-8" },
	/* a snapshot is made of level 0 as well */
	{ "0:9-9 1:1-4 9:1-9", "" },
	/* no level 0: copied, or a full copy put there by hand */
	{ "1:1-4 9:1-4", "" },
	{ "0:1-3 0:2-4 0:5-5", "overlap 0 2-3" },
	{ "0:1-9 0:2-2 0:10-10", "overlap 0 2-2" },
	{ "0:3-3 9:2-3", "base 9 1-1" },
	{ "0:18446744073709551615-18446744073709551615", "" },
};

static void
test_chain(void **state)
{
	struct replica_file f[32];
	struct listing l;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
		struct said s = { "" };

		listing_text(&l, f, chains[i].files);
		assert_int_equal(verify_chain(&l, say, &s, &e), 0);
		if (strcmp(s.text, chains[i].found))
			fail_msg("%s: %s, not %s", chains[i].files, s.text,
			    chains[i].found);
	}
}

static const struct {
	uint64_t local, replica;
	int64_t oldest, max_lag;
	uint64_t lag;
	int64_t lag_ms;
	int stale;
} freshes[] = {
	{ 5, 5, 0, 1000, 0, 0, 0 },
	{ 5, 5, 0, 0, 0, 0, 0 },
	{ 7, 5, 90000, 5000, 2, 10000, 1 },
	{ 7, 5, 90000, 10000, 2, 10000, 0 },
	{ 7, 5, 90000, -1, 2, 10000, 0 },
	{ 7, 5, -1, 3600000, 2, -1, 1 },   /* nobody knows since when */
	{ 5, 9, 0, 0, 0, 0, 0 },           /* ahead */
	{ 5, 5, 99500, 400, 0, 500, 1 },   /* committed, in no file */
	{ 7, 5, 200000, 1000, 2, 0, 0 },   /* a clock that was set back */
};

static void
test_fresh(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof freshes / sizeof *freshes; i++) {
		struct verify_fresh f = { .local = freshes[i].local,
		    .replica = freshes[i].replica };

		verify_fresh_judge(&f, freshes[i].oldest, 100000,
		    freshes[i].max_lag);
		assert_int_equal(f.lag, freshes[i].lag);
		assert_int_equal(f.lag_ms, freshes[i].lag_ms);
		assert_int_equal(f.stale, freshes[i].stale);
	}
}

static void
test_pace(void **state)
{
	struct pace p;
	int64_t now = 5000, waited = 0, ms;

	(void)state;
	pace_begin(&p, 0, now);
	assert_int_equal(pace_due(&p, 1 << 30, now), 0);
	/* 10 MB in small reads at 1 MB a second */
	pace_begin(&p, 1000000, now);
	for (int i = 0; i < 10000; i++) {
		ms = pace_due(&p, 1000, now);
		now += ms;
		waited += ms;
	}
	assert_in_range(waited, 9900, 10000);
	/* a long pause of others gives no right to a burst */
	now += 60000;
	assert_int_equal(pace_due(&p, 1000, now), 0);
	assert_in_range(pace_due(&p, 1000000, now), 990, 1010);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_pace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
