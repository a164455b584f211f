#include "repl/verify_db.h"

#include <stdio.h>
#include <string.h>
#include "repl/verify_in.h"
#include "repl/verify_v03.h"

#define LISTED_MS 3000
#define AGAIN 4 /* snapshots, where compaction takes their TXID away */

struct at {
	const struct verify_job *job;
	struct verify_snap snap;
	int have;                 /* a snapshot */
	struct verify_position pos;
};

int
verify_result_ok(const struct verify_result *r)
{
	return !r->err.kind && !r->rep.bad && !(r->with_fresh
	    && r->fresh.stale);
}

/* Where the database stands; a snapshot if one is to be compared with. */
static int
stand(struct at *a, struct err *e)
{
	const struct verify_job *j = a->job;
	int r;

	verify_snap_free(&a->snap);
	a->have = 0;
	if (!j->where.db)
		return 0;
	if (j->fresh_only || j->no_compare)
		return verify_position(&j->where, &a->pos, e);
	r = verify_snap(&a->snap, &j->where, &a->pos, e);
	a->have = r == 0;
	return r < 0 ? -1 : 0;
}

static const char *
reason(const struct at *a)
{
	if (a->have || a->job->fresh_only)
		return NULL;
	if (!a->job->where.db)
		return "only a replica was named";
	if (a->job->no_compare)
		return "not asked for";
	return a->pos.why;
}

/* An own listing: replicas are told apart, never one for the other. */
static int
list(struct choose *c, const struct verify_job *j,
    const struct store_conf *conf, struct err *e)
{
	memset(c, 0, sizeof *c);
	if (choose_add(c, conf, j->opt.log, e) == 0
	    && choose_end(c, 0, j->opt.log, e) == 0)
		return 0;
	choose_close(c);
	return -1;
}

/* Of a replica given by its address alone there is no other word of it. */
static int
is_v03(const struct verify_store *s, const struct choose_replica *r)
{
	return s->v03 || (!r->listing.n && r->v03.n);
}

/* As verify_replica. */
static int
replica(struct at *a, const struct verify_store *s, struct choose_replica *r,
    const struct verify_opt *opt, struct verify_result *res, struct err *e)
{
	const struct verify_v03_where w = { s->conf->url, &a->job->where };
	const struct verify_snap *snap = a->have ? &a->snap : NULL;

	return is_v03(s, r) ? verify_v03(r, &w, snap, opt, &res->rep, e)
	    : verify_replica(r, snap, opt, &res->rep, e);
}

static int
objects(struct at *a, const struct verify_store *s,
    struct verify_result *res, struct err *e)
{
	const struct verify_job *j = a->job;
	struct verify_opt opt = j->opt;
	struct choose c;
	int r = 1;

	/* Who says that it is there has waited: a listing may lag a little */
	if (a->have && a->pos.asked && verify_ship(&j->where, e) == 0
	    && opt.wait_ms > LISTED_MS)
		opt.wait_ms = LISTED_MS;
	for (int i = 0; r == 1 && i < AGAIN; i++) {
		if (i && stand(a, e) < 0)
			return -1;
		verify_report_free(&res->rep);
		if (list(&c, j, s->conf, e) < 0)
			return -1;
		r = replica(a, s, &c.r[0], &opt, res, e);
		choose_close(&c);
	}
	if (r != 1)
		return r;
	return err_set(e, ERR_TEMP, "its files are compacted or deleted faster "
	    "than they are read: no TXID of the database was the end of one");
}

static int
copy(struct at *a, const struct store_conf *conf, struct verify_result *res,
    struct err *e)
{
	const struct verify_job *j = a->job;
	struct verify v = { .rep = &res->rep, .opt = &j->opt };
	struct verify_copy vc = { 0 };
	struct choose c;
	int r;

	if (list(&c, j, conf, e) < 0)
		return -1;
	r = verify_copy(&vc, &c, j->opt.log, e);
	if (!r)
		r = j->look(j->ctx, &vc, &res->copy_tables, e);
	if (!r && !res->rep.merged) {
		res->rep.merged = 1;
		res->rep.txid = vc.done.txid;
		res->rep.time_ms = vc.done.time_ms;
		res->rep.size = (uint64_t)vc.done.pages * vc.done.page_size;
	}
	verify_copy_free(&vc);
	choose_close(&c);
	if (!r)
		res->looked = j->looked;
	if (r == 0 || (e->kind != ERR_DATA && e->kind != ERR_NO))
		return r;
	return verify_add(&v, 1, "the restored database", e->msg, e);
}

static int
look_max(const struct verify_job *j, const struct verify_store *s,
    struct verify_report *rep, struct err *e)
{
	const struct verify_v03_where w = { s->conf->url, &j->where };
	struct choose c;
	int empty, r = 0;

	if (list(&c, j, s->conf, e) < 0)
		return -1;
	rep->newest = c.r[0].max;
	empty = !rep->newest;
	if (is_v03(s, &c.r[0])) {
		r = verify_v03_max(&c.r[0], &w, &rep->newest, e);
		empty = !c.r[0].v03.n;
	}
	choose_close(&c);
	if (r < 0 || rep->newest || (!empty && j->look))
		return r;
	return empty ? err_set(e, ERR_NOTFOUND, "the replica is empty")
	    : err_set(e, ERR_TEMP, "the state folder has no position of this "
	    "replica: how far it is cannot be told");
}

static int
one(struct at *a, const struct verify_store *s, struct verify_result *res,
    struct err *e)
{
	const struct verify_job *j = a->job;
	int r = j->fresh_only ? look_max(j, s, &res->rep, e)
	    : objects(a, s, res, e);

	if (!r && j->look)
		r = copy(a, s->conf, res, e);
	/* the TXID of what is in the format of Litestream 0.3 may be unknown */
	if (r < 0 || !j->where.db || (!res->rep.newest && j->max_lag_ms < 0))
		return r;
	res->with_fresh = 1;
	return verify_fresh(&res->fresh, &j->where, &a->pos, res->rep.newest,
	    j->max_lag_ms, e);
}

int
verify_db(const struct verify_job *j, verify_result_fn *fn, void *ctx,
    struct err *e)
{
	struct at a = { .job = j };
	int r = stand(&a, e);

	for (size_t i = 0; i < j->n && !r; i++) {
		struct verify_result res = { .db = j->where.db,
		    .url = j->replicas[i].conf->url, .tables = -1,
		    .copy_tables = -1 };

		if (one(&a, &j->replicas[i], &res, &res.err) == 0)
			res.err.kind = ERR_NONE;
		else if (!res.err.kind)
			res.err.kind = ERR_BUG;
		res.why = res.rep.compared ? NULL : res.rep.why ? res.rep.why
		    : reason(&a);
		if (a.have) {
			res.size = (uint64_t)a.snap.pages * a.snap.page_size;
			res.tables = a.snap.tables;
		}
		fn(ctx, &res);
		verify_report_free(&res.rep);
	}
	verify_snap_free(&a.snap);
	return r;
}
