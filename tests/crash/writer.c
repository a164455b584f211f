/* writer: an application that can say what it was promised.
 *
 *   writer DB ACK [TPS]    commits until it is killed
 *   writer check DB N      is every transaction up to N there, and whole?
 *
 * Transaction i puts row i into one of 500 places of table ring and i into
 * both rows of table pair, all in one. After the commit returned, i is
 * appended to ACK as 8 bytes. It goes on after the largest i it finds. Prints
 * nothing, or what is wrong. */

#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static sqlite3 *db;

static void
die(const char *what)
{
	fprintf(stderr, "writer: fatal: unable to %s: %s\n", what,
	    db ? sqlite3_errmsg(db) : "");
	exit(111);
}

static void
run(const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		die(sql);
}

static int64_t
one(const char *sql)
{
	sqlite3_stmt *s;
	int64_t v;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK
	    || sqlite3_step(s) != SQLITE_ROW)
		die(sql);
	v = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return v;
}

static int
check(const char *path, int64_t n)
{
	int64_t max, lo, hi;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL))
		die("open");
	max = one("SELECT ifnull(max(i), 0) FROM ring");
	lo = one("SELECT ifnull(min(i), 0) FROM pair");
	hi = one("SELECT ifnull(max(i), 0) FROM pair");
	if (max < n) {
		printf("commit %lld is missing, %lld is the last\n",
		    (long long)n, (long long)max);
		return 1;
	}
	if (max != lo || max != hi) {
		printf("torn: ring %lld, pair %lld and %lld\n",
		    (long long)max, (long long)lo, (long long)hi);
		return 1;
	}
	if (one("SELECT count(*) FROM ring WHERE i <= (SELECT max(i) FROM ring)"
	    " - 500 OR i % 500 != place")) {
		printf("old rows are left\n");
		return 1;
	}
	return 0;
}

static void
write_all(int ack, int64_t pause_us)
{
	struct timespec ts = { pause_us / 1000000,
	    pause_us % 1000000 * 1000 };
	sqlite3_stmt *ring, *pair;
	int64_t i;

	sqlite3_prepare_v2(db, "REPLACE INTO ring VALUES (?1 % 500, ?1, "
	    "randomblob(abs(random()) % 300))", -1, &ring, NULL);
	sqlite3_prepare_v2(db, "UPDATE pair SET i = ?1", -1, &pair, NULL);
	for (i = one("SELECT ifnull(max(i), 0) FROM ring") + 1;; i++) {
		run("BEGIN IMMEDIATE");
		sqlite3_bind_int64(ring, 1, i);
		sqlite3_bind_int64(pair, 1, i);
		if (sqlite3_step(ring) != SQLITE_DONE
		    || sqlite3_step(pair) != SQLITE_DONE)
			die("write");
		sqlite3_reset(ring);
		sqlite3_reset(pair);
		run("COMMIT");
		if (write(ack, &i, sizeof i) != sizeof i)
			die("acknowledge");
		nanosleep(&ts, NULL);
	}
}

int
main(int argc, char **argv)
{
	int ack;

	if (argc == 4 && !strcmp(argv[1], "check"))
		return check(argv[2], atoll(argv[3]));
	if (argc < 3) {
		fprintf(stderr, "writer: usage: DB ACK [TPS]\n");
		return 100;
	}
	ack = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (ack < 0 || sqlite3_open(argv[1], &db))
		die("open");
	sqlite3_busy_timeout(db, 10000);
	run("PRAGMA journal_mode=wal; PRAGMA synchronous=normal;"
	    "PRAGMA wal_autocheckpoint=100;"
	    "CREATE TABLE IF NOT EXISTS ring(place INTEGER PRIMARY KEY, i, b);"
	    "CREATE TABLE IF NOT EXISTS pair(k INTEGER PRIMARY KEY, i);"
	    "INSERT OR IGNORE INTO pair VALUES (1, 0), (2, 0)");
	write_all(ack, 1000000 / (argc > 3 ? atoi(argv[3]) : 1000));
	return 0;
}
