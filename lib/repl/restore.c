#include "repl/restore.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "repl/replay.h"

#define ATTEMPTS 4   /* new plans after a file vanished */
#define PARALLEL 8

/* Sets the TXID for a time: the headers of a few files are read. */
static int
find_time(struct store *st, struct listing *l, struct plan_target *t,
    struct err *e)
{
	size_t need;
	int r;

	while ((r = plan_time(l, t->time_ms, &need, &t->txid, e)) > 0)
		if (listing_times(st, l, need, need + 1, e) < 0) {
			/* there is something: never "nothing to restore" */
			if (e->kind == ERR_NOTFOUND)
				e->kind = ERR_TEMP;
			return -1;
		}
	if (!r)
		t->time_ms = -1;
	return r;
}

static void
totals(struct restore_plan *p)
{
	p->txid = p->plan.txid;
	p->bytes = p->plan.bytes;
	for (size_t i = 0; i < p->tail.n; i++) {
		p->txid = p->tail.f[i].max;
		p->bytes += p->tail.f[i].size;
	}
}

static int
plan_target(struct store *st, struct listing *l, struct plan_target t,
    struct plan *p, struct err *e)
{
	memset(p, 0, sizeof *p);
	if (t.time_ms >= 0 && find_time(st, l, &t, e) < 0) {
		p->stray = t.txid;
		return -1;
	}
	return plan_make(l, &t, p, e);
}

int
restore_plan_files(struct store *st, struct listing *l,
    const struct plan_target *t, const struct log *log, struct plan *p,
    struct err *e)
{
	const struct replica_file *base;
	char name[LTX_NAME_LEN + 1];
	struct err why;
	int r = plan_target(st, l, *t, p, e);

	if (!r || !p->stray || (e->kind != ERR_DATA && e->kind != ERR_NO))
		return r;
	why = *e;
	r = restore_base(st, l, p->stray, &base, e);
	if (!r)
		*e = why;
	if (r <= 0) /* of a base the second answer tells more */
		return -1;
	r = plan_target(st, l, *t, p, e);
	if (!r) {
		ltx_name_fmt(name, base->min, base->max);
		log_event(log, LOG_WARN, "no snapshot leads there; a "
		    "level-0 file that holds every page does", "replica",
		    store_conf(st)->url, "file", name, NULL);
	}
	return r;
}

/* From nothing, or from the older copy. */
static int
plan_any(struct restore_plan *p, struct store *st,
    const struct plan_target *target, const struct restore_opt *opt,
    struct err *e)
{
	struct plan_target t = *target;

	if (!opt->delta)
		return restore_plan_files(st, &p->listing, &t, opt->log,
		    &p->plan, e);
	if (t.time_ms >= 0 && find_time(st, &p->listing, &t, e) < 0)
		return -1;
	if (!p->checked && delta_check(opt->delta, st, &p->listing,
	    opt->log, e) < 0)
		return -1;
	p->checked = 1;
	return plan_from_exact(&p->listing, opt->delta->at.txid, t.txid,
	    &p->plan, e);
}

static int
make(struct restore_plan *p, struct store *st, const struct restore_opt *opt,
    struct err *e)
{
	int latest = !p->target.txid && p->target.time_ms < 0;
	struct err empty = { 0 };

	plan_free(&p->plan);
	p->tail.n = 0;
	p->txid = p->bytes = 0;
	p->continues = 0;
	if (plan_any(p, st, &p->target, opt, e) < 0) {
		/* There is something: never "nothing to restore". */
		if (e->kind == ERR_NOTFOUND && p->listing.n)
			e->kind = ERR_TEMP;
		/* An empty replica: the local files may begin at TXID 1. */
		if (e->kind != ERR_NOTFOUND || !latest || !opt->ltx0)
			return -1;
		empty = *e;
	}
	if (latest && opt->ltx0 && restore_tail(st, &p->listing, opt->ltx0,
	    p->plan.txid, opt->log, &p->tail, &p->continues, e) < 0) {
		if (e->kind == ERR_NOTFOUND)
			e->kind = ERR_TEMP;
		return -1;
	}
	if (!p->plan.n && !p->tail.n && !opt->delta) {
		*e = empty;
		return -1;
	}
	totals(p);
	return 0;
}

int
restore_plan(struct restore_plan *p, struct store *st, struct listing *l,
    const struct restore_opt *opt, struct err *e)
{
	memset(p, 0, sizeof *p);
	p->listing = *l;
	memset(l, 0, sizeof *l);
	p->target = opt->target;
	if (make(p, st, opt, e) < 0) {
		restore_plan_free(p);
		return -1;
	}
	return 0;
}

void
restore_plan_free(struct restore_plan *p)
{
	listing_free(&p->listing);
	listing_free(&p->tail);
	plan_free(&p->plan);
}

struct meter {
	const struct restore_opt *opt;
	uint64_t total;
};

static void
meter_tick(void *ctx, uint64_t done)
{
	const struct meter *m = ctx;

	m->opt->progress(m->opt->ctx, done, m->total);
}

/* Newest first: the local files, then those of the replica. */
static const struct replica_file **
order(const struct restore_plan *p, size_t *n, struct err *e)
{
	const struct replica_file **v;

	*n = 0;
	v = calloc(p->tail.n + p->plan.n + 1, sizeof *v);
	if (!v) {
		err_nomem(e);
		return NULL;
	}
	for (size_t i = p->tail.n; i--;)
		v[(*n)++] = &p->tail.f[i];
	for (size_t i = p->plan.n; i--;)
		v[(*n)++] = &p->listing.f[p->plan.idx[i]];
	return v;
}

static int
run_once(const struct restore_plan *p, struct store *st,
    const struct restore_opt *opt, int fd, struct apply_done *done,
    const struct replica_file **bad, struct err *e)
{
	struct meter m = { opt, p->bytes };
	struct replay_opt ro = { opt->progress ? meter_tick : NULL, &m };
	struct replay_fetch *fetch = NULL;
	struct replay_source src;
	struct apply *a = NULL;
	const struct replica_file **files;
	size_t n;
	int r = -1;

	*bad = NULL;
	if (opt->delta && delta_copy(opt->delta, fd, e) < 0)
		return -1;
	files = order(p, &n, e);
	if (!files)
		return -1;
	if (replay_fetch_begin(&fetch, st, opt->ltx0, files, n,
	    opt->parallel ? opt->parallel : PARALLEL, e) < 0)
		goto err0;
	if ((opt->delta ? apply_begin_over(&a, fd, opt->delta->at.txid,
	    opt->delta->at.pages, opt->delta->at.page_size, e)
	    : apply_begin(&a, fd, e)) < 0)
		goto err1;
	src = replay_fetch_source(fetch);
	r = replay(&src, &ro, a, bad, e);
	if (!r)
		r = apply_end(a, done, e);
	if (!r && done->regrown)
		log_event(opt->log, LOG_DEBUG, "pages from before the database "
		    "shrank and grew again were kept", NULL);
	apply_free(a);
err1:
	replay_fetch_free(fetch);
err0:
	free(files);
	return r;
}

/* Plans without the damaged file. If that does not reach as far, the error
 * is the damage and what can still be restored. */
static int
without(struct restore_plan *p, struct store *st,
    const struct restore_opt *opt, const struct replica_file *bad,
    struct err *e)
{
	struct plan_target t = { p->plan.txid, -1 };
	struct listing *l = bad->level == REPLAY_LOCAL ? &p->tail : &p->listing;
	size_t i = (size_t)(bad - l->f);
	struct err why = *e, e2 = { 0 };

	if (l == &p->tail) { /* nothing of the replica is wrong */
		l->n = i;
	} else {
		memmove(&l->f[i], &l->f[i + 1], (l->n - i - 1) * sizeof *l->f);
		l->n--;
		plan_free(&p->plan);
		if (plan_any(p, st, &t, opt, &e2) < 0)
			return err_set(e, why.kind, "%s; without it: %s", why.msg,
			    e2.msg);
	}
	totals(p);
	log_err(opt->log, LOG_WARN, &why, "damaged file left out",
	    "replica", store_conf(st)->url, NULL);
	return 0;
}

int
restore_run(struct restore_plan *p, struct store *st,
    const struct restore_opt *opt, int fd, struct apply_done *done,
    struct err *e)
{
	const struct replica_file *bad;
	unsigned vanished = 0;

	while (run_once(p, st, opt, fd, done, &bad, e) < 0) {
		if (bad && e->kind == ERR_DATA) {
			if (without(p, st, opt, bad, e) < 0)
				return -1;
			continue;
		}
		if (!bad || e->kind != ERR_NOTFOUND)
			return -1;
		if (vanished++ == ATTEMPTS) {
			e->kind = ERR_TEMP;
			return err_in(e, "files vanish faster than they are read");
		}
		log_err(opt->log, LOG_WARN, e, "file vanished, planning again",
		    "replica", store_conf(st)->url, NULL);
		if (listing_read(st, LISTING_ALL, &p->listing, e) < 0
		    || make(p, st, opt, e) < 0) {
			if (e->kind == ERR_NOTFOUND)
				e->kind = ERR_TEMP;
			return -1;
		}
	}
	return 0;
}
