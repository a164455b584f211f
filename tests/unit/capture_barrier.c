#include "capture_rig.h"

#include <dlfcn.h>
#include "db/capture_impl.h"

/* When a checkpoint may keep writers out, and for how much. */

static const char fill[] =
    "with recursive n(i) as (select 1 union all select i+1 from n where i<40)"
    "insert into t select randomblob(2000) from n";

/* Commits that come right behind each checkpoint of the capture. */
static struct {
	struct rig *r;
	int times, pages;
} behind;

int
sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *log,
    int *done)
{
	int (*next)(sqlite3 *, const char *, int, int *, int *), rc;
	char sql[96];

	*(void **)&next = dlsym(RTLD_NEXT, "sqlite3_wal_checkpoint_v2");
	rc = next(db, name, mode, log, done);
	if (behind.times > 0) {
		behind.times--;
		snprintf(sql, sizeof sql, "update t set x=randomblob(3500) "
		    "where rowid<=%d", behind.pages);
		rig_sql(behind.r, sql);
	}
	return rc;
}

/* A long checkpoint of the application: the barrier would wait for it, and
 * every writer for the barrier. */
static void
no_barrier_beside_a_checkpoint_of_others(void **state)
{
	sqlite3_file *f;
	struct rig r;

	(void)state;
	rig_new(&r);
	r.conf.min_checkpoint_pages = 10;
	r.conf.sync_interval_ms = 0;
	rig_app(&r);
	rig_sql(&r, "pragma journal_mode=wal;create table t(x)");
	rig_capture(&r);
	rig_runs(&r, 0, 0);
	sqlite3_file_control(r.app, "main", SQLITE_FCNTL_FILE_POINTER, &f);
	/* WAL_CKPT_LOCK */
	assert_int_equal(f->pMethods->xShmLock(f, 1, 1, SQLITE_SHM_LOCK
	    | SQLITE_SHM_EXCLUSIVE), SQLITE_OK);
	rig_sql(&r, fill);
	rig_sync(&r);
	assert_null(r.c->barrier.db);
	assert_true(r.c->view.backfill < r.c->view.mx);
	assert_int_equal(f->pMethods->xShmLock(f, 1, 1, SQLITE_SHM_UNLOCK
	    | SQLITE_SHM_EXCLUSIVE), SQLITE_OK);
	usleep(300000);
	rig_sync(&r);
	assert_int_equal(r.c->view.backfill, r.c->view.mx);
	rig_stop(&r);
	rig_compare(&r);
	rig_free(&r);
}

/* What is left to copy after three tries is copied while writers wait: so only
 * if that is little, and more only the further the WAL is past its aim. */
static void
pain_1332_the_barrier_copies_little(void **state)
{
	static const struct {
		int pages;
		uint32_t min, max;
		int barrier;
	} t[] = {
		{ 256, 100000, 0, 1 }, { 257, 100000, 0, 0 },
		{ 512, 768, 0, 1 }, { 513, 768, 0, 0 },
		{ 600, 100000, 700, 1 }
	};
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof t / sizeof *t; i++) {
		rig_new(&r);
		r.conf.sync_interval_ms = 0;
		rig_app(&r);
		rig_sql(&r, "pragma page_size=4096;pragma journal_mode=wal;"
		    "pragma wal_autocheckpoint=0;create table t(x);"
		    "with recursive n(i) as (select 1 union all select i+1 "
		    "from n where i<700) insert into t select randomblob(3500) "
		    "from n;pragma wal_checkpoint(truncate)");
		r.conf.checkpoint_interval_ms = 1;
		r.conf.min_checkpoint_pages = t[i].min;
		r.conf.max_checkpoint_pages = t[i].max;
		rig_capture(&r);
		rig_runs(&r, 0, 0);
		behind.r = &r;
		behind.times = 3;
		behind.pages = t[i].pages;
		rig_sql(&r, "update t set x=randomblob(3500) where rowid<=1");
		assert_int_equal(capture_step(r.c, CAPTURE_WAL, &r.res,
		    &r.err), 0);
		usleep(2000);
		assert_int_equal(capture_step(r.c, CAPTURE_TIMER, &r.res,
		    &r.err), 0);
		assert_int_equal(behind.times, 0);
		assert_int_equal(r.c->barrier.db != 0, t[i].barrier);
		assert_int_equal(r.c->view.backfill == r.c->view.mx,
		    t[i].barrier);
		if (!t[i].barrier)
			assert_int_equal(r.c->view.mx - r.c->view.backfill,
			    t[i].pages);
		rig_stop(&r);
		rig_compare(&r);
		rig_free(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_barrier_beside_a_checkpoint_of_others),
		cmocka_unit_test(pain_1332_the_barrier_copies_little),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
