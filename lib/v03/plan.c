#include "v03/plan.h"

#include <stdlib.h>
#include <string.h>
#include "base/when.h"

static void
times(const struct v03_object *o, struct v03_generation *g)
{
	int64_t last = -1;

	for (size_t i = g->first; i < g->first + g->n_snapshots + g->n_wal;
	    i++) {
		int64_t t = o[i].time_ms;

		g->bytes += o[i].size;
		if (t < 0)
			continue;
		if (g->start_ms < 0 || t < g->start_ms)
			g->start_ms = t;
		if (t > g->end_ms)
			g->end_ms = t;
		if (o[i].name.kind != V03_WAL)
			continue;
		if (t < last)
			g->disorder = 1;
		last = t;
	}
}

int
v03_plan_generations(const struct v03_object *o, size_t n,
    struct v03_generation **out, size_t *n_out, struct err *e)
{
	struct v03_generation *v = NULL, *g;
	size_t k = 0, i = 0;

	*out = NULL;
	*n_out = 0;
	while (i < n) {
		g = realloc(v, (k + 1) * sizeof *v);
		if (!g) {
			free(v);
			return err_nomem(e);
		}
		v = g;
		g = &v[k++];
		memset(g, 0, sizeof *g);
		g->id = o[i].name.generation;
		g->first = i;
		g->start_ms = g->end_ms = -1;
		for (; i < n && o[i].name.generation == g->id; i++)
			if (o[i].name.kind == V03_WAL)
				g->n_wal++;
			else
				g->n_snapshots++;
		times(o, g);
	}
	*out = v;
	*n_out = k;
	return 0;
}

/* Numbers and times in messages. */
struct words {
	char gen[17], index[17], time[WHEN_FMT];
};

static const char *
index_word(struct words *w, uint64_t index)
{
	v03_index_fmt(w->index, index);
	return w->index;
}

static const char *
gen_word(struct words *w, const struct v03_generation *g)
{
	v03_generation_fmt(w->gen, g->id);
	return w->gen;
}

static int
allowed(const struct v03_object *o, const struct v03_target *t)
{
	return (t->time_ms < 0 || o->time_ms <= t->time_ms)
	    && o->name.index <= t->index;
}

/* One past the last segment up to the target: those of a generation end at
 * the first that is not. */
static size_t
wal_end(const struct v03_object *o, const struct v03_generation *g,
    const struct v03_target *t)
{
	size_t i = g->first + g->n_snapshots, end = i + g->n_wal;

	while (i < end && allowed(&o[i], t))
		i++;
	return i;
}

/* Nothing is so old, or no snapshot is there. */
static int
none_so_old(const struct v03_object *o, const struct v03_generation *g,
    const struct v03_target *t, struct err *e)
{
	struct words w;

	gen_word(&w, g);
	if (!g->n_snapshots)
		return err_set(e, ERR_DATA, "generation %s has no snapshot, "
		    "so its WAL leads nowhere; other generations can still be "
		    "restored (--generation)", w.gen);
	if (t->index != V03_ANY)
		return err_set(e, ERR_NO, "generation %s cannot be restored to "
		    "an index before its first snapshot, %s", w.gen,
		    index_word(&w, o[g->first].name.index));
	when_fmt(w.time, o[g->first].time_ms);
	return err_set(e, ERR_NO, "generation %s has no state so old; its "
	    "earliest is of %s", w.gen, w.time);
}

/* A snapshot is a copy of the database file while it goes on changing: it
 * is a state only with the WAL up to its making. Under a time the last
 * segment taken must not be older than the snapshot, unless nothing came
 * after it. */
static int
usable(const struct v03_object *o, const struct v03_generation *g,
    size_t snapshot, size_t end, const struct v03_target *t)
{
	size_t wal = g->first + g->n_snapshots;

	if (t->time_ms < 0 || end == wal + g->n_wal || end == wal)
		return 1;
	return o[end - 1].name.index < o[snapshot].name.index
	    || o[end - 1].time_ms >= o[snapshot].time_ms;
}

static int
between(const struct v03_object *o, const struct v03_generation *g,
    size_t end, struct err *e)
{
	struct words w;

	gen_word(&w, g);
	when_fmt(w.time, o[end].time_ms);
	return err_set(e, ERR_NO, "generation %s has no whole state of this "
	    "time, which lies between a snapshot and the WAL that belongs to "
	    "it; the next one is of %s", w.gen, w.time);
}

static int
find_snapshot(const struct v03_object *o, const struct v03_generation *g,
    const struct v03_target *t, size_t end, size_t *out, struct err *e)
{
	int some = 0;

	for (size_t i = g->first + g->n_snapshots; i-- > g->first;) {
		if (!allowed(&o[i], t) || o[i].name.index >= t->below)
			continue;
		some = 1;
		if (!usable(o, g, i, end, t))
			continue;
		*out = i;
		return 0;
	}
	return some ? between(o, g, end, e) : none_so_old(o, g, t, e);
}

/* What can be restored instead of a state behind a hole before index. */
static int
hole(const struct v03_generation *g, uint64_t from, uint64_t index,
    const char *what, struct err *e)
{
	struct words w, v;

	gen_word(&w, g);
	index_word(&w, index);
	if (index > from)
		return err_set(e, ERR_DATA, "generation %s: %s %s is missing; "
		    "what is before it can still be restored: --generation %s "
		    "--index %s", w.gen, what, w.index, w.gen,
		    index_word(&v, index - 1));
	return err_set(e, ERR_DATA, "generation %s: %s %s is missing, at its "
	    "very beginning after the snapshot; older snapshots or other "
	    "generations may still be restored (--generation, --index)", w.gen,
	    what, w.index);
}

/* The segments of i .. end-1 that follow the snapshot of this index. */
static int
follow(const struct v03_object *o, const struct v03_generation *g,
    size_t i, size_t end, uint64_t from, struct err *e)
{
	uint64_t index = from;

	for (size_t k = i; k < end; k++) {
		const struct v03_name *n = &o[k].name;
		int begins = k == i || n->index != o[k - 1].name.index;

		if (begins && k > i)
			index++;
		if (n->index != index)
			return hole(g, from, index, "the WAL of index", e);
		if (begins && n->offset)
			return hole(g, from, index, "the first WAL segment of "
			    "index", e);
	}
	return 0;
}

int
v03_plan_make(const struct v03_object *o, const struct v03_generation *g,
    const struct v03_target *t, struct v03_plan *p, struct err *e)
{
	size_t end = wal_end(o, g, t), snapshot = 0;
	size_t i = g->first + g->n_snapshots;
	uint64_t from;
	struct words w;

	memset(p, 0, sizeof *p);
	if (find_snapshot(o, g, t, end, &snapshot, e) < 0)
		return -1;
	from = o[snapshot].name.index;
	while (i < end && o[i].name.index < from)
		i++;
	if (follow(o, g, i, end, from, e) < 0)
		return -1;
	if (t->index != V03_ANY && t->index != from
	    && (i == end || o[end - 1].name.index != t->index))
		return err_set(e, ERR_NO, "generation %s ends before this "
		    "index; its last is %s", gen_word(&w, g), index_word(&w,
		    i == end ? from : o[end - 1].name.index));
	p->generation = g->id;
	p->snapshot = snapshot;
	p->wal = i;
	p->n_wal = end - i;
	p->time_ms = o[snapshot].time_ms;
	p->bytes = o[snapshot].size;
	for (; i < end; i++) {
		p->bytes += o[i].size;
		if (o[i].time_ms > p->time_ms)
			p->time_ms = o[i].time_ms;
	}
	return 0;
}

/* The one with the largest change counter, if only one has it and all are
 * known. */
static int
by_counter(const struct v03_generation *g, size_t n, size_t *which)
{
	size_t best = 0, same = 0;

	for (size_t i = 0; i < n; i++) {
		if (!g[i].known)
			return 0;
		if (g[i].counter > g[best].counter)
			best = i;
	}
	for (size_t i = 0; i < n; i++)
		same += g[i].counter == g[best].counter;
	if (same == 1)
		*which = best;
	return same == 1;
}

/* How to take the other one. */
static int
undecided(const struct v03_generation *a, const struct v03_generation *b,
    struct err *e)
{
	struct words v, w;

	return err_set(e, ERR_DATA, "nothing tells which of generations %s and "
	    "%s is the newer one: their times are the same, as in a copy that "
	    "lost them, and so are their change counters; choose one with "
	    "--generation", gen_word(&v, a), gen_word(&w, b));
}

/* Any but the chosen one that fits, for the message. */
static int
another(const struct v03_generation *g, size_t n, size_t which, int what,
    size_t *other)
{
	for (size_t i = 0; i < n; i++) {
		if (i == which)
			continue;
		if (what == 0 ? g[i].end_ms == g[which].end_ms
		    : what == 1 ? g[i].known && g[which].known
		    && g[i].counter > g[which].counter
		    : g[i].end_ms > g[which].start_ms) {
			*other = i;
			return 1;
		}
	}
	return 0;
}

int
v03_plan_choose(const struct v03_generation *g, size_t n, size_t *which,
    size_t *other, unsigned *doubts, struct err *e)
{
	size_t best = 0;
	int disorder = 0, tie;

	*doubts = 0;
	*other = 0;
	for (size_t i = 0; i < n; i++) {
		if (g[i].end_ms > g[best].end_ms)
			best = i;
		disorder |= g[i].disorder;
	}
	*which = best;
	if (n < 2)
		return 0;
	tie = another(g, n, best, 0, other);
	if (tie || disorder) {
		*doubts |= V03_DOUBT_TIMES;
		if (!by_counter(g, n, which) && tie)
			return undecided(&g[best], &g[*other], e);
		if (*which != best)
			*other = best;
		else if (!tie)
			*other = !best;
		return 0;
	}
	if (another(g, n, best, 2, other))
		*doubts |= V03_DOUBT_OVERLAP;
	if (another(g, n, best, 1, other))
		*doubts |= V03_DOUBT_COUNTER;
	return 0;
}
