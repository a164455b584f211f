#include "repl/verify_chain.h"

/* Do files of other levels hold all of from..to? */
static int
covered(const struct listing *l, unsigned level, uint64_t from, uint64_t to)
{
	uint64_t at = from - 1, far;

	do {
		far = at;
		for (size_t i = 0; i < l->n; i++)
			if (l->f[i].level != level && l->f[i].min <= at + 1
			    && l->f[i].max > far)
				far = l->f[i].max;
		if (far == at)
			return 0;
		at = far;
	} while (at < to);
	return 1;
}

static int
jumped(const struct listing *l, uint64_t to)
{
	for (size_t i = 0; i < l->n; i++)
		if ((l->f[i].min == 1 || l->f[i].full) && l->f[i].max >= to)
			return 1;
	return 0;
}

/* Files i-1 and i are of one level, below the snapshots. reach: the largest
 * TXID of the level so far. */
static int
neighbours(const struct listing *l, size_t i, uint64_t reach,
    verify_chain_fn *fn, void *ctx, struct err *e)
{
	const struct replica_file *f = &l->f[i];
	struct verify_chain c = { .level = f->level, .before = i - 1,
	    .after = i };

	if (f->min > reach + 1) {
		c.kind = VERIFY_HOLE;
		c.from = reach + 1;
		c.to = f->min - 1;
		c.covered = covered(l, f->level, c.from, c.to);
		c.jumped = jumped(l, c.to);
		return fn(ctx, &c, e);
	}
	if (f->min <= reach) {
		c.kind = VERIFY_OVERLAP;
		c.from = f->min;
		c.to = f->max < reach ? f->max : reach;
		return fn(ctx, &c, e);
	}
	return 0;
}

static int
behind(const struct listing *l, unsigned level, verify_chain_fn *fn,
    void *ctx, struct err *e)
{
	struct verify_chain c = { .kind = VERIFY_BEHIND,
	    .level = (uint8_t)level };
	uint64_t max = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct replica_file *f = &l->f[i];

		if (f->level == level && f->max > max) {
			max = f->max;
			c.before = c.after = i;
		}
		if (f->level > level && f->max > c.to
		    && (!level || f->level < STORE_LEVEL_SNAPSHOT))
			c.to = f->max;
	}
	c.from = max + 1;
	return max && c.to > max ? fn(ctx, &c, e) : 0;
}

int
verify_chain(const struct listing *l, verify_chain_fn *fn, void *ctx,
    struct err *e)
{
	uint64_t reach = 0;
	int r = 0;

	for (unsigned i = 0; i < STORE_LEVEL_SNAPSHOT && !r; i++)
		r = behind(l, i, fn, ctx, e);
	for (size_t i = 0; i < l->n && !r; i++) {
		const struct replica_file *f = &l->f[i];
		struct verify_chain base = { VERIFY_BASE, f->level, 1,
		    f->min - 1, i, i, 0, 0 };

		if (f->level == STORE_LEVEL_SNAPSHOT) {
			if (f->min != 1)
				r = fn(ctx, &base, e);
			continue;
		}
		if (!i || l->f[i - 1].level != f->level)
			reach = 0;
		else
			r = neighbours(l, i, reach, fn, ctx, e);
		if (f->max > reach)
			reach = f->max;
	}
	return r;
}
