#include "repl/retain_in.h"

#include <stdlib.h>

/* Level 0, and the rule of all states of the last while, which is the one
 * that keeps it longer. */

int
retain_spread(const struct listing *l, const size_t *idx, size_t n,
    const int64_t *told, retain_class_fn *class, const void *ctx, int64_t *t,
    size_t *need)
{
	size_t at = 0; /* the last one known */

	for (size_t i = 0; i < n; i++) {
		const struct replica_file *f = &l->f[idx[i]];
		int known = told ? told[idx[i]] >= 0 : f->time_exact;

		t[i] = told ? told[idx[i]] : f->time_ms;
		if (!known && (i == 0 || i + 1 == n)) {
			*need = idx[i];
			return 1;
		}
		if (!known)
			continue;
		if (class(ctx, t[at]) == class(ctx, t[i])) {
			for (; at < i; at++)
				t[at + 1] = at + 1 < i ? t[at] : t[i];
		} else if (i - at > 1) {
			*need = idx[at + (i - at) / 2];
			return 1;
		}
		at = i;
	}
	return 0;
}

/* ---- times by which age is counted ---- */

struct cuts {
	int64_t l0, all; /* younger than this is kept */
};

static int64_t
class_cuts(const void *ctx, int64_t t)
{
	const struct cuts *c = ctx;

	return (t >= c->l0) + 2 * (t >= c->all);
}

/* Indexes of the files of a level, in order. */
static size_t *
level_files(const struct listing *l, unsigned level, size_t *n, struct err *e)
{
	size_t *idx = calloc(l->n, sizeof *idx);

	*n = 0;
	if (!idx)
		err_nomem(e);
	for (size_t i = 0; idx && i < l->n; i++)
		if (l->f[i].level == level)
			idx[(*n)++] = i;
	return idx;
}

int
retain_told(struct retain *r, const struct listing *l, size_t *from,
    size_t *to, struct err *e)
{
	struct cuts c = { r->now_ms - r->rules.l0_ms, INT64_MAX };
	int64_t *t;
	size_t *idx, n;
	int x;

	for (size_t i = 0; i < l->n; i++) {
		r->listed[i] = r->told[i];
		if (l->f[i].level == STORE_LEVEL_SNAPSHOT
		    && r->told[i] < 0 && !r->rules.level0_only) {
			*from = i;
			*to = l->n;
			return 1;
		}
	}
	idx = level_files(l, 0, &n, e);
	t = calloc(l->n, sizeof *t);
	x = idx && t ? retain_spread(l, idx, n, r->told, class_cuts, &c, t, from)
	    : err_nomem(e);
	*to = *from + 1;
	for (size_t i = 0; !x && i < n; i++)
		r->listed[idx[i]] = t[i];
	free(t);
	free(idx);
	return x;
}

/* ---- every state of the last while ---- */

/* Everything that ends with the first of them or later, and what leads to
 * the first, leads to all of them. */
static int
keep_from(struct retain *r, const struct listing *l,
    const struct retain_point *first, struct err *e)
{
	if (retain_promise(r, l, NULL, first, l->n, e) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		if (l->f[i].max < first->txid
		    || (!retain_goes(r->why[i]) && r->why[i] != RETAIN_L0_OFF))
			continue;
		r->why[i] = RETAIN_PROMISED;
		r->by[i] = r->n - 1;
	}
	return 0;
}

static int
all_of(struct retain *r, const struct listing *l, const struct plan_state *s,
    size_t n, size_t *need, struct err *e)
{
	size_t *idx = calloc(n, sizeof *idx), i;
	int64_t *t = calloc(n, sizeof *t), newest = INT64_MIN;
	struct cuts c = { INT64_MAX, 0 };
	struct retain_point first = { 0, 0, RETAIN_ALL };
	int x = idx && t ? 0 : err_nomem(e);

	for (i = 0; !x && i < n; i++) {
		idx[i] = s[i].low;
		if (r->told[idx[i]] > newest)
			newest = r->told[idx[i]];
	}
	if (newest > r->now_ms)
		newest = r->now_ms;
	c.all = newest - r->rules.keep.all_ms;
	if (!x)
		x = retain_spread(l, idx, n, r->told, class_cuts, &c, t, need);
	for (i = 0; !x && i < n && t[i] < c.all; i++)
		;
	if (!x && i < n) {
		first.txid = s[i].txid;
		first.time_ms = t[i];
		x = keep_from(r, l, &first, e);
	}
	free(idx);
	free(t);
	return x;
}

int
retain_all(struct retain *r, const struct listing *l, size_t *from,
    size_t *to, struct err *e)
{
	struct plan_state *s;
	size_t n;
	int x = 0;

	if (!r->rules.keep.all_ms)
		return 0;
	if (plan_states(l, &s, &n, e) < 0)
		return -1;
	if (n)
		x = all_of(r, l, s, n, from, e);
	*to = *from + 1;
	free(s);
	return x;
}

/* ---- level 0 ---- */

/* Where what the windows keep begins: with the oldest snapshot that stays by
 * them. */
static uint64_t
window_begins(const struct retain *r, const struct listing *l)
{
	uint64_t min = UINT64_MAX;

	for (size_t i = 0; i < l->n; i++)
		if (l->f[i].level == STORE_LEVEL_SNAPSHOT
		    && retain_base(&l->f[i]) && !retain_goes(r->why[i])
		    && r->why[i] != RETAIN_PROMISED && l->f[i].max < min)
			min = l->f[i].max;
	return min == UINT64_MAX ? 0 : min;
}

/* How far level 0 can be done without: no state from TXID from on that a file
 * of another level ends with is lost. sub: all of those that stay; s, sn: all
 * states. */
static int
reach_without(const struct listing *l, const struct listing *sub,
    const struct plan_state *s, size_t sn, uint64_t from, uint64_t *reach,
    struct err *e)
{
	struct plan_state *v;
	size_t n, k = 0;

	*reach = 0;
	if (plan_states(sub, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < sn; i++) {
		if (k < n && v[k].txid == s[i].txid)
			*reach = v[k++].txid;
		else if (l->f[s[i].high].level && s[i].txid >= from)
			break;
	}
	free(v);
	return 0;
}

/* Files that stay of all levels but 0, and, with zero, those of level 0. */
static int
staying(const struct retain *r, const struct listing *l, int zero,
    struct listing *sub, struct err *e)
{
	for (size_t i = 0; i < l->n; i++)
		if ((zero || l->f[i].level) && !retain_goes(r->why[i])
		    && listing_add(sub, &l->f[i], e) < 0)
			return -1;
	return 0;
}

static int
reach_make(const struct retain *r, const struct listing *l, uint64_t *reach,
    struct err *e)
{
	struct listing full = { 0 }, sub = { 0 };
	struct plan_state *s = NULL;
	size_t n;
	int x = -1;

	if (staying(r, l, 1, &full, e) == 0 && staying(r, l, 0, &sub, e) == 0
	    && plan_states(&full, &s, &n, e) == 0)
		x = reach_without(&full, &sub, s, n,
		    window_begins(r, l), reach, e);
	free(s);
	listing_free(&full);
	listing_free(&sub);
	return x;
}

int
retain_level0(struct retain *r, const struct listing *l, struct err *e)
{
	uint64_t reach, one = 0;
	int64_t oldest = INT64_MAX; /* of this file and those after it */
	size_t last = 0, n = 0;

	if (!r->rules.l0_ms)
		return 0;
	if (reach_make(r, l, &reach, e) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		if (!l->f[i].level && (!n++ || l->f[i].max > l->f[last].max))
			last = i;
		if (l->f[i].level == 1 && l->f[i].max > one)
			one = l->f[i].max;
	}
	if (reach > one)
		reach = one;
	/* A clock that was set back does not hold up what came before. */
	while (n--) {
		if (r->listed[n] < oldest)
			oldest = r->listed[n];
		if (r->why[n] != RETAIN_L0_OFF)
			continue;
		if (n == last)
			r->why[n] = RETAIN_L0_LAST;
		else if (l->f[n].max > reach)
			r->why[n] = RETAIN_L0_ALONE;
		else if (oldest >= r->now_ms - r->rules.l0_ms)
			r->why[n] = RETAIN_L0_YOUNG;
		else
			r->why[n] = RETAIN_L0_OLD;
	}
	return 0;
}
