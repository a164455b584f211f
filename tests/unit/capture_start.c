#include "capture_rig.h"

/* Starts of a capture: what goes on without a full copy, what costs one, what
 * is held, what is refused. */

static const char fill[] =
    "with recursive n(i) as (select 1 union all select i+1 from n where i<40)"
    "insert into t select randomblob(2000) from n";

/* A database that was captured and grew; connection and capture open. */
static void
begun(struct rig *r)
{
	rig_new(r);
	rig_app(r);
	rig_sql(r, "pragma journal_mode=wal;create table t(x)");
	rig_capture(r);
	rig_runs(r, 0, 0);
	rig_sql(r, fill);
	rig_sync(r);
	assert_int_equal(r->res.txid, 2);
}

/* Goes on, captures one more commit; everything equals. */
static void
goes_on(struct rig *r, int dump)
{
	uint64_t txid;

	rig_capture(r);
	rig_runs(r, 2, dump);
	txid = r->res.txid;
	if (!r->app)
		rig_app(r);
	rig_sql(r, "insert into t values('last')");
	rig_sync(r);
	assert_true(r->res.txid > txid);
	rig_stop(r);
	rig_compare(r);
	rig_free(r);
}

static void
clean_stop_and_nothing_since(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_stop(&r);
	goes_on(&r, 0);
}

static void
clean_stop_then_the_application_removes_the_wal(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_stop(&r);
	rig_quit(&r);
	assert_int_not_equal(access(r.wal, F_OK), 0);
	goes_on(&r, 0);
}

/* What is in it would be applied to any file put in the database's place. */
static void
clean_stop_leaves_no_wal(void **state)
{
	sqlite3_stmt *st;
	struct rig r;

	(void)state;
	begun(&r);
	rig_quit(&r);
	assert_int_equal(access(r.wal, F_OK), 0);
	rig_stop(&r);
	assert_int_not_equal(access(r.wal, F_OK), 0);
	goes_on(&r, 0);
	/* but as long as somebody needs it */
	begun(&r);
	assert_int_equal(sqlite3_prepare_v2(r.app, "select x from t", -1, &st,
	    0), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	rig_stop(&r);
	assert_int_equal(access(r.wal, F_OK), 0);
	sqlite3_finalize(st);
	goes_on(&r, 0);
}

static void
clean_stop_then_a_new_wal(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_stop(&r);
	rig_quit(&r);
	rig_app(&r);
	rig_sql(&r, fill);
	goes_on(&r, 0);
}

static void
clean_stop_then_written_and_closed(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_stop(&r);
	/* as long as before: only time and content tell */
	rig_sql(&r, "update t set x=randomblob(2000) where rowid=3");
	rig_quit(&r);
	goes_on(&r, 1);
}

static void
killed_and_the_same_wal_went_on(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_kill(&r);
	rig_sql(&r, fill);
	goes_on(&r, 0);
}

static void
killed_and_the_wal_was_restarted_once(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_kill(&r);
	rig_sql(&r, "pragma wal_checkpoint(restart);"
	    "insert into t values('new wal')");
	goes_on(&r, 0);
}

static void
pain_752_frames_lost_before_a_restart(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_kill(&r);
	rig_sql(&r, fill);
	rig_sql(&r, "pragma wal_checkpoint(restart);"
	    "insert into t values('new wal')");
	goes_on(&r, 1);
}

static void
pain_752_killed_and_truncated(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_kill(&r);
	rig_sql(&r, fill);
	rig_sql(&r, "pragma wal_checkpoint(truncate)");
	rig_sql(&r, fill);
	goes_on(&r, 1);
}

static void
killed_then_vacuum_and_restart_of_the_application(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_kill(&r);
	rig_sql(&r, "delete from t where rowid%2;vacuum");
	rig_quit(&r);
	goes_on(&r, 1);
}

static void
damaged_last_file_is_made_again_from_the_wal(void **state)
{
	struct rig r;
	char path[256];
	FILE *f;

	(void)state;
	begun(&r);
	rig_sql(&r, "insert into t values(1)");
	rig_sync(&r);
	rig_kill(&r);
	snprintf(path, sizeof path, "%s/0000000000000003-0000000000000003.ltx",
	    r.ltx0);
	f = fopen(path, "r+b");
	fseek(f, 120, SEEK_SET);
	fputs("xxxx", f);
	fclose(f);
	goes_on(&r, 0);
}

/* As a power loss leaves it: the end of the WAL gone, and written anew under
 * the same salts. */
static void
frames_captured_but_lost_by_the_file_system(void **state)
{
	struct rig r;
	off_t size;
	FILE *f;

	(void)state;
	begun(&r);
	f = fopen(r.wal, "rb");
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	fclose(f);
	rig_sql(&r, "insert into t values('lost')");
	rig_sync(&r);
	rig_kill(&r);
	/* without the -shm the WAL is read anew, and ends earlier */
	sqlite3_db_config(r.app, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, 0);
	rig_quit(&r);
	assert_int_equal(truncate(r.wal, size), 0);
	rig_app(&r);
	rig_sql(&r, "insert into t values('came instead')");
	goes_on(&r, 1);
}

static void
restored_of_the_latest_state(void **state)
{
	struct state_marker m;
	struct rig r;

	(void)state;
	begun(&r);
	rig_stop(&r);
	rig_quit(&r);
	/* another file with the same content, as ls-restore publishes it */
	snprintf(m.url, sizeof m.url, "cp %s %s.x && mv %s.x %s", r.db, r.db,
	    r.db, r.db);
	assert_int_equal(system(m.url), 0);
	memset(&m, 0, sizeof m);
	m.kind = MARKER_RESTORE;
	m.txid = 2;
	strcpy(m.url, "file:///replica");
	assert_int_equal(state_facts_read(r.db, &m.facts, &r.err), 0);
	assert_int_equal(state_marker_write(r.state, &m, &r.err), 0);
	rig_app(&r);
	rig_sql(&r, fill);
	goes_on(&r, 0);
}

static void
remake(struct rig *r)
{
	char cmd[512];

	snprintf(cmd, sizeof cmd, "rm -f %s %s-wal %s-shm", r->db, r->db,
	    r->db);
	assert_int_equal(system(cmd), 0);
	rig_app(r);
	rig_sql(r, "pragma journal_mode=wal;create table t(x);"
	    "insert into t values('another life')");
}

static void
held(struct rig *r)
{
	assert_int_equal(rig_start(r, 2), 0);
	assert_int_equal(r->res.state, CAPTURE_HELD);
	assert_non_null(strstr(capture_hold_reason(r->c), "ls-restore"));
	assert_int_equal(capture_step(r->c, CAPTURE_DIR, &r->res, &r->err),
	    0);
	assert_int_equal(r->res.state, CAPTURE_HELD);
	assert_int_equal(r->res.new_files, 0);
}

static void
made_anew_while_we_were_away_is_held(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_stop(&r);
	rig_quit(&r);
	remake(&r);
	rig_capture(&r);
	held(&r);
	rig_kill(&r);
	r.conf.accept_replacement = 1;
	rig_capture(&r);
	rig_runs(&r, 2, 1);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

static void
made_anew_while_captured_is_held(void **state)
{
	struct rig r;
	char cmd[512];

	(void)state;
	begun(&r);
	rig_sql(&r, "insert into t values('in time')");
	rig_quit(&r);
	snprintf(cmd, sizeof cmd, "rm -f %s %s-wal %s-shm", r.db, r.db, r.db);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(capture_step(r.c, CAPTURE_DIR, &r.res, &r.err), 0);
	assert_int_equal(r.res.state, CAPTURE_WAITING);
	/* what was committed before it went was taken */
	assert_int_equal(r.res.txid, 3);
	remake(&r);
	held(&r);
	rig_free(&r);
}

static void
replaced_by_rename_while_captured_is_held(void **state)
{
	struct rig r;
	char sql[512];

	(void)state;
	begun(&r);
	snprintf(sql, sizeof sql, "vacuum into '%s.new'", r.db);
	rig_sql(&r, sql);
	rig_quit(&r);
	snprintf(sql, sizeof sql, "mv %s.new %s; rm -f %s-wal %s-shm", r.db,
	    r.db, r.db, r.db);
	assert_int_equal(system(sql), 0);
	assert_int_equal(capture_step(r.c, CAPTURE_DIR, &r.res, &r.err), 0);
	assert_int_equal(r.res.state, CAPTURE_HELD);
	rig_free(&r);
}

static void
moved_with_its_wal_goes_on(void **state)
{
	struct rig r;
	char cmd[512];

	(void)state;
	begun(&r);
	rig_kill(&r);
	sqlite3_db_config(r.app, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, 0);
	rig_sql(&r, "insert into t values('in the WAL')");
	rig_quit(&r);
	snprintf(cmd, sizeof cmd, "cd %s && cp a.db b && cp a.db-wal b-wal && "
	    "rm a.db* && mv b a.db && mv b-wal a.db-wal", r.dir);
	assert_int_equal(system(cmd), 0);
	goes_on(&r, 0);
}

static void
wal_and_shm_removed_under_us(void **state)
{
	struct rig r;
	char cmd[512];

	(void)state;
	begun(&r);
	rig_quit(&r);
	snprintf(cmd, sizeof cmd, "rm -f %s-shm", r.db);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(capture_step(r.c, CAPTURE_DIR, &r.res, &r.err), 0);
	assert_int_equal(r.res.state, CAPTURE_RUNNING);
	assert_int_equal(r.res.gap_from, 0);
	rig_app(&r);
	rig_sql(&r, fill);
	rig_sync(&r);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

static void
created_after_the_start(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r);
	rig_capture(&r);
	assert_int_equal(rig_start(&r, 0), 0);
	assert_int_equal(r.res.state, CAPTURE_WAITING);
	assert_int_equal(r.res.next_ms, -1);
	/* a file without pages is not touched: page size and auto_vacuum stay
	 * the application's to choose */
	rig_app(&r);
	rig_sql(&r, "begin;create table x(y);rollback");
	assert_int_equal(access(r.db, F_OK), 0);
	assert_int_equal(capture_step(r.c, CAPTURE_DIR, &r.res, &r.err), 0);
	assert_int_equal(r.res.state, CAPTURE_WAITING);
	rig_sql(&r, "pragma page_size=8192;pragma auto_vacuum=full;"
	    "create table t(x)");
	rig_runs(&r, 0, 0);
	rig_sql(&r, fill);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

static void
not_in_wal_mode_is_switched(void **state)
{
	struct rig r;

	(void)state;
	rig_new(&r);
	rig_app(&r);
	rig_sql(&r, "create table t(x);insert into t values(1)");
	rig_capture(&r);
	/* not while somebody writes */
	rig_sql(&r, "begin immediate;insert into t values(2)");
	assert_int_equal(rig_start(&r, 0), -1);
	assert_int_equal(r.err.kind, ERR_BUSY);
	rig_sql(&r, "commit");
	rig_runs(&r, 0, 0);
	rig_sql(&r, fill);
	rig_sync(&r);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

static void
through_a_link(void **state)
{
	char link[128];
	struct rig r;

	(void)state;
	rig_new(&r);
	rig_app(&r);
	rig_sql(&r, "pragma journal_mode=wal;create table t(x)");
	snprintf(link, sizeof link, "%s/link.db", r.dir);
	assert_int_equal(symlink("a.db", link), 0);
	r.conf.path = link;
	assert_int_equal(capture_new(&r.c, &r.conf, &r.err), 0);
	rig_runs(&r, 0, 0);
	rig_sql(&r, fill);
	assert_int_equal(capture_step(r.c, CAPTURE_DIR | CAPTURE_SYNC, &r.res,
	    &r.err), 0);
	assert_int_equal(r.res.state, CAPTURE_RUNNING);
	assert_int_equal(r.res.txid, 2);
	assert_int_equal(r.res.gap_from, 0);
	assert_string_equal(capture_ltx_dir(r.c), r.ltx0);
	rig_free(&r);
}

static void
state_folder_removed_under_us(void **state)
{
	char cmd[256];
	struct rig r;

	(void)state;
	begun(&r);
	snprintf(cmd, sizeof cmd, "rm -rf %s", r.state);
	assert_int_equal(system(cmd), 0);
	rig_sql(&r, fill);
	assert_int_equal(capture_step(r.c, CAPTURE_SYNC, &r.res, &r.err), -1);
	rig_runs(&r, 0, 1);
	/* no number is used twice */
	assert_int_equal(r.res.txid, 3);
	rig_sql(&r, fill);
	rig_sync(&r);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

/* All went well but the last write: it is no start, and no step is one. */
static void
notes_cannot_be_written(void **state)
{
	char cmd[256];
	struct rig r;

	(void)state;
	rig_new(&r);
	rig_app(&r);
	rig_sql(&r, "pragma journal_mode=wal;create table t(x)");
	rig_capture(&r);
	snprintf(cmd, sizeof cmd, "mkdir -p %s/shipped.tmp", r.state);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(rig_start(&r, 0), -1);
	assert_int_equal(r.res.state, CAPTURE_FAILED);
	assert_int_equal(capture_step(r.c, CAPTURE_SYNC, &r.res, &r.err), -1);
	assert_int_equal(r.res.state, CAPTURE_FAILED);
	snprintf(cmd, sizeof cmd, "rmdir %s/shipped.tmp", r.state);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(rig_start(&r, 0), 0);
	assert_int_equal(r.res.state, CAPTURE_RUNNING);
	rig_sql(&r, fill);
	rig_sync(&r);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

static void
refused(const char *content, enum err_kind kind, const char *say)
{
	struct rig r;
	FILE *f;

	rig_new(&r);
	f = fopen(r.db, "wb");
	fputs(content, f);
	fclose(f);
	rig_capture(&r);
	assert_int_equal(rig_start(&r, 0), -1);
	assert_int_equal(r.res.state, CAPTURE_FAILED);
	assert_int_equal(r.err.kind, kind);
	assert_non_null(strstr(r.err.msg, say));
	assert_true(r.res.next_ms > 0);
	rig_free(&r);
}

static void
not_a_database(void **state)
{
	(void)state;
	refused("hello", ERR_DATA, "not a SQLite database");
	refused("something that is longer than the hundred bytes a header of "
	    "a database has, and still is none, whatever comes after it",
	    ERR_DATA, "not a SQLite database");
}

static void
exclusive_mode(void **state)
{
	struct rig r;

	(void)state;
	rig_exclusive(&r);
	assert_int_equal(rig_start(&r, 0), -1);
	assert_int_equal(r.err.kind, ERR_CONF);
	assert_non_null(strstr(r.err.msg, "locking_mode=NORMAL"));
	rig_sql(&r, "pragma locking_mode=normal;select count(*) from t");
	rig_quit(&r);
	rig_app(&r);
	rig_runs(&r, 0, 0);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_stop_and_nothing_since),
		cmocka_unit_test(
		    clean_stop_then_the_application_removes_the_wal),
		cmocka_unit_test(clean_stop_leaves_no_wal),
		cmocka_unit_test(clean_stop_then_a_new_wal),
		cmocka_unit_test(clean_stop_then_written_and_closed),
		cmocka_unit_test(killed_and_the_same_wal_went_on),
		cmocka_unit_test(killed_and_the_wal_was_restarted_once),
		cmocka_unit_test(
		    pain_752_frames_lost_before_a_restart),
		cmocka_unit_test(pain_752_killed_and_truncated),
		cmocka_unit_test(
		    killed_then_vacuum_and_restart_of_the_application),
		cmocka_unit_test(damaged_last_file_is_made_again_from_the_wal),
		cmocka_unit_test(frames_captured_but_lost_by_the_file_system),
		cmocka_unit_test(restored_of_the_latest_state),
		cmocka_unit_test(made_anew_while_we_were_away_is_held),
		cmocka_unit_test(made_anew_while_captured_is_held),
		cmocka_unit_test(replaced_by_rename_while_captured_is_held),
		cmocka_unit_test(moved_with_its_wal_goes_on),
		cmocka_unit_test(wal_and_shm_removed_under_us),
		cmocka_unit_test(created_after_the_start),
		cmocka_unit_test(not_in_wal_mode_is_switched),
		cmocka_unit_test(through_a_link),
		cmocka_unit_test(state_folder_removed_under_us),
		cmocka_unit_test(notes_cannot_be_written),
		cmocka_unit_test(not_a_database),
		cmocka_unit_test(exclusive_mode),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
