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
	{ 'h', "help", NULL, "print this and exit" },
	{ 'V', "version", NULL, "print the version and exit" },
	{ 0, NULL, NULL, NULL }
};

struct args {
	struct conf_args conf;
	const char *replica;
	int64_t retention_ms; /* -1: that of the configuration */
	int dry;
	struct log log;
};

static int
option(struct args *a, int id, const char *arg, struct err *e)
{
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

static int
parse(struct args *a, int argc, char *const *argv, struct err *e)
{
	struct opt_state st;
	int id;

	opt_init(&st, PROG, opts);
	while ((id = opt_next(&st, argc, argv)) != OPT_END) {
		if (id == OPT_BAD)
			return err_set(e, ERR_USAGE, "%s", st.bad);
		if (prog_info(&st, id, SYNOPSIS, PURPOSE))
			exit(0);
		if (option(a, id, st.arg, e) < 0)
			return -1;
	}
	a->conf.db = argv[st.index];
	if (argc - st.index > 1)
		return err_set(e, ERR_USAGE, PROG " " SYNOPSIS);
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
one(const struct args *a, const struct store_conf *conf, int64_t retention,
    struct err *e)
{
	struct prune p;
	int r;

	if (prune_plan(&p, conf, when_now(), retention, e) < 0)
		return err_in(e, "%s", conf->url);
	r = a->dry ? print_plan(&p, conf->url, e) : run(a, &p, conf->url, e);
	prune_free(&p);
	return r < 0 ? err_in(e, "%s", conf->url) : 0;
}

/* Every replica is tried; the first error is the program's. */
static int
all(const struct args *a, const struct conf *conf, struct err *e)
{
	int64_t retention = a->retention_ms >= 0 ? a->retention_ms
	    : conf->snapshot_retention_ms;
	struct err first = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < conf->n; i++)
		for (size_t k = 0; k < conf->dbs[i].n; k++) {
			const struct conf_replica *r = &conf->dbs[i].replicas[k];

			if (a->replica && strcmp(a->replica, r->name))
				continue;
			n++;
			if (one(a, &r->store, retention, e) == 0)
				continue;
			if (first.kind)
				log_err(&a->log, LOG_ERROR, e, "not pruned", NULL);
			else
				first = *e;
		}
	if (!n)
		return err_set(e, ERR_CONF, "no replica %s", a->replica);
	*e = first;
	return first.kind ? -1 : 0;
}

int
main(int argc, char **argv)
{
	struct args a = { .retention_ms = -1,
	    .log = { .fd = 2, .level = LOG_INFO, .prog = PROG } };
	struct conf conf;
	struct err e = { 0 };
	int r = 0;

	io_hold_std();
	if (parse(&a, argc, argv, &e) < 0)
		return prog_usage(PROG, e.msg);
	a.conf.need = CONF_NEED_REPLICA;
	if (conf_load(&conf, &a.conf, &e) < 0)
		return e.kind == ERR_USAGE ? prog_usage(PROG, e.msg)
		    : prog_fatal(PROG, "read the configuration", &e);
	if (conf.retention_enabled || a.dry || a.retention_ms >= 0)
		r = all(&a, &conf, &e);
	else
		log_event(&a.log, LOG_INFO, "retention is disabled, nothing "
		    "deleted: rules of the store have to do it", NULL);
	conf_free(&conf);
	return r < 0 ? prog_fatal(PROG, "prune", &e) : 0;
}
