#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repl/level.h"

/* "LEVEL:MIN-MAX[@TIME]..." to a listing. */
static void
parse(struct listing *l, const char *s)
{
	struct err e;
	int n;

	memset(l, 0, sizeof *l);
	for (; *s; s += n, s += *s == ' ') {
		struct replica_file f = { .size = 999, .time_ms = 0 };
		unsigned level, min, max, t = 0;

		assert_int_equal(sscanf(s, "%u:%u-%u%n", &level, &min, &max,
		    &n), 3);
		if (s[n] == '@') {
			t = (unsigned)strtoul(s + n + 1, NULL, 10);
			n += 1 + (int)strspn(s + n + 1, "0123456789");
		}
		if (s[n] == '!') { /* of a size of its own */
			f.size = 5000 + max;
			n++;
		}
		f.level = (uint8_t)level;
		f.min = min;
		f.max = max;
		f.time_ms = t;
		assert_int_equal(listing_add(l, &f, &e), 0);
	}
	listing_sort(l);
}

static void
inputs(void **state)
{
	static const struct {
		const char *what, *files;
		unsigned dst;
		const char *want;
	} t[] = {
		{ "empty", "", 1, "none" },
		{ "nothing below", "1:1-5", 1, "none" },
		{ "nothing newer", "0:4-4 0:5-5 1:1-5", 1, "none" },
		{ "all", "0:1-1 0:2-2 0:3-3", 1, "1-3 of 1-1 2-2 3-3" },
		{ "past the end", "0:4-4 0:5-5 0:6-6 0:7-7 1:1-5", 1,
		    "6-7 of 6-6 7-7" },
		{ "of the level below alone", "0:1-1 0:2-2 0:3-3 1:1-2 2:1-1",
		    2, "1-2 of 1-2" },
		{ "one that straddles", "1:1-4 1:5-9 2:1-6", 2,
		    "5-9 of 5-9" },
		{ "the longer of two", "1:1-4 1:5-6 1:5-9 1:7-8", 2,
		    "1-9 of 1-4 5-9" },
		{ "overlaps", "1:1-4 1:3-9", 2, "1-9 of 1-4 3-9 overlaps 1" },
		{ "inside another", "1:1-9 1:3-5", 2, "1-9 of 1-9" },
		{ "a gap", "0:1-1 0:2-2 0:4-4 0:5-5", 1, "gap 3-3" },
		{ "before the first", "0:4-4 0:5-5 1:1-2", 1, "gap 3-3" },
		{ "at the start", "0:4-4 0:5-5", 1, "gap 1-3" },
		{ "no base for it", "0:4-4 0:5-5 9:1-2", 1, "gap 1-3" },
		{ "a hole that level 0 fills", "0:3-3 0:4-4 1:1-2 1:5-9", 2,
		    "1-9 of 1-2 3-3 4-4 5-9" },
		{ "not past the level below", "0:10-10 1:1-2 1:3-9", 2,
		    "1-9 of 1-2 3-9" },
		{ "one that nothing fills", "0:4-4 1:1-2 1:5-9", 2, "gap 3-4" },
		{ "pain 1155: up to what a snapshot covers",
		    "0:1-1 0:2-2 0:5-5 0:6-6 9:1-5", 1, "1-2 of 1-1 2-2" },
		{ "pain 1199: then with the full copy",
		    "0:1-1 0:2-2 0:5-5 0:6-6 1:1-2 9:1-5", 1,
		    "3-6 of 5-5 6-6 whole" },
		{ "past what cannot be restored any more",
		    "0:2-2 0:4-4 0:5-5 0:6-6 1:1-2 9:1-5", 1,
		    "3-6 of 5-5 6-6 whole" },
		{ "a snapshot of the same state and another size",
		    "0:1-1 0:2-2 0:5-5! 0:6-6 1:1-2 9:1-5", 1,
		    "6-6 of 6-6" },
		{ "a gap above, and the copy in a file behind it",
		    "1:1-2 1:5-9 1:10-12 2:1-2 9:1-7", 2,
		    "3-12 of 5-9 10-12 whole" },
		{ "a snapshot of a state after it",
		    "0:1-1 0:2-2 0:5-5 0:6-6 1:1-2 9:1-4", 1,
		    "5-6 of 5-5 6-6" },
		{ "only behind the snapshot",
		    "0:4-4 0:7-7 1:1-2 9:1-6", 1, "7-7 of 7-7" },
		{ "the smallest that covers",
		    "0:4-4 0:5-5 0:6-6 0:7-7 1:1-2 9:1-5 9:1-6", 1,
		    "3-7 of 5-5 6-6 7-7 whole" },
		{ "an empty level, a snapshot", "0:7-7 0:8-8 9:1-6", 1,
		    "7-8 of 7-7 8-8" },
		{ "that reaches into it", "0:5-5 0:6-6 9:1-6", 1,
		    "5-6 of 5-5 6-6" },
		{ "nor what lower levels have", "0:1-1 0:2-2 1:2-2 9:1-1", 2,
		    "2-2 of 2-2" },
		{ "not what the snapshot has", "0:1-1! 0:2-2 9:1-1!", 1,
		    "2-2 of 2-2" },
		{ "only that", "0:1-1! 9:1-1!", 1, "none" },
		{ "not of that size", "0:1-1! 0:2-2 9:1-1", 1,
		    "1-2 of 1-1 2-2" },
		{ "level 2 without it", "1:2-8 9:1-1!", 2, "2-8 of 2-8" },
		{ "a snapshot cut short is none", "0:4-4 9:2-3", 1, "gap 1-3" },
	};
	struct level_inputs in = { 0 };
	struct listing l;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char got[300];
		size_t n = 0;
		int r;

		parse(&l, t[i].files);
		r = level_inputs(&l, t[i].dst, 1, &in, &e);
		if (r == LEVEL_NONE)
			strcpy(got, "none");
		else if (r == LEVEL_GAP)
			sprintf(got, "gap %u-%u", (unsigned)in.gap_min,
			    (unsigned)in.gap_max);
		else
			n = (size_t)sprintf(got, "%u-%u of", (unsigned)in.min,
			    (unsigned)in.max);
		for (size_t k = 0; n && k < in.n; k++)
			n += (size_t)sprintf(got + n, " %u-%u",
			    (unsigned)l.f[in.idx[k]].min,
			    (unsigned)l.f[in.idx[k]].max);
		if (n && in.whole)
			n += (size_t)sprintf(got + n, " whole");
		if (n && in.overlaps)
			sprintf(got + n, " overlaps %u", (unsigned)in.overlaps);
		if (strcmp(got, t[i].want))
			fail_msg("%s: %s, not %s", t[i].what, got, t[i].want);
		listing_free(&l);
	}
	/* the copy turned out to be none */
	parse(&l, "0:1-1 0:2-2 0:5-5 0:6-6 1:1-2 9:1-5");
	assert_int_equal(level_inputs(&l, 1, 0, &in, &e), LEVEL_READY);
	assert_true(!in.whole && in.n == 1 && in.min == 6 && in.max == 6);
	listing_free(&l);
	level_inputs_free(&in);
}

static const struct level_conf conf = {
	.level_ms = { 30, 300, 3600 }, .n = 3, .snapshot_ms = 86400,
	.retention_ms = 86400, .l0_ms = 300, .l0_check_ms = 15
};

/* "c1" "s" "p", "idle NEXT" or "never". */
static void
decides(const char *what, const char *files, const struct level_conf *c,
    const struct level_last *last, int64_t now, const char *want)
{
	struct level_todo t;
	struct listing l;
	char got[40];

	parse(&l, files);
	level_decide(&l, c, last, now, &t);
	if (t.job == LEVEL_COMPACT)
		sprintf(got, "c%u", t.level);
	else if (t.job)
		strcpy(got, t.job == LEVEL_SNAPSHOT ? "s"
		    : t.job == LEVEL_PRUNE ? "p" : "p0");
	else if (t.next_ms == LEVEL_NEVER)
		strcpy(got, "never");
	else
		sprintf(got, "idle %u", (unsigned)t.next_ms);
	if (strcmp(got, want))
		fail_msg("%s: %s, not %s", what, got, want);
	listing_free(&l);
}

static void
due(void **state)
{
	static const struct {
		const char *what, *files;
		int64_t now;
		const char *want;
	} t[] = {
		{ "an empty replica", "", 1000000, "never" },
		{ "everything is everywhere", "0:5-5@10 1:1-5@10 2:1-5@10 "
		    "3:1-5@10 9:1-5@10", 1000000, "never" },
		{ "level 1", "0:1-1@10 0:2-2@11 9:1-1@10", 1000000, "c1" },
		{ "in this interval already", "0:6-6@65 1:1-5@60 2:1-5@10 "
		    "3:1-5@10 9:1-5@10", 89, "idle 90" },
		{ "at the next multiple", "0:6-6@65 1:1-5@60 2:1-5@10 "
		    "3:1-5@10 9:1-5@10", 90, "c1" },
		{ "written just before it", "0:6-6@89 1:1-5@89 2:1-5@10 "
		    "3:1-5@10 9:1-5@10", 90, "c1" },
		{ "lower levels first", "0:6-6@10 1:1-5@10 2:1-3@10",
		    1000000, "c1" },
		{ "level 2", "0:6-6@10 1:1-6@10 2:1-3@10", 1000000, "c2" },
		{ "level 2 waits for its own", "0:6-6@310 1:1-6@310 2:1-5@305 "
		    "3:1-5@10 9:1-5@10", 330, "idle 600" },
		{ "level 3", "1:1-6@10 2:1-6@10 9:1-6@10", 1000000, "c3" },
		{ "a snapshot once a day", "1:1-6@10 2:1-6@10 3:1-6@10 "
		    "9:1-5@10", 86400, "s" },
		{ "and no sooner", "1:1-6@10 2:1-6@10 3:1-6@10 9:1-5@10",
		    86399, "idle 86400" },
		{ "a snapshot that leaves its retention", "3:1-6@10 9:1-2@10 "
		    "9:1-6@86410", 86411, "p" },
		{ "or will", "3:1-6@10 9:1-2@10 9:1-6@86400", 86400,
		    "idle 86411" },
		{ "the newest never", "3:1-6@10 9:1-6@10", 900000, "never" },
		{ "level 0 that is compacted, and old", "0:1-1@10 0:2-2@20 "
		    "1:1-2@20 2:1-2@20 3:1-2@20 9:1-2@20", 310, "p0" },
		{ "not yet", "0:1-1@10 0:2-2@20 1:1-2@20 2:1-2@20 3:1-2@20 "
		    "9:1-2@20", 309, "idle 310" },
		{ "never its last", "0:2-2@20 1:1-2@20 2:1-2@20 3:1-2@20 "
		    "9:1-2@20", 999, "never" },
		{ "nor what is not compacted", "0:1-1@10 0:2-2@20 1:1-1@309 "
		    "2:1-1@309 3:1-1@309 9:1-1@309", 309, "idle 310" },
		{ "pain 1104: one that is too recent keeps no other",
		    "0:1-1@900 0:2-2@10 0:3-3@990 1:1-3@990 2:1-3@990 3:1-3@990"
		    " 9:1-3@990", 999, "p0" },
		{ "pain 1488: a time to come is no time", "0:6-6@999 1:1-5@999 "
		    "2:1-6@1 3:1-6@1 9:1-6@1", 90, "c1" },
	};
	struct level_last last;

	(void)state;
	level_last_init(&last);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		decides(t[i].what, t[i].files, &conf, &last, t[i].now,
		    t[i].want);
}

static void
what_was_done_counts(void **state)
{
	const char *f = "0:5-5@10 0:6-6@10 1:1-5@10 2:1-5@10 3:1-5@10 9:1-5@10";
	struct level_conf c = conf;
	struct level_last last;

	(void)state;
	level_last_init(&last);
	decides("due", f, &c, &last, 95, "c1");
	last.done_ms[1] = 92;
	decides("done just now", f, &c, &last, 95, "idle 120");
	decides("the clock went back", f, &c, &last, 91, "c1");
	last.upto[1] = 6;
	last.upto[9] = 6;
	decides("nothing came of it", f, &c, &last, 125, "idle 310");
	last.done_ms[9] = 95;
	decides("a snapshot is followed by retention", f, &c, &last, 125, "p");
	last.prune_ms = 95;
	decides("once", f, &c, &last, 125, "idle 310");
	f = "0:1-1@10 0:2-2@10 0:6-6@10 1:1-6@10 2:1-6@10 3:1-6@10 9:1-6@10";
	last.prune_ms = 300;
	last.l0_ms = 309;
	decides("level 0 at its own pace", f, &c, &last, 311, "idle 324");
	last.l0_ms = 9999;
	decides("but for the clock", f, &c, &last, 311, "p0");
	last.l0_ms = 330;
	decides("what was not there then", f, &c, &last, 345, "p0");
	last.l0_upto = 6;
	decides("what stayed is no reason", f, &c, &last, 99999, "never");
	f = "9:1-5@1 9:1-6@500";
	last.prune_ms = 86500;
	decides("what a run left is left", f, &c, &last, 999999, "never");
	c.retention_ms = -1;
	last.prune_ms = -1;
	decides("nothing is deleted", f, &c, &last, 999999, "never");
	c = conf;
	c.l0_ms = 0;
	f = "0:1-1@10 0:6-6@10 1:1-6@10 2:1-6@10 3:1-6@10 9:1-6@10";
	last.prune_ms = 95;
	decides("level 0 is kept", f, &c, &last, 999999, "never");
	c.n = 0;
	c.snapshot_ms = 0;
	decides("no level, no snapshot", "0:1-1 0:2-2", &c, &last, 9999,
	    "never");
}

static void
v03(void **state)
{
	struct level_v03 c = { 100, 10 };
	struct level_last last;
	struct level_todo t;

	(void)state;
	level_last_init(&last);
	level_v03_decide(&c, &last, 1000, &t);
	assert_true(t.job == LEVEL_IDLE && t.next_ms == 1010);
	level_v03_decide(&c, &last, 1010, &t);
	assert_int_equal(t.job, LEVEL_PRUNE);
	level_v03_decide(&c, &last, 1100, &t);
	assert_int_equal(t.job, LEVEL_SNAPSHOT);
	c.snapshot_ms = c.check_ms = 0;
	level_v03_decide(&c, &last, 9999, &t);
	assert_true(t.job == LEVEL_IDLE && t.next_ms == LEVEL_NEVER);
	/* the clock went back */
	c.check_ms = 10;
	level_v03_decide(&c, &last, 500, &t);
	assert_true(t.job == LEVEL_IDLE && t.next_ms == 510);
}

static void
clocks(void **state)
{
	struct level_clock c = { 0 };
	const int64_t h = 3600000;

	(void)state;
	/* from 1970 to the first step is no jump */
	assert_int_equal(level_clock_step(&c, 500 * h, 10, 24 * h), 0);
	assert_true(level_clock_sane(&c, 10));
	assert_int_equal(level_clock_step(&c, 501 * h, h, 24 * h), 0);
	/* asleep both go on */
	assert_int_equal(level_clock_step(&c, 600 * h, 100 * h, 24 * h), 0);
	/* back is harmless; forward again is a jump too */
	assert_int_equal(level_clock_step(&c, 500 * h, 100 * h, 24 * h), 0);
	assert_true(level_clock_sane(&c, 100 * h));
	assert_int_equal(level_clock_step(&c, 502 * h, 100 * h, 24 * h), 1);
	assert_false(level_clock_sane(&c, 100 * h));
	assert_int_equal(level_clock_step(&c, 525 * h, 123 * h, 24 * h), 0);
	assert_false(level_clock_sane(&c, 123 * h));
	assert_true(level_clock_sane(&c, 124 * h));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inputs),
		cmocka_unit_test(due),
		cmocka_unit_test(what_was_done_counts),
		cmocka_unit_test(v03), cmocka_unit_test(clocks),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
