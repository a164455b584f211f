#include "repl/retain_in.h"

#include <stdlib.h>
#include <string.h>
#include "base/when.h"

/* The last states of days, weeks and months. */

#define DAY INT64_C(86400000)
#define READ_ALL 256 /* so few times are read at once, whatever they are */

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t
class_day(const void *ctx, int64_t t)
{
	(void)ctx;
	return floor_div(t, DAY);
}

/* The number of the day, week or month of a time: they grow with it. */
static int64_t
period(enum retain_rule rule, int64_t t)
{
	int64_t day = floor_div(t, DAY);
	char s[WHEN_FMT]; /* YYYY-MM- */

	if (rule == RETAIN_DAILY)
		return day;
	if (rule == RETAIN_WEEKLY) /* day 0 was a Thursday */
		return floor_div(day + 3, 7);
	when_fmt(s, t);
	return strtol(s, NULL, 10) * 12 + strtol(s + 5, NULL, 10);
}

/* A state and its period, so that the one that stands for it is first. */
struct entry {
	int64_t period, time_ms;
	uint64_t txid;
	size_t file;
	int snapshot;
};

static int
is_snapshot(const struct replica_file *f)
{
	return f->level == STORE_LEVEL_SNAPSHOT && retain_base(f);
}

static int
cmp_entry(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->period != b->period)
		return a->period > b->period ? -1 : 1;
	if (a->snapshot != b->snapshot)
		return b->snapshot - a->snapshot;
	return a->txid > b->txid ? -1 : a->txid < b->txid;
}

/* The files of the levels from 1 on: their states alone are promised, so
 * that level 0 can be judged without. A state is there once for the file that
 * ends with it, of the highest level up to 8, and once for a snapshot, which
 * Litestream gives a later time: what a file says of its day does not change
 * when others go. */
struct upper {
	struct listing l;
	size_t *map;             /* indexes in the whole listing */
	size_t *idx, n;          /* those files, by their TXIDs */
	int64_t *t;              /* their times */
};

static void
upper_free(struct upper *u)
{
	listing_free(&u->l);
	free(u->map);
	free(u->idx);
	free(u->t);
}

static int
upper_states(struct upper *u, struct err *e)
{
	struct plan_state *s;
	size_t *below = calloc(u->l.n + 1, sizeof *below), n, k;

	if (!below || plan_states(&u->l, &s, &n, e) < 0) {
		free(below);
		return below ? -1 : err_nomem(e);
	}
	for (k = 0; k < n; k++)
		below[k] = u->l.n;
	for (size_t i = 0; i < u->l.n; i++) {
		const struct replica_file *f = &u->l.f[i];

		if (f->level != STORE_LEVEL_SNAPSHOT
		    && (k = plan_state_find(s, n, f->max)) < n)
			below[k] = i;
	}
	for (k = 0; k < n; k++) {
		if (below[k] < u->l.n)
			u->idx[u->n++] = below[k];
		if (is_snapshot(&u->l.f[s[k].high]))
			u->idx[u->n++] = s[k].high;
	}
	free(s);
	free(below);
	return 0;
}

static int
upper_make(struct upper *u, const struct listing *l, struct err *e)
{
	memset(u, 0, sizeof *u);
	u->map = calloc(l->n, sizeof *u->map);
	u->idx = calloc(2 * l->n, sizeof *u->idx);
	u->t = calloc(2 * l->n, sizeof *u->t);
	if (!u->map || !u->idx || !u->t)
		return err_nomem(e);
	for (size_t i = 0; i < l->n; i++) {
		if (!l->f[i].level)
			continue;
		u->map[u->l.n] = i;
		if (listing_add(&u->l, &l->f[i], e) < 0)
			return -1;
	}
	return upper_states(u, e);
}

/* Exact times of the states, or which are to be read. */
static int
upper_times(struct upper *u, size_t *from, size_t *to)
{
	size_t missing = 0, need;

	for (size_t i = 0; i < u->l.n; i++)
		missing += !u->l.f[i].time_exact;
	if (missing && missing <= READ_ALL) {
		*from = u->map[0];
		*to = u->map[u->l.n - 1] + 1;
		return 1;
	}
	if (!retain_spread(&u->l, u->idx, u->n, NULL, class_day, NULL, u->t,
	    &need))
		return 0;
	*from = u->map[need];
	*to = *from + 1;
	return 1;
}

/* A snapshot is a plan of its own. */
static int
promise(struct retain *r, const struct upper *u, const struct entry *x,
    enum retain_rule rule, struct err *e)
{
	const struct retain_point p = { x->txid, x->time_ms, rule };
	struct listing one = { .n = 1, .a = 1 };

	if (!x->snapshot)
		return retain_promise(r, &u->l, u->map, &p, x->file, e);
	one.f = &u->l.f[x->file];
	return retain_promise(r, &one, &u->map[x->file], &p, one.n, e);
}

static int
keep_last(struct retain *r, const struct upper *u, enum retain_rule rule,
    unsigned count, int64_t before, struct entry *v, struct err *e)
{
	int64_t newest = period(rule, before);

	for (size_t i = 0; i < u->n; i++) {
		const struct replica_file *f = &u->l.f[u->idx[i]];

		v[i] = (struct entry){ period(rule, u->t[i]), u->t[i], f->max,
		    u->idx[i], is_snapshot(f) };
	}
	if (count)
		qsort(v, u->n, sizeof *v, cmp_entry);
	for (size_t i = 0; count && i < u->n; i++) {
		if (v[i].period > newest
		    || (i && v[i].period == v[i - 1].period))
			continue;
		if (promise(r, u, &v[i], rule, e) < 0)
			return -1;
		count -= v[i].period < newest; /* this one is not over */
	}
	return 0;
}

static int
keep_periods(struct retain *r, const struct upper *u, struct err *e)
{
	const struct retain_keep *k = &r->rules.keep;
	struct entry *v = calloc(u->n + 1, sizeof *v);
	int64_t before = INT64_MIN;
	int x;

	if (!v)
		return err_nomem(e);
	for (size_t i = 0; i < u->n; i++)
		if (u->t[i] > before)
			before = u->t[i];
	if (before > r->now_ms)
		before = r->now_ms;
	x = keep_last(r, u, RETAIN_DAILY, k->daily, before, v, e);
	if (!x)
		x = keep_last(r, u, RETAIN_WEEKLY, k->weekly, before, v, e);
	if (!x)
		x = keep_last(r, u, RETAIN_MONTHLY, k->monthly, before, v, e);
	free(v);
	return x;
}

int
retain_periods(struct retain *r, const struct listing *l, size_t *from,
    size_t *to, struct err *e)
{
	struct upper u;
	int x = upper_make(&u, l, e);

	if (!x && u.n)
		x = upper_times(&u, from, to);
	if (!x && u.n)
		x = keep_periods(r, &u, e);
	upper_free(&u);
	return x;
}
