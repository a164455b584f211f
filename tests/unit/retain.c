#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "repl/retain.h"

static const struct replica_file files[] = {
	/* min, max, size, time, level */
	{ 1, 1, 9, 10, 0, 0, 0 },
	{ 90, 90, 9, 900, 0, 0, 0 },
	{ 1, 10, 9, 100, 1, 0, 0 },
	{ 11, 20, 9, 200, 1, 0, 0 },
	{ 21, 30, 9, 300, 1, 0, 0 },
	{ 31, 40, 9, 400, 1, 0, 0 },
	{ 1, 5, 9, 50, 2, 0, 0 },
	{ 6, 12, 9, 120, 2, 0, 0 },
	{ 1, 8, 9, 80, 9, 0, 0 },
	{ 1, 25, 9, 250, 9, 0, 0 },
	{ 1, 38, 9, 380, 9, 0, 0 },
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
	check(400, 1000, "00UUUUUUYYN");
	/* exactly the retention is still young */
	check(1080, 1000, "00UUUUUUYYN");
	/* 1-8 goes, and what ends before 8; 1-10 is needed no more but ends
	 * after it, as Litestream has it */
	check(1081, 1000, "00UUUUCUOYN");
	/* 1-25 too: level 1 up to 24, level 2 but for its last */
	check(1251, 1000, "00CCUUCLOON");
	/* the newest stays whatever its age */
	check(999999, 0, "00CCUUCLOON");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots_then_levels),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
