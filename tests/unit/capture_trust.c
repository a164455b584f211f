#include "capture_rig.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <time.h>
#include "db/capture_impl.h"
#include "db/hop.h"

/* What a start or a hop must not trust, and what it must. */

static const char fill[] =
    "with recursive n(i) as (select 1 union all select i+1 from n where i<40)"
    "insert into t select randomblob(2000) from n";

/* Runs once, where a connection of the capture is about to be opened. */
static struct {
	struct rig *r;
	void (*run)(struct rig *);
} hook;

int
sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs)
{
	int (*next)(const char *, sqlite3 **, int, const char *);
	void (*run)(struct rig *) = hook.run;

	*(void **)&next = dlsym(RTLD_NEXT, "sqlite3_open_v2");
	hook.run = 0;
	if (run)
		run(hook.r);
	return next(path, db, flags, vfs);
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
	rig_sql(r, fill);
	rig_sync(r);
	assert_int_equal(r->res.txid, 2);
}

/* Goes on, captures one more commit; everything equals. */
static void
goes_on(struct rig *r, uint64_t remote, int dump)
{
	rig_capture(r);
	rig_runs(r, remote, dump);
	if (!r->app)
		rig_app(r);
	rig_sql(r, "insert into t values('last')");
	rig_sync(r);
	rig_stop(r);
	rig_compare(r);
	rig_free(r);
}

static void
a_reader_that_is_to_hold_is_not_let_go(void **state)
{
	unsigned char keep[96], *shm;
	struct conn *k;
	struct rig r;

	(void)state;
	begun(&r);
	k = &r.c->h[!r.c->cur].conn;
	assert_int_equal(hop_other(r.c, &r.err), 0);
	assert_int_equal(conn_begin(k, 0, &r.err), 0);
	assert_int_equal(conn_begin(k, 0, &r.err), -1);
	assert_int_equal(r.err.kind, ERR_BUG);
	/* a writer died between the two copies of the header */
	shm = (unsigned char *)conn_shm(k);
	memcpy(keep, shm, sizeof keep);
	shm[8]++;
	assert_int_equal(hop_view(r.c, &r.err), -1);
	assert_int_equal(r.err.kind, ERR_BUSY);
	assert_true(k->reading);
	assert_int_equal(sqlite3_txn_state(k->db, "main"), SQLITE_TXN_READ);
	memcpy(shm, keep, sizeof keep);
	conn_end(k);
	/* where none reads, one that begins mends it */
	shm[8]++;
	assert_int_equal(hop_view(r.c, &r.err), 0);
	assert_false(k->reading);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

static void
update(struct rig *r, int i)
{
	char sql[96];

	snprintf(sql, sizeof sql, "update t set x=randomblob(3500) where "
	    "rowid=%d", i);
	rig_sql(r, sql);
}

/* Frames we never saw were cut off by journal_size_limit: what is left looks
 * as if our last one had been the last. */
static void
a_wal_that_was_cut_proves_nothing(void **state)
{
	struct rig r;
	int i;

	(void)state;
	rig_new(&r);
	rig_app(&r);
	rig_sql(&r, "pragma page_size=4096;pragma journal_mode=wal;"
	    "pragma wal_autocheckpoint=0;create table t(x);"
	    "with recursive n(i) as (select 1 union all select i+1 from n where "
	    "i<40) insert into t select randomblob(3500) from n;"
	    "pragma wal_checkpoint(truncate);pragma journal_size_limit=33992");
	rig_capture(&r);
	rig_runs(&r, 0, 0);
	for (i = 1; i <= 8; i++)
		update(&r, i);
	rig_sync(&r);
	assert_int_equal(r.res.txid, 2);
	rig_kill(&r);
	for (i = 20; i < 30; i++)
		update(&r, i);
	rig_sql(&r, "pragma wal_checkpoint(passive)");
	update(&r, 35);
	goes_on(&r, 2, 1);
}

static void
checkpointed_and_written(struct rig *r)
{
	rig_sql(r, "pragma wal_checkpoint(truncate);"
	    "insert into t values('after')");
}

static void
a_marker_is_not_older_than_the_hold(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_stop(&r);
	update(&r, 7);
	hook.r = &r;
	hook.run = checkpointed_and_written;
	goes_on(&r, 2, 1);
}

static void
sh(struct rig *r, const char *what)
{
	char cmd[512];

	snprintf(cmd, sizeof cmd, "cd %s && %s", r->dir, what);
	assert_int_equal(system(cmd), 0);
}

/* Another file with the content of the database, without its WAL. */
static void
copied(struct rig *r, const char *cp)
{
	char cmd[256];

	if (r->app)
		rig_quit(r);
	snprintf(cmd, sizeof cmd, "%s a.db b.db && rm -f a.db* && mv b.db a.db",
	    cp);
	sh(r, cmd);
}

static void
held(struct rig *r, uint64_t remote)
{
	rig_capture(r);
	if (rig_start(r, remote) < 0)
		fail_msg("start: %s", r->err.msg);
	assert_int_equal(r->res.state, CAPTURE_HELD);
	assert_non_null(strstr(capture_hold_reason(r->c), "ls-restore"));
	rig_kill(r);
	r->conf.accept_replacement = 1;
	goes_on(r, remote, 1);
}

static void
copied_with_time_after_a_clean_stop(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_stop(&r);
	copied(&r, "cp -p");
	goes_on(&r, 2, 0);
}

/* A file system that keeps whole seconds: what is written right after a stop
 * has to have another time. */
static void
a_marker_is_older_than_a_tick(void **state)
{
	struct timespec t, now;
	struct rig r;
	struct timespec both[2];

	(void)state;
	begun(&r);
	rig_kill(&r);
	rig_quit(&r);
	rig_capture(&r);
	clock_gettime(CLOCK_REALTIME, &t);
	both[0] = both[1] = (struct timespec){ t.tv_sec, 0 };
	assert_int_equal(utimensat(AT_FDCWD, r.db, both, 0), 0);
	rig_runs(&r, 2, 1);
	rig_stop(&r);
	clock_gettime(CLOCK_REALTIME, &now);
	assert_true(now.tv_sec > t.tv_sec);
	goes_on(&r, 3, 0);
}

static void
copied_without_time(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_stop(&r);
	copied(&r, "cp");
	goes_on(&r, 2, 1);
}

static void
copied_after_a_kill_and_went_on_a_little(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_sql(&r, "insert into t select hex(x) from t limit 1");
	rig_sync(&r);
	rig_kill(&r);
	copied(&r, "cp");
	rig_app(&r);
	rig_sql(&r, "insert into t values('more')");
	goes_on(&r, 3, 1);
}

static void
made_anew(struct rig *r, const char *schema, const char *fill_with)
{
	int i;

	rig_kill(r);
	rig_quit(r);
	sh(r, "mv a.db old; rm -f a.db*"); /* keeps the inode */
	rig_app(r);
	rig_sql(r, "pragma journal_mode=wal");
	rig_sql(r, schema);
	for (i = 0; i < 50; i++)
		rig_sql(r, fill_with);
}

static void
made_anew_with_higher_counters(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	made_anew(&r, "create table a(x);create table b(x);create table t(x)",
	    fill);
	held(&r, 2);
}

static void
made_anew_with_the_same_schema(void **state)
{
	static const char rows[] = "insert into t values(abs(random())%200)";
	static const char make[] = "create table t(x)";
	struct rig r;
	int i;

	(void)state;
	rig_new(&r);
	rig_app(&r);
	rig_sql(&r, "pragma journal_mode=wal");
	rig_sql(&r, make);
	for (i = 0; i < 50; i++)
		rig_sql(&r, rows);
	rig_capture(&r);
	rig_runs(&r, 0, 0);
	rig_sql(&r, "insert into t values(5)");
	rig_sync(&r);
	made_anew(&r, make, rows);
	held(&r, 2);
}

static void
restored_and_written_before_we_came(void **state)
{
	struct state_marker m;
	struct rig r;

	(void)state;
	begun(&r);
	rig_stop(&r);
	copied(&r, "cp");
	memset(&m, 0, sizeof m);
	m.kind = MARKER_RESTORE;
	m.txid = 2;
	assert_int_equal(state_facts_read(r.db, &m.facts, &r.err), 0);
	assert_int_equal(state_marker_write(r.state, &m, &r.err), 0);
	rig_app(&r);
	rig_sql(&r, "delete from t;vacuum");
	rig_quit(&r);
	goes_on(&r, 2, 1);
}

/* The state folder is gone: the replica's newest file is what there is. */
static void
start_from_replica(struct rig *r, enum capture_state want)
{
	struct capture_remote m;
	char path[128];

	sh(r, "cp .a.db-litestream/ltx/0/*2.ltx base; rm -r .a.db-litestream");
	snprintf(path, sizeof path, "%s/base", r->dir);
	memset(&m, 0, sizeof m);
	m.max_txid = 2;
	m.last_l0 = path;
	rig_capture(r);
	if (capture_start(r->c, &m, &r->res, &r->err) < 0)
		fail_msg("start: %s", r->err.msg);
	assert_int_equal(r->res.state, want);
	if (want == CAPTURE_RUNNING) {
		assert_int_equal(r->res.gap_from, 3);
		rig_stop(r);
		rig_compare(r);
	}
	rig_free(r);
}

static void
state_folder_lost(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	rig_kill(&r);
	rig_quit(&r);
	start_from_replica(&r, CAPTURE_RUNNING);
	begun(&r);
	rig_kill(&r);
	rig_sql(&r, "insert into t values('more')");
	rig_quit(&r);
	start_from_replica(&r, CAPTURE_RUNNING);
}

/* ... but the WAL is still there, with its last frames in it or restarted
 * behind them: no full copy. An older folder is no different. */
static void
found_in_the_wal(const char *lose, const char *then, int dump)
{
	struct capture_remote m;
	char path[128];
	struct rig r;

	begun(&r);
	rig_kill(&r);
	sh(&r, "cp .a.db-litestream/ltx/0/*2.ltx base");
	sh(&r, lose);
	rig_sql(&r, then);
	snprintf(path, sizeof path, "%s/base", r.dir);
	memset(&m, 0, sizeof m);
	m.max_txid = 2;
	m.last_l0 = path;
	rig_capture(&r);
	if (capture_start(r.c, &m, &r.res, &r.err) < 0)
		fail_msg("start: %s", r.err.msg);
	assert_int_equal(r.res.state, CAPTURE_RUNNING);
	assert_int_equal(r.res.gap_from, dump ? 3 : 0);
	rig_sql(&r, "insert into t values('after')");
	rig_sync(&r);
	rig_stop(&r);
	/* what the folder no longer has is in the replica */
	sh(&r, "test ! -e base || cp base .a.db-litestream/ltx/0/"
	    "0000000000000002-0000000000000002.ltx;"
	    "test -e one || exit 0; cp one .a.db-litestream/ltx/0/"
	    "0000000000000001-0000000000000001.ltx");
	rig_compare(&r);
	rig_free(&r);
}

static void
state_folder_lost_and_not_the_wal(void **state)
{
	static const char more[] = "insert into t values('more')";
	static const char again[] = "pragma wal_checkpoint(restart);"
	    "insert into t values('more')";
	static const char both[] = "insert into t values('unseen');"
	    "pragma wal_checkpoint(restart);insert into t values('more')";
	static const char all[] = "cp .a.db-litestream/ltx/0/*1.ltx one;"
	    "rm -r .a.db-litestream";
	static const char last[] = "rm .a.db-litestream/ltx/0/*2.ltx "
	    ".a.db-litestream/shipped";

	(void)state;
	found_in_the_wal(all, more, 0);
	found_in_the_wal(all, again, 0);
	found_in_the_wal(all, both, 1);
	found_in_the_wal(last, more, 0);
	found_in_the_wal(last, again, 0);
	found_in_the_wal(last, both, 1);
}

static void
state_folder_and_database_lost(void **state)
{
	struct rig r;

	(void)state;
	begun(&r);
	made_anew(&r, "create table t(x)", fill);
	start_from_replica(&r, CAPTURE_HELD);
	begun(&r);
	made_anew(&r, "create table other(x);create table t(x)", fill);
	start_from_replica(&r, CAPTURE_HELD);
}

static void
made_other(struct rig *r)
{
	rig_quit(r);
	sh(r, "mv a.db old; rm -f a.db*"); /* keeps the inode */
	rig_app(r);
	rig_sql(r, "pragma journal_mode=wal;create table a(y);"
	    "create table t(x)");
	rig_sql(r, fill);
	rig_quit(r);
}

/* A restarted WAL with a header, and nothing committed in it. */
static void
header_alone(struct rig *r)
{
	rig_new(r);
	rig_app(r);
	rig_sql(r, "pragma journal_mode=wal;create table t(x)");
	rig_sql(r, fill);
	rig_sql(r, "pragma wal_checkpoint(restart);pragma cache_size=4;begin");
	rig_sql(r, fill);
	rig_sql(r, fill);
	rig_sql(r, "rollback");
	rig_capture(r);
	rig_runs(r, 0, 0);
	assert_int_equal(r->c->pos.n, 0);
	assert_true(r->c->pos.salt1);
	rig_kill(r);
}

static void
full_copy_of_an_empty_wal(void **state)
{
	struct rig r;

	(void)state;
	header_alone(&r);
	rig_sql(&r, fill);
	goes_on(&r, 1, 0);
	/* nothing tells that WAL from one beside another database */
	header_alone(&r);
	sh(&r, "cp a.db-wal w");
	made_other(&r);
	sh(&r, "mv w a.db-wal");
	rig_capture(&r);
	assert_int_equal(rig_start(&r, 1), 0);
	assert_int_equal(r.res.state, CAPTURE_HELD);
	rig_free(&r);
}

/* Replaced, and a step for another reason comes before the event of that: the
 * WAL of the new one is not a restarted one of the old. */
static void
another_file_of_the_name_is_not_gone_over_to(void **state)
{
	struct rig r;
	int i;

	(void)state;
	begun(&r);
	rig_sql(&r, "pragma wal_checkpoint(passive)");
	made_other(&r);
	rig_app(&r);
	rig_sql(&r, "insert into t values('other')");
	/* as after an idle time */
	conn_close(&r.c->h[!r.c->cur].conn);
	for (i = 0; i < 3; i++)
		capture_step(r.c, CAPTURE_SYNC, &r.res, &r.err);
	assert_int_equal(r.res.txid, 2);
	assert_int_equal(capture_step(r.c, CAPTURE_DIR, &r.res, &r.err), 0);
	assert_int_equal(r.res.txid, 2);
	assert_int_equal(r.res.state, CAPTURE_HELD);
	rig_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_that_is_to_hold_is_not_let_go),
		cmocka_unit_test(a_wal_that_was_cut_proves_nothing),
		cmocka_unit_test(a_marker_is_not_older_than_the_hold),
		cmocka_unit_test(copied_with_time_after_a_clean_stop),
		cmocka_unit_test(a_marker_is_older_than_a_tick),
		cmocka_unit_test(copied_without_time),
		cmocka_unit_test(copied_after_a_kill_and_went_on_a_little),
		cmocka_unit_test(made_anew_with_higher_counters),
		cmocka_unit_test(made_anew_with_the_same_schema),
		cmocka_unit_test(restored_and_written_before_we_came),
		cmocka_unit_test(state_folder_lost),
		cmocka_unit_test(state_folder_lost_and_not_the_wal),
		cmocka_unit_test(state_folder_and_database_lost),
		cmocka_unit_test(full_copy_of_an_empty_wal),
		cmocka_unit_test(
		    another_file_of_the_name_is_not_gone_over_to),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
