#include "v03/keep.h"

static size_t
end_of(const struct v03_generation *g)
{
	return g->first + g->n_snapshots + g->n_wal;
}

static int
timeless(const struct v03_object *o, const struct v03_generation *g)
{
	for (size_t i = g->first; i < end_of(g); i++)
		if (o[i].time_ms < 0)
			return 1;
	return 0;
}

/* Do its times go against the names, as where a clock jumped? */
static int
disorder(const struct v03_object *o, const struct v03_generation *g)
{
	for (size_t i = g->first + 1; i < g->first + g->n_snapshots; i++)
		if (o[i].time_ms < o[i - 1].time_ms)
			return 1;
	return g->disorder;
}

/* Of which time is the state it leads to at t; whenever after it leads to a
 * later one. -1: that is not sure. */
static int64_t
state_at(const struct v03_object *o, const struct v03_generation *g,
    int64_t t)
{
	const struct v03_target to = { .index = V03_ANY, .time_ms = t,
	    .below = V03_ANY };
	struct v03_plan p;
	struct err e;

	if (timeless(o, g) || disorder(o, g)
	    || v03_plan_make(o, g, &to, &p, &e) < 0)
		return -1;
	return p.time_ms;
}

/* Does the snapshot lead to the state of the cutoff, and to all after it? It
 * was made before, with the WAL up to its making (see v03_plan_make), and
 * nothing after the cutoff is before it, in index or time, should a clock
 * have jumped. */
static int
leads(const struct v03_object *o, const struct v03_generation *g, size_t s,
    int64_t cutoff)
{
	const struct v03_object *last = NULL;
	int after = 0;

	if (o[s].time_ms > cutoff)
		return 0;
	for (size_t i = g->first + g->n_snapshots; i < end_of(g); i++) {
		after |= o[i].time_ms > cutoff;
		if (!after)
			last = &o[i];
		else if (o[i].name.index < o[s].name.index
		    || o[i].time_ms < o[s].time_ms)
			return 0;
	}
	return !after || !last || last->name.index < o[s].name.index
	    || last->time_ms >= o[s].time_ms;
}

static void
all(const struct v03_generation *g, enum v03_keep_why w,
    enum v03_keep_why *why)
{
	for (size_t i = g->first; i < end_of(g); i++)
		why[i] = w;
}

/* What is before the newest snapshot that leads there. */
static void
part(const struct v03_object *o, const struct v03_generation *g,
    int64_t cutoff, enum v03_keep_why *why)
{
	size_t base = g->first + g->n_snapshots;

	while (base > g->first && !leads(o, g, base - 1, cutoff))
		base--;
	if (base == g->first) {
		all(g, V03_KEEP_WHOLE, why);
		return;
	}
	base--;
	for (size_t i = g->first; i < end_of(g); i++) {
		int snapshot = o[i].name.kind == V03_SNAPSHOT;

		if (o[i].name.index < o[base].name.index)
			why[i] = V03_KEEP_PAST;
		else if (snapshot && o[i].time_ms > cutoff)
			why[i] = V03_KEEP_YOUNG;
		else
			why[i] = V03_KEEP_NEEDED;
	}
}

void
v03_keep_make(const struct v03_object *o, const struct v03_generation *g,
    size_t n_g, int64_t now_ms, int64_t retention_ms,
    enum v03_keep_why *why)
{
	int64_t cutoff = now_ms - retention_ms, then = -1, t;

	for (size_t i = 0; i < n_g; i++)
		if ((t = state_at(o, &g[i], cutoff)) > then)
			then = t;
	for (size_t i = 0; i < n_g; i++) {
		if (timeless(o, &g[i]))
			all(&g[i], V03_KEEP_UNKNOWN, why);
		else if (g[i].end_ms <= cutoff && g[i].end_ms < then)
			all(&g[i], V03_KEEP_GENERATION, why);
		else
			part(o, &g[i], cutoff, why);
	}
}

int
v03_keep_place(const struct v03_object *o, const struct v03_generation *g,
    uint64_t *index)
{
	uint64_t at;

	if (!g->n_wal || !g->n_snapshots)
		return 0;
	at = o[end_of(g) - 1].name.index;
	if (at <= o[g->first + g->n_snapshots - 1].name.index)
		return 0;
	*index = at;
	return 1;
}

int
v03_keep_due(const struct v03_object *o, const struct v03_generation *g,
    int64_t now_ms, int64_t retention_ms)
{
	uint64_t index;

	for (size_t i = g->first; i < g->first + g->n_snapshots; i++)
		if (o[i].time_ms > now_ms - retention_ms)
			return 0;
	return v03_keep_place(o, g, &index);
}

int
v03_keep_goes(enum v03_keep_why why)
{
	return why == V03_KEEP_PAST || why == V03_KEEP_GENERATION;
}

const char *
v03_keep_word(enum v03_keep_why why)
{
	static const char *const words[] = {
		"needed by states that can be restored",
		"snapshot within the retention",
		"all of its generation is needed",
		"its time is not known",
		"before the snapshot that is needed",
		"generation that ended before the retention"
	};

	return words[why];
}
