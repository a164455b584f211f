/* What capturing costs: an application that commits at a rate, or loads as
 * fast as it can (rate 0), for some seconds, and the processor time, turns and
 * files of the capture beside it. Usage: rate TX_PER_SECOND SECONDS. */
#include <sqlite3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/when.h"
#include "common/driver.h"

#define LOAD_BYTES (500ll << 20)

static int
paced(sqlite3 *db, int rate, double until)
{
	double next = seconds();
	int n = 0;

	while (seconds() < until) {
		if (sqlite3_exec(db, "insert into t values(hex(randomblob("
		    "100)),random())", 0, 0, 0))
			die("app: %s", sqlite3_errmsg(db));
		n++;
		next += 1.0 / rate;
		if (next > seconds())
			usleep((next - seconds()) * 1e6);
	}
	return n;
}

static int
load(sqlite3 *db)
{
	long long bytes;
	int i, n = 0;

	for (bytes = 0; bytes < LOAD_BYTES; bytes += 1000 * 400) {
		sqlite3_exec(db, "begin immediate", 0, 0, 0);
		for (i = 0; i < 1000; i++)
			sqlite3_exec(db, "insert into t values(hex(randomblob("
			    "100))||hex(zeroblob(100)),random())", 0, 0, 0);
		if (sqlite3_exec(db, "commit", 0, 0, 0))
			die("app: %s", sqlite3_errmsg(db));
		n++;
	}
	return n;
}

static int
application(const char *path, int rate, int secs)
{
	double t;
	sqlite3 *db;
	int n;

	if (sqlite3_open(path, &db))
		return 111;
	sqlite3_busy_timeout(db, 5000);
	sqlite3_exec(db, "pragma synchronous=normal", 0, 0, 0);
	t = seconds();
	n = rate ? paced(db, rate, t + secs) : load(db);
	printf("# app: %d transactions in %.2f s, cpu %.2f s\n", n,
	    seconds() - t, cpu_seconds());
	fflush(stdout);
	return 0;
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/rate-XXXXXX", path[64], wal[64], ltx[128], cmd[128];
	double start, cpu, ended = 0;
	struct rusage u;
	struct driver d;
	struct stat st;
	long long wal_max = 0;
	sqlite3 *db;
	pid_t pid;
	long bad;

	if (argc > 4 && !strcmp(argv[1], "app")) {
			usleep(300000);
		return application(argv[2], atoi(argv[3]), atoi(argv[4]));
	}
	if (argc < 3 || !mkdtemp(dir))
		die("usage: rate TX_PER_SECOND SECONDS");
	snprintf(path, sizeof path, "%s/a.db", dir);
	snprintf(wal, sizeof wal, "%s/a.db-wal", dir);
	snprintf(ltx, sizeof ltx, "%s/.a.db-litestream/ltx/0", dir);
	pid = self("app", path, argv[1], argv[2], (char *)0);
	if (sqlite3_open(path, &db) || sqlite3_exec(db, "pragma journal_mode="
	    "wal;create table t(x,y)", 0, 0, 0) || sqlite3_close(db))
		die("create");
	driver_begin(&d, path, 1000, LOG_WARN);
	cpu = cpu_seconds();
	start = seconds();
	for (;;) {
		driver_turn(&d, when_mono() + 500);
		if (!stat(wal, &st) && st.st_size > wal_max)
			wal_max = st.st_size;
		if (!ended && waitpid(pid, 0, WNOHANG))
			ended = seconds();
		if (ended && !d.res.pending_bytes)
			break;
	}
	getrusage(RUSAGE_SELF, &u);
	printf("# capture: cpu %.3f s (user %ld ms), %.2f s in all, %.2f s "
	    "behind, %u files, %llu steps, %llu wakes, WAL up to %lld bytes, "
	    "%ld KB\n", cpu_seconds() - cpu,
	    u.ru_utime.tv_sec * 1000 + u.ru_utime.tv_usec / 1000,
	    seconds() - start, seconds() - ended, d.files,
	    (unsigned long long)d.steps, (unsigned long long)d.wakes, wal_max,
	    u.ru_maxrss);
	driver_end(&d);
	bad = compare_files(ltx, path);
	printf("%sok 1 - every page equals the source (%ld differ)\n1..1\n",
	    bad ? "not " : "", bad);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	if (system(cmd))
		return 111;
	return bad || d.dumps || d.failures;
}
