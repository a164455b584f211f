#include "capture_rig.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/stat.h>
#include "db/capture_impl.h"

/* What checkpoints cost: writers, the size of the WAL, files of level 0, and
 * a database at rest. Numbers in names are those of Litestream's issues. */

static const char fill[] =
    "with recursive n(i) as (select 1 union all select i+1 from n where i<40)"
    "insert into t select randomblob(2000) from n";

/* The capture's own checkpoints: counted, and with "sql" something that the
 * application does between the copying of the tail and each of them. */
static struct {
	sqlite3 *app;
	const char *sql;
	int calls, barriers;
} own;

int
sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *log,
    int *done)
{
	int (*next)(sqlite3 *, const char *, int, int *, int *), rc;

	*(void **)&next = dlsym(RTLD_NEXT, "sqlite3_wal_checkpoint_v2");
	if (db == own.app) /* by itself, after a commit */
		return next(db, name, mode, log, done);
	/* the other modes keep writers out for as long as a reader reads */
	assert_int_equal(mode, SQLITE_CHECKPOINT_PASSIVE);
	own.calls++;
	if (own.sql) {
		rc = sqlite3_exec(own.app, own.sql, 0, 0, 0);
		if (rc)
			assert_int_equal(rc, SQLITE_BUSY);
		own.barriers += rc == SQLITE_BUSY;
	}
	return next(db, name, mode, log, done);
}

static void
begun(struct rig *r, uint32_t min_pages)
{
	memset(&own, 0, sizeof own);
	rig_new(r);
	r->conf.sync_interval_ms = 0;
	r->conf.min_checkpoint_pages = min_pages;
	r->conf.busy_timeout_ms = 1000;
	rig_app(r);
	sqlite3_busy_timeout(r->app, 0);
	rig_sql(r, "pragma journal_mode=wal;pragma wal_autocheckpoint=0;"
	    "pragma synchronous=off;create table t(x)");
	rig_capture(r);
	rig_runs(r, 0, 0);
	own.app = r->app;
}

static void
step(struct rig *r)
{
	if (capture_step(r->c, CAPTURE_WAL | CAPTURE_DB | CAPTURE_TIMER,
	    &r->res, &r->err) < 0)
		fail_msg("step: %s", r->err.msg);
	assert_int_equal(r->res.gap_from, 0);
}

static void
ended(struct rig *r)
{
	own.sql = 0;
	rig_stop(r);
	rig_compare(r);
	rig_free(r);
}

static off_t
wal_size(struct rig *r)
{
	struct stat st;

	assert_int_equal(stat(r->wal, &st), 0);
	return st.st_size;
}

static int
files(struct rig *r, off_t *largest)
{
	struct dirent **names;
	int i, n = scandir(r->ltx0, &names, rig_is_ltx, rig_by_name);
	char path[512];
	struct stat st;

	*largest = 0;
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", r->ltx0,
		    names[i]->d_name);
		assert_int_equal(stat(path, &st), 0);
		/* the first two are the whole and what it was filled with */
		if (i > 1 && st.st_size > *largest)
			*largest = st.st_size;
		free(names[i]);
	}
	free(names);
	return n;
}

static sqlite3_stmt *
reader(struct rig *r, sqlite3 **db)
{
	sqlite3_stmt *st;

	assert_int_equal(sqlite3_open(r->db, db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(*db, "select x from t", -1, &st, 0),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	return st;
}

static void
done_reading(sqlite3 *db, sqlite3_stmt *st)
{
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Also in the middle of a checkpoint, and without waiting. */
static void
pain_237_724_writers_go_on_beside_a_long_reader(void **state)
{
	sqlite3_stmt *st;
	struct rig r;
	sqlite3 *db;
	int i;

	(void)state;
	begun(&r, 10);
	rig_sql(&r, fill);
	st = reader(&r, &db);
	own.sql = "insert into t values(randomblob(100))";
	for (i = 0; i < 60; i++) {
		rig_sql(&r, "insert into t values(randomblob(3000))");
		step(&r);
		usleep(10000);
	}
	assert_true(own.calls > 1);
	assert_int_equal(own.barriers, 0);
	assert_null(r.c->barrier.db);
	done_reading(db, st);
	ended(&r);
}

/* A long reader keeps the application's own checkpoints from being complete:
 * said once, tried seldom, and made up for as soon as it ends. */
static void
pain_1536_the_wal_is_used_anew_after_a_long_reader(void **state)
{
	struct log log = { .level = LOG_INFO, .prog = "t" };
	char said[4096] = "", *p;
	int i, fd[2], lines = 0;
	sqlite3_stmt *st;
	struct rig r;
	sqlite3 *db;
	off_t size;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	log.fd = fd[1];
	begun(&r, 20);
	rig_sql(&r, "pragma wal_autocheckpoint=20");
	rig_sql(&r, fill);
	rig_sync(&r);
	r.c->conf.log = &log;
	r.c->conf.max_checkpoint_pages = 60;
	st = reader(&r, &db);
	own.calls = 0;
	for (i = 0; i < 200; i++) {
		rig_sql(&r, "insert into t values(randomblob(3000))");
		step(&r);
		usleep(5000);
	}
	assert_true(wal_size(&r) > 200 * 4096);
	assert_in_range(own.calls, 1, 12);
	assert_true(read(fd[0], said, sizeof said - 1) > 0);
	for (p = said; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 1);
	assert_non_null(strstr(said, "the WAL grows"));
	done_reading(db, st);
	for (i = 0; i < 300 && !r.c->h[r.c->cur].zero; i++) {
		usleep(20000);
		step(&r);
	}
	size = wal_size(&r);
	for (i = 0; i < 60; i++) {
		rig_sql(&r, "insert into t values(randomblob(3000))");
		step(&r);
	}
	assert_int_equal(wal_size(&r), size);
	close(fd[0]);
	close(fd[1]);
	ended(&r);
}

/* With an application that never checkpoints, and commits right before each
 * of ours. */
static void
pain_473_824_the_wal_does_not_run_away(void **state)
{
	struct rig r;
	int i;

	(void)state;
	begun(&r, 50);
	own.sql = "update t set x=randomblob(3000) where rowid=1";
	for (i = 0; i < 300; i++) {
		rig_sql(&r, "insert into t values(randomblob(6000));"
		    "delete from t where rowid%9=2");
		step(&r);
	}
	if (wal_size(&r) > 150 * 4096)
		fail_msg("%ld bytes", (long)wal_size(&r));
	ended(&r);
}

/* What is committed between the copying and the checkpoint is not lost: it is
 * copied to the database by nobody, or the barrier keeps it out. */
static void
pain_1337_no_commit_is_checkpointed_unseen(void **state)
{
	struct rig r;
	int i;

	(void)state;
	begun(&r, 20);
	rig_sql(&r, fill);
	own.sql = "insert into t values(randomblob(700));"
	    "update t set x=randomblob(1500) where rowid=abs(random())%40";
	for (i = 0; i < 150; i++) {
		rig_sql(&r, "update t set x=randomblob(2000) where rowid=7");
		step(&r);
		if (i % 3 == 0)
			rig_sql(&r, "pragma wal_checkpoint(passive)");
	}
	assert_true(own.calls > 20);
	assert_true(own.barriers > 0 && own.barriers < own.calls);
	ended(&r);
}

/* Checkpointed, and the WAL as long as ever: nothing is written, read or
 * tried for it. */
static void
pain_896_927_997_a_database_at_rest_costs_nothing(void **state)
{
	off_t size, largest;
	int i, n, calls;
	struct rig r;

	(void)state;
	begun(&r, 10);
	r.c->conf.checkpoint_interval_ms = 5;
	rig_sql(&r, fill);
	for (i = 0; i < 100 && (r.c->view.backfill < r.c->view.mx
	    || r.c->view.mx < 10); i++)
		step(&r);
	assert_int_equal(r.c->view.backfill, r.c->view.mx);
	size = wal_size(&r);
	assert_true(size > 10 * 4096);
	calls = own.calls;
	n = files(&r, &largest);
	for (i = 0; i < 100; i++) {
		step(&r);
		usleep(2000);
	}
	assert_int_equal(own.calls, calls);
	assert_int_equal(files(&r, &largest), n);
	assert_int_equal(wal_size(&r), size);
	/* the next commit begins it anew, and the old frames count no more */
	r.c->conf.checkpoint_interval_ms = 0;
	for (i = 0; i < 8; i++) {
		rig_sql(&r, "update t set x=randomblob(2000) where rowid=7");
		step(&r);
	}
	assert_int_equal(own.calls, calls);
	assert_int_equal(wal_size(&r), size);
	ended(&r);
}

static void
pain_1165_1171_1175_1197_1198_a_checkpoint_makes_no_copy(void **state)
{
	off_t largest;
	struct rig r;
	int i, n = 0;

	(void)state;
	begun(&r, 10);
	for (i = 0; i < 20; i++)
		rig_sql(&r, fill);
	rig_sync(&r);
	r.c->conf.checkpoint_interval_ms = 1;
	for (i = 0; i < 60; i++) {
		rig_sql(&r, "update t set x=randomblob(2000) where rowid=7");
		step(&r);
		usleep(2000);
		step(&r);
		n += r.c->view.backfill == r.c->view.mx;
	}
	assert_true(n > 30);
	assert_int_equal(files(&r, &largest), 62);
	assert_in_range(largest, 1, 4 * 4096);
	ended(&r);
}

/* One file with the growth and the end of it. */
static void
pain_881_pages_past_a_vacuum_are_left_out(void **state)
{
	unsigned char *image = 0;
	uint32_t size, was;
	char path[256];
	struct rig r;

	(void)state;
	begun(&r, 0);
	rig_sql(&r, fill);
	rig_sync(&r);
	was = r.c->view.pages;
	rig_sql(&r, fill);
	rig_sql(&r, fill);
	rig_sql(&r, "delete from t where rowid>10;vacuum");
	rig_sync(&r);
	assert_int_equal(r.res.txid, 3);
	snprintf(path, sizeof path, "%s/0000000000000003-0000000000000003.ltx",
	    r.ltx0);
	assert_true(rig_apply(path, &image, &size) < was);
	free(image);
	ended(&r);
}

static void *
hostile(void *path)
{
	static const char *const mode[] = { "passive", "full", "restart",
		"truncate" };
	char s[200];
	sqlite3 *db;
	int i;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (i = 0; __atomic_load_n(&own.barriers, __ATOMIC_RELAXED) == 0;
	    i++) {
		snprintf(s, sizeof s, "begin immediate;update g set n=n+1;"
		    "update h set n=n+1;commit;pragma wal_checkpoint(%s)",
		    mode[i % 4]);
		sqlite3_exec(db, s, 0, 0, 0);
		__atomic_store_n(&own.calls, i, __ATOMIC_RELAXED);
	}
	sqlite3_close(db);
	return 0;
}

static int
asked(const char *path, const char *sql)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int n;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, 0), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* What a transaction changes lies at both ends of the file, and transactions
 * and checkpoints go on all the time. */
static void
pain_1309_the_first_copy_is_of_one_moment(void **state)
{
	unsigned char *image = 0;
	uint32_t size, pages;
	char path[256];
	pthread_t t;
	struct rig r;
	FILE *f;

	(void)state;
	memset(&own, 0, sizeof own);
	rig_new(&r);
	rig_app(&r);
	rig_sql(&r, "pragma journal_mode=wal;create table g(n,x);"
	    "create table t(x);create table h(n,x);"
	    "with recursive n(i) as (select 1 union all select i+1 from n "
	    "where i<20) insert into g select 0,randomblob(3000) from n;"
	    "insert into t values(randomblob(30000000));"
	    "insert into h select n,randomblob(3000) from g;"
	    "pragma wal_checkpoint(truncate)");
	rig_quit(&r);
	rig_capture(&r);
	assert_int_equal(pthread_create(&t, 0, hostile, r.db), 0);
	while (__atomic_load_n(&own.calls, __ATOMIC_RELAXED) < 4)
		usleep(1000);
	__atomic_store_n(&own.calls, 0, __ATOMIC_RELAXED);
	rig_runs(&r, 0, 0);
	assert_true(__atomic_load_n(&own.calls, __ATOMIC_RELAXED) > 4);
	__atomic_store_n(&own.barriers, 1, __ATOMIC_RELAXED);
	pthread_join(t, 0);
	snprintf(path, sizeof path, "%s/0000000000000001-0000000000000001.ltx",
	    r.ltx0);
	pages = rig_apply(path, &image, &size);
	snprintf(path, sizeof path, "%s/copy", r.dir);
	f = fopen(path, "wb");
	/* not in WAL mode: as it is */
	image[18] = image[19] = 1;
	assert_int_equal(fwrite(image, size, pages, f), pages);
	fclose(f);
	free(image);
	assert_int_equal(asked(path, "select count(distinct n) from "
	    "(select n from g union all select n from h)"), 1);
	assert_int_equal(asked(path, "select integrity_check='ok' from "
	    "pragma_integrity_check"), 1);
	ended(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    pain_237_724_writers_go_on_beside_a_long_reader),
		cmocka_unit_test(
		    pain_1536_the_wal_is_used_anew_after_a_long_reader),
		cmocka_unit_test(pain_473_824_the_wal_does_not_run_away),
		cmocka_unit_test(pain_1337_no_commit_is_checkpointed_unseen),
		cmocka_unit_test(
		    pain_896_927_997_a_database_at_rest_costs_nothing),
		cmocka_unit_test(
		    pain_1165_1171_1175_1197_1198_a_checkpoint_makes_no_copy),
		cmocka_unit_test(pain_881_pages_past_a_vacuum_are_left_out),
		cmocka_unit_test(pain_1309_the_first_copy_is_of_one_moment),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
