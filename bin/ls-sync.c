#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/opt.h"
#include "base/prog.h"
#include "base/when.h"
#include "conf/conf.h"
#include "repl/control.h"

#define PROG "ls-sync"
#define START_MS 2000
#define SYNOPSIS "[-w TIMEOUT] [--any | --local] [--full] [DB]"
#define PURPOSE "Returns when everything committed so far in DB, or in " \
	"every database of the\nrunning ls-walship, is durable in all its " \
	"replicas."

enum { OPT_ANY = 256, OPT_LOCAL, OPT_FULL, OPT_SOCKET };

static const struct opt opts[] = {
	{ 'w', "wait", "TIMEOUT", "give up after this long: 30s (default), 5m" },
	{ OPT_ANY, "any", NULL, "one replica is enough" },
	{ OPT_LOCAL, "local", NULL, "the local state folder is enough" },
	{ OPT_FULL, "full", NULL, "with a fresh full copy of DB, to mend replicas" },
	{ OPT_SOCKET, "socket", "PATH", "control socket of ls-walship" },
	{ 'v', "verbose", NULL, "print what each database has reached" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	const char *mode, *socket, *db;
	int64_t wait_ms;
	int full, verbose;
};

static void
print(void *ctx, const char *json)
{
	(void)ctx;
	puts(json);
}

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	switch (id) {
	case 'w':
		if (when_dur_scan(arg, &a->wait_ms) < 0 || a->wait_ms < 0)
			return err_set(e, ERR_USAGE, "-w takes a duration as "
			    "30s");
		break;
	case OPT_ANY: a->mode = "any"; break;
	case OPT_LOCAL: a->mode = "local"; break;
	case OPT_FULL: a->full = 1; break;
	case OPT_SOCKET: a->socket = arg; break;
	case 'v': a->verbose = 1; break;
	}
	return 0;
}

/* An ls-walship just started may not listen yet: asked again for a while. */
static int
ask(const char *sock, const char *line, const struct args *a, struct err *e)
{
	int64_t wait = a->wait_ms < START_MS ? a->wait_ms : START_MS;
	int64_t until = when_mono() + wait;

	/* the daemon gives up first, and says what is missing */
	while (control_request(sock, line, a->wait_ms + 2000,
	    a->verbose ? print : NULL, NULL, e) < 0) {
		if ((e->sys != ENOENT && e->sys != ECONNREFUSED)
		    || when_mono() >= until)
			return -1;
		usleep(20000);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct args a = { .mode = "all", .wait_ms = 30000 };
	const char *dir = getenv("LS_RUN_DIR");
	char line[4096], full[4096], sock[4096], *db = NULL;
	struct err e = { 0 };
	int n, code;

	if ((code = prog_args(&prog, argc, &argv, option, &a, 0, 1)) >= 0)
		return code;
	if ((a.db = *argv) && !*a.db)
		return prog_usage(PROG, "the name of the database is empty");
	if (a.full && !a.db)
		return prog_usage(PROG, "--full is of one DB");
	snprintf(sock, sizeof sock, "%s/walship.sock",
	    dir && *dir ? dir : "/run/ls-s6");
	/* as ls-walship knows it */
	if (a.db && conf_path(a.db, &db, &e) < 0)
		return prog_fatal(PROG, "sync", &e);
	n = snprintf(line, sizeof line, "sync\t%s\t%s\t%" PRId64, db ? db : "",
	    a.mode, (a.wait_ms + 999) / 1000);
	snprintf(full, sizeof full, "dump\t%s", db ? db : "");
	free(db);
	if (n < 0 || (size_t)n >= sizeof line || strchr(line, '\n'))
		return prog_usage(PROG, "not a path ls-walship can have");
	if (a.full && ask(a.socket ? a.socket : sock, full, &a, &e) < 0)
		return prog_fatal(PROG, "ask for a full copy", &e);
	if (ask(a.socket ? a.socket : sock, line, &a, &e) < 0)
		return prog_fatal(PROG, "sync", &e);
	return prog_flush(PROG);
}
