#include "front/parent.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/url.h"
#include "base/when.h"
#include "repl/control.h"

#define RUN_DIR "/run/ls-s6"

/* ---- the folder of our programs ---- */

/* Nobody is at work there, and it can be written to. */
static int
usable(const char *dir)
{
	char sock[PATH_MAX];
	struct err e = { 0 };

	if (access(dir, W_OK | X_OK) < 0 && mkdir(dir, 0755) < 0)
		return 0;
	snprintf(sock, sizeof sock, "%s/walship.sock", dir);
	return control_request(sock, "list", 500, NULL, NULL, &e) < 0
	    && (e.sys == ENOENT || e.sys == ECONNREFUSED);
}

int
parent_dir(struct parent *p, struct err *e)
{
	const char *env = getenv("LS_RUN_DIR");
	const char *dir = env && *env ? env : RUN_DIR;
	char own[] = "/tmp/litestream-XXXXXX";

	if (!usable(dir)) {
		if (!(dir = mkdtemp(own)))
			return err_sys(e, "%s", own);
		p->own_dir = 1;
	}
	return (p->dir = strdup(dir)) ? 0 : err_nomem(e);
}

void
parent_dir_free(struct parent *p)
{
	static const char *const names[] = { "walship.sock", "walship.status",
	    "tend.status" };
	char path[PATH_MAX];

	for (size_t i = 0; p->own_dir && i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", p->dir, names[i]);
		unlink(path);
	}
	if (p->own_dir)
		rmdir(p->dir);
	free(p->dir);
}

/* ---- what is said at the start ---- */

static void
hello_replica(const struct parent *p, const struct conf_replica *r)
{
	const struct store_conf *s = &r->store;
	int s3 = s->type == STORE_S3;
	char sync[WHEN_FMT];

	when_dur_fmt(sync, r->sync_interval_ms);
	log_event(&p->f->log, LOG_INFO, "replicating to",
	    "name", p->f->old ? r->name : NULL, "type", front_type(s),
	    "sync-interval", sync, "bucket", s3 && s->bucket ? s->bucket : NULL,
	    "path", s3 || s->type == STORE_FILE ? s->path : NULL,
	    "region", s3 ? s->region ? s->region : "" : NULL,
	    "endpoint", s3 ? s->endpoint ? s->endpoint : "" : NULL,
	    "host", s->type == STORE_SFTP ? s->host : NULL,
	    "user", s->type == STORE_SFTP ? s->user : NULL,
	    "path", s->type == STORE_SFTP ? s->path : NULL, NULL);
}

static void
hello_level(const struct parent *p, unsigned level, int64_t ms)
{
	char n[16], every[WHEN_FMT];

	snprintf(n, sizeof n, "%u", level);
	when_dur_fmt(every, ms);
	log_event(&p->f->log, LOG_INFO, "starting compaction monitor",
	    "system", "store", "level", n, "interval", every, NULL);
}

static void
hello_metrics(const struct parent *p, const char *addr)
{
	char url[300];

	snprintf(url, sizeof url, "http://%s%s/metrics", *addr == ':'
	    ? "localhost" : "", addr);
	log_event(&p->f->log, LOG_INFO, "serving metrics on", "url", url, NULL);
}

/* Before databases are restored. */
static void
hello(const struct parent *p)
{
	const struct front *f = p->f;
	const char *level = f->opts.log_level ? f->opts.log_level
	    : f->argc ? "INFO" : "";

	log_event(&f->log, LOG_INFO, "litestream", "version",
	    front_version(f->old), "level", f->old ? NULL : level, NULL);
	if (!f->conf.n && !f->conf.n_dirs)
		log_event(&f->log, LOG_ERROR,
		    "no databases specified in configuration", NULL);
}

/* And then. */
static void
hello_databases(const struct parent *p)
{
	const struct front *f = p->f;
	const struct conf *c = &f->conf;
	char check[WHEN_FMT], keep[WHEN_FMT];
	size_t i, k;

	if (p->sock >= 0)
		log_event(&f->log, LOG_INFO, "control socket listening",
		    "system", "server", "path", c->socket_path, NULL);
	for (i = 0; i < c->n; i++) {
		log_event(&f->log, LOG_INFO, "initialized db", "path",
		    c->dbs[i].path, NULL);
		for (k = 0; k < c->dbs[i].n; k++)
			hello_replica(p, &c->dbs[i].replicas[k]);
	}
	if (c->addr && !f->opts.once)
		hello_metrics(p, c->addr);
	if (f->old || f->opts.once)
		return;
	for (i = 0; i < c->n_levels; i++)
		hello_level(p, (unsigned)i + 1, c->level_ms[i]);
	hello_level(p, 9, c->snapshot_interval_ms);
	when_dur_fmt(check, c->l0_retention_check_ms);
	when_dur_fmt(keep, c->l0_retention_ms);
	if (c->l0_retention_ms)
		log_event(&f->log, LOG_INFO, "starting L0 retention monitor",
		    "system", "store", "interval", check, "retention", keep,
		    NULL);
}

/* ---- programs that run to their end ---- */

struct job {
	const char *name, *const *options;
	const char *failed;      /* goes before what went wrong; NULL: nothing */
};

/* Runs one of ours with the configuration or operands; db: its last operand,
 * NULL: those of the line. 0, or the exit code after it was said. */
static int
run(struct parent *p, const struct job *j, const char *db)
{
	struct front_said said = { .f = p->f, .quiet = !!j->failed };
	const char *const *options = j->options;
	const char *av[FRONT_ARGS];
	char path[PATH_MAX];
	stralloc out = STRALLOC_ZERO;
	struct err e = { 0 };
	size_t n = 0;
	int code = 0, r;

	front_find(j->name, path, sizeof path);
	av[n++] = path;
	while (*options)
		av[n++] = *options++;
	n += front_conf_args(p->f, av + n);
	if (db && !p->operands[0])
		av[n++] = db;
	for (size_t k = 0; p->operands[k] && n < FRONT_ARGS - 1; k++)
		av[n++] = p->operands[k];
	av[n] = NULL;
	r = front_capture((char *const *)(uintptr_t)av, &out, front_listen,
	    &said, &code, &e);
	stralloc_free(&out);
	if (r < 0)
		return front_fail_err(p->f, &e);
	if (!code)
		return 0;
	err_set(&e, ERR_TEMP, "%s%s", j->failed ? j->failed : "", *said.fatal
	    ? said.fatal : "not everything was shipped");
	front_fail_err(p->f, &e);
	return code;
}

/* For what takes a database of the configuration, or one URL. */
static int
run_on_replica(struct parent *p, const struct job *j, const struct conf_db *db)
{
	char *const *all = p->operands;
	int code = 0;

	if (!all[0])
		return run(p, j, db->path);
	for (size_t i = 1; all[i] && !code; i++) {
		char *const one[] = { all[i], NULL };

		p->operands = one;
		code = run(p, j, NULL);
	}
	p->operands = all;
	return code;
}

static int
restore(struct parent *p, const struct conf_db *db)
{
	const char *opts[] = { "-i", "-e", "-o", db->path, NULL };
	const struct job j = { "ls-restore", opts, "restore failed: " };
	const struct log *l = &p->f->log;
	int code;

	if (access(db->path, F_OK) == 0) {
		log_event(l, LOG_INFO, "database exists, skipping restore",
		    "path", db->path, NULL);
		return 0;
	}
	log_event(l, LOG_INFO, "attempting restore before replication", "path",
	    db->path, NULL);
	if ((code = run_on_replica(p, &j, db)))
		return code;
	log_event(l, LOG_INFO, access(db->path, F_OK) == 0
	    ? "restore completed" : "no backup found, starting fresh", "path",
	    db->path, NULL);
	return 0;
}

static int
restores(struct parent *p)
{
	const struct conf *c = &p->f->conf;
	int code = 0;

	for (size_t i = 0; i < c->n && !code; i++)
		if (p->f->opts.restore_missing || c->dbs[i].restore_if_missing)
			code = restore(p, &c->dbs[i]);
	return !!code;
}

int
parent_once(struct parent *p)
{
	/* a daemon's socket is in nobody's way */
	static const char *const ship[] = { "--once", "--run-dir", "", NULL };
	static const char *const snapshot[] = { "-r", NULL };
	static const char *const none[] = { NULL };
	const struct job shipping = { "ls-walship", ship, NULL },
	    copying = { "ls-snapshot", snapshot, NULL },
	    pruning = { "ls-prune", none, NULL };
	const struct conf *c = &p->f->conf;
	const struct log *l = &p->f->log;
	size_t i;
	int code;

	for (i = 0; i < c->n; i++)
		log_event(l, LOG_INFO, "syncing database", "path",
		    c->dbs[i].path, NULL);
	if (c->n && run(p, &shipping, NULL))
		return 1;
	for (i = code = 0; i < c->n && p->f->opts.force_snapshot && !code;
	    i++) {
		log_event(l, LOG_INFO, "taking snapshot", "path",
		    c->dbs[i].path, NULL);
		code = run_on_replica(p, &copying, &c->dbs[i]);
	}
	for (i = 0; i < c->n && p->f->opts.enforce_retention && !code; i++) {
		log_event(l, LOG_INFO, "enforcing retention", "path",
		    c->dbs[i].path, NULL);
		code = run_on_replica(p, &pruning, &c->dbs[i]);
	}
	if (code)
		return 1;
	log_event(l, LOG_INFO, "one-shot replication complete", NULL);
	log_event(l, LOG_INFO, "replication complete, litestream shutting down",
	    NULL);
	log_event(l, LOG_INFO, "litestream shut down", NULL);
	return 0;
}

/* ---- the command ---- */

/* Of the flags and the configuration. 0, or the exit code. */
static int
conflict(const struct front *f)
{
	const struct front_opts *o = &f->opts;
	const char *exec = o->exec && *o->exec ? o->exec : f->conf.exec;

	if (o->once && exec && *exec)
		return front_fail(f, "cannot specify -once flag with -exec");
	if (o->force_snapshot && !o->once)
		return front_fail(f, "cannot specify -force-snapshot flag "
		    "without -once");
	if (o->enforce_retention && !o->once)
		return front_fail(f, "cannot specify -enforce-retention flag "
		    "without -once");
	return 0;
}

static int
configure(struct parent *p)
{
	struct front *f = p->f;
	char text[PATH_MAX + 80];

	if (f->argc == 1) {
		snprintf(text, sizeof text, "must specify at least one replica "
		    "URL for %s", f->argv[0]);
		return front_fail(f, text);
	}
	if (f->argc > FRONT_ARGS - 8)
		return front_fail(f, "too many arguments");
	for (int i = 1; i < f->argc; i++)
		if (f->argv[i][0] == '-') {
			snprintf(text, sizeof text, "flag \"%s\" must be "
			    "positioned before DB_PATH and REPLICA_URL "
			    "arguments", f->argv[i]);
			return front_fail(f, text);
		}
	return f->argc ? front_conf(f, f->argv[0],
	    (const char *const *)f->argv + 1, (size_t)f->argc - 1,
	    CONF_NEED_DB | CONF_NEED_REPLICA)
	    : front_conf(f, NULL, NULL, 0, CONF_NEED_DB | CONF_NEED_REPLICA
	    | CONF_DIRS_DO | (f->opts.once ? CONF_NONE_DO : 0));
}

/* What is wrong with its line is told where the peer tells it, when all else is
 * there. */
static int
application(struct parent *p, struct err *e)
{
	const char *exec = p->f->opts.exec;

	if (!exec || !*exec)
		exec = p->f->conf.exec;
	return exec && *exec ? front_words(exec, &p->app_block, &p->app, e) : 0;
}

/* The socket, the folder, the programs there are. */
static int
prepare(struct parent *p, struct err *e)
{
	const struct conf *c = &p->f->conf;

	p->part[PART_TEND].wanted = 1;
	p->part[PART_STATUS].wanted = !!c->addr;
	if (p->f->opts.once)
		return 0;
	if (c->socket_enabled && (p->sock = front_socket_new(c->socket_path,
	    c->socket_mode, e)) < 0) {
		/* databases are shipped all the same, as the peer does */
		if (!c->n && !c->n_dirs)
			return -1;
		log_err(&p->f->log, LOG_WARN, e,
		    "failed to start control server", NULL);
		err_clear(e);
	}
	return parent_dir(p, e);
}

int
front_replicate(struct front *f)
{
	struct parent p = { .f = f, .signals = -1, .sock = -1,
	    .operands = f->argv, .started_ms = when_now() };
	struct err e = { 0 };
	int code;

	for (int i = 0; i < PARTS; i++) {
		p.part[i].c.out = p.part[i].c.err = p.part[i].c.ready = -1;
		p.part[i].next = INT64_MAX;
	}
	if ((code = configure(&p)) || (code = conflict(f)))
		return code;
	if (prepare(&p, &e) < 0) {
		code = front_fail_err(f, &e);
	} else {
		hello(&p);
		if (!(code = restores(&p))) {
			hello_databases(&p);
			code = application(&p, &e) < 0 ? front_fail_err(f, &e)
			    : f->opts.once ? parent_once(&p) : parent_loop(&p);
		}
	}
	if (p.sock >= 0) {
		unlink(f->conf.socket_path);
		close(p.sock);
	}
	parent_dir_free(&p);
	for (int i = 0; i < PARTS; i++)
		stralloc_free(&p.part[i].line);
	free(p.app);
	free(p.app_block);
	return code;
}
