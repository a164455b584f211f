#include <stdlib.h>

#include "repl/v03_prune.h"

/* Times that a listing did not tell, as of SFTP: a request each. A log of a
 * day has some ten thousand objects, of which only those around one moment
 * matter, and they were put in order: that place is searched for, and the
 * others get the times of the two there. */

/* The WAL lo .. hi-1. */
static int
search(struct store *st, struct v03_set *s, size_t lo, size_t hi,
    int64_t cutoff, struct err *e)
{
	size_t first = lo, end = hi;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (v03_set_time(st, s, mid, e) < 0)
			return -1;
		if (s->o[mid].time_ms > cutoff)
			hi = mid;
		else
			lo = mid + 1;
	}
	for (size_t i = first; i < end; i++)
		if (s->o[i].time_ms < 0)
			s->o[i].time_ms = s->o[i < lo ? lo - 1 : lo].time_ms;
	return 0;
}

static int
told(const struct v03_set *s, const struct v03_generation *g)
{
	size_t i = g->first;

	while (i < g->first + g->n_snapshots + g->n_wal
	    && s->o[i].time_ms >= 0)
		i++;
	return i == g->first + g->n_snapshots + g->n_wal;
}

int
v03_prune_times(struct store *st, struct v03_set *s, int64_t cutoff,
    struct err *e)
{
	struct v03_generation *again;
	size_t n;

	for (size_t k = 0; k < s->n_g; k++) {
		const struct v03_generation *g = &s->g[k];
		size_t wal = g->first + g->n_snapshots, end = wal + g->n_wal;

		if (told(s, g))
			continue;
		for (size_t i = g->first; i < wal; i++)
			if (v03_set_time(st, s, i, e) < 0)
				return -1;
		if ((g->n_wal && v03_set_time(st, s, end - 1, e) < 0)
		    || search(st, s, wal, end, cutoff, e) < 0)
			return -1;
	}
	if (v03_plan_generations(s->o, s->n, &again, &n, e) < 0)
		return -1;
	free(s->g);
	s->g = again;
	s->n_g = n;
	return 0;
}
