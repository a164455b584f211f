#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/retry.h"
#include "base/sa.h"
#include "base/when.h"
#include "repl/v03_ship.h"
#include "repl/walship_in.h"

/* Replicas: their groups, jobs and what comes of them. */

/* What an upload thread has: connections under a store of its own, and the
 * store of the replica it served last. */
struct wthread {
	struct store_conf conf;
	struct store *anchor, *last;
	const struct wrep *last_rep;
	uint32_t last_id;
};

static void *
thread_begin(void *ctx)
{
	(void)ctx;
	return calloc(1, sizeof(struct wthread));
}

static void
thread_end(void *p)
{
	struct wthread *t = p;

	if (!t)
		return;
	if (t->last)
		store_close(t->last);
	if (t->anchor)
		store_close(t->anchor);
	store_conf_free(&t->conf);
	free(t);
}

static struct store *
thread_store(struct wthread *t, const struct wrep *r, struct err *e)
{
	struct store *st;

	if (!t) {
		err_nomem(e);
		return NULL;
	}
	/* the number tells a replica from a later one at the same address */
	if (t->last && t->last_rep == r && t->last_id == r->db->id)
		return t->last;
	if (!t->anchor && (store_conf_copy(&t->conf, r->conf, e) < 0
	    || store_open(&t->anchor, &t->conf, e) < 0))
		return NULL;
	if (store_open_beside(&st, t->anchor, r->conf, e) < 0)
		return NULL;
	if (t->last)
		store_close(t->last);
	t->last = st;
	t->last_rep = r;
	t->last_id = r->db->id;
	return st;
}

/* On an upload thread. */
static void
run(struct pool_job *j, void *thread)
{
	struct wrep *r = (struct wrep *)j;
	struct store *st = thread_store(thread, r, &r->err);

	if (!st) {
		r->rc = -1;
		return;
	}
	store_deadline(st, r->deadline);
	if (r->probe)
		r->rc = ship_probe(&r->ship, st, r->upto, r->base, &r->got,
		    &r->backlog, &r->err);
	else
		r->rc = ship_run(&r->ship, st, r->upto, WALSHIP_BATCH, &r->res,
		    &r->err);
}

/* ---- groups ---- */

static int
add(stralloc *s, const char *v)
{
	return stralloc_cats(s, v ? v : "-") && stralloc_append(s, '\n');
}

/* The device of the nearest folder there is. */
static dev_t
device(const char *path)
{
	char *p = strdup(path), *slash;
	struct stat st = { 0 };

	while (p && stat(p, &st) < 0 && (slash = strrchr(p, '/')) && slash != p)
		*slash = 0;
	free(p);
	return st.st_dev;
}

static char *
group_key(const struct store_conf *c)
{
	stralloc s = STRALLOC_ZERO;
	char b[64];

	if (c->type == STORE_FILE) {
		snprintf(b, sizeof b, "file %llx",
		    (unsigned long long)device(c->path));
		return strdup(b);
	}
	if (c->type == STORE_SFTP) {
		snprintf(b, sizeof b, "sftp %u", c->port);
		if (!add(&s, b) || !add(&s, c->host) || !add(&s, c->user)
		    || !stralloc_append(&s, 0)) {
			stralloc_free(&s);
			return NULL;
		}
		return s.s;
	}
	snprintf(b, sizeof b, "s3 %d %d %d", c->force_path_style,
	    c->skip_verify, c->sign_payload);
	if (!add(&s, b) || !add(&s, c->endpoint) || !add(&s, c->bucket)
	    || !add(&s, c->region) || !add(&s, c->access_key)
	    || !add(&s, c->profile) || !stralloc_append(&s, 0)) {
		stralloc_free(&s);
		return NULL;
	}
	return s.s;
}

static struct wgroup *
group_of(struct walship *w, const struct store_conf *c, struct err *e)
{
	struct pool_conf pc = {
		.max = c->type == STORE_FILE ? 1 : WALSHIP_SHIP_THREADS,
		.stack = WALSHIP_STACK, .thread_begin = thread_begin,
		.thread_end = thread_end, .done = &w->done,
	};
	char *key = group_key(c);
	struct wgroup *g;

	if (!key) {
		err_nomem(e);
		return NULL;
	}
	for (g = w->groups; g; g = g->next)
		if (!strcmp(g->key, key)) {
			free(key);
			return g;
		}
	if (!(g = calloc(1, sizeof *g)) || pool_new(&g->pool, &pc, e) < 0) {
		if (!g)
			err_nomem(e);
		free(g);
		free(key);
		return NULL;
	}
	g->key = key;
	g->w = w;
	g->next = w->groups;
	w->groups = g;
	return g;
}

void
walship_groups_free(struct walship *w)
{
	struct wgroup *g;

	while ((g = w->groups)) {
		w->groups = g->next;
		pool_free(g->pool);
		free(g->key);
		free(g);
	}
}

/* ---- one replica ---- */

int
walship_rep_init(struct wrep *r, struct wdb *d, const struct store_conf *c,
    struct err *e)
{
	const char *ltx0 = capture_ltx_dir(d->cap);
	size_t len = strlen(ltx0) - strlen("/ltx/0") + 32;

	memset(r, 0, sizeof *r);
	r->is_rep = 1;
	r->db = d;
	r->conf = c;
	r->job.run = run;
	if (!(r->group = group_of(d->w, c, e)))
		return -1;
	if (!(r->base = malloc(len)))
		return err_nomem(e);
	snprintf(r->base, len, "%.*s/base-%u.tmp", (int)(len - 32), ltx0,
	    (unsigned)(r - d->rep));
	ship_init(&r->ship, &(struct ship_conf){
		.store = c, .db = wdb_path(d), .ltx0 = ltx0, .dir = d->meta,
		.perm = &d->conf.capture.perm,
		.retention_ms = d->w->conf->l0_retention_ms,
		.old = d->txid, .writer = d->writer, .restored = d->restored,
		.adopted = d->adopted,
		.accept = d->conf.capture.accept_replacement,
		.v03 = d->conf.r[r - d->rep].v03,
		.v03_pages = d->conf.capture.min_checkpoint_pages,
		.encoding = d->conf.capture.encoding,
		.log = d->w->conf->log,
	});
	return 0;
}

void
walship_rep_free(struct wrep *r)
{
	if (r->base)
		unlink(r->base);
	free(r->base);
	ship_free(&r->ship);
	memset(r, 0, sizeof *r);
}

const char *
walship_rep_state(const struct wrep *r)
{
	static const char *const word[] = {
		"probing", "ok", "failing", "denied", "fenced"
	};

	return word[r->state];
}

int
walship_rep_holds(const struct wrep *r, uint64_t txid)
{
	return r->known && r->txid >= txid && !r->want_dump && !r->mend_at
	    && !r->broken;
}

/* Is there anything to put? */
static int
has_work(const struct wrep *r)
{
	const struct wdb *d = r->db;

	if (!r->known)
		return 1;
	if (d->phase == DB_PROBING || !d->started || d->locked_out
	    || r->want_dump)
		return 0;
	return d->txid > r->txid || r->broken || r->snap;
}

int64_t
walship_rep_due(const struct wrep *r)
{
	if (r->busy || r->state == REP_FENCED || r->db->gone || !has_work(r))
		return NEVER;
	return r->next_mono;
}

/* A full copy that was asked for goes up as the others do, after what was
 * captured before it, and then as the beginning of restores too. What has no
 * position to go on from begins with it. */
static void
mend(struct wrep *r)
{
	if (!r->mend_at || r->probe)
		return;
	if (r->ship.conf.v03 && !r->ship.cursor) {
		r->mend_at = 0;
	} else if (r->ship.cursor + 1 < r->mend_at && r->upto >= r->mend_at) {
		r->upto = r->mend_at - 1;
	} else {
		if (r->ship.cursor + 1 == r->mend_at)
			r->broken = r->ship.broken = r->ship.mends = 1;
		r->mend_at = 0;
	}
}

void
walship_rep_kick(struct wrep *r)
{
	struct wdb *d = r->db;

	if (walship_rep_due(r) > when_mono())
		return;
	r->busy = 1;
	r->probe = !r->known;
	r->upto = d->txid;
	mend(r);
	r->got = 0;
	r->ship.late = d->ever;
	r->deadline = d->w->ending ? d->w->end_mono
	    : r->probe && !r->fails ? when_mono() + WALSHIP_PROBE_MS : 0;
	r->ship.conf.writer = d->writer;
	if (d->attached && d->adopt.txid)
		r->ship.conf.adopted = d->adopt;
	if (r->group->probed)
		r->ship.probed = r->group->probed;
	r->unfenced = r->group->unfenced;
	if (r->replaces)
		r->ship.replaces = 1;
	r->replaces = 0;
	memset(&r->res, 0, sizeof r->res);
	err_clear(&r->err);
	pool_put(r->group->pool, &r->job);
}

void
walship_rep_captured(struct wrep *r, const struct capture_result *res)
{
	if (res->replaces)
		r->replaces = 1;
	if (!res->new_files)
		return;
	r->lag_bytes += res->new_bytes;
	if (!r->behind_ms && r->state != REP_FENCED)
		r->behind_ms = when_now();
}

static void
failed(struct wrep *r)
{
	struct walship *w = r->db->w;
	int64_t max = w->ending ? 1000 : WALSHIP_BACKOFF_MAX_MS;
	enum wrep_state was = r->state;

	r->fails++;
	r->next_mono = when_mono() + retry_delay(r->fails, WALSHIP_BACKOFF_MS,
	    max, (uint32_t)rand_r(&w->random));
	if (r->err.kind == ERR_FENCED)
		r->state = REP_FENCED;
	else if ((r->err.kind == ERR_DENIED || r->err.kind == ERR_CONF)
	    && !r->ever_ok)
		r->state = REP_DENIED;
	else if (r->state != REP_DENIED)
		r->state = REP_FAILING;
	if (r->state != was) {
		w->urgent = 1;
		r->fault.logged_mono = 0;
	}
	walship_fault(w, &r->fault, &r->err, r->state == REP_FENCED
	    ? "replica belongs to another writer now, shipping to it has ended"
	    : "shipping failed", r->db->conf.capture.path, r->conf->url);
}

static void
worked(struct wrep *r)
{
	struct walship *w = r->db->w;

	if (r->fault.count)
		log_event(w->conf->log, LOG_INFO, "shipping recovered", "db",
		    r->db->conf.capture.path, "replica", r->conf->url, NULL);
	if (r->state != REP_OK)
		w->urgent = 1;
	r->state = REP_OK;
	r->fails = 0;
	r->next_mono = 0;
	r->given_up = 0;
	r->fault.count = 0;
	r->fault.logged_mono = 0;
	r->success_ms = when_now();
}

static void
probed(struct wrep *r)
{
	struct wdb *d = r->db;

	r->answered = 1;
	if (r->rc < 0) {
		failed(r);
		return;
	}
	worked(r);
	r->has_base = r->got && !d->ever;
	if (r->got && !r->has_base)
		unlink(r->base);
	r->txid = r->ship.cursor;
	r->lag_bytes = r->backlog;
	r->behind_ms = d->txid > r->txid ? r->success_ms : 0;
	if (!d->answer_mono)
		d->answer_mono = when_mono();
	/* before, it is for the start to judge, or to be asked again after */
	if (d->phase == DB_STARTED && d->ever && r->txid > d->txid) {
		r->want_dump = 1;
		walship_db_dump(d, r->txid, "a replica turned out to be ahead");
	}
}

/* A full dump is asked for once; again only after ever longer times. */
static void
heal(struct wrep *r)
{
	r->want_dump = 1;
	if (r->heals++)
		r->db->dump_mono = when_mono() + retry_delay(r->heals, 60000,
		    3600000, 0);
	walship_db_dump(r->db, r->res.dump_after, r->res.why);
}

static void
ran(struct wrep *r)
{
	struct wdb *d = r->db;

	r->txid = r->ship.cursor;
	r->shipped_bytes += r->res.bytes;
	r->shipped_files += r->res.files;
	r->lag_bytes -= r->res.bytes < r->lag_bytes ? r->res.bytes
	    : r->lag_bytes;
	r->group->probed = r->ship.probed;
	if (r->res.unfenced) {
		r->unfenced = r->group->unfenced = 1;
		log_event(d->w->conf->log, LOG_WARN, "this store ignores "
		    "conditional writes: a second writer would not be noticed",
		    "replica", r->conf->url, NULL);
	}
	if (r->rc < 0) {
		failed(r);
		return;
	}
	r->ever_ok = 1;
	worked(r);
	if (r->res.time_ms >= 0)
		r->behind_ms = r->res.time_ms;
	if (r->txid >= d->txid) {
		r->behind_ms = 0;
		r->lag_bytes = 0;
	}
	if (r->res.dump) {
		heal(r);
	} else if (!r->broken) {
		r->heals = 0;
	}
}

void
walship_rep_done(struct wrep *r)
{
	struct wdb *d = r->db;
	char t[17];

	r->busy = 0;
	r->known = r->ship.known;
	r->broken = r->ship.broken;
	r->snap = r->ship.snap;
	d->w->dirty = 1;
	r->v03 = v03_ship_position(&r->ship, &r->v03_index, &r->v03_offset);
	if (r->probe)
		probed(r);
	else
		ran(r);
	if (r->res.files) {
		hex64_fmt(t, r->txid);
		log_event(d->w->conf->log, LOG_DEBUG, "ltx files shipped",
		    "db", d->conf.capture.path, "replica", r->conf->url,
		    "txid", t, NULL);
		walship_trim_due(d);
	}
	if (r->known && d->txid <= r->txid)
		r->ever_ok = 1;
}
