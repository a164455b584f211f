#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/when.h"
#include "repl/plan.h"
#include "repl/retain.h"

#define MAX 12000
static struct replica_file files[MAX];
static struct listing l = { files, 0, MAX, 0 };
static struct err err;
static struct retain r;
static unsigned reads; /* exact times asked for */
static int64_t own[MAX]; /* what the headers say, by index */

static void
file(unsigned level, uint64_t min, uint64_t max, int64_t time)
{
	assert_true(l.n < MAX);
	own[l.n] = time;
	l.f[l.n++] = (struct replica_file){ .min = min, .max = max, .size = 999,
	    .time_ms = time, .level = (uint8_t)level };
}

static int
setup(void **state)
{
	(void)state;
	l.n = 0;
	reads = 0;
	memset(&r, 0, sizeof r);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	retain_free(&r);
	return 0;
}

static void
make(int64_t now, const struct retain_rules *rules)
{
	size_t from, to;
	int x;

	retain_free(&r);
	reads = 0;
	assert_int_equal(retain_begin(&r, &l, now, rules, &err), 0);
	while ((x = retain_step(&r, &l, &from, &to, &err)) > 0)
		for (assert_true(from < to && to <= l.n); from < to; from++) {
			reads += !l.f[from].time_exact;
			l.f[from].time_ms = own[from];
			l.f[from].time_exact = 1;
		}
	assert_int_equal(x, 0);
}

static void
check(int64_t now, const struct retain_rules *rules, const char *want)
{
	char got[MAX + 1];

	make(now, rules);
	for (size_t i = 0; i < l.n; i++)
		got[i] = "oyalgNYULAPOC"[r.why[i]];
	got[l.n] = 0;
	assert_string_equal(got, want);
}

static int64_t
at(const char *s)
{
	int64_t t = 0;

	assert_int_equal(when_scan(s, &t), 0);
	return t;
}

/* ---- Litestream's windows ---- */

static void
windows_files(void)
{
	file(0, 1, 1, 10);
	file(0, 90, 90, 900);
	file(1, 1, 10, 100);
	file(1, 11, 20, 200);
	file(1, 21, 30, 300);
	file(1, 31, 40, 400);
	file(2, 1, 5, 50);
	file(2, 6, 12, 120);
	file(9, 1, 8, 80);
	file(9, 1, 25, 250);
	file(9, 1, 38, 380);
	/* no restore begins with these, however new */
	file(9, 1, 39, 390);
	l.f[l.n - 1].size = 0;
	file(9, 39, 39, 390);
}

/* A folder that keeps no times, as some mounts of a bucket do not, says that
 * all is of long ago. */
static void
times_that_were_lost(void **state)
{
	const struct retain_rules day = { .retention_ms = 1000 };

	(void)state;
	file(1, 1, 10, 100);
	file(1, 11, 20, 200);
	file(9, 1, 8, 80);
	file(9, 1, 15, 150);
	file(9, 1, 20, 200);
	for (size_t i = 0; i < l.n; i++)
		l.f[i].time_ms = 7;
	check(1100, &day, "UUOYN");
	assert_int_equal(reads, 2); /* of what would go */
	/* a state of a time to come is no reason to keep it for ever */
	own[3] = 5000;
	for (size_t i = 0; i < l.n; i++) {
		l.f[i].time_ms = 7;
		l.f[i].time_exact = 0;
	}
	check(1100, &day, "CUOON");
}

static void
snapshots_then_levels(void **state)
{
	const struct retain_rules day = { .retention_ms = 1000 }, none = { 0 };

	(void)state;
	windows_files();
	/* nothing old enough */
	check(400, &day, "ooUUUUUUYYNUU");
	/* exactly the retention is still young */
	check(1080, &day, "ooUUUUUUYYNUU");
	/* 1-8 goes, and what ends before 8; 1-10 is needed no more but ends
	 * after it, as Litestream has it */
	check(1081, &day, "ooUUUUCUOYNUU");
	/* 1-25 too: level 1 up to 24, level 2 but for its last */
	check(1251, &day, "ooCCUUCLOONUU");
	/* the newest stays whatever its age */
	check(999999, &none, "ooCCUUCLOONUU");
	/* a clock behind all of them: nothing is old */
	check(5, &day, "ooUUUUUUYYNUU");
	assert_int_equal(reads, 0);
}

/* As after a copy by hand: the oldest snapshot is the youngest object. What
 * follows it stays, or it leads nowhere. */
static void
times_in_another_order(void **state)
{
	const struct retain_rules day = { .retention_ms = 1000 };

	(void)state;
	file(1, 1, 8, 80);
	file(1, 9, 12, 120);
	file(1, 13, 25, 250);
	file(1, 26, 38, 380);
	file(9, 1, 10, 390);
	file(9, 1, 25, 250);
	file(9, 1, 38, 380);
	check(1300, &day, "CUUUYON");
}

/* ---- level 0 ---- */

static void
level0_files(void)
{
	for (unsigned i = 1; i <= 6; i++)
		file(0, i, i, i * 10);
	file(1, 1, 2, 21);
	file(1, 3, 4, 41);
}

static void
level0_goes_when_compacted_and_old(void **state)
{
	struct retain_rules x = { .retention_ms = 1000, .l0_ms = 100 };

	(void)state;
	level0_files();
	check(100, &x, "yyyyalUU");
	check(111, &x, "gyyyalUU");
	check(9999, &x, "ggggalUU");
	x.l0_ms = 0;
	check(9999, &x, "ooooooUU");
	/* the last one stays even where level 1 is as far */
	l.n = 0;
	file(0, 4, 4, 40);
	file(1, 1, 4, 41);
	x.l0_ms = 100;
	check(9999, &x, "lU");
	/* level 1 that is behind a gap covers nothing */
	l.n = 0;
	for (unsigned i = 1; i <= 5; i++)
		file(0, i, i, i);
	file(1, 1, 2, 21);
	file(1, 4, 5, 41);
	check(9999, &x, "ggaalUU");
	/* ... unless a snapshot does, and level 1 has got that far */
	file(9, 1, 5, 5);
	check(9999, &x, "gggglUUN");
	l.n = 0;
	for (unsigned i = 1; i <= 5; i++)
		file(0, i, i, i);
	file(1, 1, 2, 21);
	file(9, 1, 4, 5);
	check(9999, &x, "ggaalUN");
}

/* Pain 1104: it stopped at the first file that looked too recent. */
static void
pain_1104_one_too_recent_holds_up_nothing(void **state)
{
	const struct retain_rules x = { .retention_ms = 1000, .l0_ms = 100 };

	(void)state;
	level0_files();
	l.f[0].time_ms = 99999; /* the clock was ahead for a moment */
	check(111 + 30, &x, "ggggalUU");
}

static void
level0_alone(void **state)
{
	struct retain_rules x = { .retention_ms = 10, .l0_ms = 100,
	    .level0_only = 1, .keep = { 0, 7, 4, 12 } };

	(void)state;
	windows_files();
	l.f[1] = (struct replica_file){ 2, 2, 999, 20, 0, 0, 0 };
	check(9999, &x, "glAAAAAAAAAAA");
	assert_int_equal(reads, 0);
}

static void
times_that_are_not_told(void **state)
{
	const struct retain_rules x = { .retention_ms = 1000, .l0_ms = 100 };

	(void)state;
	for (unsigned i = 1; i <= 5000; i++)
		file(0, i, i, i);
	file(1, 1, 5000, 5001);
	file(9, 1, 1, 1);
	file(9, 1, 5000, 5000);
	for (size_t i = 0; i < l.n; i++)
		l.f[i].time_ms = -1;
	make(3101, &x);
	assert_in_range(reads, 3, 20);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(r.why[i], i < 3000 ? RETAIN_L0_OLD
		    : i < 4999 ? RETAIN_L0_YOUNG : RETAIN_L0_LAST);
	assert_int_equal(r.why[5001], RETAIN_OLD);
}

/* ---- promised states ---- */

static void
every_state_of_the_last_while(void **state)
{
	struct retain_rules x = { .retention_ms = 1, .l0_ms = 1,
	    .keep.all_ms = 25 };

	(void)state;
	for (unsigned i = 1; i <= 9; i++)
		file(0, i, i, i * 10);
	file(1, 1, 3, 31);
	file(1, 4, 6, 61);
	file(1, 7, 9, 91);
	file(9, 1, 2, 20);
	file(9, 1, 5, 50);
	file(9, 1, 9, 90);
	/* back from the newest, however late it is: 7, 8, 9; what leads to 7 is
	 * 1-5 and 4-6 */
	check(9999, &x, "ggggggPPPCUUOPN");
	check(91, &x, "ggggggPPPCUUOPN");
	/* from 3 on; the future is young */
	check(51, &x, "ggPPPPPPPUUUOYN");
}

static void
day_files(int snapshots)
{
	static const char *const days[] = {
		"2026-01-31T10:00:00Z", "2026-02-02T10:00:00Z",
		"2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z",
		"2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z",
		"2026-03-03T08:00:00Z", "2026-03-04T08:00:00Z",
	};

	for (unsigned i = 0; i < 8; i++)
		if (snapshots)
			file(9, 1, i + 1, at(days[i]));
		else
			file(1, i + 1, i + 1, at(days[i]));
	if (!snapshots)
		file(9, 1, 8, at(days[7]));
}

static void
last_snapshots_of_periods(void **state)
{
	struct retain_rules x = { .retention_ms = 0, .l0_ms = 1 };
	int64_t now = at("2026-03-04T09:00:00Z");
	stralloc s = STRALLOC_ZERO;

	(void)state;
	day_files(1);
	check(now, &x, "OOOOOOON");
	x.keep.daily = 2; /* the day of the newest state does not count */
	check(now, &x, "OOOOOPPN");
	assert_int_equal(retain_fmt(&s, &r, 5), 1);
	assert_int_equal(stralloc_0(&s), 1);
	assert_string_equal(s.s, "needed by the state of 2026-03-02 (daily)");
	stralloc_free(&s);
	x.keep.daily = 4;
	check(now, &x, "OOPPOPPN");
	x.keep.daily = 0;
	x.keep.weekly = 3; /* 2026-03-01 is a Sunday */
	check(now, &x, "PPOPOOON");
	x.keep.weekly = 0;
	x.keep.monthly = 2;
	check(now, &x, "POPOOOON");
	x.keep.monthly = 1200;
	x.keep.daily = 1;
	check(now, &x, "POPOOOPN");
	assert_int_equal(r.n, 5);
	/* a clock that is ahead, or an idle database, changes nothing */
	check(at("2036-01-01T00:00:00Z"), &x, "POPOOOPN");
	/* one that is behind: what came later is young (the window), and the
	 * promise is that of the earlier day */
	check(at("2026-03-02T11:00:00Z"), &x, "POPPOYYN");
}

static void
last_states_where_there_is_no_snapshot(void **state)
{
	struct retain_rules x = { .retention_ms = 0, .l0_ms = 1,
	    .keep = { 0, 0, 0, 1 } };
	int64_t now = at("2026-03-04T09:00:00Z");

	(void)state;
	day_files(0);
	/* the only snapshot stays, so nothing goes, and nothing is asked */
	check(now, &x, "UUUUUUUUN");
	assert_int_equal(reads, 0);
	l.n--;
	file(9, 1, 7, at("2026-03-03T08:00:00Z"));
	file(9, 1, 8, at("2026-03-04T08:00:00Z"));
	check(now, &x, "PPPCCCUUON");
	assert_int_equal(r.point[1].txid, 3);
	/* by the headers, whatever a copy made of the times (pain 535) */
	for (size_t i = 0; i < l.n; i++) {
		l.f[i].time_ms = now - 10;
		l.f[i].time_exact = 0;
	}
	check(now, &x, "PPPCCCUUON");
	assert_int_equal(reads, l.n);
}

/* Thousands of files, and few headers are read. */
static void
headers_read_by_halving(void **state)
{
	struct retain_rules x = { .retention_ms = 0, .l0_ms = 1,
	    .keep = { 0, 7, 0, 0 } };
	int64_t start = at("2026-03-01T00:00:00Z"), day = 86400000;
	unsigned n = 10000, a_day = 1000;

	(void)state;
	for (unsigned i = 1; i <= n; i++)
		file(1, i, i, start + (int64_t)(i - 1) * day / a_day);
	file(9, 1, n - 1, start + 10 * day);
	file(9, 1, n, start + 10 * day);
	for (size_t i = 0; i < l.n; i++)
		l.f[i].time_ms = start + 30 * day;
	make(start + 30 * day + 1, &x);
	assert_in_range(reads, 10, 140);
	/* day 10 is that of the newest snapshot; days 3 to 9 are kept */
	assert_int_equal(r.n, 8);
	assert_int_equal(r.point[0].txid, n);
	assert_int_equal(r.point[1].txid, n - 1);
	for (size_t i = 2; i < r.n; i++)
		assert_int_equal(r.point[i].txid, n - (i - 1) * a_day);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(snapshots_then_levels),
		T(times_that_were_lost),
		T(times_in_another_order),
		T(level0_goes_when_compacted_and_old),
		T(pain_1104_one_too_recent_holds_up_nothing),
		T(level0_alone),
		T(times_that_are_not_told),
		T(every_state_of_the_last_while),
		T(last_snapshots_of_periods),
		T(last_states_where_there_is_no_snapshot),
		T(headers_read_by_halving),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
