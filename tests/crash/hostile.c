/* Every frame is captured whatever others do: writers with different
 * autocheckpoint settings (transactions that spill, rollbacks, VACUUM), one
 * process that calls all four checkpoint modes in a loop, and, with "kill",
 * writers that are killed at random instants. At the end every page made of
 * the level-0 files equals the database, and no full copy was needed after
 * the first. Usage: hostile SECONDS [kill].
 *
 * Every process is forked and executed before this one opens SQLite: a child
 * that inherits its lock table sees no locks, and nothing would be proven. */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/when.h"
#include "common/driver.h"

#define WRITERS 3

static int
sql(sqlite3 *db, const char *s)
{
	return sqlite3_exec(db, s, 0, 0, 0);
}

static sqlite3 *
open_db(const char *path, int busy)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db))
		die("open %s", path);
	sqlite3_busy_timeout(db, busy);
	return db;
}

static void
big_transaction(sqlite3 *db)
{
	int i;

	sql(db, "begin immediate");
	for (i = 0; i < 200; i++)
		sql(db, "insert into t values(randomblob(3000))");
	sql(db, "update t set x=randomblob(500) where rowid%5=1");
	sql(db, rand() % 2 ? "rollback" : "commit");
}

static void
writer(const char *path, int seed, int automatic, int quick)
{
	sqlite3 *db = open_db(path, 5000);
	char s[200];

	srand(seed);
	snprintf(s, sizeof s, "pragma wal_autocheckpoint=%d;"
	    "pragma synchronous=%s;pragma cache_size=20", automatic,
	    quick ? "off" : "full");
	sql(db, s);
	for (;;) {
		snprintf(s, sizeof s, "insert into t values(randomblob(%d))",
		    rand() % 6000);
		sql(db, s);
		if (rand() % 50 == 0)
			sql(db, "delete from t where rowid%7=0");
		if (rand() % 40 == 0)
			big_transaction(db);
		if (rand() % 200 == 0)
			sql(db, "delete from t where rowid%2");
		if (rand() % 600 == 0)
			sql(db, "vacuum");
		if (rand() % 3 == 0)
			usleep(rand() % 2000);
	}
}

static void
checkpoints(const char *path)
{
	static const char *const mode[] = {
		"pragma wal_checkpoint(truncate)",
		"pragma wal_checkpoint(restart)",
		"pragma wal_checkpoint(full)",
		"pragma wal_checkpoint(passive)"
	};

	srand(99);
	for (;;) {
		sqlite3 *db = open_db(path, 1);
		int i;

		for (i = 0; i < 20; i++) {
			sql(db, mode[rand() % 4]);
			usleep(rand() % 500);
		}
		sqlite3_close(db);
	}
}

/* Keeps a writer alive and kills it again and again. */
static void
killer(const char *path, const char *seed, const char *automatic)
{
	srand(atoi(seed) + 7);
	for (;;) {
		char s[16];
		pid_t pid;

		snprintf(s, sizeof s, "%d", rand());
		pid = self("writer", path, s, automatic, "full", (char *)0);
		usleep(20000 + rand() % 150000);
		end(pid);
	}
}

static void
role(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "writer"))
		writer(argv[2], atoi(argv[3]), atoi(argv[4]),
		    argv[5][0] == 'o');
	if (argc == 5 && !strcmp(argv[1], "killer"))
		killer(argv[2], argv[3], argv[4]);
	if (argc == 3 && !strcmp(argv[1], "checkpoints"))
		checkpoints(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "create")) {
		sqlite3 *db = open_db(argv[2], 0);

		exit(sql(db, "pragma journal_mode=wal;create table t(x);"
		    "insert into t values(1)") || sqlite3_close(db));
	}
}

static void
again(struct driver *d, const char *path)
{
	struct driver e;

	driver_begin(&e, path, 300, LOG_WARN);
	driver_end(&e);
	d->dumps += e.dumps;
	d->failures += e.failures;
}

static int
judge(struct driver *d, const char *path, const char *ltx, int secs)
{
	sqlite3 *db = open_db(path, 5000);
	long bad;

	sql(db, "pragma wal_checkpoint(truncate)");
	sqlite3_close(db);
	bad = compare_files(ltx, path);
	printf("# %d s: %u files, %llu steps, cpu %.2f s, failures %u\n",
	    secs, d->files, (unsigned long long)d->steps, cpu_seconds(),
	    d->failures);
	printf("%sok 1 - every page equals the source (%ld differ)\n",
	    bad ? "not " : "", bad);
	printf("%sok 2 - no full copy after the first (%u)\n",
	    d->dumps ? "not " : "", d->dumps);
	printf("%sok 3 - no step failed (%u)\n1..3\n",
	    d->failures ? "not " : "", d->failures);
	return bad || d->dumps || d->failures;
}

int
main(int argc, char **argv)
{
	static const char *const automatic[] = { "0", "100", "1000" };
	char dir[] = "/tmp/hostile-XXXXXX", path[64], ltx[128], cmd[128];
	int secs = argc > 1 ? atoi(argv[1]) : 10, i, n = 0, r;
	int kills = argc > 2 && !strcmp(argv[2], "kill");
	pid_t pid[WRITERS + 1];
	struct driver d;
	int64_t until;

	role(argc, argv);
	if (secs <= 0 || !mkdtemp(dir))
		die("usage: hostile SECONDS [kill]");
	snprintf(path, sizeof path, "%s/a.db", dir);
	snprintf(ltx, sizeof ltx, "%s/.a.db-litestream/ltx/0", dir);
	waitpid(self("create", path, (char *)0), 0, 0);
	for (i = 0; i < WRITERS; i++) {
		char s[2] = { (char)('1' + i), 0 };

		pid[n++] = kills
		    ? self("killer", path, s, automatic[i], (char *)0)
		    : self("writer", path, s, automatic[i], "off", (char *)0);
	}
	pid[n++] = self("checkpoints", path, (char *)0);
	driver_begin(&d, path, kills ? 20 : 300, LOG_WARN);
	until = when_mono() + secs * 1000;
	while (when_mono() < until)
		driver_turn(&d, until);
	for (i = 0; i < n; i++)
		end(pid[i]);
	usleep(100000);
	driver_end(&d);
	/* A writer killed between its commit frame and the wal-index left a
	 * commit that only the next one to open the database brings to light:
	 * that is the next start, which goes on without a full copy */
	again(&d, path);
	r = judge(&d, path, ltx, secs);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	if (!r && system(cmd))
		return 111;
	return r != 0;
}
