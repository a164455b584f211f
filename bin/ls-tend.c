#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/opt.h"
#include "base/prog.h"
#include "base/ready.h"
#include "base/sk.h"
#include "base/url.h"
#include "conf/conf.h"
#include "repl/tend.h"

#define PROG "ls-tend"
#define SYNOPSIS "[-c FILE] [-d FD] [OPTIONS] [DB URL...]"
#define PURPOSE "Keeps the replicas of what ls-walship ships small and " \
	"restorable: runs compaction,\nsnapshots, retention and proofs when " \
	"they are due. Without DB and URL the\nconfiguration or the environment " \
	"says which."
#define RUN_DIR "/run/ls-s6"

enum { OPT_NOEXPAND = 256, OPT_RUN, OPT_LEVEL, OPT_PARENT };

static const struct opt opts[] = {
	{ 'c', "config", "FILE", "litestream.yml to read" },
	{ OPT_NOEXPAND, "no-expand-env", NULL, "no $VARIABLES in that file" },
	{ 'd', "ready-fd", "FD", "write a newline there when ready" },
	{ 'j', "jobs", "N", "programs at once: 2" },
	{ OPT_RUN, "run-dir", "DIR", "status files and socket of ls-walship" },
	{ OPT_LEVEL, "log-level", "LEVEL", "trace, debug, info, warn or error" },
	{ OPT_PARENT, "with-parent", NULL, "end when what started it ends" },
	{ 'T', "timestamps", NULL, "time of day in the log" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

#define CHILD_ARGS 8

/* A database that came later, with what its settings are of. */
struct later {
	struct conf conf;
	struct tend_conf_db db;
	struct later *next;
};

struct args {
	struct conf_args conf;
	struct tend_conf t;
	const char *child[CHILD_ARGS];
	struct log log;
	int level_given, parent;
	struct later *later;
};

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	switch (id) {
	case 'c': a->conf.file = arg; break;
	case OPT_NOEXPAND: a->conf.no_expand_env = 1; break;
	case 'd': return ready_scan(arg, &a->t.ready_fd, e);
	case 'j':
		if (!uint0_scan(arg, &a->t.jobs) || !a->t.jobs
		    || a->t.jobs > 64)
			return err_set(e, ERR_USAGE, "-j takes 1 to 64");
		break;
	case OPT_RUN: a->t.run_dir = arg; break;
	case OPT_LEVEL:
		if (log_level_scan(arg, &a->log.level) < 0)
			return err_set(e, ERR_USAGE, "%s is no log level: "
			    "trace, debug, info, warn or error", arg);
		a->level_given = 1;
		break;
	case OPT_PARENT: a->parent = 1; break;
	case 'T': a->log.stamp = 1; break;
	}
	return 0;
}

/* What the children are told as we were. */
static void
children(struct args *a)
{
	size_t n = 0;

	if (a->conf.file) {
		a->child[n++] = "-c";
		a->child[n++] = a->conf.file;
	}
	if (a->conf.no_expand_env)
		a->child[n++] = "--no-expand-env";
	a->t.args = a->child;
}

static int
convert_db(struct tend_conf_db *o, const struct conf_db *d,
    const struct conf_args *a, struct err *e)
{
	struct tend_conf_replica *r = calloc(d->n + 1, sizeof *r);

	if (!r)
		return err_nomem(e);
	for (size_t i = 0; i < d->n; i++) {
		r[i].url = d->replicas[i].store.url;
		r[i].operand = i < a->n_urls ? a->urls[i] : NULL;
		r[i].v03 = d->replicas[i].format == CONF_FORMAT_V03;
		r[i].retention_check_ms = d->replicas[i].retention_check_ms;
		r[i].snapshot_ms = d->replicas[i].snapshot_interval_ms;
	}
	*o = (struct tend_conf_db){ d->path, d->meta, r, d->n,
	    d->verify_interval_ms };
	return 0;
}

static int
lists(const struct conf_db *d, const char *const *urls, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; d && i < n; i++)
		for (size_t k = 0; k < d->n; k++)
			found += !strcmp(d->replicas[k].store.url, urls[i]);
	return d && found == n;
}

/* Of the configuration, read anew, as of a folder it watches, or else one that
 * was registered with its URLs. One that cannot be read says nothing: with
 * defaults in the place of its settings too much could be deleted. */
static int
load_later(struct args *a, struct later *l, const char *path,
    const char *const *urls, size_t n, struct err *e)
{
	struct conf_args ca = a->conf, plain = { .db = path, .urls = urls,
	    .n_urls = n, .need = CONF_NEED_DB | CONF_NEED_REPLICA, .again = 1 };
	int r, listed;

	ca.again = 1;
	if (conf_load(&l->conf, &ca, e) < 0)
		return -1;
	listed = lists(conf_db_find(&l->conf, path), urls, n);
	conf_free(&l->conf);
	ca.db = path;
	r = conf_load(&l->conf, listed ? &ca : &plain, e);
	if (!r && convert_db(&l->db, &l->conf.dbs[0], listed ? &ca : &plain, e)
	    < 0) {
		conf_free(&l->conf);
		r = -1;
	}
	return r;
}

static int
more(void *ctx, const char *path, const char *const *urls, size_t n,
    const struct tend_conf_db **out, struct err *e)
{
	struct args *a = ctx;
	struct later *l = calloc(1, sizeof *l);
	struct tend_conf_replica *r;

	if (!l)
		return err_nomem(e);
	if (load_later(a, l, path, urls, n, e) < 0) {
		free(l);
		return -1;
	}
	/* urls are the caller's */
	r = (struct tend_conf_replica *)(uintptr_t)l->db.r;
	for (size_t i = 0; i < l->db.n; i++)
		if (r[i].operand)
			r[i].operand = r[i].url;
	l->next = a->later;
	a->later = l;
	*out = &l->db;
	return 0;
}

static void
later_free(struct later *l)
{
	struct later *next;

	for (; l; l = next) {
		next = l->next;
		free((void *)(uintptr_t)l->db.r);
		conf_free(&l->conf);
		free(l);
	}
}

static void
convert_levels(struct level_conf *o, const struct conf *c)
{
	o->n = c->n_levels < LEVEL_MAX ? c->n_levels : LEVEL_MAX;
	memcpy(o->level_ms, c->level_ms, o->n * sizeof *o->level_ms);
	o->snapshot_ms = c->snapshot_interval_ms;
	o->retention_ms = c->retention_enabled ? c->snapshot_retention_ms : -1;
	o->l0_ms = c->l0_retention_ms;
	o->l0_check_ms = c->l0_retention_check_ms;
}

static int
run(struct args *a, const struct conf *c, struct err *e)
{
	struct tend_conf_db *dbs = calloc(c->n + 1, sizeof *dbs);
	int r = dbs ? 0 : err_nomem(e);

	for (size_t i = 0; i < c->n && !r; i++)
		r = convert_db(&dbs[i], &c->dbs[i], &a->conf, e);
	convert_levels(&a->t.levels, c);
	children(a);
	a->t.dbs = dbs;
	a->t.n = c->n;
	a->t.validation_ms = c->validation_ms;
	a->t.verify = c->verify_compaction;
	a->t.more = a->conf.db ? NULL : more;
	a->t.ctx = a;
	a->t.log = &a->log;
	if (!a->level_given)
		a->log.level = c->log_level;
	a->log.json = c->log_json;
	if (!r)
		r = tend_run(&a->t, e);
	for (size_t i = 0; dbs && i < c->n; i++)
		free((void *)(uintptr_t)dbs[i].r);
	free(dbs);
	later_free(a->later);
	return r;
}

static int
parse(struct args *a, int argc, char *const *argv)
{
	struct opt_state st;
	int code = prog_options(&prog, &st, argc, argv, option, a), n;
	char *const *v = argv + st.index;

	if (code >= 0)
		return code;
	n = argc - st.index;
	if ((code = prog_late(&prog, &st, argv, n)) >= 0)
		return code;
	for (int i = 1; i < n; i++)
		if (!url_is(v[i]))
			return prog_usage(PROG, "%s is no replica URL: after "
			    "the one DB come the URLs of its replicas", v[i]);
	if (n)
		a->conf.db = v[0];
	if (n > 1) {
		a->conf.urls = (const char *const *)v + 1;
		a->conf.n_urls = (size_t)n - 1;
	}
	return -1;
}

int
main(int argc, char **argv)
{
	const char *dir = getenv("LS_RUN_DIR");
	struct args a = { .t = { .ready_fd = -1, .jobs = 2 },
	    .log = { .fd = 2, .level = LOG_INFO, .prog = PROG } };
	struct conf c;
	struct err e = { 0 };
	pid_t parent = getppid();
	int code, r;

	a.t.run_dir = dir && *dir ? dir : RUN_DIR;
	if ((code = parse(&a, argc, argv)) >= 0)
		return code;
	if (a.parent && (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0
	    || getppid() != parent))
		return 0;
	a.conf.need = CONF_NEED_DB | CONF_NEED_REPLICA | CONF_DIRS_DO;
	if (conf_load(&c, &a.conf, &e) < 0)
		return prog_fatal(PROG, "read the configuration", &e);
	r = run(&a, &c, &e);
	conf_free(&c);
	return r < 0 ? prog_fatal(PROG, "go on", &e) : 0;
}
