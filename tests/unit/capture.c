#include "capture_rig.h"

#include <pthread.h>
#include "base/bytes.h"
#include "wal/wal.h"

/* Capture of whole databases: every page size, growing, shrinking, spilling. */

static const char fill[] =
    "with recursive n(i) as (select 1 union all select i+1 from n where i<60)"
    "insert into t select randomblob(abs(random())%3000) from n";

static void
work(struct rig *r)
{
	int i;

	for (i = 0; i < 6; i++) {
		rig_sql(r, fill);
		if (i % 2)
			rig_sync(r);
		rig_sql(r, "delete from t where rowid%3=0");
		rig_sql(r, "begin;delete from t;insert into t values(1);"
		    "rollback");
	}
	rig_sql(r, "delete from t where rowid%7");
	rig_sync(r);
	rig_sql(r, "vacuum");
	rig_sql(r, fill);
	rig_sync(r);
	rig_sql(r, "pragma wal_checkpoint(passive)");
	assert_int_equal(capture_step(r->c, CAPTURE_DB, &r->res, &r->err), 0);
	assert_int_equal(capture_step(r->c, CAPTURE_DB, &r->res, &r->err), 0);
	rig_sql(r, fill);
	rig_sync(r);
	rig_sql(r, fill);
	assert_int_equal(r->res.gap_from, 0);
}

static void
whole_life(uint32_t page_size, const char *vacuum, uint64_t memory,
    uint64_t max_wal)
{
	struct rig r;
	char sql[128];

	rig_new(&r);
	r.conf.memory_bytes = memory;
	r.conf.max_sync_wal_bytes = max_wal;
	rig_app(&r);
	snprintf(sql, sizeof sql, "pragma page_size=%u;pragma auto_vacuum=%s;"
	    "pragma journal_mode=wal;create table t(x)", page_size, vacuum);
	rig_sql(&r, sql);
	rig_capture(&r);
	rig_runs(&r, 0, 0);
	assert_int_equal(r.res.txid, 1);
	work(&r);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

static void
every_page_size(void **state)
{
	uint32_t n;

	(void)state;
	for (n = 512; n <= 65536; n *= 2)
		whole_life(n, "none", 1 << 20, 64 << 20);
}

static void
auto_vacuum(void **state)
{
	(void)state;
	whole_life(1024, "full", 1 << 20, 64 << 20);
	whole_life(4096, "incremental", 1 << 20, 64 << 20);
}

static void
page_map_larger_than_memory(void **state)
{
	char *old = getenv("TMPDIR");

	(void)state;
	old = old ? strdup(old) : 0;
	/* there may be none that can be written to */
	setenv("TMPDIR", "/nonexistent", 1);
	whole_life(512, "none", 1, 64 << 20);
	unsetenv("TMPDIR");
	if (old)
		setenv("TMPDIR", old, 1);
	free(old);
}

static void
files_end_at_the_commit_past_the_limit(void **state)
{
	(void)state;
	whole_life(1024, "none", 1 << 20, 20000);
}

static int
count(struct rig *r)
{
	struct dirent **names;
	int i, n = scandir(r->ltx0, &names, rig_is_ltx, rig_by_name);

	for (i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return n;
}

static void
idle_and_uncommitted_write_no_file(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r);
	rig_app(&r);
	rig_sql(&r, "pragma journal_mode=wal;pragma cache_size=1;"
	    "create table t(x)");
	rig_capture(&r);
	rig_runs(&r, 0, 0);
	rig_sync(&r);
	assert_int_equal(r.res.new_files, 0);
	rig_sql(&r, "begin");
	rig_sql(&r, fill); /* spills */
	assert_int_equal(capture_step(r.c, CAPTURE_WAL, &r.res, &r.err), 0);
	rig_sync(&r);
	assert_int_equal(count(&r), 1);
	rig_sql(&r, "rollback");
	rig_sync(&r);
	assert_int_equal(count(&r), 1);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

static void
first_commit_after_a_pause_is_cut_at_once_the_next_later(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r);
	r.conf.sync_interval_ms = 200;
	rig_app(&r);
	rig_sql(&r, "pragma journal_mode=wal;create table t(x)");
	rig_capture(&r);
	rig_runs(&r, 0, 0);
	usleep(210000);
	rig_sql(&r, "insert into t values(1)");
	assert_int_equal(capture_step(r.c, CAPTURE_WAL, &r.res, &r.err), 0);
	assert_int_equal(r.res.new_files, 1);
	rig_sql(&r, "insert into t values(2)");
	assert_int_equal(capture_step(r.c, CAPTURE_WAL, &r.res, &r.err), 0);
	assert_int_equal(r.res.new_files, 0);
	assert_true(r.res.pending_bytes > 0);
	assert_true(r.res.next_ms > 0);
	usleep(210000);
	assert_int_equal(capture_step(r.c, CAPTURE_TIMER, &r.res, &r.err), 0);
	assert_int_equal(r.res.new_files, 1);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

static void
trim_keeps_the_last_and_what_is_young(void **state)
{
	struct rig r;
	int i;

	(void)state;
	rig_new(&r);
	rig_app(&r);
	rig_sql(&r, "pragma journal_mode=wal;create table t(x)");
	rig_capture(&r);
	rig_runs(&r, 0, 0);
	for (i = 0; i < 4; i++) {
		rig_sql(&r, "insert into t values(1)");
		rig_sync(&r);
	}
	assert_int_equal(count(&r), 5);
	assert_int_equal(capture_trim(r.c, 5, 0, &r.err), 0);
	assert_int_equal(capture_trim(r.c, 2, INT64_MAX, &r.err), 2);
	assert_int_equal(capture_trim(r.c, 99, INT64_MAX, &r.err), 2);
	assert_int_equal(count(&r), 1);
	rig_free(&r);
}

/* The WAL of a machine with the other byte order: same frames, their sums
 * made anew. SQLite goes on in the order it finds. */
static void
other_order(const char *path)
{
	static unsigned char p[1 << 20];
	struct wal_header h;
	struct err err;
	size_t len, at, step;
	uint32_t sum[2];
	FILE *f = fopen(path, "r+b");

	len = fread(p, 1, sizeof p, f);
	assert_int_equal(wal_header_unpack(&h, p, &err), 0);
	h.magic ^= 1;
	wal_header_pack(p, &h);
	memcpy(sum, h.sum, sizeof sum);
	step = WAL_FRAME_HEADER + h.page_size;
	for (at = WAL_HEADER_SIZE; at + step <= len; at += step) {
		wal_sum(h.magic & 1, p + at, 8, sum);
		wal_sum(h.magic & 1, p + at + WAL_FRAME_HEADER, h.page_size,
		    sum);
		be32_pack(p + at + 16, sum[0]);
		be32_pack(p + at + 20, sum[1]);
	}
	rewind(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	fclose(f);
}

static void
wal_of_the_other_byte_order(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r);
	rig_app(&r);
	rig_sql(&r, "pragma journal_mode=wal;create table t(x)");
	rig_capture(&r);
	rig_runs(&r, 0, 0);
	rig_sql(&r, fill);
	rig_sync(&r);
	rig_kill(&r);
	sqlite3_db_config(r.app, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, 0);
	rig_sql(&r, "insert into t values('not captured yet')");
	rig_quit(&r);
	other_order(r.wal);
	rig_app(&r);
	rig_sql(&r, "insert into t values('in that order')");
	rig_capture(&r);
	rig_runs(&r, 2, 0);
	rig_sql(&r, fill);
	rig_sync(&r);
	assert_int_equal(r.res.gap_from, 0);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

static void
full_copy_on_request(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r);
	rig_app(&r);
	rig_sql(&r, "pragma journal_mode=wal;create table t(x)");
	rig_capture(&r);
	rig_runs(&r, 0, 0);
	rig_sql(&r, fill);
	assert_int_equal(capture_dump(r.c, 40, "test", &r.res, &r.err), 0);
	assert_int_equal(r.res.gap_from, 41);
	assert_int_equal(r.res.txid, 41);
	rig_sql(&r, fill);
	rig_sync(&r);
	assert_int_equal(r.res.txid, 42);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

static void *
let_go(void *arg)
{
	struct rig *r = arg;

	usleep(100000);
	rig_quit(r);
	return 0;
}

/* Who makes a database, or closes it, has it for itself for a moment. */
static void
a_lock_that_is_let_go_of_is_waited_for(void **state)
{
	struct rig r;
	pthread_t t;

	(void)state;
	rig_exclusive(&r);
	assert_int_equal(pthread_create(&t, 0, let_go, &r), 0);
	rig_runs(&r, 0, 0);
	pthread_join(t, 0);
	rig_stop(&r);
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_size),
		cmocka_unit_test(auto_vacuum),
		cmocka_unit_test(page_map_larger_than_memory),
		cmocka_unit_test(files_end_at_the_commit_past_the_limit),
		cmocka_unit_test(idle_and_uncommitted_write_no_file),
		cmocka_unit_test(
		    first_commit_after_a_pause_is_cut_at_once_the_next_later),
		cmocka_unit_test(trim_keeps_the_last_and_what_is_young),
		cmocka_unit_test(wal_of_the_other_byte_order),
		cmocka_unit_test(full_copy_on_request),
		cmocka_unit_test(a_lock_that_is_let_go_of_is_waited_for),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
