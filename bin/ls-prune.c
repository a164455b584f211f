#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "base/prog.h"
#include "base/when.h"
#include "conf/conf.h"
#include "repl/listing_fmt.h"
#include "repl/pin.h"
#include "repl/prune.h"
#include "repl/v03_prune.h"

#define PROG "ls-prune"
#define SYNOPSIS "[OPTIONS] [DB [URL]|URL]"
#define PURPOSE "Deletes what is past its retention from a " \
	"replica: of URL, or of the\nreplicas of DB (all databases of the " \
	"configuration without DB)."

enum { O_NO_EXPAND = 256, O_REPLICA, O_RETENTION, O_L0, O_ALL, O_DAILY,
	O_WEEKLY, O_MONTHLY, O_UNPIN };

static const struct opt opts[] = {
	{ 'n', "dry-run", NULL, "delete nothing, print each file and why" },
	{ '0', "level0", NULL, "only of level 0, as often as you like" },
	{ O_RETENTION, "retention", "DURATION", "of snapshots, as 24h" },
	{ O_L0, "l0-retention", "DURATION", "of level 0, as 5m; 0: it stays" },
	{ O_ALL, "keep-all", "DURATION", "every state of the last while" },
	{ O_DAILY, "daily", "N", "the last state of N days" },
	{ O_WEEKLY, "weekly", "N", "the last state of N weeks" },
	{ O_MONTHLY, "monthly", "N", "the last state of N months" },
	{ O_UNPIN, "unpin", "NAME", "remove this pin, and nothing else" },
	CHANGES_OPTS,
	{ 'c', "config", "FILE", "configuration file" },
	{ O_NO_EXPAND, "no-expand-env", NULL, "leave $NAME in it alone" },
	{ O_REPLICA, "replica", "NAME", "only the replicas of this name or URL" },
	{ 'q', "quiet", NULL, "print only warnings and errors" },
	{ 'T', "stamp", NULL, "time stamps before log lines" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	struct conf_args conf;
	const char *replica, *unpin;
	struct changes changes;
	/* -1: as the configuration has it */
	int64_t retention_ms, l0_ms, all_ms, daily, weekly, monthly;
	int dry, level0, off;
	const struct conf *loaded;
	struct log log;
};

static int
duration(const char *s, int64_t *ms, struct err *e)
{
	if (when_dur_scan(s, ms) < 0 || *ms < 0)
		return err_set(e, ERR_USAGE, "%s is not a duration as in 24h",
		    s);
	return 0;
}

static int
number(const char *s, int64_t *n, struct err *e)
{
	char *end;

	*n = strtol(s, &end, 10);
	if (*s < '0' || *s > '9' || *end || *n > 100000)
		return err_set(e, ERR_USAGE, "%s is not a number from 0 to "
		    "100000", s);
	return 0;
}

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	if (changes_option(&a->changes, id, arg))
		return 0;
	switch (id) {
	case 'n': a->dry = 1; break;
	case '0': a->level0 = 1; break;
	case O_RETENTION: return duration(arg, &a->retention_ms, e);
	case O_L0: return duration(arg, &a->l0_ms, e);
	case O_ALL: return duration(arg, &a->all_ms, e);
	case O_DAILY: return number(arg, &a->daily, e);
	case O_WEEKLY: return number(arg, &a->weekly, e);
	case O_MONTHLY: return number(arg, &a->monthly, e);
	case O_UNPIN: a->unpin = arg; return pin_name(arg, e);
	case 'c': a->conf.file = arg; break;
	case O_NO_EXPAND: a->conf.no_expand_env = 1; break;
	case O_REPLICA: a->replica = arg; break;
	case 'q': a->log.level = LOG_WARN; break;
	case 'T': a->log.stamp = 1; break;
	}
	return 0;
}

static int64_t
given(int64_t option, int64_t configured)
{
	return option < 0 ? configured : option;
}

static struct retain_rules
rules(const struct args *a, const struct conf_db *db)
{
	return (struct retain_rules){
		given(a->retention_ms, a->loaded->snapshot_retention_ms),
		given(a->l0_ms, a->loaded->l0_retention_ms),
		{ given(a->all_ms, db->keep.all_ms),
		    (unsigned)given(a->daily, db->keep.daily),
		    (unsigned)given(a->weekly, db->keep.weekly),
		    (unsigned)given(a->monthly, db->keep.monthly) },
		a->level0
	};
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
		    && retain_fmt(&s, &p->retain, i) && stralloc_0(&s);
		if (ok)
			printf("%s\t%s\n", retain_goes(p->retain.why[i])
			    ? "delete" : "keep", s.s);
	}
	stralloc_free(&s);
	if (!ok)
		return err_nomem(e);
	return fflush(stdout) ? err_sys(e, "write to standard output") : 0;
}

static void
say(const struct args *a, const char *url, const struct prune_done *d)
{
	char deleted[24], bytes[24], refused[24];

	snprintf(deleted, sizeof deleted, "%zu", d->deleted);
	snprintf(refused, sizeof refused, "%zu", d->refused);
	snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)d->bytes);
	log_event(&a->log, LOG_INFO, "pruned", "replica", url, "deleted",
	    deleted, "bytes", bytes, "refused", d->refused ? refused : NULL,
	    NULL);
}

/* ---- replicas of Litestream 0.3 ---- */

static int
print_v03(const struct v03_prune *p, const char *url, struct err *e)
{
	stralloc s = STRALLOC_ZERO;
	int r = 0;

	if (!v03_prune_fmt(&s, p, url))
		r = err_nomem(e);
	else if (fwrite(s.s, s.len, 1, stdout) != 1 || fflush(stdout))
		r = err_sys(e, "write to standard output");
	stralloc_free(&s);
	return r;
}

static int
one_v03(const struct args *a, const struct conf_replica *rep, struct err *e)
{
	int64_t keep = given(a->retention_ms, rep->retention_ms);
	struct prune_done d;
	struct v03_prune p;
	int r;

	if (a->level0 || (!keep && a->retention_ms < 0))
		return 0; /* there is no level 0; nothing is ever deleted */
	if (a->changes.listing)
		return err_set(e, ERR_USAGE, "--listing is not for replicas "
		    "in the format of Litestream 0.3");
	if (v03_prune_plan(&p, &rep->store, when_now(), keep, &a->log, e) < 0)
		return -1;
	if (a->dry) {
		r = print_v03(&p, rep->store.url, e);
	} else {
		p.changes = &a->changes;
		r = v03_prune_run(&p, "", &d, e);
		say(a, rep->store.url, &d);
	}
	v03_prune_free(&p);
	return r;
}

/* Of a replica given by its address alone there is no other word of it. */
static int
is_v03(const struct conf_db *db, const struct conf_replica *rep,
    struct err *e)
{
	if (rep->format == CONF_FORMAT_V03 || db->path)
		return rep->format == CONF_FORMAT_V03;
	return v03_prune_alone(&rep->store, e);
}

static int
unpin(const struct args *a, const struct conf_replica *rep, struct err *e)
{
	if (pin_remove(&rep->store, a->unpin, e) < 0)
		return -1;
	log_event(&a->log, LOG_INFO, "pin removed", "replica", rep->store.url,
	    "pin", a->unpin, NULL);
	return 0;
}

static int
one_ltx(struct args *a, const struct conf_db *db,
    const struct conf_replica *rep, struct err *e)
{
	struct retain_rules x = rules(a, db);
	struct prune_done d;
	struct prune p;
	int r;

	if (prune_plan(&p, &rep->store, when_now(), &x, &a->changes, &a->log,
	    e) < 0)
		return -1;
	if (a->dry) {
		r = print_plan(&p, rep->store.url, e);
	} else {
		r = prune_run(&p, &d, e);
		say(a, rep->store.url, &d);
	}
	prune_free(&p);
	return r;
}

static int
one(void *ctx, const struct conf_db *db, const struct conf_replica *rep,
    struct err *e)
{
	struct args *a = ctx;
	int r = a->unpin ? unpin(a, rep, e) : is_v03(db, rep, e);

	if (r >= 0 && !a->unpin)
		r = r ? one_v03(ctx, rep, e) : one_ltx(ctx, db, rep, e);
	return r < 0 ? err_in(e, "%s", rep->store.url) : 0;
}

static void
later(void *ctx, const struct err *e)
{
	log_err(&((struct args *)ctx)->log, LOG_ERROR, e, "not pruned", NULL);
}

/* retention.enabled: false; what is said here and now goes before. */
static int
disabled(const struct args *a, const struct conf *conf)
{
	return !conf->retention_enabled && !a->dry && !a->unpin
	    && a->retention_ms < 0;
}

int
main(int argc, char **argv)
{
	struct args a = { .retention_ms = -1, .l0_ms = -1, .all_ms = -1,
	    .daily = -1, .weekly = -1, .monthly = -1,
	    .log = { .fd = 2, .level = LOG_INFO, .prog = PROG } };
	struct conf conf;
	struct err e = { 0 };
	int r;

	if ((r = prog_args(&prog, argc, &argv, option, &a, 0, 2)) >= 0)
		return r;
	a.conf.db = *argv;
	a.conf.urls = (const char *const *)argv + 1;
	a.conf.n_urls = *argv && argv[1];
	a.conf.need = CONF_NEED_REPLICA | (a.unpin ? CONF_NEED_ONE : 0);
	if (conf_load(&conf, &a.conf, &e) < 0)
		return prog_fatal(PROG, "read the configuration", &e);
	conf_log(&conf, &a.log);
	a.loaded = &conf;
	r = 0;
	if (disabled(&a, &conf))
		log_event(&a.log, LOG_INFO, "retention is disabled, nothing "
		    "deleted: rules of the store have to do it", NULL);
	else
		r = conf_each_replica(conf.dbs, conf.n, a.replica, one, later,
		    &a, &e);
	conf_free(&conf);
	return r < 0 ? prog_fatal(PROG, "prune", &e) : 0;
}
