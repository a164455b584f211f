#include <sys/stat.h>

#include "base/bytes.h"
#include "base/when.h"
#include "db/state.h"
#include "ship_rig.h"

#define OURS 7
#define THEIRS 8
#define PAGE 512
#define PAGES 4

static void
make(const char *folder, uint64_t n, int full, uint64_t node, int fill)
{
	make_file(folder, n, (struct ltx_header){ .page_size = PAGE,
	    .commit = PAGES, .time_ms = 1000 * (int64_t)n, .node = node },
	    full, fill);
}

static void
local(uint64_t n, int full)
{
	make(ltx0, n, full, OURS, 0);
}

static void
remote(uint64_t n, int full, uint64_t node, int fill)
{
	char folder[100];

	snprintf(folder, sizeof folder, "%s/ltx/0", replica);
	make(folder, n, full, node, fill);
}

static int
there(unsigned level, uint64_t min, uint64_t max)
{
	char path[200];

	snprintf(path, sizeof path, "%s/ltx/%u/%016llx-%016llx.ltx", replica,
	    level, (unsigned long long)min, (unsigned long long)max);
	return access(path, F_OK) == 0;
}

static void
fresh(void)
{
	struct ship_conf c = s.conf;

	ship_free(&s);
	ship_init(&s, &c);
}

static int
setup(void **state)
{
	(void)state;
	return begin((struct ship_conf){ .writer = OURS,
	    .retention_ms = 300000 });
}

static void
files_go_up_in_order_the_first_also_as_a_snapshot(void **state)
{
	struct ship_result r;
	uint64_t backlog;
	int got;

	(void)state;
	local(1, 1);
	local(2, 0);
	local(3, 0);
	assert_int_equal(ship_probe(&s, st, 3, NULL, &got, &backlog, &e), 0);
	assert_int_equal(s.cursor, 0);
	assert_true(backlog > 300);
	assert_int_equal(ship_run(&s, st, 3, 2, &r, &e), 0);
	assert_int_equal(r.files, 2);
	assert_true(r.more);
	assert_int_equal(run(3, &r), 0);
	assert_int_equal(r.files, 1);
	assert_false(r.more);
	assert_int_equal(r.time_ms, 3000);
	assert_int_equal(s.cursor, 3);
	assert_true(there(0, 1, 1) && there(0, 2, 2) && there(0, 3, 3));
	assert_true(there(9, 1, 1));
	fresh();
	probe(3);
	assert_int_equal(s.cursor, 3);
	assert_false(s.broken || s.snap);
}

static void
an_own_retry_is_no_conflict(void **state)
{
	struct ship_result r;

	(void)state;
	probe(0);
	local(1, 1);
	remote(1, 1, OURS, 0);
	assert_int_equal(run(1, &r), 0);
	assert_int_equal(s.cursor, 1);
}

static void
another_writer_fences(void **state)
{
	struct ship_result r;

	(void)state;
	local(1, 1);
	local(2, 0);
	probe(2);
	assert_int_equal(run(1, &r), 0);
	remote(2, 0, THEIRS, 9);
	assert_int_equal(run(2, &r), -1);
	assert_int_equal(e.kind, ERR_FENCED);
	assert_non_null(strstr(e.msg, "0000000000000008"));
	assert_int_equal(s.cursor, 1);
}

static void
an_earlier_life_is_dumped_over(void **state)
{
	struct ship_result r;

	(void)state;
	local(1, 1);
	local(2, 0);
	probe(2);
	assert_int_equal(run(1, &r), 0);
	remote(2, 0, OURS, 9);
	assert_int_equal(run(2, &r), -1);
	assert_int_equal(e.kind, ERR_BUSY);
	assert_false(s.known);
	probe(2);
	assert_int_equal(s.cursor, 2);
	assert_int_equal(run(2, &r), 0);
	assert_true(r.dump);
	assert_int_equal(r.dump_after, 2);
	local(3, 1);
	assert_int_equal(run(3, &r), 0);
	assert_false(r.dump);
	assert_true(there(0, 3, 3) && there(9, 1, 3));
	assert_int_equal(s.cursor, 3);
}

static void
a_hole_asks_for_a_dump_and_gets_an_image(void **state)
{
	struct ship_result r;

	(void)state;
	local(1, 1);
	local(2, 0);
	local(3, 0);
	probe(3);
	assert_int_equal(run(1, &r), 0);
	gone(ltx0, 2);
	assert_int_equal(run(3, &r), 0);
	assert_true(r.dump);
	assert_int_equal(r.dump_after, 1);
	local(4, 1);
	local(5, 0);
	assert_int_equal(run(5, &r), 0);
	assert_false(r.dump);
	assert_int_equal(s.cursor, 5);
	assert_false(there(0, 3, 3));
	assert_true(there(0, 4, 4) && there(9, 1, 4) && there(0, 5, 5));
	fresh();
	probe(5);
	assert_false(s.broken);
}

static void
an_image_that_is_owed_is_put_by_the_next_life(void **state)
{
	struct ship_result r;

	(void)state;
	local(1, 1);
	probe(1);
	assert_int_equal(run(1, &r), 0);
	local(4, 1);
	remote(4, 1, OURS, 0);
	fresh();
	probe(4);
	assert_true(s.broken);
	assert_int_equal(run(4, &r), 0);
	assert_false(r.dump);
	assert_true(there(9, 1, 4));
	assert_false(s.broken);
}

static void
after_a_pause_an_emptied_replica_is_noticed(void **state)
{
	struct ship_result r;
	char folder[100];

	(void)state;
	local(1, 1);
	local(2, 0);
	local(3, 0);
	probe(3);
	assert_int_equal(run(2, &r), 0);
	snprintf(folder, sizeof folder, "%s/ltx/0", replica);
	gone(folder, 1);
	gone(folder, 2);
	snprintf(folder, sizeof folder, "%s/ltx/9", replica);
	gone(folder, 1);
	s.last_boot = when_boot() - 150001;
	assert_int_equal(run(3, &r), 0);
	assert_true(r.dump);
	local(4, 1);
	assert_int_equal(run(4, &r), 0);
	assert_true(there(9, 1, 4));
}

static void
after_a_pause_who_went_on_fences(void **state)
{
	struct ship_result r;

	(void)state;
	local(1, 1);
	local(2, 0);
	probe(2);
	assert_int_equal(run(1, &r), 0);
	/* 2 was theirs, and retention took it */
	remote(3, 0, THEIRS, 1);
	s.last_boot = when_boot() - 150001;
	assert_int_equal(run(2, &r), -1);
	assert_int_equal(e.kind, ERR_FENCED);
}

static void
damaged_files_of_an_earlier_life_do_not_go_up(void **state)
{
	struct ship_result r;
	char path[200];
	FILE *f;

	(void)state;
	local(1, 1);
	local(2, 0);
	local(3, 0);
	snprintf(path, sizeof path, "%s/0000000000000002-0000000000000002.ltx",
	    ltx0);
	assert_non_null(f = fopen(path, "r+"));
	fseek(f, 112, SEEK_SET);
	fputs("damaged", f);
	fclose(f);
	s.conf.old = 3;
	probe(3);
	assert_int_equal(run(3, &r), 0);
	assert_int_equal(s.cursor, 1);
	assert_true(r.dump);
	assert_int_equal(r.dump_after, 1);
	assert_false(there(0, 2, 2));
	local(4, 1);
	assert_int_equal(run(4, &r), 0);
	assert_true(there(0, 4, 4) && there(9, 1, 4));
}

static void
full_files_are_told_from_others(void **state)
{
	char path[200];

	(void)state;
	local(1, 1);
	local(2, 0);
	snprintf(path, sizeof path, "%s/0000000000000001-0000000000000001.ltx",
	    ltx0);
	assert_int_equal(ship_is_full(path, NULL, &e), 1);
	snprintf(path, sizeof path, "%s/0000000000000002-0000000000000002.ltx",
	    ltx0);
	assert_int_equal(ship_is_full(path, NULL, &e), 0);
	assert_int_equal(truncate(path, 150), 0);
	assert_int_equal(ship_is_full(path, NULL, &e), -1);
}

/* Litestream's files name no writer: before capture begins it judges, from
 * then on the probe has to. */
static void
a_replica_of_litestream_that_comes_late_is_judged(void **state)
{
	struct state_facts was = { .page_size = PAGE };
	uint64_t backlog;
	int got;

	(void)state;
	local(1, 1);
	remote(1, 1, 0, 0);
	remote(2, 0, 0, 0);
	probe(1);
	assert_int_equal(s.cursor, 2);
	fresh();
	s.late = 1;
	/* what it holds is not newer than ours */
	memset(&was.change_counter, 0xff, sizeof was.change_counter);
	memset(&was.schema_cookie, 0xff, sizeof was.schema_cookie);
	was.page_size = 0x0101;
	assert_int_equal(state_shipped_write(meta, &was, &e), 0);
	probe(1);
	assert_int_equal(s.cursor, 2);
	assert_false(s.broken);
	was.change_counter = 1;
	assert_int_equal(state_shipped_write(meta, &was, &e), 0);
	assert_int_equal(ship_probe(&s, st, 1, NULL, &got, &backlog, &e), -1);
	assert_int_equal(e.kind, ERR_FENCED);
	ship_free(&s);
}

/* A full dump whose page index is longer than what is kept in memory. */
static void
the_image_of_a_large_database_spills(void **state)
{
	struct ltx_header h = { .flags = LTX_FLAG_NOCHECKSUM,
	    .page_size = PAGE, .commit = 200000, .min_txid = 2, .max_txid = 2 };
	char from[100], to[100];
	unsigned char page[PAGE] = { 0 };
	const unsigned char *data;
	struct ltx_enc *enc;
	struct ltx_dec *dec;
	uint32_t p;
	int fd;

	(void)state;
	snprintf(from, sizeof from, "%s/from", dir);
	snprintf(to, sizeof to, "%s/to", dir);
	fd = open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ltx_enc_begin(&enc, &h, LTX_BLOCK, io_out_fd(&fd),
	    NULL, &e), 0);
	for (p = 1; p <= h.commit; p++)
		assert_int_equal(ltx_enc_page(enc, p, page, &e), 0);
	assert_int_equal(ltx_enc_end(enc, 0, &e), 0);
	ltx_enc_free(enc);
	close(fd);
	assert_int_equal(ship_reimage(from, to, "/nowhere", &e), -1);
	assert_non_null(strstr(e.msg, "/nowhere"));
	assert_int_equal(ship_reimage(from, to, dir, &e), 0);
	assert_int_equal(ship_is_full(to, &h, &e), 1);
	assert_int_equal(h.min_txid, 1);
	assert_true((fd = open(to, O_RDONLY | O_CLOEXEC)) >= 0);
	assert_int_equal(ltx_dec_begin(&dec, io_in_fd(&fd), &e), 0);
	while (ltx_dec_page(dec, &p, &data, &e) > 0)
		;
	assert_int_equal(ltx_dec_eof(dec, &e), 0);
	ltx_dec_free(dec);
	close(fd);
}

/* The index of a database of a terabyte is some gigabytes long. */
static void
no_page_index_is_too_long(void **state)
{
	const int64_t len = INT64_C(3) << 30;
	unsigned char b[LTX_HEADER_SIZE];
	struct ltx_header h = { .flags = LTX_FLAG_NOCHECKSUM,
	    .page_size = 4096, .commit = UINT32_C(1) << 28, .min_txid = 2,
	    .max_txid = 2 };
	char path[100];
	int fd;

	(void)state;
	snprintf(path, sizeof path, "%s/large", dir);
	assert_true((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644)) >= 0);
	ltx_header_pack(b, &h);
	assert_int_equal(pwrite(fd, b, sizeof b, 0), sizeof b);
	assert_int_equal(ftruncate(fd, len + 200), 0);
	be64_pack(b, (uint64_t)len);
	assert_int_equal(pwrite(fd, b, 8, len + 200 - 24), 8);
	close(fd);
	assert_int_equal(ship_is_full(path, NULL, &e), -1);
	/* it is looked at, and begins with its end */
	assert_non_null(strstr(e.msg, "malformed"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(files_go_up_in_order_the_first_also_as_a_snapshot),
		T(an_own_retry_is_no_conflict),
		T(another_writer_fences),
		T(an_earlier_life_is_dumped_over),
		T(a_hole_asks_for_a_dump_and_gets_an_image),
		T(an_image_that_is_owed_is_put_by_the_next_life),
		T(after_a_pause_an_emptied_replica_is_noticed),
		T(after_a_pause_who_went_on_fences),
		T(a_replica_of_litestream_that_comes_late_is_judged),
		T(damaged_files_of_an_earlier_life_do_not_go_up),
		T(full_files_are_told_from_others),
		T(the_image_of_a_large_database_spills),
		T(no_page_index_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
