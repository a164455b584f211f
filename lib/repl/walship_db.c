#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/when.h"
#include "repl/walship_in.h"

/* Databases: what a capture is told to do next, and what comes of it. */

/* The state folder is ours alone while the database is there; while it is
 * not, or is held, a restore may have the folder. */
static int
take(struct wdb *d)
{
	if (d->lock >= 0 || access(wdb_path(d), F_OK) < 0)
		return 0;
	if (io_mkdirs(d->meta, &d->conf.capture.perm, &d->err) == 0)
		d->lock = state_lock(d->meta, &d->err);
	if (d->lock >= 0)
		return 0;
	d->lock_busy = d->err.kind == ERR_BUSY;
	return state_denied(&d->err);
}

static void
leave(struct wdb *d)
{
	if (d->lock >= 0)
		close(d->lock);
	d->lock = -1;
}

/* Before anything is written that goes on after another writer's file. */
static int
adopt(struct wdb *d)
{
	if (!d->adopt.txid || d->lock < 0)
		return 0;
	return ship_adopted_write(d->meta, &d->adopt, &d->err);
}

/* On a capture thread. */
static void
run(struct pool_job *j, void *thread)
{
	struct wdb *d = (struct wdb *)j;

	(void)thread;
	switch (d->kind) {
	case JOB_START:
		d->rc = d->refused ? -1 : take(d);
		if (d->rc == 0)
			d->rc = adopt(d);
		if (d->rc == 0)
			d->rc = capture_start(d->cap, &d->remote, &d->res,
			    &d->err);
		if (d->rc < 0 && d->lock >= 0)
			walship_trim_short(d, &(struct err){ 0 });
		break;
	case JOB_STEP:
		d->rc = capture_step(d->cap, d->why, &d->res, &d->err);
		walship_linger(d);
		break;
	case JOB_DUMP:
		d->rc = capture_dump(d->cap, d->arg_txid, d->arg_reason,
		    &d->res, &d->err);
		break;
	case JOB_TRIM:
		d->rc = walship_trim(d);
		break;
	case JOB_STOP:
		d->rc = capture_stop(d->cap, &d->res, &d->err);
		break;
	}
	if (d->kind == JOB_STOP || (d->kind != JOB_TRIM
	    && d->res.state != CAPTURE_RUNNING))
		leave(d);
}

/* ---- coming and going ---- */

static int
reps_init(struct wdb *d, struct err *e)
{
	size_t i;

	if (!(d->rep = calloc(d->conf.n ? d->conf.n : 1, sizeof *d->rep)))
		return err_nomem(e);
	for (i = 0; i < d->conf.n; i++) {
		d->n = i + 1;
		if (walship_rep_init(&d->rep[i], d, d->conf.r[i].store, e) < 0)
			return -1;
	}
	return 0;
}

/* What the state folder says before capture takes the marker away. */
static void
notes(struct wdb *d)
{
	struct state_marker m;
	struct err e;
	size_t len = strlen(d->meta) + sizeof "/writer";
	char *p = malloc(len);

	if (p) {
		snprintf(p, len, "%s/writer", d->meta);
		if (access(p, F_OK) < 0
		    || state_writer_id(d->meta, &d->writer, &e) < 0)
			d->writer = 0;
	}
	free(p);
	if (state_marker_read(d->meta, &m, &e) == 0
	    && m.kind == MARKER_RESTORE)
		d->restored = m.txid;
	ship_adopted_read(d->meta, &d->adopted);
}

static int
init(struct wdb *d, struct err *e)
{
	const char *ltx0;

	d->conf.capture.log = wdb_log(d);
	if (capture_new(&d->cap, &d->conf.capture, e) < 0
	    || capture_local(d->cap, &d->txid, e) < 0)
		return -1;
	ltx0 = capture_ltx_dir(d->cap);
	d->meta = strdup(ltx0);
	if (!d->meta)
		return err_nomem(e);
	d->meta[strlen(ltx0) - strlen("/ltx/0")] = 0;
	notes(d);
	return reps_init(d, e);
}

/* Its folder may come later, and then nothing tells: asked for. */
static void
watch(struct wdb *d)
{
	struct err e = { 0 };

	if (watch_add(d->w->watch, d->id, wdb_path(d), &e) == 0) {
		d->watched = 1;
		d->watch_mono = NEVER;
		walship_db_event(d, CAPTURE_DIR);
		return;
	}
	d->watch_mono = when_mono() + WALSHIP_WATCH_MS;
	walship_fault(d->w, &d->fault, &e, "unable to watch", wdb_path(d),
	    NULL);
}

/* One file under two names would be opened twice, and closing one drops the
 * locks of both. */
static int
twice(struct walship *w, struct wdb *d, struct err *e)
{
	struct stat st, now;
	size_t i;

	d->ino = 0; /* the one refused is in nobody's way */
	if (stat(wdb_path(d), &st) < 0)
		return 0;
	for (i = 0; i < w->n; i++) {
		const struct wdb *o = w->db[i];

		if (o == d || o->dev != st.st_dev || o->ino != st.st_ino
		    || o->gone || stat(wdb_path(o), &now) < 0
		    || now.st_ino != st.st_ino || now.st_dev != st.st_dev)
			continue;
		return err_set(e, ERR_CONF, "it is the same file as %s",
		    wdb_path(o));
	}
	d->dev = st.st_dev;
	d->ino = st.st_ino;
	return 0;
}

int
walship_db_add(struct walship *w, const struct walship_db *conf,
    struct wdb **out, struct err *e)
{
	struct wdb *d, **v;

	v = realloc(w->db, (w->n + 1) * sizeof *v);
	if (!v || !(w->db = v, d = calloc(1, sizeof *d)))
		return err_nomem(e);
	d->w = w;
	d->conf = *conf;
	d->id = ++w->next_id;
	d->lock = -1;
	d->job.run = run;
	d->phase = DB_PROBING;
	d->born_mono = when_mono();
	d->next_mono = d->trim_mono = NEVER;
	if (twice(w, d, e) < 0 || init(d, e) < 0) {
		err_in(e, "%s", wdb_path(d));
		d->conf.free = NULL; /* stays the caller's */
		walship_db_free(d);
		return -1;
	}
	watch(d);
	w->db[w->n++] = d;
	w->urgent = 1;
	if (out)
		*out = d;
	return 0;
}

void
walship_db_free(struct wdb *d)
{
	size_t i;

	if (d->watched)
		watch_remove(d->w->watch, d->id);
	for (i = 0; i < d->n; i++)
		walship_rep_free(&d->rep[i]);
	free(d->rep);
	capture_free(d->cap);
	leave(d);
	free(d->meta);
	free(d->page1);
	if (d->conf.free)
		d->conf.free(&d->conf);
	free(d);
}

static struct wdb *
named(struct walship *w, const char *path)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (!w->db[i]->gone && !strcmp(wdb_path(w->db[i]), path))
			return w->db[i];
	return NULL;
}

struct wdb *
walship_db_find(struct walship *w, const char *path)
{
	struct wdb *d = named(w, path);
	char *real = d ? NULL : path_real(path), *other;
	size_t i;

	/* through a link, either of them */
	for (i = 0; real && !d && i < w->n; i++) {
		if (w->db[i]->gone || !(other = path_real(wdb_path(w->db[i]))))
			continue;
		if (!strcmp(real, other))
			d = w->db[i];
		free(other);
	}
	free(real);
	return d;
}

struct wdb *
walship_db_id(struct walship *w, uint32_t id)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (w->db[i]->id == id)
			return w->db[i];
	return NULL;
}

/* ---- states ---- */

const char *
walship_db_state(const struct wdb *d)
{
	enum err_kind k = walship_db_out(d);

	if (k == ERR_FENCED || k == ERR_DENIED)
		return err_word(k);
	if (d->phase == DB_PROBING)
		return "probing";
	if (d->phase == DB_STOPPED)
		return "stopped";
	switch (d->state) {
	case CAPTURE_WAITING:
		return "waiting";
	case CAPTURE_RUNNING:
		return "running";
	case CAPTURE_HELD:
		return "held";
	default:
		return "failed";
	}
}

enum err_kind
walship_db_out(const struct wdb *d)
{
	enum err_kind k = ERR_NONE;
	size_t i;

	if (d->started && d->state == CAPTURE_HELD)
		return ERR_HELD;
	if (d->locked_out)
		return ERR_BUSY;
	for (i = 0; i < d->n; i++) {
		if (d->rep[i].state == REP_FENCED)
			k = ERR_FENCED;
		else if (d->rep[i].state == REP_DENIED && k != ERR_FENCED)
			k = ERR_DENIED;
		else if (d->rep[i].state != REP_DENIED)
			return ERR_NONE;
	}
	return k;
}

/* A file that is just being made may look like none, so not the first time. */
enum err_kind
walship_db_fatal(const struct wdb *d)
{
	return d->started && d->state == CAPTURE_FAILED
	    && d->fails >= WALSHIP_FATAL ? d->fatal : ERR_NONE;
}

void
walship_db_stop(struct wdb *d)
{
	if (d->phase == DB_PROBING || d->phase == DB_STARTED)
		d->phase = d->started || d->busy ? DB_STOPPING : DB_STOPPED;
}

void
walship_db_dump(struct wdb *d, uint64_t after, const char *why)
{
	d->want_dump = 1;
	if (after > d->dump_after)
		d->dump_after = after;
	d->dump_reason = why;
}

void
walship_db_event(struct wdb *d, unsigned why)
{
	if (d->phase != DB_STARTED)
		return;
	d->want_why |= why;
	/* only events of the WAL can wait: who checkpoints may wait for us */
	if (why & ~CAPTURE_WAL && !d->fails)
		d->pace_mono = 0;
}

/* ---- the start ---- */

/* Have the replicas said enough to decide how to go on? A dead one is not
 * waited for where another has answered or local state is there. */
static int64_t
start_due(const struct wdb *d)
{
	int64_t grace = NEVER;
	size_t i, answered = 0, ok = 0;

	for (i = 0; i < d->n; i++) {
		answered += d->rep[i].answered != 0;
		ok += d->rep[i].known != 0;
	}
	if (answered == d->n && (ok || d->txid || !d->n))
		return 0;
	if (ok)
		grace = d->answer_mono + WALSHIP_GRACE_MS;
	else if (d->txid)
		grace = d->born_mono + WALSHIP_GRACE_MS;
	return grace;
}

static void
announce(struct wdb *d)
{
	size_t i;

	if (d->announced)
		return;
	for (i = 0; i < d->n; i++)
		if (!d->rep[i].answered
		    && when_mono() < d->born_mono + WALSHIP_ANNOUNCE_MS)
			return;
	d->announced = 1;
	log_event(wdb_log(d), LOG_WARN, "waiting for a replica: none answers, "
	    "and there is no local state to go on from", "db", wdb_path(d),
	    NULL);
}

/* What the replicas hold that have answered, for capture to hold the database
 * against. Asked for until it is attached: one that answers late may hold more
 * than those that did before. */
static void
learn(struct wdb *d)
{
	uint64_t was = d->remote.max_txid;
	struct wrep *best = NULL;
	size_t i;

	for (i = 0; i < d->n; i++) {
		struct wrep *r = &d->rep[i];

		if (!r->known || r->txid < d->remote.max_txid)
			continue;
		if (r->txid > d->remote.max_txid)
			d->remote.last_l0 = NULL;
		d->remote.max_txid = r->txid;
		if (r->has_base)
			d->remote.last_l0 = r->base;
		if (!best || r->txid > best->txid || r->ship.page1)
			best = r;
	}
	if (!best)
		return;
	if (best->ship.page1 || best->txid > was) {
		free(d->page1);
		d->page1 = best->ship.page1;
		best->ship.page1 = NULL;
		d->remote.page1 = d->page1;
		d->remote.page1_size = best->ship.page1_size;
	}
	if (best->txid > d->txid && best->ship.newest.n
	    && best->ship.newest.node[0] != d->writer)
		d->adopt = best->ship.newest;
}

/* ---- work ---- */

/* Its start does not wait until large ones are copied. */
static int
small(const struct wdb *d)
{
	struct state_facts f;

	return state_facts_stat(wdb_path(d), &f, &(struct err){ 0 }) < 0
	    || f.size + f.wal_size <= WALSHIP_SMALL;
}

static void
put(struct wdb *d, enum wdb_job kind)
{
	struct err e;

	if (kind == JOB_START && !d->ever)
		learn(d);
	if (kind == JOB_START || (kind == JOB_STEP && d->arm)) {
		/* before the look, so that nothing in between is missed */
		if (watch_arm(d->w->watch, d->id, &e) < 0 && kind == JOB_STEP)
			log_err(wdb_log(d), LOG_DEBUG, &e, "watch not armed",
			    "db", wdb_path(d), NULL);
	}
	d->kind = kind;
	d->busy = 1;
	d->called = d->spared = 0;
	memset(&d->res, 0, sizeof d->res);
	d->res.next_ms = -1;
	d->res.state = d->state;
	d->res.txid = d->txid;
	err_clear(&d->err);
	/* what was no link when it was added may be one now */
	d->refused = kind == JOB_START && twice(d->w, d, &d->err) < 0;
	pool_put(kind == JOB_START && small(d) ? d->w->starts : kind == JOB_START
	    || kind == JOB_DUMP ? d->w->dumps : d->w->capture, &d->job);
}

static unsigned
step_why(const struct wdb *d, int64_t now)
{
	unsigned why = 0;

	if (d->want_why && (now >= d->pace_mono
	    || d->want_why & (CAPTURE_SYNC | CAPTURE_FINAL)))
		why = d->want_why;
	if (now >= d->next_mono)
		why |= CAPTURE_TIMER;
	return why;
}

int64_t
walship_db_due(const struct wdb *d)
{
	int64_t due = NEVER;

	if (d->busy || d->phase == DB_STOPPED)
		return NEVER;
	if (d->phase == DB_STOPPING)
		return 0;
	if (d->watch_mono < due)
		due = d->watch_mono;
	if (d->phase == DB_PROBING) {
		if (start_due(d) < due)
			due = start_due(d);
		if (due == NEVER && !d->announced)
			due = d->born_mono + WALSHIP_ANNOUNCE_MS;
		return due;
	}
	if (!d->started || d->want_why & (CAPTURE_SYNC | CAPTURE_FINAL))
		return 0;
	if (d->want_why && d->pace_mono < due)
		due = d->pace_mono;
	if (d->next_mono < due)
		due = d->next_mono;
	if (d->attached && d->want_dump && d->dump_mono < due)
		due = d->dump_mono;
	if (d->attached && d->trim_mono < due)
		due = d->trim_mono;
	return due;
}

static void
kick_started(struct wdb *d, int64_t now)
{
	unsigned why = step_why(d, now);

	if (!d->started || (!d->attached && why)) {
		d->want_why = 0;
		d->next_mono = NEVER;
		d->steps_begun++;
		walship_trim_prepare(d);
		put(d, JOB_START);
	} else if (why) {
		d->why = why;
		d->want_why = 0;
		d->next_mono = NEVER;
		d->steps_begun++;
		put(d, JOB_STEP);
	} else if (d->attached && d->want_dump && now >= d->dump_mono) {
		d->arg_txid = d->dump_after;
		d->arg_reason = d->dump_reason;
		put(d, JOB_DUMP);
	} else if (d->attached && now >= d->trim_mono) {
		walship_trim_prepare(d);
		put(d, JOB_TRIM);
	}
}

/* Is there anything that a job that lingers would keep waiting? Events of the
 * WAL alone can wait: it looks by itself. */
static int
wants(const struct wdb *d, int64_t now)
{
	return d->phase == DB_STOPPING || d->want_why & ~CAPTURE_WAL
	    || d->want_dump || now >= d->trim_mono;
}

/* Made since the last look, or not usable then: where the folder tells nothing
 * (polling), or the end came first. Once. */
static int
unseen(const struct wdb *d)
{
	return d->started && !d->last_look && walship_db_out(d) == ERR_NONE
	    && (d->state == CAPTURE_WAITING || d->state == CAPTURE_FAILED)
	    && access(wdb_path(d), F_OK) == 0;
}

void
walship_db_kick(struct wdb *d)
{
	int64_t now = when_mono();

	if (d->busy && !d->called && wants(d, now))
		walship_linger_call(d);
	if (walship_db_due(d) > now)
		return;
	if (d->watch_mono <= now)
		watch(d);
	switch (d->phase) {
	case DB_PROBING:
		if (start_due(d) > now) {
			announce(d);
			return;
		}
		d->phase = DB_STARTED;
		/* fallthrough */
	case DB_STARTED:
		kick_started(d, now);
		break;
	case DB_STOPPING:
		if (d->attached || unseen(d)) {
			d->steps_begun++;
			d->last_look |= !d->attached;
			put(d, d->attached ? JOB_STOP : JOB_START);
		} else {
			d->phase = DB_STOPPED;
			d->w->urgent = d->w->again = 1;
		}
		break;
	case DB_STOPPED:
		break;
	}
}
