/* app: stands for any application in the container tests. Writes rows to a
 * SQLite database until it is told to end, and one more while it ends.
 *
 *   app DATABASE [rate=ROWS A SECOND] [after=SECONDS] [exit=CODE] [term=CODE]
 *       [die=SIGNAL]
 *
 * rate: default 20; 0: none. after: ends by itself after so long, with exit,
 * or by die. term: its exit code after TERM. Says on standard output what it
 * does; the count of rows it ends with is what a restored copy must have. */

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t told;

static void
on_term(int sig)
{
	told = sig;
}

static int
number(char **argv, const char *name, int dflt)
{
	size_t n = strlen(name);

	for (; *argv; argv++)
		if (!strncmp(*argv, name, n) && (*argv)[n] == '=')
			return atoi(*argv + n + 1);
	return dflt;
}

static void
run(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK)
		return;
	printf("app: %s: %s\n", sql, why);
	exit(70);
}

static long
rows(sqlite3 *db)
{
	sqlite3_stmt *st = NULL;
	long n = -1;

	if (sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &st, NULL)
	    == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = (long)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

int
main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_term };
	int rate, after, die;
	time_t begin = time(NULL);
	sqlite3 *db;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2)
		return 100;
	rate = number(argv + 2, "rate", 20);
	after = number(argv + 2, "after", 600);
	die = number(argv + 2, "die", 0);
	sigaction(SIGTERM, &sa, NULL);
	if (sqlite3_open(argv[1], &db) != SQLITE_OK) {
		printf("app: %s\n", sqlite3_errmsg(db));
		return 70;
	}
	sqlite3_busy_timeout(db, 10000);
	run(db, "PRAGMA journal_mode=wal; CREATE TABLE IF NOT EXISTS "
	    "t(id INTEGER PRIMARY KEY, v TEXT)");
	printf("app: begins rows=%ld uid=%d home=%s secret=%s\n", rows(db),
	    (int)getuid(), getenv("HOME") ? getenv("HOME") : "",
	    getenv("AWS_SECRET_ACCESS_KEY") ? "seen" : "none");
	while (!told && time(NULL) - begin < after) {
		if (rate)
			run(db, "INSERT INTO t(v) VALUES(hex(randomblob(40)))");
		usleep(rate ? 1000000 / (useconds_t)rate : 50000);
	}
	if (!told && die) {
		printf("app: dies rows=%ld\n", rows(db));
		kill(getpid(), die);
		pause();
	}
	if (told)
		run(db, "INSERT INTO t(v) VALUES('last')");
	printf("app: ends rows=%ld\n", rows(db));
	sqlite3_close(db);
	return told ? number(argv + 2, "term", 0)
	    : number(argv + 2, "exit", 0);
}
