/* kill -9 of the application, of the capture, of both, at random instants,
 * again and again. Every few rounds the capture is started once more alone:
 * what it has in level-0 files then equals the database, and the database
 * holds every commit that was acknowledged. Usage: kills [ROUNDS]. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/when.h"
#include "common/driver.h"

#define EVERY 10

static volatile long *
acknowledged(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	void *p;

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		die("%s", path);
	p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return p;
}

static void
application(const char *path, const char *ack)
{
	volatile long *done = acknowledged(ack);
	char s[128];
	sqlite3 *db;
	int i;

	srand(getpid());
	if (sqlite3_open(path, &db))
		die("open");
	sqlite3_busy_timeout(db, 5000);
	sqlite3_exec(db, rand() % 2 ? "pragma wal_autocheckpoint=50"
	    : "pragma wal_autocheckpoint=0", 0, 0, 0);
	sqlite3_exec(db, "pragma journal_mode=wal;pragma cache_size=10;create "
	    "table if not exists t(n integer primary key,x)", 0, 0, 0);
	for (;;) {
		long n = *done + 1;

		snprintf(s, sizeof s, "replace into t values(%ld,"
		    "randomblob(%d))", n, rand() % 5000);
		if (sqlite3_exec(db, "begin immediate", 0, 0, 0))
			continue;
		sqlite3_exec(db, s, 0, 0, 0);
		for (i = 0; rand() % 20 == 0 && i < 50; i++)
			sqlite3_exec(db, "update t set x=randomblob(3000) where "
			    "n=abs(random())%(select max(n) from t)", 0, 0, 0);
		if (sqlite3_exec(db, "commit", 0, 0, 0))
			sqlite3_exec(db, "rollback", 0, 0, 0);
		else
			*done = n;
		if (rand() % 2000 == 0)
			sqlite3_exec(db, "vacuum", 0, 0, 0);
		usleep(rand() % 3000);
	}
}

static void
capturer(const char *path)
{
	struct driver d;

	driver_begin(&d, path, 20, LOG_INFO);
	for (;;)
		driver_turn(&d, when_mono() + 1000);
}

static int
once(const char *path)
{
	struct driver d;

	driver_begin(&d, path, 20, LOG_INFO);
	driver_end(&d);
	return d.failures != 0;
}

/* Role "verify": of a copy, so that the WAL of the original stays. A clean
 * stop that got everything into the database file has taken it along. */
static int
verify(const char *dir, const char *ltx, const char *ack)
{
	char cmd[512], path[64];
	long bad, rows = -1, want = *acknowledged(ack);
	sqlite3_stmt *st;
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/copy.db", dir);
	snprintf(cmd, sizeof cmd, "cd %s && rm -f copy.db* && cp a.db copy.db "
	    "&& { test ! -e a.db-wal || cp a.db-wal copy.db-wal; }", dir);
	if (system(cmd))
		die("copy");
	if (sqlite3_open(path, &db) || sqlite3_prepare_v2(db,
	    "select count(*) from t", -1, &st, 0)
	    || sqlite3_step(st) != SQLITE_ROW)
		die("count: %s", sqlite3_errmsg(db));
	rows = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_exec(db, "pragma wal_checkpoint(truncate)", 0, 0, 0);
	sqlite3_close(db);
	bad = compare_files(ltx, path);
	if (bad || rows < want)
		printf("# %ld pages differ, %ld rows of %ld\n", bad, rows,
		    want);
	fflush(stdout);
	return bad || rows < want;
}

static void
role(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "app"))
		application(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "capture"))
		capturer(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "once"))
		exit(once(argv[2]));
	if (argc == 5 && !strcmp(argv[1], "verify"))
		exit(verify(argv[2], argv[3], argv[4]));
}

static int
wait_for(pid_t pid)
{
	int status = 1;

	waitpid(pid, &status, 0);
	return status != 0;
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/kills-XXXXXX", path[64], ltx[128], ack[64], cmd[128];
	int rounds = argc > 1 ? atoi(argv[1]) : 100, i, bad = 0, checks = 0;
	pid_t app, cap;

	role(argc, argv);
	if (rounds <= 0 || !mkdtemp(dir))
		die("usage: kills [ROUNDS]");
	snprintf(path, sizeof path, "%s/a.db", dir);
	snprintf(ack, sizeof ack, "%s/ack", dir);
	snprintf(ltx, sizeof ltx, "%s/.a.db-litestream/ltx/0", dir);
	srand(time(0));
	app = self("app", path, ack, (char *)0);
	usleep(100000);
	cap = self("capture", path, (char *)0);
	for (i = 1; i <= rounds && !bad; i++) {
		int victim = rand() % 3;

		usleep(5000 + rand() % 120000);
		if (victim != 1 || i % EVERY == 0)
			end(app);
		if (victim != 0 || i % EVERY == 0)
			end(cap);
		if (i % EVERY == 0) {
			bad |= wait_for(self("once", path, (char *)0));
			bad |= wait_for(self("verify", dir, ltx, ack,
			    (char *)0));
			checks++;
		}
		usleep(rand() % 30000);
		if (victim != 1 || i % EVERY == 0)
			app = self("app", path, ack, (char *)0);
		if (victim != 0 || i % EVERY == 0)
			cap = self("capture", path, (char *)0);
	}
	end(app);
	end(cap);
	printf("# %d kills, %d checks, %ld commits\n", i - 1, checks,
	    *acknowledged(ack));
	printf("%sok 1 - every acknowledged commit is in the level-0 files\n"
	    "1..1\n", bad ? "not " : "");
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	if (!bad && system(cmd))
		return 111;
	return bad;
}
