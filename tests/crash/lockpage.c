/* A database that grows across the page at byte 0x40000000, which SQLite
 * never uses: half of it by the first full copy, half through the WAL. Takes
 * some GB of disk and memory: for scripts/test soak. Usage: lockpage. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/when.h"
#include "common/driver.h"

static void
grow(const char *path, const char *sql)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) || sqlite3_exec(db, sql, 0, 0, 0))
		die("%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void
capture(struct driver *d, const char *path, pid_t app)
{
	driver_begin(d, path, 1000, LOG_WARN);
	while (!app || !waitpid(app, 0, WNOHANG)) {
		driver_turn(d, when_mono() + 100);
		if (!app)
			break;
	}
	driver_end(d);
}

int
main(int argc, char **argv)
{
	char dir[] = "/tmp/lockpage-XXXXXX", path[64], ltx[128], cmd[128];
	struct driver d, e;
	long bad;
	pid_t app;

	if (argc > 2) {
		usleep(500000);
		grow(argv[2], "insert into t values(zeroblob(700000000));"
		    "update t set x=zeroblob(700000001) where rowid=2");
		return 0;
	}
	if (!mkdtemp(dir))
		die("no folder");
	snprintf(path, sizeof path, "%s/a.db", dir);
	snprintf(ltx, sizeof ltx, "%s/.a.db-litestream/ltx/0", dir);
	grow(path, "pragma page_size=4096;pragma journal_mode=wal;"
	    "create table t(x);insert into t values(zeroblob(600000000));"
	    "pragma wal_checkpoint(truncate)");
	app = self("app", path, (char *)0);
	capture(&d, path, app);
	printf("# %u files, cpu %.1f s\n", d.files, cpu_seconds());
	grow(path, "pragma wal_checkpoint(truncate)");
	bad = compare_files(ltx, path);
	printf("%sok 1 - every page equals the source (%ld differ)\n",
	    bad ? "not " : "", bad);
	/* and the other way: one full copy of the whole */
	snprintf(cmd, sizeof cmd, "rm -rf %s/.a.db-litestream", dir);
	if (system(cmd))
		return 111;
	capture(&e, path, 0);
	bad |= compare_files(ltx, path);
	printf("%sok 2 - so does one full copy (%ld differ)\n1..2\n",
	    bad ? "not " : "", bad);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	if (system(cmd))
		return 111;
	return bad || d.dumps || d.failures || e.failures;
}
