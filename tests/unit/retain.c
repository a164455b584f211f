#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "repl/retain.h"

static const struct replica_file files[] = {
	/* min, max, size, time, level */
	{ 1, 1, 999, 10, 0, 0, 0 },
	{ 90, 90, 999, 900, 0, 0, 0 },
	{ 1, 10, 999, 100, 1, 0, 0 },
	{ 11, 20, 999, 200, 1, 0, 0 },
	{ 21, 30, 999, 300, 1, 0, 0 },
	{ 31, 40, 999, 400, 1, 0, 0 },
	{ 1, 5, 999, 50, 2, 0, 0 },
	{ 6, 12, 999, 120, 2, 0, 0 },
	{ 1, 8, 999, 80, 9, 0, 0 },
	{ 1, 25, 999, 250, 9, 0, 0 },
	{ 1, 38, 999, 380, 9, 0, 0 },
	/* no restore begins with these, however new */
	{ 1, 39, 0, 390, 9, 0, 0 },
	{ 39, 39, 999, 390, 9, 0, 0 },
};
#define N (sizeof files / sizeof *files)

static void
check(int64_t now, int64_t retention, const char *want)
{
	struct replica_file f[N];
	struct listing l = { f, N, N, 0 };
	enum retain_why why[N];
	char got[N + 1];

	memcpy(f, files, sizeof f);
	retain_make(&l, now, retention, why);
	for (size_t i = 0; i < N; i++)
		got[i] = "0NYULOC"[why[i]];
	got[N] = 0;
	assert_string_equal(got, want);
}

static void
snapshots_then_levels(void **state)
{
	(void)state;
	/* nothing old enough */
	check(400, 1000, "00UUUUUUYYNUU");
	/* exactly the retention is still young */
	check(1080, 1000, "00UUUUUUYYNUU");
	/* 1-8 goes, and what ends before 8; 1-10 is needed no more but ends
	 * after it, as Litestream has it */
	check(1081, 1000, "00UUUUCUOYNUU");
	/* 1-25 too: level 1 up to 24, level 2 but for its last */
	check(1251, 1000, "00CCUUCLOONUU");
	/* the newest stays whatever its age */
	check(999999, 0, "00CCUUCLOONUU");
}

/* As after a copy by hand: the oldest snapshot is the youngest object. What
 * follows it stays, or it leads nowhere. */
static void
times_in_another_order(void **state)
{
	struct replica_file f[] = {
		{ 1, 8, 999, 80, 1, 0, 0 },
		{ 9, 12, 999, 120, 1, 0, 0 },
		{ 13, 25, 999, 250, 1, 0, 0 },
		{ 26, 38, 999, 380, 1, 0, 0 },
		{ 1, 10, 999, 390, 9, 0, 0 },
		{ 1, 25, 999, 250, 9, 0, 0 },
		{ 1, 38, 999, 380, 9, 0, 0 },
	};
	struct listing l = { f, 7, 7, 0 };
	enum retain_why why[7];

	(void)state;
	retain_make(&l, 1300, 1000, why);
	assert_int_equal(why[5], RETAIN_OLD);
	assert_int_equal(why[4], RETAIN_YOUNG);
	assert_int_equal(why[0], RETAIN_COVERED);
	for (int i = 1; i < 4; i++)
		assert_int_equal(why[i], RETAIN_NEEDED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots_then_levels),
		cmocka_unit_test(times_in_another_order),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
