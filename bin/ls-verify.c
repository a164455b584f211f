#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/opt.h"
#include "base/prog.h"
#include "base/when.h"
#include "conf/conf.h"
#include "conf/key.h"
#include "db/check.h"
#include "db/row.h"
#include "repl/verify_fmt.h"

#define PROG "ls-verify"
#define SYNOPSIS "[OPTIONS] [DB [URL...] | URL]"
#define PURPOSE "Proves that replicas are whole, and that what they would " \
	"restore is the live database:\nof URL, of DB, or of all databases of " \
	"the configuration. Exit code 1: one is not."
#define WAIT_MS 60000
#define ROW_WAIT_MS 10000

enum { O_RAW = 256, O_REPLICA, O_PROOF, O_ROW, O_LAG, O_NO_COMPARE, O_CHECK,
	O_PACE, O_BUDGET, O_SOCKET };

static const struct opt opts[] = {
	{ 'j', "json", NULL, "a line of JSON for each replica" },
	{ O_NO_COMPARE, "no-compare", NULL, "leave the database alone" },
	{ O_CHECK, "integrity-check", "MODE", "none, quick or full, of a restored "
	    "copy" },
	{ 'f', "fresh", NULL, "only how far the replicas are behind" },
	{ O_LAG, "max-lag", "DURATION", "further behind is a fault" },
	{ O_ROW, "row", NULL, "only whether a new row comes back: writes to DB" },
	{ 'w', "wait", "DURATION", "for replication: 60s, for a row 10s" },
	{ O_PACE, "pace", "SIZE", "read so much of a replica in a second" },
	{ O_BUDGET, "budget", "SIZE", "read at most so much of a replica" },
	{ O_PROOF, "proof", NULL, "for ls-tend: a short line of JSON" },
	{ 'c', "config", "FILE", "configuration file" },
	{ O_RAW, "no-expand-env", NULL, "leave $NAME in it alone" },
	{ O_REPLICA, "replica", "NAME", "only the replicas of this name" },
	{ O_SOCKET, "socket", "PATH", "control socket of ls-walship" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	struct conf_args conf;
	const char *replica, *socket;
	int json, proof, row, pace_given;
	enum check_kind check;
	struct verify_job job;
	struct verify_store *stores; /* of the job */
	struct log log;
	char uuid[ROW_UUID];
	size_t seen;
	int code;            /* of the worst result so far */
	int full;            /* standard output takes no more */
};

static int
size_arg(const char *s, const char *what, uint64_t *v, struct err *e)
{
	return conf_value_size(s, v) < 0 ? err_set(e, ERR_USAGE, "%s takes a "
	    "size as 5MB or 16MiB", what) : 0;
}

static int
time_arg(const char *s, const char *what, int64_t *v, struct err *e)
{
	return when_dur_scan(s, v) < 0 || *v < 0 ? err_set(e, ERR_USAGE,
	    "%s takes a duration as 30s", what) : 0;
}

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;
	struct verify_job *j = &a->job;

	switch (id) {
	case 'j': a->json = 1; break;
	case O_PROOF: a->proof = 1; break;
	case O_NO_COMPARE: j->no_compare = 1; break;
	case O_CHECK: return check_kind_scan(arg, &a->check, e);
	case 'f': j->fresh_only = 1; break;
	case O_LAG: return time_arg(arg, "--max-lag", &j->max_lag_ms, e);
	case O_ROW: a->row = 1; break;
	case 'w': return time_arg(arg, "-w", &j->where.wait_ms, e);
	case O_PACE:
		a->pace_given = 1;
		return size_arg(arg, "--pace", &j->opt.pace, e);
	case O_BUDGET: return size_arg(arg, "--budget", &j->opt.budget, e);
	case 'c': a->conf.file = arg; break;
	case O_RAW: a->conf.no_expand_env = 1; break;
	case O_REPLICA: a->replica = arg; break;
	case O_SOCKET: a->socket = arg; break;
	}
	return 0;
}

static const char *
conflict(const struct args *a)
{
	const struct verify_job *j = &a->job;

	if (a->row + a->proof + j->fresh_only > 1)
		return "one of --row, --proof and -f";
	if (a->check && (a->row || a->proof || j->fresh_only))
		return "--integrity-check goes with none of --row, --proof and -f";
	return a->proof && j->no_compare ? "a proof compares" : NULL;
}

/* ---- results ---- */

/* "no" is an answer, and stronger than not to have one. */
static void
worse(struct args *a, int code)
{
	if (code && a->code != 1 && (code == 1 || !a->code
	    || a->code == err_exit(ERR_TEMP)))
		a->code = code;
}

static void
result(void *ctx, const struct verify_result *r)
{
	struct args *a = ctx;
	stralloc s = STRALLOC_ZERO;
	struct err e;

	if (r->rep.bad || (r->with_fresh && r->fresh.stale))
		worse(a, 1);
	else if (r->err.kind)
		worse(a, err_exit(r->err.kind));
	else if (a->proof && !r->rep.compared)
		worse(a, err_exit(ERR_TEMP));
	if (prog_put(&s, a->proof ? verify_fmt_proof(&s, r)
	    : a->json ? verify_fmt_json(&s, r) : verify_fmt_text(&s, r), &e)
	    < 0 && !a->full) {
		prog_fatal(PROG, "write", &e);
		a->full = 1;
	}
}

static int
look(void *ctx, const struct verify_copy *c, int64_t *tables, struct err *e)
{
	const struct args *a = ctx;

	if (check_tables(c->path, tables, e) < 0)
		return -1;
	return a->row ? row_check(c->path, a->uuid, e)
	    : check_file(c->path, a->check, e);
}

/* ---- databases ---- */

/* Everybody's way to know is to wait; ls-walship knows better. */
static void
row_wait(const struct verify_where *w)
{
	struct err e = { 0 };
	int64_t until = when_mono() + w->wait_ms;

	if (verify_ship(w, &e) < 0)
		while (when_mono() < until)
			usleep(50000);
}

static int
with_row(struct args *a, struct err *e)
{
	const char *db = a->job.where.db;
	struct err gone;
	int r;

	if (row_insert(db, a->uuid, e) < 0)
		return -1;
	row_wait(&a->job.where);
	r = verify_db(&a->job, result, a, e);
	if (row_delete(db, a->uuid, &gone) < 0)
		log_err(&a->log, LOG_WARN, &gone, "the row stays", "uuid",
		    a->uuid, NULL);
	return r;
}

static int
collect(void *ctx, const struct conf_db *db, const struct conf_replica *r,
    struct err *e)
{
	struct args *a = ctx;

	(void)db;
	(void)e;
	a->seen++;
	a->stores[a->job.n++] = (struct verify_store){ &r->store,
	    r->format == CONF_FORMAT_V03 };
	return 0;
}

/* Without a replica of the name that is asked for it is passed over. */
static int
one_db(struct args *a, const struct conf_db *db, struct err *e)
{
	struct verify_job *j = &a->job;
	int r;

	j->where.db = db->path;
	j->where.meta = db->meta;
	j->n = 0;
	j->opt.sparse = db->keep.all_ms || db->keep.daily || db->keep.weekly
	    || db->keep.monthly;
	if (!a->pace_given)
		j->opt.pace = db->verify_pace;
	j->replicas = a->stores = calloc(db->n + 1, sizeof *a->stores);
	if (!a->stores)
		return err_nomem(e);
	if (conf_each_replica(db, 1, a->replica, collect, NULL, a, e) < 0
	    || !j->n)
		r = 0;
	else
		r = a->row ? with_row(a, e) : verify_db(j, result, a, e);
	free(a->stores);
	return r;
}

static int
all(struct args *a, struct conf *c, struct err *e)
{
	struct err one = { 0 };
	int r = 0;

	if (!c->dbs[0].path && (a->row || a->proof || a->job.fresh_only
	    || a->job.max_lag_ms >= 0))
		return err_set(e, ERR_USAGE, "%s is only a replica: that needs "
		    "a database", c->dbs[0].replicas[0].store.url);
	for (size_t i = 0; i < c->n; i++) {
		if (one_db(a, &c->dbs[i], &one) == 0)
			continue;
		if (c->n > 1)
			log_err(&a->log, LOG_ERROR, &one, "not verified", "db",
			    c->dbs[i].path, NULL);
		if (!r)
			*e = one;
		r = -1;
	}
	if (!r && !a->seen) { /* the last one has said what there is */
		*e = one;
		return -1;
	}
	return r;
}

int
main(int argc, char **argv)
{
	struct args a = { .log = { .fd = 2, .level = LOG_WARN, .prog = PROG },
	    .job = { .max_lag_ms = -1, .where.wait_ms = -1, .opt.log = &a.log } };
	const char *dir = getenv("LS_RUN_DIR");
	struct err e = { 0 };
	struct conf conf;
	char sock[4096];
	int r;

	if ((r = prog_args(&prog, argc, &argv, option, &a, 0, argc)) >= 0)
		return r;
	if (conflict(&a))
		return prog_usage(PROG, "%s", conflict(&a));
	signal(SIGPIPE, SIG_IGN);
	snprintf(sock, sizeof sock, "%s/walship.sock",
	    dir && *dir ? dir : "/run/ls-s6");
	a.job.where.socket = a.socket ? a.socket : sock;
	if (a.job.where.wait_ms < 0)
		a.job.where.wait_ms = a.row ? ROW_WAIT_MS : WAIT_MS;
	a.job.opt.wait_ms = a.job.where.wait_ms;
	if (a.row)
		a.job.fresh_only = 1;
	a.job.ctx = &a;
	a.job.look = a.row || a.check ? look : NULL;
	a.job.looked = a.row ? "the new row came back" : "SQLite's check is ok";
	if ((a.conf.db = *argv))
		a.conf.urls = (const char *const *)argv + 1;
	while (a.conf.db && a.conf.urls[a.conf.n_urls])
		a.conf.n_urls++;
	a.conf.need = CONF_NEED_REPLICA | CONF_ONLY_READS;
	if (conf_load(&conf, &a.conf, &e) < 0)
		return prog_fatal(PROG, "read the configuration", &e);
	conf_log(&conf, &a.log);
	r = all(&a, &conf, &e);
	conf_free(&conf);
	if (r < 0)
		worse(&a, prog_fatal(PROG, "verify", &e));
	return a.full ? err_exit(ERR_TEMP) : a.code;
}
