#include "repl/v03_restore_in.h"

#include <stdio.h>
#include <string.h>
#include "base/when.h"
#include "repl/v03_apply.h"
#include "repl/v03_fetch.h"

#define ATTEMPTS 4   /* new plans after an object vanished */
#define PARALLEL 8

void
v03_restore_end(const struct v03_restore *r, struct v03_end *end)
{
	const struct v03_plan *p = &r->plan;
	const struct v03_object *o = &r->set->o[p->n_wal
	    ? p->wal + p->n_wal - 1 : p->snapshot];

	end->generation = o->name.generation;
	end->index = o->name.index;
	end->offset = o->name.offset;
	end->time_ms = p->time_ms;
}

int
v03_restore_plan(struct v03_restore *r, struct store *st, struct v03_set *s,
    const struct v03_want *want, int64_t time_ms, const struct log *log,
    struct err *e)
{
	memset(r, 0, sizeof *r);
	r->set = s;
	r->want = *want;
	r->target.index = want->by_index ? want->index : V03_ANY;
	r->target.time_ms = time_ms;
	r->target.below = V03_ANY;
	if (!s->n_g)
		return err_set(e, ERR_NOTFOUND, "no generation is there");
	return v03_choose(r, st, log, e);
}

/* ---- reading ---- */

struct ticking {
	const struct restore_opt *opt;
	const struct v03_restore *r;
	const struct v03_fetch *f;
	struct io_in in;
};

static ssize_t
tick_read(void *ctx, void *buf, size_t n, struct err *e)
{
	struct ticking *t = ctx;
	ssize_t got = t->in.read(t->in.ctx, buf, n, e);

	if (got > 0 && t->opt->progress)
		t->opt->progress(t->opt->ctx, v03_fetch_bytes(t->f),
		    t->r->plan.bytes);
	return got;
}

/* *object: the one that an error is about. */
static int
each(struct v03_restore *r, const struct restore_opt *opt,
    struct v03_fetch *f, struct v03_apply *a, size_t *object, struct err *e)
{
	struct ticking t = { opt, r, f, { NULL, NULL } };
	const struct io_in in = { tick_read, &t };
	int x;

	*object = r->plan.snapshot;
	while ((x = v03_fetch_next(f, object, &t.in, e)) > 0) {
		const struct v03_name *n = &r->set->o[*object].name;

		x = n->kind == V03_SNAPSHOT ? v03_apply_snapshot(a, n, in, e)
		    : v03_apply_wal(a, n, in, e);
		if (x < 0)
			break;
	}
	return x;
}

static int
run_once(struct v03_restore *r, struct store *st,
    const struct restore_opt *opt, int fd, struct apply_done *done,
    size_t *object, struct err *e)
{
	struct v03_fetch *f = NULL;
	struct v03_apply *a = NULL;
	int x;

	memset(done, 0, sizeof *done);
	*object = r->plan.snapshot;
	x = v03_fetch_begin(&f, st, r->set, &r->plan,
	    opt->parallel ? opt->parallel : PARALLEL, e);
	if (!x)
		x = v03_apply_begin(&a, fd, e);
	if (!x)
		x = each(r, opt, f, a, object, e);
	if (!x)
		x = v03_apply_end(a, done, e);
	if (f)
		done->bytes = v03_fetch_bytes(f);
	done->time_ms = r->plan.time_ms;
	v03_apply_free(a);
	v03_fetch_free(f);
	return x;
}

/* ---- what can still be done ---- */

/* A damaged snapshot: an older one and the WAL from there on lead to the
 * same state. */
static int
around(struct v03_restore *r, struct store *st, const struct log *log,
    struct err *e)
{
	uint64_t below = r->target.below;
	struct err why = *e, e2 = { 0 };
	struct v03_plan p;

	r->target.below = r->set->o[r->plan.snapshot].name.index;
	if (v03_plan_make(r->set->o, r->g, &r->target, &p, &e2) < 0) {
		r->target.below = below;
		return err_set(e, why.kind, "%s; there is no older snapshot "
		    "with all of its WAL in this generation", why.msg);
	}
	r->plan = p;
	log_err(log, LOG_WARN, &why, "damaged snapshot left out", "replica",
	    store_conf(st)->url, NULL);
	return 0;
}

/* Adds what is before the object to its error. */
static int
before(const struct v03_restore *r, size_t object, struct err *e)
{
	const struct v03_object *o = r->set->o;
	size_t prev = object == r->plan.wal ? r->plan.snapshot : object - 1;
	struct err why = *e;
	char g[17], index[17], t[WHEN_FMT];

	v03_generation_fmt(g, r->g->id);
	when_fmt(t, o[prev].time_ms);
	if (o[object].name.index > o[r->plan.snapshot].name.index) {
		v03_index_fmt(index, o[object].name.index - 1);
		return err_set(e, why.kind, "%s; what is before it can still "
		    "be restored: --generation %s --index %s, or -t %s",
		    why.msg, g, index, t);
	}
	if (o[prev].time_ms < 0)
		return -1;
	return err_set(e, why.kind, "%s; what is before it can still be "
	    "restored: --generation %s -t %s", why.msg, g, t);
}

static int
again(struct v03_restore *r, struct store *st, const struct restore_opt *opt,
    unsigned *vanished, struct err *e)
{
	struct v03_want want = r->want;

	if ((*vanished)++ == ATTEMPTS) {
		e->kind = ERR_TEMP;
		return err_in(e, "objects vanish faster than they are read");
	}
	log_err(opt->log, LOG_WARN, e, "object vanished, planning again",
	    "replica", store_conf(st)->url, NULL);
	if (v03_set_read(st, r->set, e) < 0
	    || v03_restore_plan(r, st, r->set, &want, r->target.time_ms,
	    opt->log, e) < 0) {
		if (e->kind == ERR_NOTFOUND)
			e->kind = ERR_TEMP;
		return -1;
	}
	return 0;
}

int
v03_restore_run(struct v03_restore *r, struct store *st,
    const struct restore_opt *opt, int fd, struct apply_done *done,
    struct err *e)
{
	unsigned vanished = 0;
	size_t object;

	while (run_once(r, st, opt, fd, done, &object, e) < 0) {
		if (e->kind == ERR_NOTFOUND) {
			if (again(r, st, opt, &vanished, e) < 0)
				return -1;
			continue;
		}
		if (e->kind != ERR_DATA)
			return -1;
		if (object != r->plan.snapshot)
			return before(r, object, e);
		if (around(r, st, opt->log, e) < 0)
			return -1;
	}
	return 0;
}
