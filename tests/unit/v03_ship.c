#include <glob.h>

#include "repl/v03_pos.h"
#include "ship_rig.h"

/* A replica of Litestream 0.3's layout as ls-walship sees it: files that are
 * there, files that are gone, somebody else's. Local file n is of one page of
 * 512 bytes, and so a segment of one frame. */

#define FRAME (24 + 512)

static uint32_t pages = 4;

/* wal: where it begins in the database's WAL, whose salts are 1, 1; negative:
 * in the next one, of 2, 2. */
static void
make(uint64_t n, int full, int64_t wal, int64_t time_ms, int fill,
    uint32_t size)
{
	uint32_t salt = wal < 0 ? 2 : 1;

	make_file(ltx0, n, (struct ltx_header){ .page_size = size,
	    .commit = pages, .time_ms = time_ms,
	    .wal_offset = wal < 0 ? -wal : wal, .wal_size = FRAME,
	    .salt1 = salt, .salt2 = salt }, full, fill);
}

static void
local(uint64_t n)
{
	make(n, 0, 32 + (int64_t)n * FRAME, (int64_t)n, (int)n, 512);
}

static void
local_full(uint64_t n)
{
	make(n, 1, 32 + (int64_t)n * FRAME, (int64_t)n, (int)n, 512);
}

/* How many objects below generations/; the name of the last in *last. */
static size_t
objects(const char *what, char last[200])
{
	char pattern[200];
	glob_t g;
	size_t n;

	snprintf(pattern, sizeof pattern, "%s/generations/*/%s", replica,
	    what);
	n = glob(pattern, 0, NULL, &g) ? 0 : g.gl_pathc;
	if (n && last)
		snprintf(last, 200, "%s", g.gl_pathv[n - 1]);
	globfree(&g);
	return n;
}

/* Is the last segment the one of that index and offset? */
static int
ends(uint32_t index, uint64_t offset)
{
	char last[200], want[40];

	snprintf(want, sizeof want, "/%08x_%08llx.wal.lz4", index,
	    (unsigned long long)offset);
	return objects("wal/*", last) && strstr(last, want) != NULL;
}

static void
fresh(uint64_t upto)
{
	struct ship_conf c = s.conf;

	ship_free(&s);
	ship_init(&s, &c);
	probe(upto);
}

static int
setup(void **state)
{
	(void)state;
	return begin((struct ship_conf){ .v03 = 1, .v03_pages = 3 });
}

/* 1 full, 2 .. n after it, and shipped. */
static void
shipped(uint64_t n)
{
	struct ship_result r;

	local_full(1);
	for (uint64_t i = 2; i <= n; i++)
		local(i);
	probe(n);
	assert_int_equal(run(n, &r), 0);
	assert_int_equal(s.cursor, n);
	assert_int_equal(r.files, n);
}

static void
a_generation_is_a_snapshot_and_segments(void **state)
{
	(void)state;
	shipped(4);
	assert_int_equal(objects("snapshots/00000000.snapshot.lz4", NULL), 1);
	assert_int_equal(objects("wal/*", NULL), 3);
	assert_true(ends(0, 32 + 2 * FRAME));
	fresh(4);
	assert_int_equal(s.cursor, 4);
	assert_false(s.broken || s.snap);
}

/* The limit is three frames. */
static void
a_long_log_goes_on_in_the_next_index(void **state)
{
	struct ship_result r;

	(void)state;
	shipped(5);
	assert_true(ends(1, 0));
	fresh(5);
	local(6);
	assert_int_equal(run(6, &r), 0);
	assert_true(ends(1, 32 + FRAME));
	/* and after an hour, however short it is */
	make(7, 0, 32 + 7 * FRAME, 5 + V03_POS_INDEX_MS, 7, 512);
	assert_int_equal(run(7, &r), 0);
	assert_true(ends(2, 0));
	assert_int_equal(objects("snapshots/*", NULL), 1);
}

static void
at_most_so_many_at_once(void **state)
{
	struct ship_result r;

	(void)state;
	local_full(1);
	local(2);
	local(3);
	probe(3);
	assert_int_equal(ship_run(&s, st, 3, 2, &r, &e), 0);
	assert_true(r.more);
	assert_int_equal(s.cursor, 2);
}

/* The put went through, the note did not: every instant of a kill. */
static void
what_was_put_and_not_noted_is_put_again(void **state)
{
	struct v03_pos before[7];
	struct ship_result r;
	char *path = v03_pos_path(meta, replica), last[2][200];

	(void)state;
	shipped(1);
	for (uint64_t n = 2; n <= 6; n++) {
		assert_int_equal(v03_pos_read(path, &before[n], &e), 0);
		local(n);
		assert_int_equal(run(n, &r), 0);
		objects("wal/*", last[0]);
		assert_int_equal(v03_pos_write(path, &before[n], &e), 0);
		fresh(n);
		assert_int_equal(s.cursor, n - 1);
		assert_int_equal(run(n, &r), 0);
		assert_int_equal(objects("wal/*", last[1]), n - 1);
		assert_string_equal(last[0], last[1]);
		/* also where the limit of an index has become another */
		assert_int_equal(v03_pos_write(path, &before[n], &e), 0);
		s.conf.v03_pages = n % 2 ? 1 : 100;
		fresh(n);
		assert_int_equal(run(n, &r), 0);
		s.conf.v03_pages = 3;
		assert_int_equal(objects("wal/*", last[1]), n - 1);
		assert_string_equal(last[0], last[1]);
	}
	assert_int_equal(objects("", NULL), 1);
	free(path);
}

/* Whatever is wrong, there is another generation, and the old one stays. */
static void
another(uint64_t n)
{
	struct ship_result r;
	size_t was = objects("*/*", NULL);

	assert_int_equal(s.cursor, 0);
	local_full(n + 1);
	assert_int_equal(run(n + 1, &r), 0);
	assert_false(r.dump);
	assert_int_equal(objects("", NULL), 2);
	assert_int_equal(objects("*/*", NULL), was + 1);
	assert_int_equal(s.cursor, n + 1);
	local(n + 2);
	fresh(n + 2);
	assert_int_equal(s.cursor, n + 1);
	assert_int_equal(run(n + 2, &r), 0);
	assert_int_equal(objects("", NULL), 2);
}

static void
without_a_position_a_generation_begins(void **state)
{
	char *path;
	FILE *f;

	(void)state;
	shipped(3);
	path = v03_pos_path(meta, replica);
	assert_non_null(f = fopen(path, "r+"));
	fputs("v0.3 position 2", f);
	fclose(f);
	fresh(3);
	another(3);
	free(path);
}

static void
a_local_state_set_back_begins_another(void **state)
{
	(void)state;
	shipped(5);
	gone(ltx0, 5);
	fresh(4);
	another(5);
}

static void
a_local_file_that_is_another_begins_another(void **state)
{
	(void)state;
	shipped(5);
	make(5, 0, 32 + 5 * FRAME, 5, 77, 512);
	fresh(5);
	another(5);
}

static void
a_last_segment_that_is_gone_begins_another(void **state)
{
	char last[200];

	(void)state;
	shipped(3);
	objects("wal/*", last);
	unlink(last);
	fresh(3);
	another(3);
}

static void
a_snapshot_that_is_gone_begins_another(void **state)
{
	char last[200];

	(void)state;
	shipped(3);
	objects("snapshots/*", last);
	unlink(last);
	fresh(3);
	another(3);
}

static void
copy(const char *from, const char *to)
{
	char cmd[500];

	snprintf(cmd, sizeof cmd, "cp %s %s", from, to);
	assert_int_equal(system(cmd), 0);
}

/* Two processes with copies of one state folder. */
static void
another_writer_in_it_begins_another(void **state)
{
	char last[200], next[220], cmd[500];
	struct ship_result r;

	(void)state;
	shipped(3);
	objects("wal/*", last);
	snprintf(next, sizeof next, "%.*s/00000000_00001000.wal.lz4",
	    (int)(strrchr(last, '/') - last), last);
	copy(last, next);
	fresh(3);
	assert_int_equal(s.cursor, 0);
	/* noticed at the put as well: its bytes stay as they are */
	unlink(next);
	fresh(3);
	assert_int_equal(s.cursor, 3);
	snprintf(next, sizeof next, "%.*s/00000000_%08x.wal.lz4",
	    (int)(strrchr(last, '/') - last), last, 32 + 2 * FRAME);
	copy(last, next);
	local_full(4);
	assert_int_equal(run(4, &r), 0);
	assert_int_equal(objects("", NULL), 2);
	assert_int_equal(s.cursor, 4);
	snprintf(cmd, sizeof cmd, "cmp %s %s", last, next);
	assert_int_equal(system(cmd), 0);
}

/* Looked for once an hour. */
static void
a_replica_emptied_meanwhile_is_begun_anew(void **state)
{
	struct ship_result r;
	char cmd[100];

	(void)state;
	shipped(3);
	snprintf(cmd, sizeof cmd, "rm -r %s/generations", replica);
	assert_int_equal(system(cmd), 0);
	s.check_mono = 0;
	local_full(4);
	assert_int_equal(run(4, &r), 0);
	assert_int_equal(objects("snapshots/*", NULL), 1);
	assert_int_equal(objects("wal/*", NULL), 0);
}

static void
a_hole_asks_for_a_full_copy(void **state)
{
	struct ship_result r;

	(void)state;
	shipped(3);
	local(4);
	local(5);
	gone(ltx0, 4);
	assert_int_equal(run(5, &r), 0);
	assert_true(r.dump);
	assert_int_equal(r.dump_after, 5);
	assert_int_equal(objects("", NULL), 1);
	s.cursor = 0;
	another(5);
}

/* Of an earlier life and damaged, or damaged by whatever. */
static void
damaged_files_do_not_go_up(void **state)
{
	struct ship_result r;
	char path[200];
	FILE *f;

	(void)state;
	for (int old = 0; old < 2; old++) {
		teardown(NULL);
		setup(NULL);
		shipped(2);
		local(3);
		snprintf(path, sizeof path,
		    "%s/0000000000000003-0000000000000003.ltx", ltx0);
		assert_non_null(f = fopen(path, "r+"));
		fseek(f, 112, SEEK_SET);
		fputs("damaged", f);
		fclose(f);
		s.conf.old = old ? 3 : 0;
		assert_int_equal(run(3, &r), 0);
		assert_true(r.dump);
		assert_int_equal(objects("wal/*", NULL), 1);
		another(3);
	}
}

static void
full_copies_and_other_page_sizes_begin_another(void **state)
{
	struct ship_result r;

	(void)state;
	shipped(2);
	/* every page, and in its place: a transaction like any other */
	local_full(3);
	assert_int_equal(run(3, &r), 0);
	assert_int_equal(objects("", NULL), 1);
	make(4, 1, 32, 4, 4, 512);
	assert_int_equal(run(4, &r), 0);
	assert_int_equal(objects("", NULL), 2);
	make(5, 1, 32 + 5 * FRAME, 5, 5, 4096);
	assert_int_equal(run(5, &r), 0);
	assert_int_equal(objects("", NULL), 3);
	assert_int_equal(s.cursor, 5);
	/* part of it out of place is what an application's own checkpoint
	 * leaves: it goes on */
	make(6, 0, 64, 6, 6, 4096);
	assert_int_equal(run(6, &r), 0);
	assert_int_equal(objects("", NULL), 3);
}

/* Small databases are written whole at times. */
static void
a_log_that_began_anew_goes_on_unless_much_is_there(void **state)
{
	struct ship_result r;

	(void)state;
	shipped(2);
	make(3, 1, -32, 3, 3, 512);
	assert_int_equal(run(3, &r), 0);
	assert_int_equal(objects("", NULL), 1);
	teardown(NULL);
	setup(NULL);
	pages = 65;
	make(1, 1, 32, 1, 1, 65536);
	probe(1);
	assert_int_equal(run(1, &r), 0);
	assert_int_equal(objects("", NULL), 1);
	make(2, 1, -32, 2, 2, 65536);
	assert_int_equal(run(2, &r), 0);
	pages = 4;
	assert_int_equal(objects("", NULL), 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_generation_is_a_snapshot_and_segments),
		T(a_long_log_goes_on_in_the_next_index),
		T(at_most_so_many_at_once),
		T(what_was_put_and_not_noted_is_put_again),
		T(without_a_position_a_generation_begins),
		T(a_local_state_set_back_begins_another),
		T(a_local_file_that_is_another_begins_another),
		T(a_last_segment_that_is_gone_begins_another),
		T(a_snapshot_that_is_gone_begins_another),
		T(another_writer_in_it_begins_another),
		T(a_replica_emptied_meanwhile_is_begun_anew),
		T(a_hole_asks_for_a_full_copy),
		T(damaged_files_do_not_go_up),
		T(full_copies_and_other_page_sizes_begin_another),
		T(a_log_that_began_anew_goes_on_unless_much_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
