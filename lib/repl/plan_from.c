#include "repl/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The files by min, in the order they are to be looked at. */
struct order {
	size_t *v, n;
};

struct key {
	uint64_t min;
	size_t file;
};

static int
cmp_key(const void *pa, const void *pb)
{
	const struct key *a = pa, *b = pb;

	if (a->min != b->min)
		return a->min < b->min ? -1 : 1;
	return a->file < b->file ? -1 : a->file > b->file;
}

static int
order_make(struct order *o, const struct listing *l, struct err *e)
{
	struct key *k = calloc(l->n ? l->n : 1, sizeof *k);

	o->n = l->n;
	o->v = calloc(l->n ? l->n : 1, sizeof *o->v);
	if (!k || !o->v) {
		free(k);
		free(o->v);
		return err_nomem(e);
	}
	for (size_t i = 0; i < l->n; i++)
		k[i] = (struct key){ l->f[i].min, i };
	qsort(k, l->n, sizeof *k, cmp_key);
	for (size_t i = 0; i < l->n; i++)
		o->v[i] = k[i].file;
	free(k);
	return 0;
}

/* Of two that begin where they may: farther, then smaller. */
static int
better(const struct replica_file *a, const struct replica_file *b)
{
	return a->max != b->max ? a->max > b->max : a->size < b->size;
}

/* At every step the file that leads farthest, as far as files go. full 0:
 * without those that hold the whole database. */
static int
cover(const struct listing *l, const struct order *o, uint64_t from,
    uint64_t limit, int full, struct plan *p, struct err *e)
{
	const struct replica_file *best = NULL;
	size_t i = 0;

	memset(p, 0, sizeof *p);
	p->txid = from;
	p->idx = calloc(l->n ? l->n : 1, sizeof *p->idx);
	if (!p->idx)
		return err_nomem(e);
	while (p->txid < limit) {
		for (; i < o->n && l->f[o->v[i]].min <= p->txid + 1; i++) {
			const struct replica_file *f = &l->f[o->v[i]];

			if (f->max <= limit && (full || f->min > 1)
			    && (!best || better(f, best)))
				best = f;
		}
		if (!best || best->max <= p->txid)
			break;
		p->idx[p->n++] = (size_t)(best - l->f);
		p->bytes += best->size;
		p->txid = best->max;
	}
	return 0;
}

int
plan_from(const struct listing *l, uint64_t from, uint64_t txid,
    struct plan *p, struct err *e)
{
	uint64_t limit = txid ? txid : UINT64_MAX - 1;
	struct plan q = { .idx = NULL };
	struct order o;
	int r;

	memset(p, 0, sizeof *p);
	if (order_make(&o, l, e) < 0)
		return -1;
	r = cover(l, &o, from, limit, 0, p, e);
	if (!r)
		r = cover(l, &o, from, limit, 1, &q, e);
	if (!r && (q.txid > p->txid
	    || (q.txid == p->txid && q.bytes < p->bytes))) {
		struct plan t = *p;

		*p = q;
		q = t;
	}
	free(o.v);
	plan_free(&q);
	if (r < 0)
		plan_free(p);
	return r;
}

int
plan_from_exact(const struct listing *l, uint64_t from, uint64_t txid,
    struct plan *p, struct err *e)
{
	uint64_t want = txid ? txid : listing_max(l), above = 0;

	if (want < from)
		return txid ? err_set(e, ERR_NO, "the copy is at TXID %016"
		    PRIx64 ", past %016" PRIx64 ": files lead forward only",
		    from, txid)
		    : err_set(e, ERR_DATA, "the replica ends at TXID %016"
		    PRIx64 ", before the copy, which is at %016" PRIx64
		    ": they are not of the same database, or it was replaced",
		    want, from);
	if (plan_from(l, from, txid, p, e) < 0)
		return -1;
	if (p->txid == want)
		return 0;
	for (size_t i = 0; i < l->n; i++)
		if (l->f[i].max > want && l->f[i].min <= p->txid + 1
		    && (!above || l->f[i].max < above))
			above = l->f[i].max;
	if (above)
		err_set(e, ERR_NO, "TXID %016" PRIx64 " is not the end of a "
		    "file; the nearest are %016" PRIx64 " and %016" PRIx64, want,
		    p->txid, above);
	else if (want > listing_max(l))
		err_set(e, ERR_NO, "TXID %016" PRIx64 " is not in the replica, "
		    "whose newest is %016" PRIx64, want, listing_max(l));
	else
		err_set(e, ERR_DATA, "gap: nothing leads on from TXID %016"
		    PRIx64 ", though the replica has %016" PRIx64, p->txid, want);
	plan_free(p);
	return -1;
}
