#include "repl/verify_v03.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/crc64.h"
#include "base/when.h"
#include "db/state.h"
#include "ltx/ltx.h"
#include "repl/v03_apply.h"
#include "repl/v03_fetch.h"
#include "repl/v03_pos.h"
#include "repl/v03_restore.h"
#include "repl/verify_in.h"

#define AHEAD 8

struct job {
	struct verify v;
	struct v03_set *set;
	const struct verify_snap *snap;
	struct v03_pos pos;
	int have;             /* the position, and the object it is about: */
	size_t last;
	int lost;             /* the position alone */
	struct apply_done done;
};

/* ---- the position ---- */

/* The object that pos says was put last. */
static struct v03_name
last_name(const struct v03_pos *p)
{
	struct v03_name n = { .generation = p->wal.generation,
	    .kind = p->any ? V03_WAL : V03_SNAPSHOT };

	if (p->any) {
		n.index = p->last_index;
		n.offset = p->last_offset;
	}
	return n;
}

/* Its index, set->n: not there. */
static size_t
find(const struct v03_set *s, const struct v03_pos *p)
{
	const struct v03_name n = last_name(p);
	size_t i = 0;

	while (i < s->n && v03_name_cmp(&s->o[i].name, &n))
		i++;
	return i;
}

static int
position(struct job *j, const struct verify_v03_where *w, struct err *e)
{
	struct state_paths paths;
	char *path;
	int r;

	j->have = 0;
	if (!w->db->db)
		return 0;
	if (state_paths(&paths, w->db->db, w->db->meta, e) < 0)
		return -1;
	path = v03_pos_path(paths.dir, w->url);
	state_paths_free(&paths);
	if (!path)
		return err_nomem(e);
	r = v03_pos_read(path, &j->pos, e);
	free(path);
	if (r < 0 && e->kind != ERR_NOTFOUND && e->kind != ERR_DATA)
		return -1;
	if (!r)
		j->last = find(j->set, &j->pos);
	j->have = !r && j->last < j->set->n;
	j->lost = !r && !j->have;
	err_clear(e);
	return 0;
}

/* What was put last is not in the listing: has it come since? 1: list again;
 * 0: it is gone; -1. */
static int
lost(struct job *j, struct err *e)
{
	const struct v03_name n = last_name(&j->pos);
	char *key, name[V03_NAME_MAX];
	struct store_stat st;
	int r;

	if (v03_name_key(j->set->path, &n, &key, e) < 0)
		return -1;
	r = store_head(j->v.st, key, &st, e);
	free(key);
	if (!r)
		return 1;
	if (e->kind != ERR_NOTFOUND)
		return -1;
	v03_name_fmt(name, &n);
	j->v.rep->why = "what was put last is gone";
	return verify_add(&j->v, 1, name, "it was put last, and is gone; "
	    "ls-sync --full DB begins another generation", e);
}

/* One past the last segment of the generation that object i is of. */
static size_t
wal_end(const struct v03_set *s, size_t i)
{
	uint64_t id = s->o[i].name.generation;

	while (i < s->n && s->o[i].name.generation == id)
		i++;
	return i;
}

/* Each segment is a TXID: those after the one noted last come after it. A
 * snapshot that begins a generation is followed by its log. */
static uint64_t
newest(const struct job *j)
{
	size_t end, i = j->last;

	if (!j->have)
		return 0;
	end = wal_end(j->set, i);
	while (!j->pos.any && i + 1 < end
	    && j->set->o[i + 1].name.kind == V03_SNAPSHOT)
		i++;
	return j->pos.txid + (end - 1 - i);
}

/* ---- one stretch ---- */

static int
differs(struct job *j, const char *text, struct err *e)
{
	return verify_add(&j->v, 1, "the newest state", text, e);
}

static int
compare(struct job *j, int fd, struct err *e)
{
	const struct verify_snap *s = j->snap;
	struct verify_report *r = j->v.rep;
	uint32_t ps = j->done.page_size, first = 0;
	unsigned char *page;
	char text[200];
	uint64_t sum;
	int x = 0;

	r->compared = 1;
	if (s->pages != j->done.pages || s->page_size != ps) {
		snprintf(text, sizeof text, "%" PRIu32 " pages of %" PRIu32
		    " bytes, the database has %" PRIu32 " of %" PRIu32,
		    j->done.pages, ps, s->pages, s->page_size);
		return differs(j, text, e);
	}
	if (!(page = malloc(ps)))
		return err_nomem(e);
	for (uint32_t i = 0; i < s->pages && !x; i++) {
		x = io_preadn(s->sums.fd, &sum, sizeof sum,
		    (int64_t)i * (int64_t)sizeof sum, e);
		if (!x)
			x = io_preadn(fd, page, ps, (int64_t)i * ps, e);
		if (x || i + 1 == ltx_lock_page(ps) || crc64(0, page, ps) == sum)
			continue;
		first = r->differ++ ? first : i + 1;
	}
	free(page);
	r->equal = !x && !r->differ;
	if (x || r->equal)
		return x;
	snprintf(text, sizeof text, "%" PRIu32 " pages differ from the "
	    "database, the first is %" PRIu32 "; ls-sync --full DB begins "
	    "another generation", r->differ, first);
	return differs(j, text, e);
}

static int
each(struct job *j, struct v03_fetch *f, struct v03_apply *a, size_t *object,
    struct err *e)
{
	uint64_t got = 0;
	struct io_in in;
	int r;

	while ((r = v03_fetch_next(f, object, &in, e)) > 0) {
		const struct v03_name *n = &j->set->o[*object].name;

		r = n->kind == V03_SNAPSHOT ? v03_apply_snapshot(a, n, in, e)
		    : v03_apply_wal(a, n, in, e);
		if (r < 0)
			break;
		j->v.rep->objects += !j->v.seen[*object];
		j->v.seen[*object] = 1;
		verify_bytes(&j->v, v03_fetch_bytes(f) - got);
		got = v03_fetch_bytes(f);
	}
	return r;
}

/* A fault, with what a restore can do without. */
static int
fault(struct job *j, size_t object, const struct err *why, struct err *e)
{
	char name[V03_NAME_MAX], text[2 * ERR_MSG_MAX];
	const char *msg = why->msg;
	size_t n = v03_name_fmt(name, &j->set->o[object].name);

	/* of the newest state and of all from its snapshot on */
	for (size_t i = 0; i < j->v.rep->n; i++)
		if (!strcmp(j->v.rep->f[i].object, name))
			return 0;
	if (!strncmp(msg, name, n) && !strncmp(msg + n, ": ", 2))
		msg += n + 2;
	snprintf(text, sizeof text, "%s; what follows it up to the next "
	    "snapshot of its generation cannot be restored", msg);
	return verify_add(&j->v, 1, name, text, e);
}

/* 0: read, good or not; 1: something of it vanished; -1. */
static int
stretch(struct job *j, const struct v03_plan *p, int compared, int *good,
    struct err *e)
{
	struct v03_fetch *f = NULL;
	struct v03_apply *a = NULL;
	size_t object = p->snapshot;
	struct err why = { 0 };
	int fd = io_anon("", e), r;

	*good = 0;
	if (fd < 0)
		return -1;
	r = v03_fetch_begin(&f, j->v.st, j->set, p, AHEAD, &why);
	if (!r)
		r = v03_apply_begin(&a, fd, &why);
	if (!r)
		r = each(j, f, a, &object, &why);
	if (!r)
		r = v03_apply_end(a, &j->done, &why);
	*good = !r;
	v03_apply_free(a);
	v03_fetch_free(f);
	if (r < 0 && why.kind == ERR_DATA)
		r = fault(j, object, &why, e);
	else if (r < 0) {
		*e = why;
		r = why.kind == ERR_NOTFOUND ? 1 : -1;
	} else if (compared)
		r = compare(j, fd, e);
	close(fd);
	return r;
}

/* ---- the newest state ---- */

/* Cuts a plan where the snapshot of the database was taken. 0; 1: there is no
 * such place in it (any more). */
static int
cut(const struct job *j, struct v03_plan *p)
{
	uint64_t max = newest(j), back = max - j->snap->txid;

	if (j->snap->txid > max || back > p->n_wal)
		return 1;
	p->n_wal -= back;
	return 0;
}

static int
behind(struct job *j, struct err *e)
{
	char text[200];

	snprintf(text, sizeof text, "it ends at TXID %016" PRIx64 ", the "
	    "database at %016" PRIx64, newest(j), j->snap->txid);
	return verify_add(&j->v, 1, "the replica", text, e);
}

/* Is there something to compare with, and does the plan lead there? 1, 0; 2:
 * another snapshot of the database is needed; -1. */
static int
comparable(struct job *j, struct v03_plan *p, struct err *e)
{
	if (!j->snap)
		return 0;
	if (!j->have) {
		if (!j->v.rep->why)
			j->v.rep->why = "the state folder has no position of "
			    "this replica";
		return 0;
	}
	if (j->pos.wal.generation != p->generation) {
		j->v.rep->why = "a restore takes another generation";
		return verify_add(&j->v, 1, "the newest generation", "is not "
		    "the one that is written to", e);
	}
	if (newest(j) < j->snap->txid) {
		j->v.rep->why = "the replica is behind";
		return behind(j, e);
	}
	return cut(j, p) ? 2 : 1;
}

static void
came_to(struct job *j, const struct v03_plan *p, int compared)
{
	struct verify_report *r = j->v.rep;
	size_t at = p->n_wal ? p->wal + p->n_wal - 1 : p->snapshot;

	r->merged = 1;
	r->txid = compared ? j->snap->txid : 0;
	r->time_ms = j->set->o[at].time_ms;
	r->size = (uint64_t)j->done.pages * j->done.page_size;
	r->files = p->n_wal + 1;
	v03_name_fmt(r->v03, &j->set->o[at].name);
}

static int
newest_state(struct job *j, struct err *e)
{
	const struct v03_want want = { 0 };
	struct v03_restore plan;
	struct v03_plan p;
	int r, good, compared;

	if (v03_restore_plan(&plan, j->v.st, j->set, &want, -1, j->v.opt->log,
	    e) < 0)
		return e->kind == ERR_DATA || e->kind == ERR_NO
		    ? verify_add(&j->v, 1, "the newest state", e->msg, e) : -1;
	/* times may have been asked for, and the generations made anew */
	p = plan.plan;
	if (j->v.opt->budget && p.bytes > j->v.opt->budget)
		return verify_add(&j->v, 1, "the proof", "a restore reads more "
		    "than the budget", e);
	compared = comparable(j, &p, e);
	if (compared < 0 || compared == 2)
		return compared < 0 ? -1 : 1;
	r = stretch(j, &p, compared, &good, e);
	if (!r && good)
		came_to(j, &p, compared);
	return r;
}

/* ---- all of it ---- */

static int
all_seen(const struct job *j, const struct v03_plan *p)
{
	size_t i = 0;

	while (i < p->n_wal && j->v.seen[p->wal + i])
		i++;
	return i == p->n_wal && j->v.seen[p->snapshot];
}

/* From snapshot k of the generation to the next one. */
static int
from_snapshot(struct job *j, const struct v03_generation *g, size_t k,
    struct err *e)
{
	struct v03_target t = { V03_ANY, -1, V03_ANY };
	const struct v03_object *o = j->set->o + g->first;
	struct v03_plan p;
	int good;

	if (k + 1 < g->n_snapshots) {
		t.below = o[k + 1].name.index;
		t.index = t.below - 1;
	}
	if (v03_plan_make(j->set->o, g, &t, &p, e) < 0)
		return e->kind == ERR_DATA || e->kind == ERR_NO
		    ? verify_add(&j->v, 1, "the log", e->msg, e) : -1;
	if (all_seen(j, &p))
		return 0;
	if (j->v.opt->budget && j->v.rep->bytes + p.bytes > j->v.opt->budget) {
		j->v.rep->unread += p.n_wal + 1;
		return 0;
	}
	return stretch(j, &p, 0, &good, e);
}

static int
generation(struct job *j, const struct v03_generation *g, struct err *e)
{
	size_t wal = g->first + g->n_snapshots, n = 0;
	char id[17], text[100];
	int r = 0;

	v03_generation_fmt(id, g->id);
	if (!g->n_snapshots)
		return verify_add(&j->v, 1, id, "a generation without a "
		    "snapshot: its log leads nowhere", e);
	for (size_t k = g->n_snapshots; k-- > 0 && !r;)
		r = from_snapshot(j, g, k, e);
	while (n < g->n_wal && j->set->o[wal + n].name.index
	    < j->set->o[g->first].name.index)
		n++;
	if (r || !n)
		return r;
	snprintf(text, sizeof text, "%zu segments before its first snapshot, "
	    "which lead nowhere", n);
	return verify_add(&j->v, 0, id, text, e);
}

static int
check(struct job *j, struct err *e)
{
	int r = j->lost ? lost(j, e) : 0;

	j->v.rep->newest = newest(j);
	if (!r)
		r = newest_state(j, e);
	for (size_t i = 0; i < j->set->n_g && !r; i++)
		r = generation(j, &j->set->g[i], e);
	return r;
}

int
verify_v03(struct choose_replica *c, const struct verify_v03_where *w,
    const struct verify_snap *snap, const struct verify_opt *opt,
    struct verify_report *rep, struct err *e)
{
	struct job j = { .v = { .st = c->st, .url = w->url, .opt = opt,
	    .rep = rep }, .set = &c->v03, .snap = snap };
	int r;

	pace_begin(&j.v.pace, opt->pace, when_mono());
	if (!c->v03.n)
		return err_set(e, ERR_NOTFOUND, "the replica is empty");
	if (!(j.v.seen = calloc(c->v03.n, 1)))
		return err_nomem(e);
	r = position(&j, w, e);
	if (!r)
		r = check(&j, e);
	free(j.v.seen);
	return r;
}

int
verify_v03_max(const struct choose_replica *c,
    const struct verify_v03_where *w, uint64_t *txid, struct err *e)
{
	struct v03_set set = c->v03;
	struct job j = { .set = &set };

	*txid = 0;
	if (position(&j, w, e) < 0)
		return -1;
	*txid = newest(&j);
	return 0;
}
