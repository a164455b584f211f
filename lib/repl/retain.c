#include "repl/retain_in.h"

#include <stdlib.h>
#include <string.h>
#include "base/when.h"
#include "ltx/ltx.h"

int
retain_base(const struct replica_file *f)
{
	return f->min == 1 && f->size > LTX_HEADER_SIZE + LTX_TRAILER_SIZE;
}

/* Index of the last file of a level (the listing is sorted), l->n: none. */
static size_t
level_last(const struct listing *l, unsigned level)
{
	size_t last = l->n;

	for (size_t i = 0; i < l->n; i++)
		if (l->f[i].level == level
		    && (level != STORE_LEVEL_SNAPSHOT || retain_base(&l->f[i]))
		    && (last == l->n || l->f[i].max >= l->f[last].max))
			last = i;
	return last;
}

/* The snapshots. Returns the floor: the largest TXID of one that goes, at
 * most the smallest of one that stays. */
static uint64_t
judge_snapshots(struct retain *r, const struct listing *l)
{
	size_t last = level_last(l, STORE_LEVEL_SNAPSHOT);
	uint64_t floor = 0, stays = UINT64_MAX;

	for (size_t i = 0; i < l->n; i++) {
		const struct replica_file *f = &l->f[i];

		if (f->level != STORE_LEVEL_SNAPSHOT)
			continue;
		if (i == last)
			r->why[i] = RETAIN_NEWEST;
		else if (!retain_base(f))
			r->why[i] = RETAIN_NEEDED;
		else if (r->listed[i] >= r->now_ms - r->rules.retention_ms)
			r->why[i] = RETAIN_YOUNG;
		else {
			r->why[i] = RETAIN_OLD;
			if (f->max > floor)
				floor = f->max;
		}
		if (retain_base(f) && !retain_goes(r->why[i])
		    && f->max < stays)
			stays = f->max;
	}
	return floor < stays ? floor : stays;
}

/* A folder that does not keep times says of everything that it is old. Before a
 * snapshot goes for its age its header is asked: the state in it is older
 * than the object, where the store tells the truth. */
static int
older_than_told(struct retain *r, const struct listing *l, size_t *from,
    size_t *to)
{
	size_t last = level_last(l, STORE_LEVEL_SNAPSHOT);

	for (size_t i = 0; i < l->n && !r->rules.level0_only; i++) {
		const struct replica_file *f = &l->f[i];

		if (f->level != STORE_LEVEL_SNAPSHOT || i == last
		    || !retain_base(f)
		    || r->listed[i] >= r->now_ms - r->rules.retention_ms)
			continue;
		if (!f->time_exact) {
			*from = i;
			*to = i + 1;
			return 1;
		}
		if (f->time_ms > r->listed[i] && f->time_ms <= r->now_ms)
			r->listed[i] = f->time_ms;
	}
	return 0;
}

/* Litestream's windows, for all levels but 0. */
static void
judge(struct retain *r, const struct listing *l)
{
	size_t last[STORE_LEVELS];
	uint64_t floor = judge_snapshots(r, l);

	for (unsigned i = 0; i < STORE_LEVELS; i++)
		last[i] = level_last(l, i);
	for (size_t i = 0; i < l->n; i++) {
		const struct replica_file *f = &l->f[i];

		if (f->level == STORE_LEVEL_SNAPSHOT)
			continue;
		if (!f->level)
			r->why[i] = RETAIN_L0_OFF;
		else if (f->max >= floor)
			r->why[i] = RETAIN_NEEDED;
		else if (i == last[f->level])
			r->why[i] = RETAIN_LAST;
		else
			r->why[i] = RETAIN_COVERED;
	}
	for (size_t i = 0; r->rules.level0_only && i < l->n; i++)
		if (l->f[i].level)
			r->why[i] = RETAIN_ASIDE;
}

int
retain_promise(struct retain *r, const struct listing *l, const size_t *map,
    const struct retain_point *point, size_t also, struct err *e)
{
	const struct plan_target target = { point->txid, -1 };
	struct retain_point *v = realloc(r->point, (r->n + 1) * sizeof *v);
	struct plan p = { 0 };

	if (!v)
		return err_nomem(e);
	r->point = v;
	if (plan_make(l, &target, &p, e) < 0)
		return -1;
	v[r->n] = *point;
	for (size_t i = 0; i <= p.n; i++) {
		size_t k = i < p.n ? p.idx[i] : also;

		if (k == l->n)
			continue;
		k = map ? map[k] : k;
		if (retain_goes(r->why[k]) || r->why[k] == RETAIN_L0_OFF) {
			r->why[k] = RETAIN_PROMISED;
			r->by[k] = r->n;
		}
	}
	r->n++;
	plan_free(&p);
	return 0;
}

int
retain_begin(struct retain *r, const struct listing *l, int64_t now_ms,
    const struct retain_rules *rules, struct err *e)
{
	memset(r, 0, sizeof *r);
	r->rules = *rules;
	r->now_ms = now_ms;
	r->why = calloc(l->n + 1, sizeof *r->why);
	r->by = calloc(l->n + 1, sizeof *r->by);
	r->listed = calloc(l->n + 1, sizeof *r->listed);
	r->told = calloc(l->n + 1, sizeof *r->told);
	if (!r->why || !r->by || !r->listed || !r->told) {
		retain_free(r);
		return err_nomem(e);
	}
	for (size_t i = 0; i < l->n; i++)
		r->told[i] = -1;
	return 0;
}

/* Only what would go otherwise is looked at again. */
static int
wants_periods(const struct retain *r, const struct listing *l)
{
	const struct retain_keep *k = &r->rules.keep;

	if (!k->daily && !k->weekly && !k->monthly)
		return 0;
	for (size_t i = 0; i < l->n; i++)
		if (l->f[i].level && retain_goes(r->why[i]))
			return 1;
	return 0;
}

int
retain_step(struct retain *r, const struct listing *l, size_t *from,
    size_t *to, struct err *e)
{
	int x;

	if (!l->n)
		return 0;
	if (!r->judged) {
		for (size_t i = 0; i < l->n; i++)
			if (r->told[i] < 0)
				r->told[i] = l->f[i].time_ms;
		x = r->aged ? 0 : retain_told(r, l, from, to, e);
		r->aged = !x;
		if (!x)
			x = older_than_told(r, l, from, to);
		if (x)
			return x;
		judge(r, l);
		x = retain_all(r, l, from, to, e);
		if (x)
			return x;
		r->judged = 1;
	}
	if (wants_periods(r, l)) {
		x = retain_periods(r, l, from, to, e);
		if (x)
			return x;
	}
	return retain_level0(r, l, e);
}

void
retain_free(struct retain *r)
{
	free(r->why);
	free(r->by);
	free(r->listed);
	free(r->told);
	free(r->point);
	memset(r, 0, sizeof *r);
}

int
retain_goes(enum retain_why why)
{
	return why == RETAIN_OLD || why == RETAIN_COVERED
	    || why == RETAIN_L0_OLD;
}

static int
fmt_promised(stralloc *s, const struct retain_point *p)
{
	static const char *const rules[] = {
		"all", "daily", "weekly", "monthly"
	};
	char t[WHEN_FMT];
	size_t n = when_fmt(t, p->time_ms);

	return stralloc_cats(s, p->rule == RETAIN_ALL ? "needed by the states "
	    "since " : "needed by the state of ")
	    && stralloc_catb(s, t, p->rule == RETAIN_ALL ? n : 10)
	    && stralloc_cats(s, " (") && stralloc_cats(s, rules[p->rule])
	    && stralloc_cats(s, ")");
}

int
retain_fmt(stralloc *s, const struct retain *r, size_t i)
{
	static const char *const words[] = {
		[RETAIN_L0_OFF] = "level 0 never goes, l0-retention is 0",
		[RETAIN_L0_YOUNG] = "level 0, within l0-retention",
		[RETAIN_L0_ALONE] = "level 0, not compacted",
		[RETAIN_L0_LAST] = "the newest of level 0",
		[RETAIN_L0_OLD] = "level 0, compacted, past l0-retention",
		[RETAIN_NEWEST] = "newest snapshot",
		[RETAIN_YOUNG] = "snapshot within the retention",
		[RETAIN_NEEDED] = "needed by states that can be restored",
		[RETAIN_LAST] = "last file of its level",
		[RETAIN_ASIDE] = "of a level that is left alone",
		[RETAIN_OLD] = "snapshot past the retention",
		[RETAIN_COVERED] = "before the newest snapshot that goes"
	};

	if (r->why[i] == RETAIN_PROMISED)
		return fmt_promised(s, &r->point[r->by[i]]);
	return stralloc_cats(s, words[r->why[i]]);
}
