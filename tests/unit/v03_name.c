#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "v03/name.h"

#define G "7d3c0f075ed00a3f"
#define GEN UINT64_C(0x7d3c0f075ed00a3f)

static const struct {
	const char *text;
	struct v03_name n;
} good[] = {
	{ "generations/" G "/snapshots/00000000.snapshot.lz4",
	    { GEN, 0, 0, V03_SNAPSHOT, 8, 0 } },
	{ "generations/" G "/snapshots/7fffffff.snapshot.lz4",
	    { GEN, 0x7fffffff, 0, V03_SNAPSHOT, 8, 0 } },
	{ "generations/" G "/wal/00000001_00000a98.wal.lz4",
	    { GEN, 1, 0xa98, V03_WAL, 8, 8 } },
	/* past 4 GiB, and what 0.5 reads beside */
	{ "generations/" G "/wal/00000001_100000020.wal.lz4",
	    { GEN, 1, UINT64_C(0x100000020), V03_WAL, 8, 9 } },
	{ "generations/" G "/wal/0000000000000001_0000000000000880.wal.lz4",
	    { GEN, 1, 0x880, V03_WAL, 16, 16 } },
	{ "generations/" G "/snapshots/000000002.snapshot.lz4",
	    { GEN, 2, 0, V03_SNAPSHOT, 9, 0 } },
};

static void
names_both_ways(void **state)
{
	char s[V03_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct v03_name n;

		assert_int_equal(v03_name_scan(&n, good[i].text), 0);
		assert_true(n.generation == good[i].n.generation);
		assert_true(n.index == good[i].n.index);
		assert_true(n.offset == good[i].n.offset);
		assert_int_equal(n.kind, good[i].n.kind);
		assert_int_equal(n.index_digits, good[i].n.index_digits);
		assert_int_equal(n.offset_digits, good[i].n.offset_digits);
		assert_int_equal(v03_name_fmt(s, &n), strlen(good[i].text));
		assert_string_equal(s, good[i].text);
	}
}

static void
written_as_0_3_writes_them(void **state)
{
	struct v03_name n = { GEN, 1, 0x880, V03_WAL, 0, 0 };
	char s[V03_NAME_MAX];

	(void)state;
	v03_name_fmt(s, &n);
	assert_string_equal(s, "generations/" G "/wal/00000001_00000880.wal.lz4");
	n.offset = UINT64_C(0x123456789);
	v03_name_fmt(s, &n);
	assert_string_equal(s,
	    "generations/" G "/wal/00000001_123456789.wal.lz4");
	n.index = n.offset = UINT64_MAX;
	assert_true(v03_name_fmt(s, &n) < sizeof s);
	n.kind = V03_SNAPSHOT;
	n.index = 10;
	v03_name_fmt(s, &n);
	assert_string_equal(s, "generations/" G "/snapshots/0000000a.snapshot.lz4");
}

static void
other_names_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "generations", "generations/", "generations/" G,
		"generations/" G "/", "generations/" G "/snapshots/",
		"generations/" G "/snapshots/0000000.snapshot.lz4",
		"generations/" G "/snapshots/0000000A.snapshot.lz4",
		"generations/" G "/snapshots/00000000000000000.snapshot.lz4",
		"generations/" G "/snapshots/00000000.snapshot.lz4.tmp",
		"generations/" G "/snapshots/00000000.snapshot",
		"generations/" G "/snapshots/00000000_00000000.snapshot.lz4",
		"generations/" G "/wal/00000000.wal.lz4",
		"generations/" G "/wal/00000000_0000000.wal.lz4",
		"generations/" G "/wal/00000000_00000000.wal",
		"generations/" G "/wal/00000000-00000000.wal.lz4",
		"generations/" G "/wal/00000000/00000000.wal.lz4",
		"generations/" G "/other/00000000_00000000.wal.lz4",
		"generations/" G "0/wal/00000000_00000000.wal.lz4",
		"generations/7D3C0F075ED00A3F/wal/00000000_00000000.wal.lz4",
		"generations/7d3c0f075ed00a3/wal/00000000_00000000.wal.lz4",
		"/generations/" G "/wal/00000000_00000000.wal.lz4",
		"generation/" G "/wal/00000000_00000000.wal.lz4",
	};
	struct v03_name n;
	uint64_t g;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(v03_name_scan(&n, bad[i]), -1);
	assert_int_equal(v03_generation_scan(G, &g), 0);
	assert_true(g == GEN);
	assert_int_equal(v03_generation_scan(G "0", &g), -1);
	assert_int_equal(v03_generation_scan("7D3C0F075ED00A3F", &g), -1);
	assert_int_equal(v03_generation_scan("", &g), -1);
}

/* The join is Go's path.Join: cleaned, unlike the keys of LTX files. */
static void
keys_are_cleaned_joins(void **state)
{
	static const struct {
		const char *path, *before;
	} t[] = {
		{ NULL, "" }, { "", "" }, { ".", "" }, { "./", "" },
		{ "/", "/" }, { "a", "a/" }, { "a/", "a/" }, { "a//b/", "a/b/" },
		{ "/a/b", "/a/b/" }, { "./a", "a/" }, { "a/../b", "b/" },
		{ "/srv/backup/app.db", "/srv/backup/app.db/" },
	};
	struct v03_name n = { GEN, 3, 0, V03_SNAPSHOT, 0, 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char want[256], *key, *prefix, *folder;
		size_t base;

		assert_int_equal(v03_name_key(t[i].path, &n, &key, &e), 0);
		snprintf(want, sizeof want, "%sgenerations/" G
		    "/snapshots/00000003.snapshot.lz4", t[i].before);
		assert_string_equal(key, want);
		assert_int_equal(v03_name_prefix(t[i].path, &prefix, &base, &e),
		    0);
		snprintf(want, sizeof want, "%sgenerations/", t[i].before);
		assert_string_equal(prefix, want);
		assert_int_equal(base, strlen(t[i].before));
		assert_int_equal(v03_name_folder(t[i].path, GEN, &folder, &e), 0);
		snprintf(want, sizeof want, "%sgenerations/" G "/", t[i].before);
		assert_string_equal(folder, want);
		free(key);
		free(prefix);
		free(folder);
	}
}

static void
order_of_reading(void **state)
{
	static const struct v03_name v[] = {
		{ 1, 0, 0, V03_SNAPSHOT, 8, 0 },
		{ 1, 2, 0, V03_SNAPSHOT, 8, 0 },
		{ 1, 0, 0, V03_WAL, 8, 8 },
		{ 1, 0, 9, V03_WAL, 8, 8 },
		{ 1, 1, 0, V03_WAL, 8, 8 },
		{ 2, 0, 0, V03_SNAPSHOT, 8, 0 },
	};
	size_t n = sizeof v / sizeof *v;

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			int c = v03_name_cmp(&v[i], &v[j]);

			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_both_ways),
		cmocka_unit_test(written_as_0_3_writes_them),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(keys_are_cleaned_joins),
		cmocka_unit_test(order_of_reading),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
