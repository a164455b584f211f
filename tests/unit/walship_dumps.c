#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/when.h"
#include "repl/walship.h"

/* Full copies that take long: what they may not stop. The daemon runs in a
 * thread; a copy asks for the free space first, and is kept there. */

#define SLOW 4
#define LIMIT_MS 20000

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t go = PTHREAD_COND_INITIALIZER;
static int waiting, most, released;

int
statvfs(const char *path, struct statvfs *st)
{
	int (*next)(const char *, struct statvfs *);

	*(void **)&next = dlsym(RTLD_NEXT, "statvfs");
	if (strstr(path, "slow")) {
		pthread_mutex_lock(&mu);
		if (++waiting > most)
			most = waiting;
		while (!released)
			pthread_cond_wait(&go, &mu);
		waiting--;
		pthread_mutex_unlock(&mu);
	}
	return next(path, st);
}

static int
waits(const void *n)
{
	int r;

	pthread_mutex_lock(&mu);
	r = waiting >= *(const int *)n;
	pthread_mutex_unlock(&mu);
	return r;
}

static int
there(const void *path)
{
	return !access(path, F_OK);
}

static int
until(int (*what)(const void *), const void *arg)
{
	int64_t end = when_mono() + LIMIT_MS;

	while (!what(arg)) {
		if (when_mono() > end)
			return 0;
		usleep(10000);
	}
	return 1;
}

static void
sql(const char *path, const char *s)
{
	sqlite3 *db;
	char *msg = 0;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, s, 0, 0, &msg))
		fail_msg("%s: %s", s, msg);
	/* what the daemon holds is of this process too: SQLite keeps count */
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

struct one {
	char path[64], replica[80];
	struct store_conf store;
	struct walship_replica r;
};

struct run {
	char dir[32];
	struct one one[SLOW + 2];
	struct walship_db dbs[SLOW + 2];
	struct walship_conf conf;
	struct log log;
	int code, left, rc;
	struct err err;
};

static int
shipped(const struct one *o, unsigned n)
{
	char path[200];

	snprintf(path, sizeof path, "%s/ltx/0/%016x-%016x.ltx", o->replica, n,
	    n);
	return until(there, path);
}

static void
add(struct run *r, size_t i, const char *name)
{
	struct one *o = r->one + i;

	snprintf(o->path, sizeof o->path, "%s/%s.db", r->dir, name);
	snprintf(o->replica, sizeof o->replica, "%s/to-%s", r->dir, name);
	store_conf_init(&o->store);
	o->store.type = STORE_FILE;
	o->store.url = o->store.path = o->replica;
	o->r.store = &o->store;
	r->dbs[i].r = &o->r;
	r->dbs[i].n = 1;
	r->dbs[i].capture.path = o->path;
	r->dbs[i].capture.min_checkpoint_pages = 1000;
	r->dbs[i].capture.sync_interval_ms = 50;
	r->dbs[i].capture.max_sync_wal_bytes = 64 << 20;
	r->dbs[i].capture.encoding = LTX_BLOCK;
}

static void *
daemon_thread(void *p)
{
	struct run *r = p;

	r->rc = walship_run(&r->conf, &r->code, &r->left, &r->err);
	return 0;
}

/* More long copies than there are threads for them. */
static void
long_copies_stop_nobody_else(void **state)
{
	static const char make[] = "pragma journal_mode=wal;create table t(x)";
	static struct run r;
	char name[16], cmd[64];
	int two = 2;
	pthread_t t;
	unsigned i;

	(void)state;
	strcpy(r.dir, "/tmp/dumps-XXXXXX");
	assert_non_null(mkdtemp(r.dir));
	add(&r, 0, "quick");
	sql(r.one[0].path, make);
	for (i = 1; i <= SLOW; i++) {
		snprintf(name, sizeof name, "slow%u", i);
		add(&r, i, name);
		sql(r.one[i].path, make);
		/* large, so that it is no small one */
		sql(r.one[i].path, "insert into t values(zeroblob(68000000));"
		    "pragma wal_checkpoint(truncate)");
	}
	add(&r, SLOW + 1, "later");
	r.log = (struct log){ .fd = 2, .level = LOG_ERROR };
	r.conf = (struct walship_conf){ .dbs = r.dbs, .n = SLOW + 2,
	    .shutdown_ms = 10000, .poll_ms = 1000, .ready_fd = -1,
	    .log = &r.log };
	assert_int_equal(pthread_create(&t, 0, daemon_thread, &r), 0);
	assert_true(until(waits, &two));
	assert_true(shipped(r.one, 1));
	for (i = 2; i < 6; i++) {
		sql(r.one[0].path, "insert into t values(randomblob(99))");
		if (!shipped(r.one, i))
			fail_msg("step %u waits for the copies of others", i);
	}
	/* one that comes now is started, its own copy is a small one */
	sql(r.one[SLOW + 1].path, make);
	if (!shipped(r.one + SLOW + 1, 1))
		fail_msg("a start waits for the copies of others");
	pthread_mutex_lock(&mu);
	assert_int_equal(most, 2);
	released = 1;
	pthread_cond_broadcast(&go);
	pthread_mutex_unlock(&mu);
	for (i = 1; i <= SLOW; i++)
		assert_true(shipped(r.one + i, 1));
	kill(getpid(), SIGTERM);
	pthread_join(t, 0);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.code, 0);
	assert_int_equal(r.left, 0);
	snprintf(cmd, sizeof cmd, "rm -rf %s", r.dir);
	assert_int_equal(system(cmd), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_copies_stop_nobody_else),
	};
	sigset_t set;

	/* for the daemon's thread alone, which reads it as a descriptor */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, 0);
	return cmocka_run_group_tests(tests, 0, 0);
}
