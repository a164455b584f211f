#include "capture_rig.h"

#include "db/capture_impl.h"

/* A database file that something other than SQLite writes over, in place. */

static void
sh(struct rig *r, const char *what)
{
	char cmd[512];

	snprintf(cmd, sizeof cmd, "cd %s && %s", r->dir, what);
	assert_int_equal(system(cmd), 0);
}

static void
rows(struct rig *r, int n)
{
	char sql[160];

	snprintf(sql, sizeof sql, "with recursive n(i) as (select 1 union all "
	    "select i+1 from n where i<%d) insert into t select "
	    "randomblob(2000) from n", n);
	rig_sql(r, sql);
}

static void
update(struct rig *r, int i)
{
	char sql[96];

	snprintf(sql, sizeof sql, "update t set x=randomblob(3500) where "
	    "rowid=%d", i);
	rig_sql(r, sql);
}

static void
begun(struct rig *r)
{
	rig_new(r);
	rig_app(r);
	rig_sql(r, "pragma journal_mode=wal;pragma wal_autocheckpoint=0;"
	    "create table t(x)");
	rig_capture(r);
	rig_runs(r, 0, 0);
	rows(r, 40);
	rig_sync(r);
	assert_int_equal(r->res.txid, 2);
}

static uint64_t
state_max(struct rig *r)
{
	uint64_t min, max;
	int contig;

	assert_int_equal(state_scan(r->ltx0, &min, &max, &contig, &r->err), 0);
	return max;
}

static void
all_copied(struct rig *r)
{
	int i;

	rig_sync(r);
	/* marks are moved on every 50 ms */
	for (i = 0; i < 200 && (r->c->view.backfill < r->c->view.mx
	    || !r->c->h[r->c->cur].zero); i++) {
		usleep(10000);
		rig_sql(r, "pragma wal_checkpoint(passive)");
		assert_int_equal(capture_step(r->c, CAPTURE_DB, &r->res,
		    &r->err), 0);
		assert_int_equal(r->res.gap_from, 0);
	}
	assert_int_not_equal(r->c->h[r->c->cur].zero, 0);
}

/* Another database of n rows to copy from; its cookie is the higher one. */
static void
make_other(struct rig *r, const char *page_size, int n)
{
	sqlite3 *app = r->app;
	char db[sizeof r->db];

	memcpy(db, r->db, sizeof db);
	snprintf(r->db, sizeof r->db, "%s/other", r->dir);
	rig_app(r);
	rig_sql(r, page_size);
	rig_sql(r, "pragma journal_mode=wal;create table t(x);"
	    "create table u(x);create table v(x)");
	rows(r, n);
	rig_quit(r);
	memcpy(r->db, db, sizeof db);
	r->app = app;
}

/* It may be half of it yet, until it is quiet for a while. */
static void
copy_over(struct rig *r, const char *from)
{
	char cmd[64];

	snprintf(cmd, sizeof cmd, "cp %s a.db", from);
	sh(r, cmd);
	assert_int_equal(capture_step(r->c, CAPTURE_DB, &r->res, &r->err), -1);
	assert_int_equal(r->err.kind, ERR_BUSY);
	sh(r, "touch -d '10 seconds ago' a.db");
}

static void
copied_anew(struct rig *r, uint64_t txid)
{
	if (capture_step(r->c, CAPTURE_TIMER, &r->res, &r->err) < 0)
		fail_msg("step: %s", r->err.msg);
	assert_int_equal(r->res.state, CAPTURE_RUNNING);
	assert_int_equal(r->res.gap_from, txid);
	if (!r->app)
		rig_app(r);
	rig_sql(r, "insert into t values('after')");
	rig_sync(r);
	assert_int_equal(r->res.gap_from, 0);
	rig_stop(r);
	rig_compare(r);
	rig_free(r);
}

/* An older state copied over the file, same size, same page 1. */
static void
written_past_sqlite_is_copied_anew(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	update(&r, 5);
	all_copied(&r);
	sh(&r, "cp a.db old");
	update(&r, 7);
	update(&r, 9);
	all_copied(&r);
	rig_quit(&r);
	copy_over(&r, "old");
	copied_anew(&r, r.res.txid + 1);
}

/* The wal-index still has the size of the file that was there: a copy of that
 * many pages is none. */
static void
a_larger_file_is_copied_whole(void **state)
{
	struct rig r;
	int n;

	(void)state;
	for (n = 10; n <= 200; n += 190) {
		begun(&r);
		make_other(&r, "pragma page_size=4096", n);
		all_copied(&r);
		rig_quit(&r);
		copy_over(&r, "other");
		copied_anew(&r, 3);
	}
}

/* No file goes on from one of another page size: a number is left out. */
static void
another_page_size_begins_anew(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	make_other(&r, "pragma page_size=1024", 200);
	all_copied(&r);
	rig_quit(&r);
	copy_over(&r, "other");
	copied_anew(&r, 4);
}

/* SQLite finds it malformed as long as the old WAL is in use. */
static void
while_the_application_has_it_open(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	make_other(&r, "pragma page_size=4096", 200);
	all_copied(&r);
	copy_over(&r, "other");
	assert_int_equal(capture_step(r.c, CAPTURE_TIMER, &r.res, &r.err), -1);
	assert_int_equal(r.res.state, CAPTURE_FAILED);
	rig_quit(&r);
	copied_anew(&r, 3);
}

/* As at a start: what goes back is not shipped without being asked. */
static void
an_older_schema_is_held(void **state)
{
	struct rig r;
	int stop;

	(void)state;
	for (stop = 0; stop < 2; stop++) {
		begun(&r);
		all_copied(&r);
		sh(&r, "cp a.db old");
		rig_sql(&r, "create table u(x)");
		all_copied(&r);
		rig_quit(&r);
		copy_over(&r, "old");
		if (stop)
			assert_int_equal(capture_stop(r.c, &r.res, &r.err), 0);
		else
			assert_int_equal(capture_step(r.c, CAPTURE_DIR, &r.res,
			    &r.err), 0);
		assert_int_equal(r.res.txid, 3);
		assert_int_equal(r.res.new_files, 0);
		if (!stop)
			assert_int_equal(r.res.state, CAPTURE_HELD);
		rig_kill(&r);
		rig_capture(&r);
		assert_int_equal(rig_start(&r, 3), 0);
		assert_int_equal(r.res.state, CAPTURE_HELD);
		rig_kill(&r);
		r.conf.accept_replacement = 1;
		rig_capture(&r);
		rig_runs(&r, 3, 1);
		rig_stop(&r);
		rig_compare(&r);
		rig_free(&r);
	}
}

/* Stopped before it was quiet, with the application killed. */
static void
a_stop_does_not_forget_it(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	make_other(&r, "pragma page_size=4096", 200);
	all_copied(&r);
	rig_quit(&r);
	sh(&r, "cp other a.db");
	capture_stop(r.c, &r.res, &r.err);
	rig_kill(&r);
	rig_capture(&r);
	assert_int_equal(rig_start(&r, 2), 0);
	assert_int_equal(r.res.state, CAPTURE_RUNNING);
	assert_int_equal(r.res.gap_from, 3);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

/* A commit after an idle spell and the deletion right after it: the file is to
 * be opened once more then, and is not there. */
static void
what_was_committed_before_a_deletion_is_kept(void **state)
{
	struct rig r;
	uint64_t txid;

	(void)state;
	begun(&r);
	r.c->last_use = 0; /* idle for long */
	assert_int_equal(capture_step(r.c, CAPTURE_TIMER, &r.res, &r.err), 0);
	assert_null(r.c->h[!r.c->cur].conn.db);
	txid = r.res.txid;
	update(&r, 1);
	usleep(2 * CAPTURE_HOP_MS * 1000);
	sh(&r, "rm a.db a.db-wal a.db-shm");
	capture_step(r.c, CAPTURE_WAL | CAPTURE_DIR, &r.res, &r.err);
	assert_int_equal(r.res.state, CAPTURE_WAITING);
	assert_int_equal(r.res.new_files, 1);
	assert_true(state_max(&r) == txid + 1);
	assert_true(r.c->gone);
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_past_sqlite_is_copied_anew),
		cmocka_unit_test(a_larger_file_is_copied_whole),
		cmocka_unit_test(another_page_size_begins_anew),
		cmocka_unit_test(while_the_application_has_it_open),
		cmocka_unit_test(an_older_schema_is_held),
		cmocka_unit_test(a_stop_does_not_forget_it),
		cmocka_unit_test(what_was_committed_before_a_deletion_is_kept),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
