#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ltx_mem.h"
#include "repl/apply.h"

#define PS 512

/* 65536-byte pages, so that the lock page is page 16385: it stays a hole,
 * and pages on both sides are where they belong. */
static void
the_lock_page_is_a_hole(void **state)
{
	enum { SIZE = 65536, LOCK = 16385 };
	static const uint32_t pages[] = { 1, LOCK - 1, LOCK + 1 };
	static unsigned char want[SIZE], got[SIZE];
	struct ltx_header h = mem_header(SIZE, LOCK + 1, 7, 7);
	struct mem m = mem_new();
	struct apply *a;
	struct apply_done d;
	struct ltx_dec *dec;
	struct err e = { 0 };
	struct stat st;
	int fd = io_anon("", &e);

	(void)state;
	assert_int_equal(mem_ltx(&m, &h, LTX_BLOCK, pages, 3, 7, &e), 0);
	assert_int_equal(apply_begin(&a, fd, &e), 0);
	assert_int_equal(ltx_dec_begin(&dec, mem_in(&m), &e), 0);
	assert_int_equal(apply_file(a, dec, &e), 0);
	ltx_dec_free(dec);
	assert_int_equal(apply_end(a, &d, &e), -1);
	assert_string_equal(e.msg, "page 2 of 16386 is in no file (16382 pages "
	    "missing)");
	apply_free(a);
	for (size_t i = 0; i < 3; i++) {
		mem_page(want, SIZE, pages[i], 7);
		if (pages[i] == 1)
			memset(want, 0, 16); /* not before the end */
		assert_int_equal(pread(fd, got, SIZE,
		    (off_t)(pages[i] - 1) * SIZE), SIZE);
		assert_memory_equal(got, want, SIZE);
	}
	memset(want, 0, SIZE);
	assert_int_equal(pread(fd, got, SIZE, (off_t)(LOCK - 1) * SIZE), SIZE);
	assert_memory_equal(got, want, SIZE);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 < 8 * SIZE);
	close(fd);
	mem_free(&m);
}

/* A database that grew again without bringing all its pages has the rest from
 * before it shrank, as Litestream's restore does. */
static void
pages_left_out_of_a_regrowth_are_the_old_ones(void **state)
{
	static const uint32_t one[] = { 1 };
	static const struct { uint32_t commit, n, txid; } files[] = {
		{ 10, 1, 3 }, { 5, 1, 2 }, { 10, 0, 1 }
	};
	struct apply *a;
	struct apply_done d;
	struct err e = { 0 };
	int fd = io_anon("", &e);

	(void)state;
	assert_int_equal(apply_begin(&a, fd, &e), 0);
	for (size_t i = 0; i < 3; i++) {
		struct ltx_header h = mem_header(PS, files[i].commit,
		    files[i].txid, files[i].txid);
		struct mem m = mem_new();
		struct ltx_dec *dec;

		assert_int_equal(mem_ltx(&m, &h, LTX_BLOCK, files[i].n ? one : NULL,
		    files[i].n ? files[i].n : files[i].commit, files[i].txid,
		    &e), 0);
		assert_int_equal(ltx_dec_begin(&dec, mem_in(&m), &e), 0);
		assert_int_equal(apply_file(a, dec, &e), 0);
		ltx_dec_free(dec);
		mem_free(&m);
	}
	assert_int_equal(apply_end(a, &d, &e), 0);
	assert_int_equal(d.pages, 10);
	assert_int_equal(d.regrown, 5);
	for (uint32_t p = 1; p <= 10; p++) {
		unsigned char want[PS], got[PS];

		mem_page(want, PS, p, p == 1 ? 3 : 1);
		assert_int_equal(pread(fd, got, PS, (off_t)(p - 1) * PS), PS);
		/* the first 16 bytes of page 1 are put in last */
		assert_memory_equal(got, want, PS);
	}
	apply_free(a);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lock_page_is_a_hole),
		cmocka_unit_test(pages_left_out_of_a_regrowth_are_the_old_ones),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
