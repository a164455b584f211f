#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/opt.h"
#include "base/prog.h"
#include "base/ready.h"
#include "base/sk.h"
#include "base/url.h"
#include "conf/conf.h"
#include "repl/walship.h"
#include "store/meter.h"

#define PROG "ls-walship"
#define SYNOPSIS "[-c FILE] [-d FD] [OPTIONS] [DB URL...] [-x PROG [ARG...]]"
#define PURPOSE "Follows the write-ahead logs of SQLite databases and ships " \
	"what is committed to\ntheir replicas. Without DB and URL the " \
	"configuration or the environment says which."
#define RUN_DIR "/run/ls-s6"

enum { OPT_ACCEPT = 256, OPT_ONCE, OPT_NOEXPAND, OPT_RUN, OPT_POLL, OPT_LEVEL,
	OPT_UNGUARDED, OPT_PARENT };

static const struct opt opts[] = {
	{ 'c', "config", "FILE", "litestream.yml to read" },
	{ OPT_NOEXPAND, "no-expand-env", NULL, "no $VARIABLES in that file" },
	{ 'd', "ready-fd", "FD", "write a newline there when ready" },
	{ 'x', "exec", NULL, "run the rest of the line once ready; end with it" },
	{ OPT_UNGUARDED, "unguarded", NULL, "with -x: it runs on though nothing "
	    "can be replicated" },
	{ OPT_ONCE, "once", NULL, "ship what is committed, then exit" },
	{ OPT_ACCEPT, "accept-replacement", NULL, "ship databases that are "
	    "no continuation" },
	{ OPT_PARENT, "signals-of-parent", NULL, "only what started it ends it" },
	{ OPT_POLL, "poll", NULL, "do not use inotify" },
	{ OPT_RUN, "run-dir", "DIR", "socket and status file; empty: none" },
	{ OPT_LEVEL, "log-level", "LEVEL", "trace, debug, info, warn or error" },
	{ 'T', "timestamps", NULL, "time of day in the log" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	struct conf_args conf;
	struct walship_conf w;
	struct log log;
	struct store_meter meter;
	struct conf_watch *watch;
	size_t n; /* databases so far */
	int accept, level_given, exec;
};

/* A database of the configuration as the daemon wants it. */
static int
convert(struct walship_db *o, const struct conf_db *d, struct args *a,
    struct err *e)
{
	struct walship_replica *r;

	memset(o, 0, sizeof *o);
	o->capture = (struct capture_conf){
		.path = d->path, .meta = d->meta,
		.min_checkpoint_pages = d->min_checkpoint_pages,
		.max_checkpoint_pages = d->max_checkpoint_pages,
		.checkpoint_interval_ms = d->checkpoint_interval_ms,
		.busy_timeout_ms = d->busy_timeout_ms,
		.sync_interval_ms = d->sync_interval_ms,
		.max_sync_wal_bytes = d->max_sync_wal_bytes,
		.encoding = d->encoding,
		.perm = { .uid = (uid_t)-1, .gid = (gid_t)-1 },
		.accept_replacement = a->accept || d->accept_replacement,
	};
	if (!(r = calloc(d->n + 1, sizeof *r)))
		return err_nomem(e);
	for (size_t i = 0; i < d->n; i++) {
		d->replicas[i].store.meter = &a->meter;
		r[i].store = &d->replicas[i].store;
		r[i].v03 = d->replicas[i].format == CONF_FORMAT_V03;
	}
	o->r = r;
	o->n = d->n;
	return 0;
}

static void
made_free(struct walship_db *o)
{
	conf_free(o->ctx);
	free(o->ctx);
	free((void *)(uintptr_t)o->r);
}

/* Some five descriptors a database: more than the usual 1024 for hundreds. */
static void
room(size_t n)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= 6 * n + 128)
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

/* The one database of c, with c, which it takes over. */
static int
own(struct walship_db *o, struct conf *c, struct args *a, struct err *e)
{
	if (convert(o, &c->dbs[0], a, e) < 0) {
		conf_free(c);
		free(c);
		return -1;
	}
	room(++a->n);
	conf_log(c, &a->log);
	o->ctx = c;
	o->free = made_free;
	return 0;
}

/* "register" of the control socket. */
static int
make(void *ctx, const char *path, const char *url, struct walship_db *o,
    struct err *e)
{
	struct conf_args ca = { .db = path, .urls = &url, .n_urls = 1,
	    .need = CONF_NEED_DB | CONF_NEED_REPLICA };
	struct conf *c = calloc(1, sizeof *c);
	const struct args *a = ctx;

	if (!c)
		return err_nomem(e);
	if (conf_load(c, &ca, e) < 0) {
		free(c);
		return -1;
	}
	if (url_has_secret(url))
		log_event(&a->log, LOG_WARN, "ls-tend does not get the secret "
		    "of this URL: only the environment reaches both", "db",
		    path, NULL);
	return own(o, c, ctx, e);
}

/* One that has appeared in a watched folder. */
static int
more(void *ctx, struct walship_db *o, struct err *e)
{
	struct args *a = ctx;
	struct conf *c;
	int r = conf_watch_next(a->watch, &c, e);

	return r <= 0 ? r : own(o, c, a, e) < 0 ? -1 : 1;
}

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	switch (id) {
	case 'c': a->conf.file = arg; break;
	case OPT_NOEXPAND: a->conf.no_expand_env = 1; break;
	case 'd': return ready_scan(arg, &a->w.ready_fd, e);
	case 'x': a->exec = 1; break;
	case OPT_UNGUARDED: a->w.unguarded = 1; break;
	case OPT_ONCE: a->w.once = a->w.ready_remote = 1; break;
	case OPT_ACCEPT: a->accept = 1; break;
	case OPT_PARENT: a->w.parent = getppid(); break;
	case OPT_POLL: a->w.force_poll = 1; break;
	case OPT_RUN:
		a->w.run_dir = *arg ? arg : NULL;
		a->w.run_default = 0;
		break;
	case OPT_LEVEL:
		if (log_level_scan(arg, &a->log.level) < 0)
			return err_set(e, ERR_USAGE, "%s is no log level: "
			    "trace, debug, info, warn or error", arg);
		a->level_given = 1;
		break;
	case 'T': a->log.stamp = 1; break;
	}
	return 0;
}

static int
parse(struct args *a, int argc, char *const *argv)
{
	struct opt_state st;
	int n = 0, code = prog_options(&prog, &st, argc, argv, option, a);
	char *const *v = argv + st.index;

	if (code >= 0)
		return code;
	while (!a->exec && v[n] && strcmp(v[n], "-x") && strcmp(v[n], "--exec"))
		n++;
	if ((code = prog_late(&prog, &st, argv, n)) >= 0)
		return code;
	for (int i = 1; i < n; i++)
		if (!url_is(v[i]))
			return prog_usage(PROG, "%s is no replica URL: after "
			    "the one DB come the URLs of its replicas, as "
			    "file:///..., s3://... or sftp://...; several are "
			    "for a configuration, -c", v[i]);
	if (n)
		a->conf.db = v[0];
	if (n > 1) {
		a->conf.urls = (const char *const *)v + 1;
		a->conf.n_urls = (size_t)n - 1;
	}
	if (a->exec || v[n])
		a->w.child = v + n + !a->exec;
	return a->w.child && !a->w.child[0]
	    ? prog_usage(PROG, "-x needs a program") : -1;
}

static int
run(struct args *a, struct conf *c)
{
	struct walship_db *dbs = calloc(c->n + 1, sizeof *dbs);
	struct err e = { 0 };
	int code = 0, left = 0, r = 0;
	size_t i;

	room(a->n = c->n);
	if (!dbs)
		r = err_nomem(&e);
	conf_log(c, &a->log);
	for (i = 0; i < c->n && r == 0; i++) {
		r = convert(&dbs[i], &c->dbs[i], a, &e);
		if (!i || c->dbs[i].monitor_interval_ms < a->w.poll_ms)
			a->w.poll_ms = c->dbs[i].monitor_interval_ms;
	}
	if (r == 0 && c->n_dirs && !(r = conf_watch_new(&a->watch, c,
	    &a->conf, a->w.poll_ms ? a->w.poll_ms : 1000, a->w.force_poll,
	    &e)))
		a->w.more_fd = conf_watch_fd(a->watch);
	a->w.more = more;
	a->w.dbs = dbs;
	a->w.n = c->n;
	a->w.l0_retention_ms = c->retention_enabled ? c->l0_retention_ms : 0;
	a->w.shutdown_ms = c->shutdown_sync_timeout_ms;
	a->w.log = &a->log;
	a->w.meter = &a->meter;
	a->w.make = make;
	a->w.ctx = a;
	if (!a->level_given)
		a->log.level = c->log_level;
	a->log.json = c->log_json;
	if (r == 0)
		r = walship_run(&a->w, &code, &left, &e);
	if (r < 0)
		code = prog_fatal(PROG, "go on", &e);
	if (conf_watch_free(a->watch) || left)
		_exit(code);
	for (i = 0; dbs && i < c->n; i++)
		free((void *)(uintptr_t)dbs[i].r);
	free(dbs);
	return code;
}

int
main(int argc, char **argv)
{
	const char *dir = getenv("LS_RUN_DIR");
	const char *wait = getenv("LS_WAIT_READY");
	struct args a = { .w = { .ready_fd = -1, .more_fd = -1 },
	    .log = { .fd = 2, .level = LOG_INFO } };
	struct conf c;
	struct err e = { 0 };
	int code;

#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1); /* a few threads, and memory counts */
#endif
	a.w.run_default = !dir || !*dir;
	a.w.run_dir = a.w.run_default ? RUN_DIR : dir;
	a.w.ready_remote = wait && !strcmp(wait, "remote");
	if ((code = parse(&a, argc, argv)) >= 0)
		return code;
	a.conf.need = CONF_NEED_DB | CONF_NEED_REPLICA | CONF_DIRS_DO;
	if (conf_load(&c, &a.conf, &e) < 0)
		return prog_fatal(PROG, "read the configuration", &e);
	code = run(&a, &c);
	conf_free(&c);
	return code;
}
