#include "repl/v03_restore_in.h"

#include <stdio.h>
#include <string.h>
#include "base/bytes.h"
#include "base/when.h"
#include "repl/v03_fetch.h"

/* Which generation: the part of a plan that needs to look at more than
 * names. */

/* SQLite's change counter at the beginning of a generation's last snapshot.
 * One that cannot be read tells nothing. */
static int
counter(struct store *st, struct v03_set *s, struct v03_generation *g,
    struct err *e)
{
	struct v03_plan one = { g->id, g->first + g->n_snapshots - 1, 0, 0, -1,
		0 };
	struct v03_fetch *f = NULL;
	unsigned char head[100];
	struct io_in in;
	size_t object;
	int r;

	if (g->known || !g->n_snapshots)
		return 0;
	r = v03_fetch_begin(&f, st, s, &one, 1, e);
	if (!r)
		r = v03_fetch_next(f, &object, &in, e);
	if (r > 0)
		r = io_readn(in, head, sizeof head, e);
	v03_fetch_free(f);
	/* denied: encrypted for a key that is gone, say */
	if (r < 0 && e->kind != ERR_DATA && e->kind != ERR_NOTFOUND
	    && e->kind != ERR_DENIED)
		return -1;
	if (!r) {
		g->known = 1;
		g->counter = be32_unpack(head + 24);
	}
	err_clear(e);
	return 0;
}

static int
facts(struct store *st, struct v03_set *s, int all, struct err *e)
{
	for (size_t i = 0; i < s->n_g; i++)
		if (v03_set_times(st, s, i, all, e) < 0)
			return -1;
	for (size_t i = 0; i < s->n_g && s->n_g > 1; i++)
		if (counter(st, s, &s->g[i], e) < 0)
			return -1;
	return 0;
}

/* What people should know about the choice. */
static void
doubt(const struct v03_set *s, size_t which, size_t other, unsigned doubts,
    const struct log *log, struct store *st)
{
	char g[17], o[17];

	v03_generation_fmt(g, s->g[which].id);
	v03_generation_fmt(o, s->g[other].id);
	if (doubts & V03_DOUBT_TIMES)
		log_event(log, LOG_WARN, "times of objects are no guide to the "
		    "newest generation (they are lost in a copy, or a clock "
		    "jumped); chosen by the database's change counter where it "
		    "tells; --generation chooses another", "replica",
		    store_conf(st)->url, "generation", g, "other", o, NULL);
	if (doubts & V03_DOUBT_OVERLAP)
		log_event(log, LOG_WARN, "generations were written at the same "
		    "time, as by two machines; the one written to last is "
		    "taken; --generation chooses another", "replica",
		    store_conf(st)->url, "generation", g, "other", o, NULL);
	else if (doubts & V03_DOUBT_COUNTER)
		log_event(log, LOG_WARN, "the newest generation by time has a "
		    "smaller change counter than another, as after a rollback "
		    "or in a copy that lost the times; --generation chooses "
		    "another", "replica", store_conf(st)->url, "generation", g,
		    "other", o, NULL);
}

static int
find(const struct v03_set *s, uint64_t id, size_t *which, struct err *e)
{
	char list[400] = "", g[17];

	for (size_t i = 0; i < s->n_g; i++)
		if (s->g[i].id == id) {
			*which = i;
			return 0;
		}
	for (size_t i = 0; i < s->n_g && strlen(list) < 360; i++) {
		v03_generation_fmt(g, s->g[i].id);
		snprintf(list + strlen(list), sizeof list - strlen(list),
		    "%s%s", i ? ", " : "", g);
	}
	v03_generation_fmt(g, id);
	return err_set(e, ERR_NO, "there is no generation %s; there is %s", g,
	    list);
}

/* Of all generations that have a state so old the newest one of these. A
 * damaged one that began later than that is not passed over. */
static int
by_time(struct v03_restore *r, struct err *e)
{
	struct err why = { 0 };
	int64_t damaged = -1;
	struct v03_plan p;

	r->g = NULL;
	for (size_t i = 0; i < r->set->n_g; i++) {
		const struct v03_generation *g = &r->set->g[i];

		if (v03_plan_make(r->set->o, g, &r->target, &p, e) < 0) {
			if (!why.kind || (e->kind == ERR_DATA
			    && g->start_ms >= damaged))
				why = *e;
			if (e->kind == ERR_DATA && g->start_ms > damaged
			    && g->start_ms <= r->target.time_ms)
				damaged = g->start_ms;
		} else if (!r->g || p.time_ms > r->plan.time_ms) {
			r->plan = p;
			r->g = g;
		}
	}
	if (r->g && damaged < r->g->start_ms)
		return 0;
	*e = why;
	return -1;
}

int
v03_choose(struct v03_restore *r, struct store *st, const struct log *log,
    struct err *e)
{
	struct v03_set *s = r->set;
	size_t which = 0, other = 0;
	unsigned doubts = 0;

	if (r->want.by_generation) {
		if (find(s, r->want.generation, &which, e) < 0
		    || v03_set_times(st, s, which, r->target.time_ms >= 0, e) < 0)
			return -1;
		r->g = &s->g[which];
		return v03_plan_make(s->o, r->g, &r->target, &r->plan, e);
	}
	if (facts(st, s, r->target.time_ms >= 0, e) < 0)
		return -1;
	for (size_t i = 0; i < s->n_g; i++)
		r->doubtful |= s->g[i].disorder;
	if (r->target.time_ms >= 0) {
		if (r->doubtful)
			log_event(log, LOG_WARN, "times of objects go against "
			    "their order (they are lost in a copy, or a clock "
			    "jumped), so what is restored may not be of the "
			    "time asked for; --generation and --index choose "
			    "without them", "replica", store_conf(st)->url, NULL);
		return by_time(r, e);
	}
	if (v03_plan_choose(s->g, s->n_g, &which, &other, &doubts, e) < 0)
		return -1;
	doubt(s, which, other, doubts, log, st);
	r->doubtful |= !!(doubts & V03_DOUBT_TIMES);
	r->g = &s->g[which];
	return v03_plan_make(s->o, r->g, &r->target, &r->plan, e);
}
