/* memos: stands for memos in the container tests, as it behaves where that
 * matters: a server on MEMOS_PORT that answers /healthz, a SQLite database
 * at MEMOS_DSN, and success whatever goes wrong.
 *
 * FAKE_RATE: rows a second, default 20. FAKE_AFTER: seconds after which it
 * ends by itself, with FAKE_EXIT, or by FAKE_DIE. FAKE_HANG: does not end when
 * told to. What it prints is as of tests/s6/app.c. */

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t told;

static void
on_term(int sig)
{
	told = sig;
}

static const char *
text(const char *name)
{
	return getenv(name) ? getenv(name) : "";
}

static int
number(const char *name, int dflt)
{
	return *text(name) ? atoi(text(name)) : dflt;
}

static void
run(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK)
		return;
	printf("memos: failed to migrate: %s: %s\n", sql, why);
	exit(0);
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

static int
listens(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	sa.sin_port = htons((unsigned short)number("MEMOS_PORT", 8081));
	sa.sin_addr.s_addr = htonl(INADDR_ANY);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (s != -1 && !bind(s, (struct sockaddr *)&sa, sizeof sa)
	    && !listen(s, 5))
		return s;
	printf("memos: failed to start server: %s\n", text("MEMOS_PORT"));
	exit(0);
}

static void
answer(int s)
{
	static const char ok[] = "HTTP/1.0 200 OK\r\n\r\nService ready.\n";
	static const char no[] = "HTTP/1.0 404 Not Found\r\n\r\n";
	char buf[4096] = "";
	int c = accept(s, NULL, NULL);
	const char *a = no;

	if (c == -1)
		return;
	if (read(c, buf, sizeof buf - 1) > 0
	    && !strncmp(buf, "GET /healthz ", 13))
		a = ok;
	if (write(c, a, strlen(a)) == -1)
		printf("memos: nobody waits for the answer\n");
	close(c);
}

static void
begins(sqlite3 *db)
{
	printf("app: begins rows=%ld uid=%d port=%s data=%s dsn=%s secret=%s "
	    "token=%s tz=%s\n", rows(db), (int)getuid(), text("MEMOS_PORT"),
	    text("MEMOS_DATA"), text("MEMOS_DSN"),
	    *text("AWS_SECRET_ACCESS_KEY") ? "seen" : "none",
	    *text("BOT_TOKEN") ? "seen" : "none", text("TZ"));
}

int
main(void)
{
	struct sigaction sa = { .sa_handler = on_term };
	int rate = number("FAKE_RATE", 20), after = number("FAKE_AFTER", 600);
	time_t begin = time(NULL);
	struct pollfd p;
	sqlite3 *db;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &sa, NULL);
	if (sqlite3_open(text("MEMOS_DSN"), &db) != SQLITE_OK) {
		printf("memos: failed to open: %s\n", sqlite3_errmsg(db));
		return 0;
	}
	sqlite3_busy_timeout(db, 10000);
	run(db, "PRAGMA journal_mode=wal; CREATE TABLE IF NOT EXISTS "
	    "t(id INTEGER PRIMARY KEY, v TEXT)");
	p = (struct pollfd){ .fd = listens(), .events = POLLIN };
	begins(db);
	while ((!told || *text("FAKE_HANG")) && time(NULL) - begin < after) {
		if (rate)
			run(db, "INSERT INTO t(v) VALUES(hex(randomblob(40)))");
		if (poll(&p, 1, rate ? 1000 / rate : 50) == 1)
			answer(p.fd);
	}
	if (told)
		run(db, "INSERT INTO t(v) VALUES('last')");
	printf("app: %s rows=%ld\n", *text("FAKE_DIE") ? "dies" : "ends",
	    rows(db));
	if (*text("FAKE_DIE"))
		kill(getpid(), number("FAKE_DIE", 0));
	sqlite3_close(db);
	return told ? 0 : number("FAKE_EXIT", 0);
}
