#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "base/prog.h"
#include "base/when.h"
#include "conf/conf.h"
#include "repl/listing_fmt.h"
#include "repl/prune.h"

#define PROG "ls-prune"
#define SYNOPSIS "[OPTIONS] [DB|URL]"
#define PURPOSE "Deletes what is past the snapshot retention from a " \
	"replica: of URL, or of the\nreplicas of DB (all databases of the " \
	"configuration without DB). Level 0 stays."

enum { O_NO_EXPAND = 256, O_REPLICA, O_RETENTION };

static const struct opt opts[] = {
	{ 'n', "dry-run", NULL, "delete nothing, print each file and why" },
	{ O_RETENTION, "retention", "DURATION", "of snapshots, as 24h" },
	{ 'c', "config", "FILE", "configuration file" },
	{ O_NO_EXPAND, "no-expand-env", NULL, "leave $NAME in it alone" },
	{ O_REPLICA, "replica", "NAME", "only the replicas of this name" },
	{ 'q', "quiet", NULL, "print only warnings and errors" },
	{ 'T', "stamp", NULL, "time stamps before log lines" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	struct conf_args conf;
	const char *replica;
	int64_t retention_ms; /* -1: that of the configuration */
	int dry;
	struct log log;
};

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	switch (id) {
	case 'n': a->dry = 1; break;
	case O_RETENTION:
		if (when_dur_scan(arg, &a->retention_ms) < 0
		    || a->retention_ms < 0)
			return err_set(e, ERR_USAGE, "%s is not a duration as in "
			    "24h", arg);
		break;
	case 'c': a->conf.file = arg; break;
	case O_NO_EXPAND: a->conf.no_expand_env = 1; break;
	case O_REPLICA: a->replica = arg; break;
	case 'q': a->log.level = LOG_WARN; break;
	case 'T': a->log.stamp = 1; break;
	}
	return 0;
}

/* keep|delete, the file as ls-list has it, and why. */
static int
print_plan(const struct prune *p, const char *url, struct err *e)
{
	stralloc s = STRALLOC_ZERO;
	int ok = 1;

	printf("# %s\naction\t" LISTING_FMT_HEAD "\treason\n", url);
	for (size_t i = 0; ok && i < p->listing.n; i++) {
		s.len = 0;
		ok = listing_fmt_tsv(&s, &p->listing.f[i])
		    && stralloc_cats(&s, "\t")
		    && stralloc_cats(&s, retain_word(p->why[i]))
		    && stralloc_0(&s);
		if (ok)
			printf("%s\t%s\n", retain_goes(p->why[i]) ? "delete"
			    : "keep", s.s);
	}
	stralloc_free(&s);
	if (!ok)
		return err_nomem(e);
	return fflush(stdout) ? err_sys(e, "write to standard output") : 0;
}

static int
run(const struct args *a, struct prune *p, const char *url, struct err *e)
{
	struct prune_done d;
	char deleted[24], bytes[24], refused[24];
	int r = prune_run(p, &d, e);

	snprintf(deleted, sizeof deleted, "%zu", d.deleted);
	snprintf(refused, sizeof refused, "%zu", d.refused);
	snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)d.bytes);
	log_event(&a->log, LOG_INFO, "pruned", "replica", url, "deleted",
	    deleted, "bytes", bytes, "refused", d.refused ? refused : NULL,
	    NULL);
	return r;
}

static int
one(void *ctx, const struct conf_db *db, const struct conf_replica *rep,
    struct err *e)
{
	const struct args *a = ctx;
	const char *url = rep->store.url;
	struct prune p;
	int r;

	(void)db;
	if (prune_plan(&p, &rep->store, when_now(), a->retention_ms, e) < 0)
		return err_in(e, "%s", url);
	r = a->dry ? print_plan(&p, url, e) : run(a, &p, url, e);
	prune_free(&p);
	return r < 0 ? err_in(e, "%s", url) : 0;
}

static void
later(void *ctx, const struct err *e)
{
	log_err(&((struct args *)ctx)->log, LOG_ERROR, e, "not pruned", NULL);
}

int
main(int argc, char **argv)
{
	struct args a = { .retention_ms = -1,
	    .log = { .fd = 2, .level = LOG_INFO, .prog = PROG } };
	struct conf conf;
	struct err e = { 0 };
	int r;

	if ((r = prog_args(&prog, argc, &argv, option, &a, 0, 1)) >= 0)
		return r;
	a.conf.db = *argv;
	a.conf.need = CONF_NEED_REPLICA;
	if (conf_load(&conf, &a.conf, &e) < 0)
		return prog_fatal(PROG, "read the configuration", &e);
	conf_log(&conf, &a.log);
	r = 0;
	if (a.retention_ms < 0 && (conf.retention_enabled || a.dry))
		a.retention_ms = conf.snapshot_retention_ms;
	if (a.retention_ms >= 0)
		r = conf_each_replica(conf.dbs, conf.n, a.replica, one, later,
		    &a, &e);
	else
		log_event(&a.log, LOG_INFO, "retention is disabled, nothing "
		    "deleted: rules of the store have to do it", NULL);
	conf_free(&conf);
	return r < 0 ? prog_fatal(PROG, "prune", &e) : 0;
}
