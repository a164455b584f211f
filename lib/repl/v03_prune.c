#include "repl/v03_prune.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "repl/v03_fetch.h"
#include "repl/v03_snapshot.h"

#define BATCH 1000

static void
due(struct v03_prune *p, int64_t now_ms, int64_t retention_ms)
{
	const struct v03_generation *g = p->set.g, *last = g;

	for (size_t i = 0; i < p->set.n_g; i++)
		if (g[i].end_ms > last->end_ms)
			last = &g[i];
	if (!p->set.n_g || !v03_keep_due(p->set.o, last, now_ms, retention_ms))
		return;
	p->due = v03_keep_place(p->set.o, last, &p->index);
	p->generation = last->id;
}

int
v03_prune_plan(struct v03_prune *p, const struct store_conf *conf,
    int64_t now_ms, int64_t retention_ms, const struct log *log,
    struct err *e)
{
	int r;

	memset(p, 0, sizeof *p);
	p->log = log;
	if (store_open(&p->st, conf, e) < 0)
		return -1;
	r = v03_set_read(p->st, &p->set, e);
	if (r == 0)
		r = v03_prune_times(p->st, &p->set, now_ms - retention_ms, e);
	if (r == 0 && !(p->why = calloc(p->set.n + 1, sizeof *p->why)))
		r = err_nomem(e);
	if (r < 0) {
		v03_prune_free(p);
		return -1;
	}
	v03_keep_make(p->set.o, p->set.g, p->set.n_g, now_ms, retention_ms,
	    p->why);
	due(p, now_ms, retention_ms);
	return 0;
}

void
v03_prune_free(struct v03_prune *p)
{
	v03_set_free(&p->set);
	if (p->st)
		store_close(p->st);
	free(p->why);
	memset(p, 0, sizeof *p);
}

static int
fmt_object(stralloc *s, const struct v03_object *o, enum v03_keep_why why)
{
	char g[17], line[160], when[WHEN_FMT] = "";

	v03_generation_fmt(g, o->name.generation);
	if (o->time_ms >= 0)
		when_fmt(when, o->time_ms);
	snprintf(line, sizeof line, "%s\t%s\t%s\t%08" PRIx64 "\t%08" PRIx64
	    "\t%" PRIu64 "\t%s\t", v03_keep_goes(why) ? "delete" : "keep", g,
	    o->name.kind == V03_WAL ? "wal" : "snapshot", o->name.index,
	    o->name.offset, o->size, when);
	return stralloc_cats(s, line)
	    && stralloc_cats(s, v03_keep_word(why)) && stralloc_cats(s, "\n");
}

int
v03_prune_fmt(stralloc *s, const struct v03_prune *p, const char *url)
{
	char g[17], line[100] = "";
	int ok;

	v03_generation_fmt(g, p->generation);
	if (p->due)
		snprintf(line, sizeof line, "# a new snapshot is due, of index "
		    "%08" PRIx64 " in generation %s\n", p->index, g);
	ok = stralloc_cats(s, "# ") && stralloc_cats(s, url)
	    && stralloc_cats(s, "\n") && stralloc_cats(s, line)
	    && stralloc_cats(s, "action\tgeneration\tkind\tindex\toffset\t"
	    "size\ttime\treason\n");
	for (size_t i = 0; ok && i < p->set.n; i++)
		ok = fmt_object(s, &p->set.o[i], p->why[i]);
	return ok;
}

/* ---- deleting ---- */

/* Reads the snapshot to its end: its frame has a checksum. */
static int
whole(struct v03_prune *p, const struct v03_plan *plan, struct err *e)
{
	struct v03_plan one = *plan;
	struct v03_fetch *f = NULL;
	unsigned char buf[16384];
	struct io_in in;
	size_t object;
	ssize_t n = 0;
	int r;

	one.n_wal = 0;
	r = v03_fetch_begin(&f, p->st, &p->set, &one, 1, e);
	if (r == 0)
		r = v03_fetch_next(f, &object, &in, e);
	while (r > 0 && (n = in.read(in.ctx, buf, sizeof buf, e)) > 0)
		;
	v03_fetch_free(f);
	return r < 0 || n < 0 ? -1 : 0;
}

/* All of generation g, and the part of it that stays, leads to the same end? */
static int
same_plan(const struct v03_prune *p, const struct v03_generation *g,
    const struct v03_object *o, size_t kept, struct err *e)
{
	const struct v03_target newest = { V03_ANY, -1, V03_ANY };
	struct v03_generation *k = NULL;
	struct v03_plan a, b;
	size_t n_k = 0;
	int r = v03_plan_generations(o, kept, &k, &n_k, e);

	if (r == 0)
		r = v03_plan_make(p->set.o, g, &newest, &a, e);
	if (r == 0)
		r = v03_plan_make(o, k, &newest, &b, e);
	if (r == 0 && (a.n_wal != b.n_wal
	    || v03_name_cmp(&p->set.o[a.snapshot].name, &o[b.snapshot].name)))
		r = err_set(e, ERR_DATA, "what stays would end elsewhere");
	free(k);
	return r;
}

/* Does all of a generation go somewhere? */
static int
ends_one(const struct v03_prune *p)
{
	size_t i = 0;

	while (i < p->set.n && p->why[i] != V03_KEEP_GENERATION)
		i++;
	return i < p->set.n;
}

/* Is the part of a generation that stays enough? It is looked at where a part
 * of it goes, and where it is what takes the place of one that goes. */
static int
enough(struct v03_prune *p, const struct v03_generation *g, struct err *e)
{
	size_t n = g->n_snapshots + g->n_wal, kept = 0;
	struct v03_object *o = calloc(n + 1, sizeof *o);
	struct v03_plan first = { .snapshot = g->first };
	int r = 0;

	if (!o)
		return err_nomem(e);
	for (size_t i = g->first; i < g->first + n; i++)
		if (!v03_keep_goes(p->why[i]))
			o[kept++] = p->set.o[i];
	if (kept && (kept < n || ends_one(p))) {
		r = same_plan(p, g, o, kept, e);
		while (r == 0 && v03_keep_goes(p->why[first.snapshot]))
			first.snapshot++;
		if (r == 0)
			r = whole(p, &first, e);
	}
	free(o);
	return r;
}

/* Of a generation that has a hole, or whose snapshot is damaged, nothing
 * goes, and none that ended goes for it. 1: there are such, *e is about the
 * last. */
static int
spare(struct v03_prune *p, struct err *e)
{
	int spared = 0;
	char id[17];

	for (size_t k = 0; k < p->set.n_g; k++) {
		const struct v03_generation *g = &p->set.g[k];
		struct err why = { 0 };

		if (enough(p, g, &why) == 0)
			continue;
		*e = why;
		v03_generation_fmt(id, g->id);
		err_in(e, "nothing of generation %s is deleted, nor any that "
		    "ended: the rest would not be enough to restore (ls-sync "
		    "--full DB has ls-walship begin a good one, and what is "
		    "older goes when its time is over)", id);
		if (why.kind != ERR_DATA)
			return -1;
		for (size_t i = 0; i < g->n_snapshots + g->n_wal; i++)
			p->why[g->first + i] = V03_KEEP_WHOLE;
		spared = 1;
	}
	for (size_t i = 0; spared && i < p->set.n; i++)
		if (p->why[i] == V03_KEEP_GENERATION)
			p->why[i] = V03_KEEP_WHOLE;
	return spared;
}

static void
tell(const struct v03_prune *p, const char *word, uint64_t generation)
{
	const struct replica_file f = { .min = generation, .max = generation,
	    .time_ms = -1 };

	changes_say(p->changes, p->log, word, &f);
}

static int
batch(struct v03_prune *p, const size_t *idx, size_t n,
    struct prune_done *done, struct err *e)
{
	char **keys = calloc(n, sizeof *keys);
	enum err_kind *res = calloc(n, sizeof *res);
	int r = keys && res ? 0 : err_nomem(e);

	for (size_t i = 0; i < n && r == 0; i++) {
		r = v03_set_key(&p->set, idx[i], &keys[i], e);
		res[i] = ERR_TEMP;
	}
	if (r == 0)
		r = store_del(p->st, (const char *const *)keys, n, res, e);
	for (size_t i = 0; keys && res && i < n; i++) {
		if (keys[i] && res[i] == ERR_NONE) {
			done->deleted++;
			done->bytes += p->set.o[idx[i]].size;
		} else {
			done->refused++;
			if (res[i] == ERR_DENIED)
				tell(p, "refused",
				    p->set.o[idx[i]].name.generation);
		}
		free(keys[i]);
	}
	free(keys);
	free(res);
	return r;
}

/* Retention is also what asks for snapshots. */
static int
snapshot(struct v03_prune *p, const char *tmp, struct err *e)
{
	const struct store_conf *conf = store_conf(p->st);
	struct v03_snapshot_done s;
	char index[24];

	if (!p->due)
		return 0;
	if (v03_snapshot_put(conf, tmp, p->log, &s, e) < 0) {
		if (e->kind == ERR_DATA)
			tell(p, "gap", p->generation);
		return err_in(e, "a new snapshot is due");
	}
	snprintf(index, sizeof index, "%08" PRIx64, s.index);
	if (!s.present)
		log_event(p->log, LOG_INFO, "snapshot made", "replica",
		    conf->url, "index", index, NULL);
	return 0;
}

/* A generation that is a folder without a file is one that Litestream lists, and
 * cannot restore. */
static void
folders(struct v03_prune *p, const struct v03_generation *g)
{
	static const char *const below[] = { "snapshots/", "wal/", "" };
	char *folder, *path;
	struct err ignored;

	for (size_t i = g->first; i < g->first + g->n_snapshots + g->n_wal; i++)
		if (!v03_keep_goes(p->why[i]))
			return;
	if (v03_name_folder(store_conf(p->st)->path, g->id, &folder, &ignored))
		return;
	for (size_t i = 0; i < 3; i++)
		if (asprintf(&path, "%s%s", folder, below[i]) >= 0) {
			store_del_folder(p->st, path);
			free(path);
		}
	free(folder);
}

int
v03_prune_run(struct v03_prune *p, const char *tmp, struct prune_done *done,
    struct err *e)
{
	size_t idx[BATCH], n = 0;
	struct err later;
	int r;

	memset(done, 0, sizeof *done);
	if (snapshot(p, tmp, e) < 0)
		return -1;
	if ((r = spare(p, &later)) < 0) {
		*e = later;
		return -1;
	}
	for (size_t i = 0; i < p->set.n; i++) {
		if (v03_keep_goes(p->why[i]))
			idx[n++] = i;
		if (n == BATCH || (n && i + 1 == p->set.n)) {
			if (batch(p, idx, n, done, e) < 0)
				return -1;
			n = 0;
		}
	}
	for (size_t k = 0; k < p->set.n_g; k++)
		folders(p, &p->set.g[k]);
	if (r)
		*e = later;
	return r ? -1 : 0;
}

int
v03_prune_alone(const struct store_conf *conf, struct err *e)
{
	struct listing l = { 0 };
	struct v03_set set = { 0 };
	struct store *st;
	int r;

	if (store_open(&st, conf, e) < 0)
		return -1;
	r = listing_read(st, LISTING_ALL, &l, e);
	if (r == 0 && !l.n)
		r = v03_set_read(st, &set, e);
	if (r == 0)
		r = set.n > 0;
	listing_free(&l);
	v03_set_free(&set);
	store_close(st);
	return r;
}
