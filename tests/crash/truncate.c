/* The application's own checkpoints go on while we are attached: a TRUNCATE
 * right after commits and one after a pause each end, complete, within 0.2 s.
 * Usage: truncate [ROUNDS]. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>
#include "base/when.h"
#include "common/driver.h"

#define LIMIT 0.2

static double
one(sqlite3 *db, int pause_ms, int *busy)
{
	double t;
	int i, log = -1, done = -1, rc;

	for (i = 0; i < 50; i++) {
		sqlite3_exec(db, "insert into t values(randomblob(2000))", 0, 0,
		    0);
		usleep(2000);
	}
	usleep(pause_ms * 1000);
	t = seconds();
	rc = sqlite3_wal_checkpoint_v2(db, 0, SQLITE_CHECKPOINT_TRUNCATE, &log,
	    &done);
	*busy += rc != SQLITE_OK || log != 0;
	return seconds() - t;
}

static int
application(const char *path, int rounds)
{
	static const int pause_ms[] = { 0, 10, 40, 120, 1500 };
	double t, worst = 0, sum = 0;
	int i, busy = 0;
	sqlite3 *db;

	if (sqlite3_open(path, &db))
		return 111;
	sqlite3_busy_timeout(db, 5000);
	for (i = 0; i < rounds; i++) {
		t = one(db, pause_ms[i % 5], &busy);
		sum += t;
		if (t > worst)
			worst = t;
	}
	printf("# %d checkpoints, mean %.3f s, worst %.3f s\n", rounds,
	    sum / rounds, worst);
	printf("%sok 1 - TRUNCATE ends within 0.2 s\n",
	    worst < LIMIT ? "" : "not ");
	printf("%sok 2 - TRUNCATE is complete (%d were not)\n",
	    busy ? "not " : "", busy);
	return worst >= LIMIT || busy;
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/truncate-XXXXXX", path[64], ltx[128], cmd[128];
	const char *rounds = argc > 1 ? argv[1] : "10";
	int status = 1;
	struct driver d;
	sqlite3 *db;
	long bad;
	pid_t pid;

	if (argc > 3 && !strcmp(argv[1], "app")) {
			usleep(300000);
		fflush(stdout);
		status = application(argv[2], atoi(argv[3]));
		fflush(stdout);
		return status;
	}
	if (!mkdtemp(dir))
		die("no folder");
	snprintf(path, sizeof path, "%s/a.db", dir);
	snprintf(ltx, sizeof ltx, "%s/.a.db-litestream/ltx/0", dir);
	pid = self("app", path, rounds, (char *)0);
	if (sqlite3_open(path, &db) || sqlite3_exec(db, "pragma journal_mode="
	    "wal;create table t(x)", 0, 0, 0) || sqlite3_close(db))
		die("create");
	driver_begin(&d, path, 1000, LOG_WARN);
	while (!waitpid(pid, &status, WNOHANG))
		driver_turn(&d, when_mono() + 100);
	driver_end(&d);
	bad = compare_files(ltx, path);
	printf("%sok 3 - every page equals the source (%ld differ)\n",
	    bad ? "not " : "", bad);
	printf("%sok 4 - no full copy after the first\n1..4\n",
	    d.dumps ? "not " : "");
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	if (system(cmd))
		return 111;
	return status != 0 || bad || d.dumps || d.failures;
}
