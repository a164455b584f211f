#include "repl/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/when.h"

#define LATER_MAX 100 /* exact times read where the clock went astray */

/* One state that some file ends with. */
struct bound {
	uint64_t txid;
	size_t file;    /* of the lowest level that ends here: its time is the
	                   time of the commit, a snapshot's may be later */
	size_t high;    /* of the highest */
	int reachable;
};

struct bounds {
	struct bound *b; /* ascending txid, each once */
	size_t n;
};

/* What lies around a TXID; 0: none. */
struct around {
	uint64_t below, above; /* nearest reachable, < and > */
	uint64_t next;         /* where the first file after the gap begins */
};

struct by_max {
	uint64_t max, min;
	size_t file;
};

static int
cmp_max(const void *pa, const void *pb)
{
	const struct by_max *a = pa, *b = pb;

	if (a->max != b->max)
		return a->max < b->max ? -1 : 1;
	return a->file < b->file ? -1 : a->file > b->file;
}

static int
cmp_min(const void *pa, const void *pb)
{
	const struct by_max *a = pa, *b = pb;

	if (a->min != b->min)
		return a->min < b->min ? -1 : 1;
	return a->file < b->file ? -1 : a->file > b->file;
}

static struct by_max *
sorted(const struct listing *l, int (*cmp)(const void *, const void *),
    struct err *e)
{
	struct by_max *v = calloc(l->n ? l->n : 1, sizeof *v);

	if (!v) {
		err_nomem(e);
		return NULL;
	}
	for (size_t i = 0; i < l->n; i++)
		v[i] = (struct by_max){ l->f[i].max,
		    l->f[i].full ? 1 : l->f[i].min, i };
	qsort(v, l->n, sizeof *v, cmp);
	return v;
}

/* A file ends a reachable state if it begins at TXID 1 or the newest
 * reachable state before its own end touches its beginning. */
static int
bounds_make(struct bounds *bs, const struct listing *l, struct err *e)
{
	struct by_max *v = sorted(l, cmp_max, e);
	uint64_t reach = 0, before = 0; /* newest reachable; same, < this max */

	bs->n = 0;
	bs->b = NULL;
	if (!v)
		return -1;
	bs->b = calloc(l->n ? l->n : 1, sizeof *bs->b);
	if (!bs->b) {
		free(v);
		return err_nomem(e);
	}
	for (size_t i = 0; i < l->n; i++) {
		struct bound *b = bs->n ? &bs->b[bs->n - 1] : NULL;

		if (!b || b->txid != v[i].max) {
			b = &bs->b[bs->n++];
			b->txid = v[i].max;
			b->file = v[i].file;
			before = reach;
		}
		b->high = v[i].file;
		if (v[i].min <= before + 1) {
			b->reachable = 1;
			reach = b->txid;
		}
	}
	free(v);
	return 0;
}

size_t
plan_state_find(const struct plan_state *s, size_t n, uint64_t txid)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s[mid].txid < txid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && s[lo].txid == txid ? lo : n;
}

int
plan_states(const struct listing *l, struct plan_state **out, size_t *n,
    struct err *e)
{
	struct plan_state *v = calloc(l->n ? l->n : 1, sizeof *v);
	struct bounds bs;

	*out = NULL;
	*n = 0;
	if (!v)
		return err_nomem(e);
	if (bounds_make(&bs, l, e) < 0) {
		free(v);
		return -1;
	}
	for (size_t i = 0; i < bs.n; i++)
		if (bs.b[i].reachable)
			v[(*n)++] = (struct plan_state){ bs.b[i].txid,
			    bs.b[i].file, bs.b[i].high };
	free(bs.b);
	*out = v;
	return 0;
}

static struct around
bounds_around(const struct bounds *bs, const struct listing *l, uint64_t txid)
{
	struct around a = { 0, 0, 0 };

	for (size_t i = 0; i < bs->n; i++) {
		if (!bs->b[i].reachable)
			continue;
		if (bs->b[i].txid < txid)
			a.below = bs->b[i].txid;
		else if (bs->b[i].txid > txid && !a.above)
			a.above = bs->b[i].txid;
	}
	for (size_t i = 0; i < l->n; i++)
		if (l->f[i].min > a.below + 1
		    && (!a.next || l->f[i].min < a.next))
			a.next = l->f[i].min;
	return a;
}

static const struct bound *
bounds_find(const struct bounds *bs, uint64_t txid)
{
	size_t lo = 0, hi = bs->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (bs->b[mid].txid < txid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < bs->n && bs->b[lo].txid == txid ? &bs->b[lo] : NULL;
}

static int
fail_empty(const struct listing *l, struct err *e)
{
	if (l->foreign)
		return err_set(e, ERR_DATA, "no LTX file among the %zu "
		    "objects of the replica, which is not the same as an empty "
		    "one", l->foreign);
	return err_set(e, ERR_NOTFOUND, "the replica is empty");
}

static int
fail_gap(const struct around *a, struct err *e)
{
	if (!a->below)
		return err_set(e, ERR_DATA, "TXID %016" PRIx64 " to %016" PRIx64
		    " are missing and no snapshot covers them: nothing can be "
		    "restored", (uint64_t)1, a->next - 1);
	return err_set(e, ERR_DATA, "gap: TXID %016" PRIx64 " to %016" PRIx64
	    " are missing; what can still be restored ends at --txid %016"
	    PRIx64, a->below + 1, a->next - 1, a->below);
}

static int
fail_txid(const struct bounds *bs, const struct listing *l, uint64_t txid,
    struct err *e)
{
	struct around a = bounds_around(bs, l, txid);

	if (txid > a.below && a.below == bs->b[bs->n - 1].txid)
		return err_set(e, ERR_NO, "TXID %016" PRIx64 " is not in the "
		    "replica, whose newest is %016" PRIx64, txid,
		    bs->b[bs->n - 1].txid);
	if (!a.above)
		return fail_gap(&a, e);
	if (!a.below)
		return err_set(e, ERR_NO, "TXID %016" PRIx64 " cannot be "
		    "restored; the earliest that can is %016" PRIx64, txid,
		    a.above);
	return err_set(e, ERR_NO, "TXID %016" PRIx64 " is not the end of a "
	    "file; the nearest that can be restored are %016" PRIx64
	    " and %016" PRIx64, txid, a.below, a.above);
}

/* Is a a better next file than b? Both begin where they may. */
static int
better(const struct replica_file *a, const struct replica_file *b)
{
	if (a->max != b->max)
		return a->max > b->max;
	if (a->size != b->size)
		return a->size < b->size;
	return a->level > b->level;
}

/* From TXID 1 to txid, which is reachable: at every step the file that
 * leads farthest. */
static int
plan_cover(const struct listing *l, uint64_t txid, struct plan *p,
    struct err *e)
{
	struct by_max *v = sorted(l, cmp_min, e);
	const struct replica_file *best = NULL;
	uint64_t cur = 0;
	size_t i = 0;

	if (!v)
		return -1;
	p->idx = calloc(l->n, sizeof *p->idx);
	if (!p->idx) {
		free(v);
		return err_nomem(e);
	}
	while (cur < txid) {
		for (; i < l->n && v[i].min <= cur + 1; i++) {
			const struct replica_file *f = &l->f[v[i].file];

			if (f->max <= txid && (!best || better(f, best)))
				best = f;
		}
		if (!best || best->max <= cur) {
			free(v);
			plan_free(p);
			return err_set(e, ERR_BUG, "no plan for a reachable TXID");
		}
		p->idx[p->n++] = (size_t)(best - l->f);
		p->bytes += best->size;
		cur = best->max;
	}
	p->txid = cur;
	free(v);
	return 0;
}

int
plan_make(const struct listing *l, const struct plan_target *t,
    struct plan *p, struct err *e)
{
	struct bounds bs;
	const struct bound *b;
	uint64_t txid;

	memset(p, 0, sizeof *p);
	if (t->time_ms >= 0)
		return err_set(e, ERR_BUG, "a plan by time needs its TXID first");
	if (!l->n)
		return fail_empty(l, e);
	if (bounds_make(&bs, l, e) < 0)
		return -1;
	txid = t->txid ? t->txid : bs.b[bs.n - 1].txid;
	b = bounds_find(&bs, txid);
	if (!b || !b->reachable) {
		p->stray = b ? txid : 0;
		fail_txid(&bs, l, txid, e);
		free(bs.b);
		return -1;
	}
	free(bs.b);
	return plan_cover(l, txid, p, e);
}

void
plan_free(struct plan *p)
{
	free(p->idx);
	memset(p, 0, sizeof *p);
}

/* Past the binary search: bound i is the newest not after the time (i may
 * be n: none). */
static int
time_found(const struct bounds *bs, const struct listing *l, size_t i,
    size_t *need, uint64_t *txid, struct err *e)
{
	char s[WHEN_FMT];
	struct around a;
	const struct bound *b = i < bs->n ? &bs->b[i] : NULL;

	if (b && b->reachable) {
		*txid = b->txid;
		return 0;
	}
	*txid = b ? b->txid : 0;
	a = bounds_around(bs, l, *txid);
	if (!a.above)
		return fail_gap(&a, e);
	if (a.below) { /* inside a range compacted since */
		*txid = a.below;
		return 0;
	}
	b = bounds_find(bs, a.above);
	if (!l->f[b->file].time_exact) {
		*need = b->file;
		return 1;
	}
	when_fmt(s, l->f[b->file].time_ms);
	return err_set(e, ERR_NO, "nothing so old can be restored; the earliest "
	    "is TXID %016" PRIx64 " of %s", b->txid, s);
}

/* A clock that was wrong for a while, as of a small machine until it is set,
 * misleads the search: all that came after looks too new. What the store
 * says is not later than the time was there by then: the newest such bound
 * from lo on, as index + 1, or lo. 1: its exact time is needed first. A copy
 * may have lost all times: at most LATER_MAX of them are asked for. */
static int
later_bound(const struct bounds *bs, const struct listing *l, int64_t time_ms,
    size_t *lo, size_t *need)
{
	size_t asked = 0;

	for (size_t i = bs->n; i-- > *lo;)
		asked += l->f[bs->b[i].file].time_exact;
	for (size_t i = bs->n; i-- > *lo;) {
		const struct replica_file *f = &l->f[bs->b[i].file];

		if (f->time_ms > time_ms || f->time_ms < 0)
			continue;
		if (!f->time_exact && asked > LATER_MAX)
			return 0;
		if (!f->time_exact) {
			*need = bs->b[i].file;
			return 1;
		}
		*lo = i + 1;
		return 0;
	}
	return 0;
}

int
plan_time(const struct listing *l, int64_t time_ms, size_t *need,
    uint64_t *txid, struct err *e)
{
	struct bounds bs;
	size_t lo = 0, hi;
	int r;

	*txid = 0;
	if (!l->n)
		return fail_empty(l, e);
	if (bounds_make(&bs, l, e) < 0)
		return -1;
	hi = bs.n;
	while (lo < hi) { /* lo: first that is after the time */
		size_t mid = lo + (hi - lo) / 2;
		const struct replica_file *f = &l->f[bs.b[mid].file];

		if (!f->time_exact) {
			*need = bs.b[mid].file;
			free(bs.b);
			return 1;
		}
		if (f->time_ms <= time_ms)
			lo = mid + 1;
		else
			hi = mid;
	}
	r = later_bound(&bs, l, time_ms, &lo, need);
	if (!r)
		r = time_found(&bs, l, lo ? lo - 1 : bs.n, need, txid, e);
	free(bs.b);
	return r;
}
