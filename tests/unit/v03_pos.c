#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "repl/v03_pos.h"

static struct err e;

/* What depends on a position: every field another number. */
static struct v03_pos
pos(void)
{
	return (struct v03_pos){
		.wal = { .generation = 0x1111, .index = 2, .offset = 333,
		    .page_size = 4096, .sum = { 4, 5 } },
		.txid = 6, .tail = { 7, 8, [15] = 9 },
		.head = { .salt1 = 10, .salt2 = 11, .wal_offset = 1000,
		    .wal_size = 200, .time_ms = 12, .page_size = 4096 },
		.index_ms = 13, .any = 1, .last_index = 2, .last_offset = 14,
		.last_size = 15,
	};
}

static void
it_is_read_as_it_was_written(void **state)
{
	char dir[] = "/tmp/ls-pos.XXXXXX", *path, s[V03_POS_FMT];
	struct v03_pos p = pos(), q;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = v03_pos_path(dir, "s3://b/p");
	assert_non_null(path);
	assert_int_equal(v03_pos_read(path, &q, &e), -1);
	assert_int_equal(e.kind, ERR_NOTFOUND);
	assert_int_equal(v03_pos_write(path, &p, &e), 0);
	assert_int_equal(v03_pos_read(path, &q, &e), 0);
	assert_int_equal(q.wal.generation, 0x1111);
	assert_int_equal(q.wal.index, 2);
	assert_int_equal(q.wal.offset, 333);
	assert_int_equal(q.wal.sum[1], 5);
	assert_int_equal(q.txid, 6);
	assert_memory_equal(q.tail, p.tail, 16);
	assert_int_equal(q.head.wal_size, 200);
	assert_int_equal(q.last_size, 15);
	assert_int_equal(v03_pos_fmt(s, &p), v03_pos_fmt(s, &q));
	assert_true(v03_pos_fmt(s, &p) < V03_POS_FMT);
	unlink(path);
	rmdir(dir);
	free(path);
}

static void
replicas_have_files_of_their_own(void **state)
{
	char *a = v03_pos_path("/d", "s3://b/p");
	char *b = v03_pos_path("/d", "s3://b/q");

	(void)state;
	assert_string_not_equal(a, b);
	free(a);
	free(b);
}

/* Cut short, lengthened or with any byte changed. */
static void
damage_is_noticed(void **state)
{
	char s[V03_POS_FMT + 1];
	struct v03_pos p = pos(), q;
	size_t n = v03_pos_fmt(s, &p);

	(void)state;
	assert_int_equal(v03_pos_scan(&q, s, n), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(v03_pos_scan(&q, s, i), -1);
		s[i] ^= 1;
		assert_int_equal(v03_pos_scan(&q, s, n), -1);
		s[i] ^= 1;
	}
	s[n] = '\n';
	assert_int_equal(v03_pos_scan(&q, s, n + 1), -1);
}

static void
a_new_index_begins_by_size_or_time(void **state)
{
	struct v03_pos p = pos();
	struct ltx_header h = { .time_ms = 13 + V03_POS_INDEX_MS - 1 };

	(void)state;
	assert_false(v03_pos_rolls(&p, &h, 334));
	assert_true(v03_pos_rolls(&p, &h, 333));
	h.time_ms++;
	assert_true(v03_pos_rolls(&p, &h, 334));
	p.wal.offset = 0; /* never twice */
	assert_false(v03_pos_rolls(&p, &h, 0));
	h.time_ms = 13;
	p.wal.offset = V03_POS_INDEX_MAX; /* far from 4 GiB, whatever is asked */
	assert_true(v03_pos_rolls(&p, &h, UINT64_MAX));
	v03_pos_roll(&p);
	assert_int_equal(p.wal.index, 3);
	assert_int_equal(p.wal.offset, 0);
}

static void
files_of_the_log_follow_each_other(void **state)
{
	static const struct {
		int64_t offset;
		uint32_t salt1, salt2, page_size;
		enum v03_pos_goes want;
	} t[] = {
		{ 1200, 10, 11, 4096, V03_POS_ON },
		{ 1201, 10, 11, 4096, V03_POS_APART },
		{ 32, 10, 11, 4096, V03_POS_APART },   /* a full copy */
		{ 32, 11, 99, 4096, V03_POS_RESTART }, /* the log began anew */
		{ 64, 11, 99, 4096, V03_POS_APART },
		{ 32, 12, 99, 4096, V03_POS_APART },
		{ 1200, 10, 11, 8192, V03_POS_APART },
	};
	struct v03_pos p = pos();

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct ltx_header h = { .wal_offset = t[i].offset,
		    .salt1 = t[i].salt1, .salt2 = t[i].salt2,
		    .page_size = t[i].page_size };

		assert_int_equal(v03_pos_continues(&p, &h), t[i].want);
	}
}

static void
the_last_segment_tells_who_was_there(void **state)
{
	static const struct {
		int known, any;
		uint64_t index, offset, size;
		enum v03_pos_is want;
	} t[] = {
		{ 1, 1, 2, 14, 15, V03_POS_LAST },
		{ 1, 1, 2, 14, 16, V03_POS_OTHER },  /* other bytes */
		{ 1, 1, 2, 13, 15, V03_POS_OTHER },  /* ours is gone */
		{ 1, 0, 0, 0, 0, V03_POS_OTHER },
		{ 1, 1, 2, 333, 1, V03_POS_NEXT },
		{ 1, 1, 3, 0, 1, V03_POS_ROLLED },
		{ 1, 1, 3, 1, 1, V03_POS_OTHER },
		{ 1, 1, 4, 0, 1, V03_POS_OTHER },
		{ 0, 0, 0, 0, 0, V03_POS_LAST },
		{ 0, 1, 2, 14, 15, V03_POS_OTHER },
		{ 0, 1, 2, 333, 1, V03_POS_NEXT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct v03_pos p = pos();

		p.any = t[i].known;
		assert_int_equal(v03_pos_judge(&p, t[i].any, t[i].index,
		    t[i].offset, t[i].size), t[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_read_as_it_was_written),
		cmocka_unit_test(replicas_have_files_of_their_own),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(a_new_index_begins_by_size_or_time),
		cmocka_unit_test(files_of_the_log_follow_each_other),
		cmocka_unit_test(the_last_segment_tells_who_was_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
