#include "capture_rig.h"

#include <dlfcn.h>
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_that_is_to_hold_is_not_let_go),
		cmocka_unit_test(a_wal_that_was_cut_proves_nothing),
		cmocka_unit_test(a_marker_is_not_older_than_the_hold),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
