#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repl/plan.h"

/* A listing from text: "L:MIN-MAX[@TIME]" words, TXIDs decimal, sorted here;
 * a file is 100 bytes a TXID, level 9 ten times as large. */
static void
listing_text(struct listing *l, const char *text)
{
	static struct replica_file f[64];
	unsigned level;
	unsigned long long min, max;
	long long t;
	int len;

	memset(l, 0, sizeof *l);
	l->f = f;
	while (sscanf(text, " %u:%llu-%llu%n", &level, &min, &max, &len) == 3) {
		struct replica_file x = { .min = min, .max = max,
		    .size = (max - min + 1) * (level == 9 ? 1000 : 100),
		    .level = (uint8_t)level };
		size_t i = l->n++;

		text += len;
		if (sscanf(text, "@%lld%n", &t, &len) == 1) {
			text += len;
			x.time_ms = t;
			x.time_exact = 1;
		}
		while (i && (f[i - 1].level > x.level
		    || (f[i - 1].level == x.level
		    && (f[i - 1].min > x.min || (f[i - 1].min == x.min
		    && f[i - 1].max > x.max))))) {
			f[i] = f[i - 1];
			i--;
		}
		f[i] = x;
	}
	while (*text == ' ')
		text++;
	assert_string_equal(text, "");
}

static void
plan_text(char *s, size_t len, const struct listing *l, const struct plan *p)
{
	size_t k = 0;

	s[0] = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct replica_file *f = &l->f[p->idx[i]];

		k += (size_t)snprintf(s + k, len - k, "%s%u:%d-%d", i ? " " : "",
		    f->level, (int)f->min, (int)f->max);
	}
}

static const struct {
	const char *files;
	unsigned txid;      /* 0: latest */
	const char *plan;   /* or the message, with kind */
	enum err_kind kind;
} cases[] = {
	/* straight lines */
	{ "0:1-1", 0, "0:1-1", 0 },
	{ "0:1-1 0:2-2 0:3-3", 0, "0:1-1 0:2-2 0:3-3", 0 },
	{ "0:1-1 0:2-2 0:3-3", 2, "0:1-1 0:2-2", 0 },
	{ "9:1-1 0:1-1 0:2-2", 0, "0:1-1 0:2-2", 0 },
	/* a snapshot, then what leads farthest, the smaller of two */
	{ "9:1-4 3:1-2 2:3-6 1:5-6 1:7-8 0:7-7 0:8-8 0:9-9", 0,
	    "9:1-4 1:5-6 1:7-8 0:9-9", 0 },
	{ "9:1-4 9:1-8 0:5-5 0:6-6 0:7-7 0:8-8 0:9-9", 0, "9:1-8 0:9-9", 0 },
	{ "9:1-4 9:1-8 0:5-5 0:6-6 0:7-7 0:8-8 0:9-9", 6,
	    "9:1-4 0:5-5 0:6-6", 0 },
	/* TXID 1 gone, any snapshot does */
	{ "9:1-5 0:4-4 0:5-5 0:6-6", 0, "9:1-5 0:6-6", 0 },
	{ "9:1-5 0:5-5 0:6-6", 5, "9:1-5", 0 },
	/* overlaps, a straddling file, every level */
	{ "9:1-3 1:2-7 0:6-6 0:7-7 0:8-8", 0, "9:1-3 1:2-7 0:8-8", 0 },
	{ "8:1-10 7:11-20 6:21-30 5:31-40 4:41-50", 0,
	    "8:1-10 7:11-20 6:21-30 5:31-40 4:41-50", 0 },
	/* same end: the smaller */
	{ "9:1-2 1:2-4 2:3-4", 0, "9:1-2 2:3-4", 0 },
	/* a level 1 file is all there is */
	{ "1:1-9", 0, "1:1-9", 0 },
	/* inside a compacted range */
	{ "9:1-4 1:5-9 0:10-10", 7, "TXID 0000000000000007 is not the end of a "
	    "file; the nearest that can be restored are 0000000000000004 and "
	    "0000000000000009", ERR_NO },
	{ "9:1-4 1:5-9 0:7-7 0:10-10", 7, "TXID 0000000000000007 is not the end "
	    "of a file; the nearest that can be restored are 0000000000000004 "
	    "and 0000000000000009", ERR_NO },
	{ "9:1-4 0:3-3 0:5-5", 3, "TXID 0000000000000003 cannot be restored; the "
	    "earliest that can is 0000000000000004", ERR_NO },
	{ "9:1-4 0:5-5", 6, "TXID 0000000000000006 is not in the replica, whose "
	    "newest is 0000000000000005", ERR_NO },
	/* past a newest that leads nowhere, as when a damaged one is left out */
	{ "9:1-4 0:7-7", 8, "gap: TXID 0000000000000005 to 0000000000000006 are "
	    "missing; what can still be restored ends at --txid "
	    "0000000000000004", ERR_DATA },
	{ "0:7-7", 8, "TXID 0000000000000001 to 0000000000000006 are missing and "
	    "no snapshot covers them: nothing can be restored", ERR_DATA },
	/* gaps */
	{ "0:1-1 0:2-2 0:4-4 0:5-5", 0, "gap: TXID 0000000000000003 to "
	    "0000000000000003 are missing; what can still be restored ends at "
	    "--txid 0000000000000002", ERR_DATA },
	{ "0:1-1 0:2-2 0:4-4 0:5-5", 4, "gap: TXID 0000000000000003 to "
	    "0000000000000003 are missing; what can still be restored ends at "
	    "--txid 0000000000000002", ERR_DATA },
	{ "0:1-1 0:2-2 0:4-4 0:5-5", 2, "0:1-1 0:2-2", 0 },
	{ "0:1-1 0:2-2 0:9-9 9:1-8", 0, "9:1-8 0:9-9", 0 },
	{ "0:5-5 0:6-6", 0, "TXID 0000000000000001 to 0000000000000004 are "
	    "missing and no snapshot covers them: nothing can be restored",
	    ERR_DATA },
	{ "9:1-9 0:20-20", 0, "gap: TXID 000000000000000a to 0000000000000013 "
	    "are missing; what can still be restored ends at --txid "
	    "0000000000000009", ERR_DATA },
	{ "", 0, "the replica is empty", ERR_NOTFOUND },
};

static void
plans(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct plan_target t = { cases[i].txid, -1 };
		struct listing l;
		struct plan p;
		struct err e = { 0 };
		char s[512];

		listing_text(&l, cases[i].files);
		if (plan_make(&l, &t, &p, &e) < 0) {
			assert_string_equal(e.msg, cases[i].plan);
			assert_int_equal(e.kind, cases[i].kind);
			continue;
		}
		plan_text(s, sizeof s, &l, &p);
		assert_string_equal(s, cases[i].plan);
		assert_int_equal(cases[i].kind, 0);
		if (cases[i].txid)
			assert_int_equal(p.txid, cases[i].txid);
		plan_free(&p);
	}
}

static const struct {
	const char *files;  /* exact times by @; asked for one by one */
	int64_t time;
	unsigned txid;      /* or message */
	const char *msg;
	enum err_kind kind;
} times[] = {
	{ "0:1-1@10 0:2-2@20 0:3-3@30", 20, 2, NULL, 0 },
	{ "0:1-1@10 0:2-2@20 0:3-3@30", 29, 2, NULL, 0 },
	{ "0:1-1@10 0:2-2@20 0:3-3@30", 30, 3, NULL, 0 },
	{ "0:1-1@10 0:2-2@20 0:3-3@30", 999, 3, NULL, 0 },
	{ "0:1-1@10 0:2-2@20 0:3-3@30", 9, 0, "nothing so old can be restored; "
	    "the earliest is TXID 0000000000000001 of "
	    "1970-01-01T00:00:00.010Z", ERR_NO },
	/* a snapshot made later than its last commit */
	{ "0:1-1@10 0:2-2@20 9:1-2@100 0:3-3@200", 50, 2, NULL, 0 },
	/* 50 lies in a compacted range: the state before it */
	{ "9:1-2@20 1:3-6@60 0:5-5@50", 50, 2, NULL, 0 },
	{ "9:1-2@20 1:3-6@60 0:7-7@70", 59, 2, NULL, 0 },
	/* only older ones lead nowhere */
	{ "0:4-4@40 9:1-5@50 0:6-6@60", 45, 0, "nothing so old can be restored; "
	    "the earliest is TXID 0000000000000005 of "
	    "1970-01-01T00:00:00.050Z", ERR_NO },
	{ "0:1-1@10 0:3-3@30", 30, 0, "gap: TXID 0000000000000002 to "
	    "0000000000000002 are missing; what can still be restored ends at "
	    "--txid 0000000000000001", ERR_DATA },
	{ "0:1-1@10 0:3-3@30", 10, 1, NULL, 0 },
	/* the clock was ahead, or behind, for a while */
	{ "0:1-1@10 0:2-2@20 0:3-3@30 0:4-4@9000 0:5-5@50 0:6-6@60 0:7-7@70", 65,
	    6, NULL, 0 },
	{ "0:1-1@10 0:2-2@20 0:3-3@30 0:4-4@9000 0:5-5@50 0:6-6@60 0:7-7@70", 35,
	    3, NULL, 0 },
	{ "0:1-1@900 0:2-2@901 0:3-3@30 0:4-4@40", 35, 3, NULL, 0 },
	{ "0:1-1@100 0:2-2@200 0:3-3@5 0:4-4@6 0:5-5@300", 150, 4, NULL, 0 },
};

static void
by_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		struct listing l;
		struct err e = { 0 };
		uint64_t txid = 0;
		size_t need, asked = 0;
		int r;

		listing_text(&l, times[i].files);
		for (size_t k = 0; k < l.n; k++)
			l.f[k].time_exact = 0;
		while ((r = plan_time(&l, times[i].time, &need, &txid, &e)) == 1) {
			assert_true(need < l.n && !l.f[need].time_exact);
			l.f[need].time_exact = 1;
			asked++;
		}
		assert_true(asked <= 4);
		if (r < 0) {
			assert_string_equal(e.msg, times[i].msg);
			assert_int_equal(e.kind, times[i].kind);
			continue;
		}
		assert_null(times[i].msg);
		assert_int_equal(txid, times[i].txid);
	}
}

/* A copy whose times are all too old: they are not all asked for. */
static void
times_lost(void **state)
{
	struct listing l = { 0 };
	struct err e = { 0 };
	uint64_t txid = 0;
	size_t need, asked = 0;
	int r;

	(void)state;
	for (uint64_t i = 1; i <= 5000; i++) {
		struct replica_file f = { .min = i, .max = i, .size = 200 };

		assert_int_equal(listing_add(&l, &f, &e), 0);
	}
	while ((r = plan_time(&l, 1234, &need, &txid, &e)) == 1) {
		l.f[need].time_ms = (int64_t)l.f[need].max;
		l.f[need].time_exact = 1;
		asked++;
	}
	assert_int_equal(r, 0);
	assert_int_equal(txid, 1234);
	assert_in_range(asked, 50, 120);
	/* nor where the store tells none, as sftp */
	for (size_t i = 0; i < l.n; i++) {
		l.f[i].time_ms = -1;
		l.f[i].time_exact = 0;
	}
	asked = 0;
	while ((r = plan_time(&l, 2, &need, &txid, &e)) == 1) {
		l.f[need].time_ms = (int64_t)l.f[need].max;
		l.f[need].time_exact = 1;
		asked++;
	}
	assert_int_equal(r, 0);
	assert_int_equal(txid, 2);
	assert_in_range(asked, 10, 14);
	listing_free(&l);
}

/* Any small listing: a plan is found exactly when trying all chains finds
 * one, is a chain, and no shorter chain exists. */
static void
exhaustive(void **state)
{
	uint32_t r = 12345;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		struct replica_file f[8];
		struct listing l = { f, 0, 0, 0 };
		unsigned steps[12];  /* fewest files to reach TXID i */
		size_t n = (r >> 8) % 8 + 1;

		memset(f, 0, sizeof f);

		for (size_t i = 0; i < n; i++) {
			r = r * 1664525 + 1013904223;
			f[l.n].min = 1 + (r >> 10) % 8;
			f[l.n].max = f[l.n].min + (r >> 20) % 4;
			f[l.n].size = 100 + (r >> 5) % 7;
			f[l.n].level = (r >> 28) % 10;
			l.n++;
		}
		memset(steps, 255, sizeof steps);
		steps[0] = 0;
		for (int again = 1; again;) {
			again = 0;
			for (size_t i = 0; i < n; i++)
				for (uint64_t c = f[i].min - 1; c < f[i].max; c++)
					if (steps[c] < 99
					    && steps[c] + 1 < steps[f[i].max]) {
						steps[f[i].max] = steps[c] + 1;
						again = 1;
					}
		}
		for (unsigned t = 1; t < 12; t++) {
			struct plan_target target = { t, -1 };
			struct plan p;
			struct err e = { 0 };
			uint64_t cur = 0;
			int ok = plan_make(&l, &target, &p, &e) == 0;

			assert_int_equal(ok, steps[t] < 99);
			if (!ok)
				continue;
			assert_int_equal(p.n, steps[t]);
			for (size_t i = 0; i < p.n; i++) {
				assert_true(f[p.idx[i]].min <= cur + 1);
				assert_true(f[p.idx[i]].max > cur);
				cur = f[p.idx[i]].max;
			}
			assert_int_equal(cur, t);
			plan_free(&p);
		}
	}
}

/* Whether looking for a full copy in level 0 can help at all. */
static void
strays(void **state)
{
	static const struct {
		const char *files;
		unsigned txid;
		int64_t time;
		unsigned stray;
	} v[] = {
		{ "0:1-1 0:2-2", 9, -1, 0 },          /* past the newest */
		{ "9:1-4 1:5-9 0:10-10", 7, -1, 0 },  /* inside a range */
		{ "0:1-1 0:3-3", 0, -1, 3 },          /* after a gap */
		{ "0:1-1 0:3-3 0:4-4", 3, -1, 3 },
		{ "0:5-5 0:6-6", 2, -1, 0 },
		{ "0:5-5@50 0:6-6@60", 0, 40, 0 },    /* before everything */
		{ "0:5-5@50 0:6-6@60", 0, 55, 5 },
		{ "9:1-6@60 0:5-5@50", 0, 55, 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct plan_target t = { v[i].txid, -1 };
		struct err e = { 0 };
		struct listing l;
		struct plan p = { .stray = 0 };
		size_t need;

		listing_text(&l, v[i].files);
		if (v[i].time >= 0)
			assert_int_equal(plan_time(&l, v[i].time, &need, &p.stray,
			    &e), -1);
		else
			assert_int_equal(plan_make(&l, &t, &p, &e), -1);
		assert_int_equal(p.stray, v[i].stray);
	}
}

static const struct {
	const char *files;
	unsigned from, txid;
	const char *plan; /* or the message */
	enum err_kind kind;
} onward[] = {
	{ "0:1-1 0:2-2 0:3-3", 1, 0, "0:2-2 0:3-3", 0 },
	{ "0:1-1 0:2-2 0:3-3", 3, 0, "", 0 },
	{ "0:1-1 0:2-2 0:3-3", 1, 2, "0:2-2", 0 },
	/* 1460: level 1 straddles the position, level 0 is gone */
	{ "9:1-4 1:3-6 0:7-7", 4, 0, "1:3-6 0:7-7", 0 },
	{ "9:1-4 1:3-6 0:7-7", 5, 0, "1:3-6 0:7-7", 0 },
	{ "9:1-4 2:2-9 1:3-6 0:6-6 0:7-7", 5, 0, "2:2-9", 0 },
	/* the whole database only if nothing else leads as far */
	{ "9:1-9 0:8-8 0:9-9", 7, 0, "0:8-8 0:9-9", 0 },
	{ "9:1-9 0:9-9", 7, 0, "9:1-9", 0 },
	{ "9:1-9 0:9-9 0:10-10", 7, 0, "9:1-9 0:10-10", 0 },
	/* or the rest is more */
	{ "1:1-3 0:2-2 1:2-30", 1, 3, "1:1-3", 0 },
	{ "9:1-4 0:5-5 0:7-7", 4, 0, "gap: nothing leads on from TXID "
	    "0000000000000005, though the replica has 0000000000000007",
	    ERR_DATA },
	{ "9:1-4 1:5-9", 4, 7, "TXID 0000000000000007 is not the end of a file; "
	    "the nearest are 0000000000000004 and 0000000000000009", ERR_NO },
	{ "9:1-4 1:5-9", 4, 11, "TXID 000000000000000b is not in the replica, "
	    "whose newest is 0000000000000009", ERR_NO },
	{ "9:1-4", 5, 0, "the replica ends at TXID 0000000000000004, before the "
	    "copy, which is at 0000000000000005: they are not of the same "
	    "database, or it was replaced", ERR_DATA },
	{ "9:1-4 0:5-5", 5, 4, "the copy is at TXID 0000000000000005, past "
	    "0000000000000004: files lead forward only", ERR_NO },
};

static void
from_a_position(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof onward / sizeof *onward; i++) {
		struct err e = { 0 };
		struct listing l;
		struct plan p;
		char s[400];

		listing_text(&l, onward[i].files);
		if (plan_from_exact(&l, onward[i].from, onward[i].txid, &p,
		    &e) < 0) {
			assert_string_equal(e.msg, onward[i].plan);
			assert_int_equal(e.kind, onward[i].kind);
			continue;
		}
		plan_text(s, sizeof s, &l, &p);
		assert_string_equal(s, onward[i].plan);
		assert_int_equal(onward[i].kind, 0);
		plan_free(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans),
		cmocka_unit_test(by_time),
		cmocka_unit_test(times_lost),
		cmocka_unit_test(strays),
		cmocka_unit_test(exhaustive),
		cmocka_unit_test(from_a_position),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
