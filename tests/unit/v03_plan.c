#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "repl/restore_v03.h"
#include "v03/plan.h"

#define S(g, i, t) { { g, i, 0, V03_SNAPSHOT, 8, 0 }, 100, t }
#define W(g, i, o, t) { { g, i, o, V03_WAL, 8, 8 }, 10, t }
#define N(v) (sizeof (v) / sizeof *(v))

/* One generation: two snapshots, the second made while index 2 went on. */
static const struct v03_object one[] = {
	S(7, 0, 100), S(7, 2, 300),
	W(7, 0, 0, 110), W(7, 0, 90, 120), W(7, 1, 0, 200), W(7, 2, 0, 280),
	W(7, 2, 50, 290), W(7, 2, 80, 320), W(7, 3, 0, 400),
};

static void
generations_are_found(void **state)
{
	static const struct v03_object o[] = {
		S(1, 0, 10), W(1, 0, 0, 30), W(1, 0, 5, 20),
		W(2, 0, 0, -1),
		S(9, 4, 50),
	};
	struct v03_generation *g;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(v03_plan_generations(o, N(o), &g, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_int_equal(g[0].first, 0);
	assert_int_equal(g[0].n_snapshots, 1);
	assert_int_equal(g[0].n_wal, 2);
	assert_int_equal(g[0].bytes, 120);
	assert_int_equal(g[0].start_ms, 10);
	assert_int_equal(g[0].end_ms, 30);
	assert_true(g[0].disorder);
	assert_int_equal(g[1].first, 3);
	assert_int_equal(g[1].n_snapshots, 0);
	assert_int_equal(g[1].end_ms, -1);
	assert_false(g[1].disorder);
	assert_int_equal(g[2].n_snapshots, 1);
	assert_int_equal(g[2].n_wal, 0);
	free(g);
	assert_int_equal(v03_plan_generations(o, 0, &g, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_null(g);
}

static void
plans_of_one_generation(void **state)
{
	static const struct {
		struct v03_target t;
		int r;             /* 0, or the kind of error */
		size_t snapshot, wal, n_wal;
		int64_t time;
		const char *says;
	} t[] = {
		/* the latest, from the last snapshot; from one before */
		{ { V03_ANY, -1, V03_ANY }, 0, 1, 5, 4, 400, "" },
		{ { V03_ANY, -1, 2 }, 0, 0, 2, 7, 400, "" },
		{ { V03_ANY, -1, 0 }, ERR_NO, 0, 0, 0, 0, "" },
		/* to the end of an index */
		{ { 0, -1, V03_ANY }, 0, 0, 2, 2, 120, "" },
		{ { 1, -1, V03_ANY }, 0, 0, 2, 3, 200, "" },
		{ { 2, -1, V03_ANY }, 0, 1, 5, 3, 320, "" },
		{ { 3, -1, V03_ANY }, 0, 1, 5, 4, 400, "" },
		{ { 4, -1, V03_ANY }, ERR_NO, 0, 0, 0, 0, "its last is 00000003" },
		/* times, which count themselves */
		{ { V03_ANY, 99, V03_ANY }, ERR_NO, 0, 0, 0, 0, "no state so old" },
		{ { V03_ANY, 100, V03_ANY }, 0, 0, 2, 0, 100, "" },
		{ { V03_ANY, 109, V03_ANY }, 0, 0, 2, 0, 100, "" },
		{ { V03_ANY, 110, V03_ANY }, 0, 0, 2, 1, 110, "" },
		{ { V03_ANY, 299, V03_ANY }, 0, 0, 2, 5, 290, "" },
		/* the second snapshot may hold what only came at 320: until
		 * then the first one leads */
		{ { V03_ANY, 300, V03_ANY }, 0, 0, 2, 5, 290, "" },
		{ { V03_ANY, 319, V03_ANY }, 0, 0, 2, 5, 290, "" },
		{ { V03_ANY, 320, V03_ANY }, 0, 1, 5, 3, 320, "" },
		{ { V03_ANY, 9999, V03_ANY }, 0, 1, 5, 4, 400, "" },
	};
	struct v03_generation *g;
	struct v03_plan p;
	struct err e;
	size_t n;

	(void)state;
	assert_int_equal(v03_plan_generations(one, N(one), &g, &n, &e), 0);
	assert_int_equal(n, 1);
	for (size_t i = 0; i < N(t); i++) {
		int r = v03_plan_make(one, g, &t[i].t, &p, &e);

		assert_int_equal(r, t[i].r ? -1 : 0);
		if (r < 0) {
			assert_int_equal(e.kind, t[i].r);
			assert_non_null(strstr(e.msg, t[i].says));
			continue;
		}
		assert_int_equal(p.snapshot, t[i].snapshot);
		assert_int_equal(p.n_wal, t[i].n_wal);
		if (p.n_wal)
			assert_int_equal(p.wal, t[i].wal);
		assert_int_equal(p.time_ms, t[i].time);
		assert_int_equal(p.bytes, 100 + 10 * p.n_wal);
	}
	free(g);
}

/* Without the first snapshot a time between the second and its WAL has no
 * whole state. */
static void
a_time_between_is_refused(void **state)
{
	static const struct v03_target t = { V03_ANY, 310, V03_ANY };
	struct v03_generation *g;
	struct v03_plan p;
	struct err e;
	size_t n;

	(void)state;
	v03_plan_generations(one + 1, N(one) - 1, &g, &n, &e);
	assert_int_equal(v03_plan_make(one + 1, g, &t, &p, &e), -1);
	assert_int_equal(e.kind, ERR_NO);
	assert_non_null(strstr(e.msg, "the next one is of 1970-01-01T00:00:00.320"));
	free(g);
}

static void
what_is_missing_is_named(void **state)
{
	static const struct {
		struct v03_object o[5];
		size_t n;
		int64_t time;
		const char *says;
	} t[] = {
		{ { W(7, 0, 0, 1), W(7, 0, 9, 2) }, 2, -1, "no snapshot" },
		{ { S(7, 0, 1), W(7, 0, 0, 2), W(7, 2, 0, 3) }, 3, -1,
		    "the WAL of index 00000001 is missing; what is before it "
		    "can still be restored: --generation 0000000000000007 "
		    "--index 00000000" },
		{ { S(7, 0, 1), W(7, 0, 0, 2), W(7, 1, 32, 3) }, 3, -1,
		    "the first WAL segment of index 00000001 is missing" },
		{ { S(7, 3, 1), W(7, 4, 0, 2) }, 2, -1,
		    "the WAL of index 00000003 is missing, at its very" },
		{ { S(7, 3, 1), W(7, 3, 32, 2) }, 2, -1,
		    "the first WAL segment of index 00000003 is missing" },
		/* not in the way of what comes before */
		{ { S(7, 0, 1), W(7, 0, 0, 2), W(7, 2, 0, 3) }, 3, 2, NULL },
		/* nor behind the snapshot */
		{ { S(7, 2, 1), W(7, 0, 0, 0), W(7, 2, 0, 3) }, 3, -1, NULL },
		/* a snapshot alone is a state */
		{ { S(7, 2, 1) }, 1, -1, NULL },
	};
	struct v03_generation *g;
	struct v03_plan p;
	struct err e;
	size_t n;

	(void)state;
	for (size_t i = 0; i < N(t); i++) {
		struct v03_target target = { V03_ANY, t[i].time, V03_ANY };
		int r;

		v03_plan_generations(t[i].o, t[i].n, &g, &n, &e);
		r = v03_plan_make(t[i].o, g, &target, &p, &e);
		assert_int_equal(r, t[i].says ? -1 : 0);
		if (t[i].says) {
			assert_int_equal(e.kind, ERR_DATA);
			assert_non_null(strstr(e.msg, t[i].says));
		}
		free(g);
	}
}

#define G(id, start, end, disorder, known, counter) \
	{ id, 0, 1, 1, 1, start, end, disorder, known, counter }

static void
the_newest_generation(void **state)
{
	static const struct {
		struct v03_generation g[3];
		size_t n, which, other;
		unsigned doubts;
		int fails;
	} t[] = {
		{ { G(1, 10, 20, 0, 0, 0) }, 1, 0, 0, 0, 0 },
		{ { G(1, 10, 20, 0, 1, 5), G(2, 30, 40, 0, 1, 6) }, 2, 1, 0, 0, 0 },
		{ { G(1, 30, 40, 0, 1, 6), G(2, 10, 20, 0, 1, 6) }, 2, 0, 0, 0, 0 },
		/* 224, 266: two machines */
		{ { G(1, 10, 35, 0, 1, 5), G(2, 30, 40, 0, 1, 6) }, 2, 1, 0,
		    V03_DOUBT_OVERLAP, 0 },
		/* the later one is older by what it holds */
		{ { G(1, 10, 20, 0, 1, 9), G(2, 30, 40, 0, 1, 6) }, 2, 1, 0,
		    V03_DOUBT_COUNTER, 0 },
		/* 535: times that say nothing: the counter does */
		{ { G(1, 10, 10, 0, 1, 9), G(2, 10, 10, 0, 1, 6) }, 2, 0, 1,
		    V03_DOUBT_TIMES, 0 },
		{ { G(1, 10, 10, 0, 1, 6), G(2, 10, 10, 0, 1, 9) }, 2, 1, 0,
		    V03_DOUBT_TIMES, 0 },
		{ { G(1, 10, 20, 0, 1, 9), G(2, 30, 40, 1, 1, 6) }, 2, 0, 1,
		    V03_DOUBT_TIMES, 0 },
		/* nor the counter: the time, if there is one */
		{ { G(1, 10, 20, 1, 1, 6), G(2, 30, 40, 0, 1, 6) }, 2, 1, 0,
		    V03_DOUBT_TIMES, 0 },
		{ { G(1, 10, 20, 1, 0, 0), G(2, 30, 40, 0, 1, 6) }, 2, 1, 0,
		    V03_DOUBT_TIMES, 0 },
		/* nothing */
		{ { G(1, 10, 40, 0, 1, 6), G(2, 30, 40, 0, 1, 6) }, 2, 0, 0, 0, 1 },
		{ { G(1, 10, 40, 0, 0, 0), G(2, 30, 40, 0, 1, 6) }, 2, 0, 0, 0, 1 },
		{ { G(1, 1, 2, 0, 1, 1), G(2, 10, 10, 0, 1, 9),
		    G(3, 10, 10, 0, 1, 9) }, 3, 0, 0, 0, 1 },
	};
	size_t which, other;
	unsigned doubts;
	struct err e;

	(void)state;
	for (size_t i = 0; i < N(t); i++) {
		int r = v03_plan_choose(t[i].g, t[i].n, &which, &other, &doubts,
		    &e);

		assert_int_equal(r, t[i].fails ? -1 : 0);
		if (r < 0) {
			assert_int_equal(e.kind, ERR_DATA);
			assert_non_null(strstr(e.msg, "--generation"));
			continue;
		}
		assert_int_equal(which, t[i].which);
		assert_int_equal(doubts, t[i].doubts);
		if (doubts)
			assert_int_equal(other, t[i].other);
	}
}

static void
generations_against_ltx_files(void **state)
{
	static const struct {
		int64_t v03;
		int doubtful;
		int64_t ltx, stored;
		enum restore_v03_is is;
	} t[] = {
		{ 2000, 0, 1000, 1100, RESTORE_V03_NEWER },
		{ 1000, 0, 1000, 1000, RESTORE_V03_OLDER },
		{ 900, 0, 1000, 1000, RESTORE_V03_OLDER },
		{ 900, 1, 1000, 1000, RESTORE_V03_OLDER },
		/* a copy: stored later than it was made, or than the other */
		{ 1050, 0, 1000, 1100, RESTORE_V03_DOUBT },
		{ 9000000, 0, 1000, 8999000, RESTORE_V03_DOUBT },
		{ 900000, 0, 1000, 701000, RESTORE_V03_DOUBT },
		{ 2000, 1, 1000, 1000, RESTORE_V03_DOUBT },
		/* where the store tells no time */
		{ 2000, 0, 1000, -1, RESTORE_V03_NEWER },
	};

	(void)state;
	for (size_t i = 0; i < N(t); i++)
		assert_int_equal(restore_v03_judge(t[i].v03, t[i].doubtful,
		    t[i].ltx, t[i].stored), t[i].is);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generations_are_found),
		cmocka_unit_test(plans_of_one_generation),
		cmocka_unit_test(a_time_between_is_refused),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(the_newest_generation),
		cmocka_unit_test(generations_against_ltx_files),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
