/* counter: a visit counter, the smallest real application: an HTTP server
 * and a SQLite database in WAL mode. It knows nothing of replication.
 *
 *   counter [-l ADDRESS] [-p PORT] -dsn DATABASE
 *
 * GET / records a visit and answers with the number of visits so far; other
 * paths are 404. Ends on TERM or INT after closing the database. */

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char schema[] =
    "PRAGMA journal_mode=wal;"
    "CREATE TABLE IF NOT EXISTS visits("
    "id INTEGER PRIMARY KEY, at TEXT NOT NULL, agent TEXT)";

static int
visit(sqlite3 *db, const char *agent, long long *count)
{
	sqlite3_stmt *st = NULL;
	int r;

	r = sqlite3_prepare_v2(db, "INSERT INTO visits(at, agent) VALUES("
	    "strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?1)", -1, &st, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_bind_text(st, 1, agent, -1, SQLITE_TRANSIENT);
	if (r == SQLITE_OK)
		sqlite3_step(st);
	r = sqlite3_finalize(st);
	if (r != SQLITE_OK)
		return -1;
	r = sqlite3_prepare_v2(db, "SELECT count(*) FROM visits", -1, &st,
	    NULL);
	if (r == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		*count = sqlite3_column_int64(st, 0);
	else
		r = SQLITE_ERROR;
	sqlite3_finalize(st);
	return r == SQLITE_OK ? 0 : -1;
}

static enum MHD_Result
answer(void *ctx, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *body,
    size_t *bodylen, void **req)
{
	char text[128];
	const char *agent;
	long long n = 0;
	unsigned code = MHD_HTTP_OK;
	struct MHD_Response *res;
	enum MHD_Result r;

	(void)version;
	(void)body;
	(void)bodylen;
	(void)req;
	agent = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "User-Agent");
	if (strcmp(method, "GET") != 0 || strcmp(url, "/") != 0) {
		code = MHD_HTTP_NOT_FOUND;
		snprintf(text, sizeof text, "nothing here\n");
	} else if (visit(ctx, agent, &n) == -1) {
		code = MHD_HTTP_INTERNAL_SERVER_ERROR;
		snprintf(text, sizeof text, "%.100s\n", sqlite3_errmsg(ctx));
	} else {
		snprintf(text, sizeof text, "This server has been visited %lld "
		    "times.\n", n);
	}
	res = MHD_create_response_from_buffer(strlen(text), text,
	    MHD_RESPMEM_MUST_COPY);
	if (res == NULL)
		return MHD_NO;
	MHD_add_response_header(res, "Content-Type", "text/plain");
	r = MHD_queue_response(c, code, res);
	MHD_destroy_response(res);
	return r;
}

static int
serve(sqlite3 *db, const char *address, int port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	struct MHD_Daemon *d;
	sigset_t set;
	int sig;

	sa.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, address, &sa.sin_addr) != 1) {
		fprintf(stderr, "counter: fatal: not an IPv4 address: %s\n",
		    address);
		return 100;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, (uint16_t)port,
	    NULL, NULL, answer, db, MHD_OPTION_SOCK_ADDR, &sa, MHD_OPTION_END);
	if (d == NULL) {
		fprintf(stderr, "counter: fatal: unable to listen on %s:%d: "
		    "%s\n", address, port, strerror(errno));
		return 111;
	}
	fprintf(stderr, "counter: listening on %s:%d\n", address, port);
	sigwait(&set, &sig);
	MHD_stop_daemon(d);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *address = "127.0.0.1";
	const char *dsn = NULL;
	int port = 8080;
	int rc;
	sqlite3 *db;

	(void)argc;
	for (argv++; *argv && argv[1]; argv += 2)
		if (strcmp(*argv, "-l") == 0)
			address = argv[1];
		else if (strcmp(*argv, "-p") == 0)
			port = atoi(argv[1]);
		else if (strcmp(*argv, "-dsn") == 0)
			dsn = argv[1];
		else
			break;
	if (*argv || dsn == NULL || port <= 0 || port > 65535) {
		fprintf(stderr, "usage: counter [-l ADDRESS] [-p PORT] "
		    "-dsn DATABASE\n");
		return 100;
	}
	rc = sqlite3_open(dsn, &db);
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(db, 5000);
		rc = sqlite3_exec(db, schema, NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK) {
		fprintf(stderr, "counter: fatal: unable to open %s: %s\n",
		    dsn, sqlite3_errmsg(db));
		return 111;
	}
	rc = serve(db, address, port);
	sqlite3_close(db);
	return rc;
}
