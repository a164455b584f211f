#include "repl/restore_v03.h"

#include <string.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/when.h"
#include "db/state.h"
#include "ltx/ltx.h"

/* An LTX file stored so long after it was made is a copy that lost its time,
 * ms: the newest, which was stored at once, and the oldest, which may have been
 * compacted. A replica copied while it was in use has a newest of just now. */
#define STORED_LATE 600000
#define OLDEST_LATE 7200000

enum restore_v03_is
restore_v03_judge(int64_t v03, int doubtful, int64_t ltx, int64_t stored)
{
	if (v03 <= ltx)
		return RESTORE_V03_OLDER;
	if (doubtful || v03 <= stored || stored - ltx > STORED_LATE)
		return RESTORE_V03_DOUBT;
	return RESTORE_V03_NEWER;
}

/* ---- Litestream 0.3, over all replicas ---- */

/* Does a end later than b? Of one generation the names tell. */
static int
later(const struct v03_restore *a, const struct v03_restore *b)
{
	struct v03_end x, y;

	v03_restore_end(a, &x);
	v03_restore_end(b, &y);
	if (x.generation != y.generation)
		return x.time_ms > y.time_ms;
	if (x.index != y.index)
		return x.index > y.index;
	return x.offset > y.offset;
}

/* 1: found; 0: none; -1: there is something, and it cannot be planned. */
static int
best(const struct restore_job *job, struct choose *c, struct restore_v03 *out,
    struct err *e)
{
	struct err why = { 0 };
	struct v03_restore r;
	int found = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (!c->r[i].v03.n)
			continue;
		if (v03_restore_plan(&r, c->r[i].st, &c->r[i].v03, &job->v03,
		    job->opt.target.time_ms, job->opt.log, e) < 0) {
			err_in(e, "%s", c->r[i].conf->url);
			if (!why.kind)
				why = *e;
			continue;
		}
		if (!found || later(&r, &out->r)) {
			out->r = r;
			out->which = i;
		}
		found = 1;
	}
	if (found && why.kind)
		log_err(job->opt.log, LOG_WARN, &why, "replica left out", NULL);
	if (!found && why.kind) {
		*e = why;
		return -1;
	}
	return found;
}

/* ---- LTX ---- */

struct newest {
	int64_t ltx, stored;   /* -1: none, unknown */
};

/* Of file i of the listing. */
static int
times(struct choose_replica *r, size_t i, struct newest *n, struct err *e)
{
	struct listing *l = &r->listing;
	struct store_stat st;
	char *key;
	int x;

	n->stored = l->f[i].time_exact ? -1 : l->f[i].time_ms;
	if (n->stored < 0) {
		if (listing_key(r->st, &l->f[i], &key, e) < 0)
			return -1;
		x = store_head(r->st, key, &st, e);
		free(key);
		if (x < 0)
			return -1;
		n->stored = st.mtime_ms;
	}
	if (listing_times(r->st, l, i, i + 1, e) < 0) {
		if (e->kind != ERR_DATA)
			return -1;
		n->ltx = n->stored; /* damaged, which its restore will say */
		return 0;
	}
	n->ltx = l->f[i].time_ms;
	return 0;
}

/* Of the files that end with a TXID the one in the lowest level, which was
 * stored as soon as it was made. */
static int
newest_file(struct choose_replica *r, uint64_t txid, struct newest *n,
    struct err *e)
{
	const struct listing *l = &r->listing;
	size_t i = 0;

	while (i < l->n && l->f[i].max != txid)
		i++;
	return i == l->n ? 0 : times(r, i, n, e);
}

/* Was the oldest file stored long after it was made? 1, 0, -1. */
static int
copied(struct choose_replica *r, struct err *e)
{
	const struct listing *l = &r->listing;
	struct newest n = { -1, -1 };
	size_t oldest = 0;

	if (!l->n)
		return 0;
	for (size_t i = 1; i < l->n; i++)
		if (l->f[i].max < l->f[oldest].max)
			oldest = i;
	if (times(r, oldest, &n, e) < 0)
		return -1;
	return n.stored - n.ltx > OLDEST_LATE;
}

/* For a time asked for: the state that LTX files have for it. */
static int
newest_at(const struct restore_job *job, struct choose_replica *r,
    struct newest *n, struct err *e)
{
	struct plan p = { 0 };
	int x;

	if (restore_plan_files(r->st, &r->listing, &job->opt.target,
	    job->opt.log, &p, e) < 0)
		return e->kind == ERR_NO || e->kind == ERR_DATA ? 0 : -1;
	x = newest_file(r, p.txid, n, e);
	n->stored = n->ltx;
	plan_free(&p);
	return x;
}

/* What a local level-0 folder has beyond the replica. */
static int
newest_local(const char *ltx0, int from_start, struct newest *n,
    struct err *e)
{
	unsigned char raw[LTX_HEADER_SIZE];
	uint64_t min, max;
	struct ltx_header h;
	int contig, fd;

	if (state_scan(ltx0, &min, &max, &contig, e) < 0)
		return -1;
	if (!max || (from_start && (min != 1 || !contig)))
		return 0;
	fd = listing_open_local(ltx0, max, max, e);
	if (fd < 0)
		return 0;
	if (io_preadn(fd, raw, sizeof raw, 0, e) == 0
	    && ltx_header_unpack(&h, raw, e) == 0 && h.time_ms > n->ltx)
		n->ltx = n->stored = h.time_ms;
	close(fd);
	return 0;
}

static int
newest(const struct restore_job *job, struct choose *c, const char *ltx0,
    struct newest *n, struct err *e)
{
	int by_time = job->opt.target.time_ms >= 0;

	n->ltx = n->stored = -1;
	if (c->r[0].listing.n && (by_time ? newest_at(job, &c->r[0], n, e)
	    : newest_file(&c->r[0], c->r[0].max, n, e)) < 0)
		return -1;
	return !ltx0 || by_time ? 0
	    : newest_local(ltx0, !c->r[0].listing.n, n, e);
}

/* ---- both ---- */

static void
say(const struct restore_job *job, const struct restore_v03 *v,
    const struct choose *c, const struct newest *n, enum restore_v03_is is)
{
	char a[WHEN_FMT], b[WHEN_FMT], g[17];

	when_fmt(a, v->r.plan.time_ms);
	when_fmt(b, n->ltx);
	v03_generation_fmt(g, v->r.plan.generation);
	log_event(job->opt.log, is == RESTORE_V03_DOUBT ? LOG_WARN : LOG_INFO,
	    is == RESTORE_V03_NEWER ? "the generation of Litestream 0.3 is "
	    "newer than the LTX files, and restored"
	    : is == RESTORE_V03_OLDER ? "the LTX files are newer than the "
	    "generations of Litestream 0.3, and restored"
	    : "whether the LTX files or a generation of Litestream 0.3 are "
	    "newer cannot be told, as the times of objects were lost in a "
	    "copy; the LTX files are restored (--generation GENERATION for "
	    "the other)", "replica", c->r[v->which].conf->url, "generation", g,
	    "generation-time", a, "ltx-time", b, NULL);
}

/* Generations that cannot be restored stand in the way only if they are the
 * newer ones, or if there is nothing else. */
static int
unplanned(const struct restore_job *job, const struct choose *c,
    const struct newest *n, struct err *e)
{
	int64_t end = -1;

	if (n->ltx < 0)
		return -1;
	if (e->kind == ERR_NO) /* of the time asked for LTX files know */
		return 0;
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < c->r[i].v03.n_g; k++)
			if (c->r[i].v03.g[k].end_ms > end)
				end = c->r[i].v03.g[k].end_ms;
	if (job->opt.target.time_ms >= 0 && end > job->opt.target.time_ms)
		end = job->opt.target.time_ms;
	if (restore_v03_judge(end, 0, n->ltx, n->stored) == RESTORE_V03_NEWER)
		return -1;
	log_err(job->opt.log, LOG_WARN, e, "generations of Litestream 0.3 left "
	    "out: the LTX files are newer", NULL);
	return 0;
}

/* A TXID is one of LTX files; generations alone are not nothing, though. */
static int
no_txid(const struct choose *c, struct err *e)
{
	int some = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (c->r[i].listing.n)
			return 0;
		some |= c->r[i].v03.n != 0;
	}
	return !some ? 0 : err_set(e, ERR_NO, "%s holds generations of "
	    "Litestream 0.3, whose states have no TXID; -t, --generation and "
	    "--index choose among them", c->r[0].conf->url);
}

int
restore_v03_pick(const struct restore_job *job, struct choose *c,
    const char *ltx0, struct restore_v03 *v, struct err *e)
{
	int only = job->v03.by_generation || job->v03.by_index;
	enum restore_v03_is is;
	struct newest n;
	struct err why;
	int found, copy = 0;

	if (!c->n)
		return 0;
	if (job->opt.target.txid)
		return no_txid(c, e);
	found = best(job, c, v, e);
	if (!found && only)
		return err_set(e, ERR_NO, "no replica has a generation of "
		    "Litestream 0.3, which --generation and --index are for");
	if (only || !found)
		return found;
	why = *e;
	if (newest(job, c, ltx0, &n, e) < 0)
		return -1;
	if (found < 0) {
		*e = why;
		return unplanned(job, c, &n, e);
	}
	if (n.ltx < 0)
		return 1;
	is = restore_v03_judge(v->r.plan.time_ms, v->r.doubtful, n.ltx,
	    n.stored);
	if (is == RESTORE_V03_NEWER && (copy = copied(&c->r[0], e)) < 0)
		return -1;
	if (copy)
		is = RESTORE_V03_DOUBT;
	say(job, v, c, &n, is);
	return is == RESTORE_V03_NEWER;
}
