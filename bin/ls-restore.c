#include <stdlib.h>
#include <string.h>
#include "base/opt.h"
#include "base/prog.h"
#include "base/url.h"
#include "base/when.h"
#include "conf/conf.h"
#include "db/check.h"
#include "repl/meter.h"
#include "repl/place.h"
#include "repl/restore_cmd.h"
#include "repl/restore_fmt.h"
#include "repl/v03_fmt.h"

#define PROG "ls-restore"
#define SYNOPSIS "[OPTIONS] [DB|URL [PROG ARG...]]\n" \
	"       ls-restore [OPTIONS] -o OUT - <LTX [PROG ARG...]"
#define PURPOSE "Brings a database back from its replica. Options end at " \
	"DB, URL or \"-\" (LTX\nfiles on standard input); what follows is a " \
	"program to run once there is a\ndatabase, or with -e none to be had."

static const struct opt opts[] = {
	{ 'o', "output", "OUT", "instead of DB; \"-\": standard output" },
	{ 't', "timestamp", "TIME", "newest state not after TIME (RFC 3339)" },
	{ RESTORE_TXID, "txid", "TXID", "the state of this TXID, hexadecimal" },
	{ RESTORE_PIN, "pin", "NAME", "the state pinned under this name" },
	{ RESTORE_GENERATION, "generation", "ID", "this generation of Litestream 0.3" },
	{ RESTORE_INDEX, "index", "INDEX", "to the end of its WAL INDEX, hexadecimal" },
	{ 'f', "follow", NULL, "then apply what is new, until told to end" },
	{ RESTORE_INTERVAL, "follow-interval", "DURATION", "look so often (1s)" },
	{ 'd', "ready-fd", "FD", "write a newline there when it follows" },
	{ RESTORE_DELTA, "delta", "FILE", "an older copy: fetch only what is newer" },
	{ RESTORE_DELTA_TXID, "delta-txid", "TXID", "the state that FILE is" },
	{ RESTORE_KEEP, "keep-txid", NULL, "leave the position beside it, for a later delta" },
	{ RESTORE_BESIDE, "beside", NULL, "to BASE-YYYYMMDDHHMMSS.EXT, path printed" },
	{ RESTORE_ASIDE, "move-aside", NULL, "an existing database becomes NAME.replaced-TIME" },
	{ 'i', "if-db-not-exists", NULL, "an existing database is a success" },
	{ 'e', "if-replica-exists", NULL, "an empty replica is a success" },
	{ 'p', "parallelism", "N", "files read at once (8)" },
	{ 'c', "config", "FILE", "configuration file" },
	{ RESTORE_RAW, "no-expand-env", NULL, "leave $NAME in it alone" },
	{ RESTORE_ALL, "all", NULL, "every database of the configuration" },
	{ RESTORE_REPLICA, "replica", "NAME", "only the replica of this name" },
	{ 'n', "dry-run", NULL, "print the files a restore would read" },
	{ 'j', "json", NULL, "print JSON: the plan (-n), or what was done" },
	{ RESTORE_CHECK, "integrity-check", "MODE", "none, quick or full (see the manual)" },
	{ RESTORE_OWNER, "owner", "USER[:GROUP]", "as root: that of the folder" },
	{ RESTORE_MODE, "mode", "OCTAL", "mode of the file (0644 less umask)" },
	{ 'q', "quiet", NULL, "print only warnings and errors" },
	{ 'T', "stamp", NULL, "time stamps before log lines" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	struct restore_cmd cmd;
	struct conf_args conf;
	int check_given;
	enum check_kind check;
	struct log log;
	struct choose choose; /* its replicas */
	struct delta delta;
	char *const *prog;   /* what to run afterwards, NULL-terminated */
};

/* Where a loss may hide, a quick one unasked. */
static int
check(void *ctx, const char *path, int hides, struct err *e)
{
	const struct args *a = ctx;

	return check_file(path, a->check_given || !hides ? a->check
	    : CHECK_QUICK, e);
}

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	if (id != RESTORE_CHECK)
		return restore_cmd_option(&a->cmd, id, arg, e);
	a->check_given = 1;
	return check_kind_scan(arg, &a->check, e);
}

static int
parse(struct args *a, int argc, char *const *argv)
{
	struct opt_state st;
	int code = prog_options(&prog, &st, argc, argv, option, a);
	const char *no;

	/* after DB comes a program, and what follows is its own */
	if (code >= 0 || (code = prog_late(&prog, &st, argv, 2 - a->cmd.all)) >= 0)
		return code;
	a->cmd.source = a->cmd.all ? NULL : argv[st.index];
	a->prog = argv + st.index + !!a->cmd.source;
	if (*a->prog && url_is(*a->prog))
		return prog_usage(PROG, "%s is one too many: one DB or URL, then "
		    "a program to run; -o %s %s restores from there to there",
		    *a->prog, !a->cmd.source || url_is(a->cmd.source) ? "OUT"
		    : a->cmd.source, *a->prog);
	no = a->cmd.follow && *a->prog ? "-f does not end by itself: no PROG "
	    "to run" : restore_cmd_conflict(&a->cmd);
	return no ? prog_usage(PROG, "%s", no) : -1;
}

static int
dry_run(struct args *a, struct err *e)
{
	stralloc s = STRALLOC_ZERO;
	struct restore_plan p;
	struct restore_v03 v;
	int x = restore_job_plan(&a->cmd.job, &a->choose, &p, &v, e), ok;

	if (x < 0)
		return -1;
	ok = x ? v03_fmt_plan(&s, &v.r, &p.requests, a->cmd.json)
	    : restore_fmt_plan(&s, &p, a->cmd.json);
	restore_plan_free(&p);
	return prog_put(&s, ok, e);
}

static int
add(void *ctx, const struct conf_db *db, const struct conf_replica *r,
    struct err *e)
{
	struct args *a = ctx;

	(void)db;
	return choose_add(&a->choose, &r->store, &a->log, e);
}

/* A pin is read as the snapshot of its TXID, and is not the latest state. */
static int
choose_replicas(struct args *a, const struct conf_db *db, struct err *e)
{
	struct plan_target *t = &a->cmd.job.opt.target;

	a->choose.pin = a->cmd.pin;
	a->choose.by_txid = t->txid != 0;
	if (conf_each_replica(db, 1, a->cmd.replica, add, NULL, a, e) < 0
	    || choose_end(&a->choose, !t->txid && !a->cmd.pin, &a->log, e) < 0)
		return -1;
	if (a->cmd.pin)
		t->txid = a->choose.r[0].max;
	return 0;
}

/* A standby is whole at any moment, so that ending needs no preparation. */
static void
on_end(int sig)
{
	(void)sig;
	_exit(0);
}

static int
work(struct args *a, const struct conf_db *db, struct err *e)
{
	struct restore_report rep = { .url = "" };
	stralloc s = STRALLOC_ZERO;
	struct meter m;
	int r = 0, fd = 0, resumes = restore_cmd_resumes(&a->cmd);

	meter_begin(&m, a->log.level <= LOG_INFO ? &a->log : NULL, "restoring");
	a->cmd.job.opt.progress = meter_tick;
	a->cmd.job.opt.ctx = &m;
	if (!db)
		r = restore_job_stream(&a->cmd.job, io_in_fd(&fd), &rep, e);
	else if (choose_replicas(a, db, e) < 0)
		r = -1;
	else if (a->cmd.dry)
		r = dry_run(a, e);
	else if (!resumes)
		r = restore_job_replica(&a->cmd.job, &a->choose, &rep, e);
	meter_end(&m);
	if (!r && !a->cmd.dry && !resumes) {
		rep.ms = when_mono() - m.start;
		restore_fmt_log(&a->log, a->cmd.job.out, &rep);
		r = prog_put(&s, !a->cmd.job.out || restore_fmt_done(&s,
		    a->cmd.job.out, &rep, a->cmd.json, a->cmd.beside), e);
	}
	r = r ? r : restore_cmd_follow(&a->cmd, &a->choose, rep.used, on_end, e);
	choose_close(&a->choose);
	delta_close(&a->delta);
	return r;
}

/* Where to; then the work. */
static int
restore(struct args *a, const struct conf_db *db, char **beside,
    struct err *e)
{
	int there = 0;

	if (restore_cmd_out(&a->cmd, db ? db->path : NULL, db ? db->meta : NULL,
	    beside, e) < 0 || (a->cmd.job.out && !a->cmd.dry
	    && restore_cmd_wanted(&a->cmd, &there, e) < 0))
		return -1;
	if (there || (restore_cmd_delta(&a->cmd, &a->delta, e) == 0
	    && work(a, db, e) == 0))
		return 0;
	if (a->cmd.if_missing && e->kind == ERR_EXISTS
	    && !place_wanted(a->cmd.job.out, 1, &there, &a->log, e) && there)
		return 0;
	if (e->kind != ERR_NOTFOUND || !a->cmd.if_replica || !db)
		return -1;
	log_err(&a->log, LOG_INFO, e, "nothing to restore, the database will "
	    "be a new one", "db", a->cmd.job.out, NULL);
	return 0;
}

/* Each one, whatever becomes of the others; the last error but one that
 * trying again will not help before others. */
static int
restore_all(struct args *a, const struct conf *c, struct err *e)
{
	struct err one = { 0 };
	int r = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (restore(a, &c->dbs[i], NULL, &one) == 0)
			continue;
		if (c->n > 1)
			log_err(&a->log, LOG_ERROR, &one, "not restored", "db",
			    c->dbs[i].path, NULL);
		if (!r || err_exit(e->kind) != 102)
			*e = one;
		r = -1;
	}
	return r;
}

static int
from_conf(struct args *a, char **beside, struct err *e)
{
	struct conf conf;
	int r;

	if (restore_cmd_stdin(&a->cmd))
		return restore(a, NULL, beside, e);
	a->conf.file = a->cmd.config;
	a->conf.no_expand_env = a->cmd.no_expand_env;
	a->conf.db = a->cmd.source;
	a->conf.need = CONF_NEED_REPLICA | CONF_ONLY_READS
	    | (a->cmd.all ? CONF_NEED_DB : CONF_NEED_ONE);
	if (conf_load(&conf, &a->conf, e) < 0) {
		if (e->kind == ERR_NOTFOUND) /* of the file, not of a replica */
			e->kind = ERR_CONF;
		return -1;
	}
	conf_log(&conf, &a->log);
	r = a->cmd.all ? restore_all(a, &conf, e)
	    : restore(a, &conf.dbs[0], beside, e);
	conf_free(&conf);
	return r;
}

int
main(int argc, char **argv)
{
	struct args a = {
		.log = { .fd = 2, .level = LOG_INFO, .prog = PROG },
		.cmd = { .log = &a.log, .ready_fd = -1, .job = {
			.opt = { .target = { 0, -1 }, .log = &a.log },
			.check = check, .check_ctx = &a,
			.perm = { (uid_t)-1, (gid_t)-1, 0, 0 } } }
	};
	struct err e = { 0 };
	char *beside = NULL;
	int r;

	if ((r = parse(&a, argc, argv)) >= 0)
		return r;
	r = from_conf(&a, &beside, &e);
	free(beside);
	if (r < 0)
		return prog_fatal(PROG, "restore", &e);
	if (!*a.prog || a.cmd.dry)
		return 0;
	return prog_exec(PROG, a.prog);
}
