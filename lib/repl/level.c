#include "repl/level.h"

#include <stdlib.h>
#include <string.h>
#include "ltx/ltx.h"

/* ---- what goes into a level ---- */

/* One level of a sorted listing: files first .. end-1. */
struct slice {
	size_t first, end;
	uint64_t max;
};

static struct slice
slice_of(const struct listing *l, unsigned level)
{
	struct slice s = { 0, 0, 0 };

	while (s.first < l->n && l->f[s.first].level < level)
		s.first++;
	for (s.end = s.first; s.end < l->n && l->f[s.end].level == level;
	    s.end++)
		if (l->f[s.end].max > s.max)
			s.max = l->f[s.end].max;
	return s;
}

/* Can a restore begin with it? */
static int
is_base(const struct replica_file *f)
{
	return f->min == 1 && f->size > LTX_HEADER_SIZE + LTX_TRAILER_SIZE;
}

struct chain {
	const struct listing *l;
	struct level_inputs *in;
	unsigned src;
	int bridge;
	struct slice s;
	size_t at;           /* files of s before this begin at cur+1 or before */
	size_t best;         /* of those, the one that ends last; l->n: none */
	uint64_t cur;        /* covered so far */
};

static void
take(struct chain *c, size_t i)
{
	struct level_inputs *in = c->in;
	const struct replica_file *f = &c->l->f[i];

	if (in->n && f->min <= c->cur)
		in->overlaps++;
	if (!in->n && !in->whole)
		in->min = f->min;
	in->idx[in->n++] = i;
	c->cur = in->max = f->max;
}

/* Of the level below: the file that leads furthest. */
static int
take_src(struct chain *c)
{
	const struct replica_file *f = c->l->f;

	for (; c->at < c->s.end && f[c->at].min <= c->cur + 1; c->at++)
		if (c->best == c->l->n || f[c->at].max > f[c->best].max)
			c->best = c->at;
	if (c->best == c->l->n || f[c->best].max <= c->cur)
		return 0;
	take(c, c->best);
	return 1;
}

/* What was lost there may still be in the levels it was made of. */
static int
take_lower(struct chain *c)
{
	const struct replica_file *f = c->l->f;
	size_t best = c->l->n;

	for (size_t i = 0; i < c->s.first; i++)
		if (f[i].min <= c->cur + 1 && f[i].max > c->cur
		    && f[i].max <= c->s.max
		    && (best == c->l->n || f[i].max >= f[best].max))
			best = i;
	if (best == c->l->n)
		return 0;
	take(c, best);
	return 1;
}

/* Is file k of the source, past the gap, the full copy or made of it that
 * snapshot i was made of too? */
static int
has_copy(const struct chain *c, size_t k, size_t i)
{
	const struct replica_file *f = &c->l->f[k], *base = &c->l->f[i];

	return f->min <= base->max && f->max >= base->max
	    && (c->src || f->size == base->size);
}

/* The smallest end, from least on, of a file above the source that begins at
 * TXID 1; with at0, one of the same state is in a file of the source past the
 * gap, which goes to *at0. 0: none. */
static uint64_t
base_end(const struct chain *c, uint64_t least, size_t *at0)
{
	const struct replica_file *f = c->l->f;
	uint64_t end = 0;

	for (size_t i = c->s.end; i < c->l->n; i++) {
		size_t k = c->at;

		if (!is_base(&f[i]) || f[i].max < least
		    || (end && f[i].max >= end))
			continue;
		while (at0 && k < c->s.end && !has_copy(c, k, i))
			k++;
		if (at0 && k == c->s.end)
			continue;
		end = f[i].max;
		if (at0)
			*at0 = k;
	}
	return end;
}

/* 1: the chain goes on behind the gap; 0: it ends here; -1: it is a gap. */
static int
over_gap(struct chain *c)
{
	struct level_inputs *in = c->in;
	uint64_t end;
	size_t full;

	in->gap_min = c->cur + 1;
	in->gap_max = c->l->f[c->at].min - 1;
	if (!(end = base_end(c, in->gap_max, NULL)))
		return -1;
	if (in->n)
		return 0;
	if (c->cur && c->bridge && base_end(c, in->gap_max, &full)) {
		in->whole = 1;
		in->min = c->cur + 1;
		take(c, full);
	} else {
		c->cur = end;
	}
	return c->cur < c->s.max;
}

/* An empty level need not begin with what a snapshot holds already: it does
 * where the level below does. */
static uint64_t
skip(const struct chain *c)
{
	const struct replica_file *f = c->l->f;
	uint64_t first = c->s.first < c->s.end ? f[c->s.first].min : 1;

	if (first > 1)
		return base_end(c, first - 1, NULL) ? first - 1 : 0;

	for (size_t i = c->s.first; i < c->s.end && f[i].min == 1; i++)
		for (size_t k = c->l->n; k-- > c->s.end;)
			if (f[k].level == STORE_LEVEL_SNAPSHOT
			    && is_base(&f[k]) && f[k].max == f[i].max
			    && f[k].size == f[i].size)
				return f[i].max;
	return 0;
}

int
level_inputs(const struct listing *l, unsigned dst, int bridge,
    struct level_inputs *in, struct err *e)
{
	struct chain c = { l, in, dst - 1, bridge, slice_of(l, dst - 1), 0, l->n, 0 };
	int on = 1;

	level_inputs_free(in);
	c.at = c.s.first;
	c.cur = slice_of(l, dst).max;
	if (!c.cur)
		c.cur = skip(&c);
	if (c.s.max <= c.cur)
		return LEVEL_NONE;
	in->idx = calloc(c.s.end, sizeof *in->idx);
	if (!in->idx)
		return err_nomem(e);
	while (on > 0 && c.cur < c.s.max)
		if (!take_src(&c) && !take_lower(&c))
			on = over_gap(&c);
	if (on < 0)
		return LEVEL_GAP;
	in->gap_min = in->gap_max = 0;
	return in->n ? LEVEL_READY : LEVEL_NONE;
}

void
level_inputs_free(struct level_inputs *in)
{
	free(in->idx);
	memset(in, 0, sizeof *in);
}

/* ---- when ---- */

void
level_last_init(struct level_last *last)
{
	memset(last, 0, sizeof *last);
	for (unsigned i = 0; i < STORE_LEVELS; i++)
		last->done_ms[i] = -1;
	last->prune_ms = last->l0_ms = -1;
}

/* Of what the levels hold, and when each was last written to. */
struct facts {
	uint64_t max[STORE_LEVELS], all;
	int64_t time[STORE_LEVELS];
	int64_t expires;     /* when the oldest snapshot but the newest does */
	int64_t l0;          /* when the first file of level 0 may go */
};

/* A time to come is none. */
static int64_t
past(int64_t t, int64_t now)
{
	return t <= now ? t : -1;
}

static void
sooner(int64_t *due, int64_t t)
{
	if (t < *due)
		*due = t;
}

static void
look(const struct listing *l, const struct level_conf *c,
    const struct level_last *last, int64_t now, struct facts *f)
{
	memset(f, 0, sizeof *f);
	f->expires = f->l0 = LEVEL_NEVER;
	for (unsigned i = 0; i < STORE_LEVELS; i++)
		f->time[i] = past(last->done_ms[i], now);
	for (size_t i = 0; i < l->n; i++) {
		const struct replica_file *r = &l->f[i];

		if (r->max > f->max[r->level])
			f->max[r->level] = r->max;
		if (past(r->time_ms, now) > f->time[r->level])
			f->time[r->level] = r->time_ms;
		if (r->max > f->all)
			f->all = r->max;
	}
	for (size_t i = 0; i < l->n; i++) {
		const struct replica_file *r = &l->f[i];
		int64_t t = r->time_ms < now ? r->time_ms : now;

		if (r->level == STORE_LEVEL_SNAPSHOT && c->retention_ms >= 0
		    && r->max < f->max[r->level] && t >= 0
		    && t + c->retention_ms > last->prune_ms)
			sooner(&f->expires, t + c->retention_ms);
		if (!r->level && c->l0_ms && c->retention_ms >= 0
		    && r->max <= f->max[1] && r->max < f->max[0]
		    && (r->max > last->l0_upto || t + c->l0_ms > last->l0_ms))
			sooner(&f->l0, t + c->l0_ms);
	}
}

/* Is something with this interval due, and if not, when is it? */
static int
is_due(int64_t interval, int64_t time, int64_t now, int64_t *next)
{
	int64_t begun = interval > 0 ? now - now % interval : now;

	if (interval <= 0 || time < begun)
		return 1;
	sooner(next, begun + interval);
	return 0;
}

static enum level_job
prune_due(const struct facts *f, const struct level_conf *c,
    const struct level_last *last, int64_t now, int64_t *next)
{
	int64_t done = past(last->l0_ms, now), l0 = f->l0;

	if (c->retention_ms < 0)
		return LEVEL_IDLE;
	if (past(last->done_ms[STORE_LEVEL_SNAPSHOT], now)
	    > past(last->prune_ms, now) || f->expires < now)
		return LEVEL_PRUNE;
	if (f->expires != LEVEL_NEVER)
		sooner(next, f->expires + 1);
	if (l0 == LEVEL_NEVER)
		return LEVEL_IDLE;
	if (done >= 0 && l0 < done + c->l0_check_ms)
		l0 = done + c->l0_check_ms;
	if (l0 <= now)
		return LEVEL_PRUNE0;
	sooner(next, l0);
	return LEVEL_IDLE;
}

void
level_decide(const struct listing *l, const struct level_conf *c,
    const struct level_last *last, int64_t now, struct level_todo *t)
{
	const unsigned s9 = STORE_LEVEL_SNAPSHOT;
	struct facts f;

	look(l, c, last, now, &f);
	*t = (struct level_todo){ LEVEL_IDLE, 0, LEVEL_NEVER };
	for (unsigned i = 1; i <= c->n && !t->job; i++)
		if (f.max[i - 1] > f.max[i] && f.max[i - 1] > last->upto[i]
		    && is_due(c->level_ms[i - 1], f.time[i], now, &t->next_ms)) {
			t->job = LEVEL_COMPACT;
			t->level = i;
		}
	if (!t->job && c->snapshot_ms && f.all > f.max[s9]
	    && f.all > last->upto[s9]
	    && is_due(c->snapshot_ms, f.time[s9], now, &t->next_ms))
		t->job = LEVEL_SNAPSHOT;
	if (!t->job)
		t->job = prune_due(&f, c, last, now, &t->next_ms);
}

static void
v03_due(int64_t each, int64_t *last, enum level_job job, int64_t now,
    struct level_todo *t)
{
	if (!each || t->job)
		return;
	if (*last < 0 || *last > now)
		*last = now;
	if (*last + each <= now)
		t->job = job;
	else
		sooner(&t->next_ms, *last + each);
}

void
level_v03_decide(const struct level_v03 *c, struct level_last *last,
    int64_t now, struct level_todo *t)
{
	*t = (struct level_todo){ LEVEL_IDLE, 0, LEVEL_NEVER };
	v03_due(c->snapshot_ms, &last->done_ms[STORE_LEVEL_SNAPSHOT],
	    LEVEL_SNAPSHOT, now, t);
	v03_due(c->check_ms, &last->prune_ms, LEVEL_PRUNE, now, t);
}

/* ---- clocks that jump ---- */

int
level_clock_step(struct level_clock *c, int64_t wall, int64_t boot,
    int64_t hold)
{
	int jumped = c->boot && (wall - c->wall) - (boot - c->boot)
	    > LEVEL_JUMP_MS;

	if (jumped)
		c->until = boot + hold;
	c->wall = wall;
	c->boot = boot;
	return jumped;
}

int
level_clock_sane(const struct level_clock *c, int64_t boot)
{
	return boot >= c->until;
}
