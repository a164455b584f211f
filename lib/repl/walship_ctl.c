#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/path.h"
#include "base/when.h"
#include "repl/walship_in.h"

/* What the control socket asks for, and the status file. */

#define STATUS_MS 1000

/* ---- sync ---- */

static void
sync_free(struct wsync *s)
{
	free(s->path);
	free(s->one);
	free(s);
}

static void
sync_want(struct wsync *s, struct wdb *d)
{
	struct wsync_one *o = &s->one[s->n++];
	size_t i;

	/* somebody asks: whatever failed is tried again now */
	for (i = 0; i < d->n; i++)
		d->rep[i].next_mono = 0;
	o->id = d->id;
	o->asked = d->steps_begun;
	/* a step at work may have looked already: the one after it; a start
	 * is followed by one */
	o->step = d->steps_begun + (d->attached ? 1 : 2);
	walship_db_event(d, CAPTURE_SYNC);
}

static int
sync_begin(struct walship *w, uint64_t client, size_t argc,
    char *const *argv, struct err *e)
{
	const char *path = argc > 1 && *argv[1] ? argv[1] : NULL;
	const char *mode = argc > 2 ? argv[2] : "all";
	int64_t secs = argc > 3 ? strtoll(argv[3], NULL, 10) : 0;
	struct wdb *d = path ? walship_db_find(w, path) : NULL;
	struct wsync *s;
	size_t i;

	if (path && !d)
		return err_set(e, ERR_NOTFOUND, "%s is not replicated", path);
	if (strcmp(mode, "all") && strcmp(mode, "any")
	    && strcmp(mode, "local"))
		return err_set(e, ERR_USAGE, "%s: all, any or local", mode);
	if (!(s = calloc(1, sizeof *s))
	    || !(s->one = calloc(w->n + 1, sizeof *s->one))
	    || (path && !(s->path = strdup(path)))) {
		if (s)
			sync_free(s);
		return err_nomem(e);
	}
	s->client = client;
	s->mode = mode[0] == 'l' ? 'l' : mode[1] == 'n' ? 'o' : 'a';
	s->deadline = secs > 0 ? when_mono() + secs * 1000 : NEVER;
	for (i = 0; i < w->n; i++)
		if (!w->db[i]->gone && (!d || d == w->db[i]))
			sync_want(s, w->db[i]);
	s->next = w->syncs;
	w->syncs = s;
	return 0;
}

/* 1 there, 0 not yet, -1 never. */
static int
sync_one(const struct wsync *s, struct wsync_one *o, const struct wdb *d,
    struct err *e)
{
	size_t i, there = 0, hope = 0;

	if (walship_db_out(d) != ERR_NONE)
		return err_set(e, walship_db_out(d), "%s is %s",
		    d->conf.capture.path, walship_db_state(d));
	if (walship_db_fatal(d) != ERR_NONE && d->steps_done + 1 >= o->step)
		return err_set(e, walship_db_fatal(d), "%s cannot be "
		    "captured: %s", d->conf.capture.path, d->fault.err.msg);
	if (o->step) {
		if (d->phase == DB_STOPPED) {
			if (d->steps_done <= o->asked || d->failing)
				return err_set(e, ERR_NO, "%s is stopped: "
				    "nobody looks what is committed there",
				    d->conf.capture.path);
		} else if (d->failing || (d->steps_done < o->step
		    && (!d->started || d->attached
		    || d->steps_done + 1 < o->step))) {
			return 0; /* not yet; without a database nothing is */
		}
		o->step = 0;
		o->txid = d->txid;
	}
	if (s->mode == 'l')
		return 1;
	for (i = 0; i < d->n; i++) {
		const struct wrep *r = &d->rep[i];

		hope += r->state != REP_FENCED;
		there += walship_rep_holds(r, o->txid) && !r->busy;
	}
	if (s->mode == 'o')
		return there > 0;
	if (hope < d->n)
		return err_set(e, ERR_FENCED, "a replica of %s belongs to "
		    "another writer", d->conf.capture.path);
	return there == d->n;
}

static void
sync_answer(struct walship *w, struct wsync *s)
{
	char q[8200], line[8400];
	size_t i;

	for (i = 0; i < s->n; i++) {
		const struct wdb *d = walship_db_id(w, s->one[i].id);

		snprintf(line, sizeof line, "{\"path\":%s,\"txid\":\"%016"
		    PRIx64 "\"}", control_quote(q, sizeof q,
		    d->conf.capture.path), s->one[i].txid);
		control_line(w->control, s->client, line);
	}
	control_end(w->control, s->client, NULL);
}

/* 1 answered or gone. */
static int
sync_try(struct walship *w, struct wsync *s, int64_t now)
{
	struct err e = { 0 };
	size_t i, there = 0;

	if (!control_alive(w->control, s->client))
		return 1;
	for (i = 0; i < s->n; i++) {
		struct wdb *d = walship_db_id(w, s->one[i].id);
		int r = d && !d->gone ? sync_one(s, &s->one[i], d, &e)
		    : err_set(&e, ERR_NOTFOUND, "%s is not replicated any "
		    "more", s->path ? s->path : "one of the databases");

		if (r < 0) {
			control_end(w->control, s->client, &e);
			return 1;
		}
		there += r > 0;
	}
	if (there == s->n) {
		sync_answer(w, s);
		return 1;
	}
	if (now < s->deadline)
		return 0;
	err_set(&e, ERR_TEMP, "timed out, %zu of %zu databases are not there "
	    "yet", s->n - there, s->n);
	control_end(w->control, s->client, &e);
	return 1;
}

void
walship_sync_check(struct walship *w)
{
	struct wsync **p = &w->syncs, *s;
	int64_t now = when_mono();

	while ((s = *p)) {
		if (sync_try(w, s, now)) {
			*p = s->next;
			sync_free(s);
		} else {
			p = &s->next;
		}
	}
}

int64_t
walship_sync_due(const struct walship *w)
{
	const struct wsync *s;
	int64_t due = NEVER;

	for (s = w->syncs; s; s = s->next)
		if (s->deadline < due)
			due = s->deadline;
	return due;
}

/* ---- the other requests ---- */

static void
list(struct walship *w, uint64_t client)
{
	char q[8200], u[2100], line[12000];
	size_t i, j;

	for (i = 0; i < w->n; i++) {
		struct wdb *d = w->db[i];

		if (d->gone)
			continue;
		snprintf(line, sizeof line, "{\"path\":%s,\"state\":\"%s\","
		    "\"txid\":\"%016" PRIx64 "\",\"replicas\":%zu}",
		    control_quote(q, sizeof q, d->conf.capture.path),
		    walship_db_state(d), d->txid, d->n);
		control_line(w->control, client, line);
		for (j = 0; j < d->n; j++) {
			struct wrep *r = &d->rep[j];

			snprintf(line, sizeof line, "{\"db\":%s,\"url\":%s,"
			    "\"state\":\"%s\",\"txid\":\"%016" PRIx64 "\"}", q,
			    control_quote(u, sizeof u, r->conf->url),
			    walship_rep_state(r), r->txid);
			control_line(w->control, client, line);
		}
	}
}

static int
again(struct walship *w, struct wdb *d, struct err *e)
{
	struct walship_db conf = d->conf;
	struct wdb *n;

	if (d->phase != DB_STOPPED)
		return d->phase == DB_STOPPING
		    ? err_set(e, ERR_BUSY, "it is being stopped") : 0;
	/* a new life with the same settings, which now are its own */
	d->conf.free = NULL;
	d->gone = 1;
	if (walship_db_add(w, &conf, &n, e) < 0) {
		d->conf.free = conf.free;
		d->gone = 0;
		return -1;
	}
	return 0;
}

/* Forgotten, and not yet let go: its state folder is in use. */
static int
leaving(const struct walship *w, const char *path)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (w->db[i]->gone && w->db[i]->phase != DB_STOPPED
		    && path_same(wdb_path(w->db[i]), path))
			return 1;
	return 0;
}

static int
enter(struct walship *w, const char *path, const char *url, struct err *e)
{
	struct walship_db conf = { 0 };

	if (walship_db_find(w, path))
		return 0;
	if (!w->conf->make)
		return err_set(e, ERR_CONF, "no databases can be added");
	if (w->conf->make(w->conf->ctx, path, url, &conf, e) < 0)
		return -1;
	if (walship_db_find(w, conf.capture.path)) {
		if (conf.free)
			conf.free(&conf);
		return 0;
	}
	if (leaving(w, conf.capture.path)) {
		if (conf.free)
			conf.free(&conf);
		return err_set(e, ERR_BUSY, "it is being stopped");
	}
	if (walship_db_add(w, &conf, NULL, e) < 0) {
		if (conf.free)
			conf.free(&conf);
		return -1;
	}
	return 0;
}

static int
on_one(struct walship *w, const char *word, const char *path, struct err *e)
{
	struct wdb *d = walship_db_find(w, path);

	if (!d)
		return err_set(e, ERR_NOTFOUND, "%s is not replicated", path);
	if (!strcmp(word, "start"))
		return again(w, d, e);
	walship_db_stop(d);
	w->dirty = 1;
	if (!strcmp(word, "unregister"))
		d->gone = 1;
	return 0;
}

static int
dump(struct walship *w, const char *path, const char *url, struct err *e)
{
	struct wdb *d = walship_db_find(w, path);
	size_t i, n = 0;

	if (!d)
		return err_set(e, ERR_NOTFOUND, "%s is not replicated", path);
	if (d->phase != DB_STARTED || !d->attached)
		return err_set(e, ERR_BUSY, "%s is %s", path,
		    walship_db_state(d));
	for (i = 0; i < d->n; i++) {
		struct wrep *r = &d->rep[i];

		if (url && strcmp(url, r->conf->url))
			continue;
		r->mend = r->want_dump = 1;
		n++;
	}
	if (!n)
		return err_set(e, ERR_NOTFOUND, "%s has no replica %s", path,
		    url ? url : "");
	walship_db_dump(d, d->txid, "it was asked for");
	return 0;
}

void
walship_ctl(void *ctx, uint64_t client, size_t argc, char *const *argv)
{
	struct walship *w = ctx;
	const char *word = argc ? argv[0] : "";
	struct err e = { 0 };
	int r;

	if (w->ending && strcmp(word, "list")) {
		r = err_set(&e, ERR_BUSY, "ls-walship is ending");
	} else if (!strcmp(word, "sync")) {
		if ((r = sync_begin(w, client, argc, argv, &e)) == 0)
			return; /* answered by walship_sync_check */
	} else if (!strcmp(word, "list")) {
		list(w, client);
		r = 0;
	} else if (argc == 3 && !strcmp(word, "register")) {
		r = enter(w, argv[1], argv[2], &e);
	} else if ((argc == 2 || argc == 3) && !strcmp(word, "dump")) {
		r = dump(w, argv[1], argc == 3 ? argv[2] : NULL, &e);
	} else if (argc == 2 && (!strcmp(word, "start")
	    || !strcmp(word, "stop") || !strcmp(word, "unregister"))) {
		r = on_one(w, word, argv[1], &e);
	} else {
		r = err_set(&e, ERR_USAGE, "unknown request");
	}
	control_end(w->control, client, r < 0 ? &e : NULL);
}

/* ---- the status file ---- */

static void
fill_error(struct status_error *s, const struct wfault *f)
{
	if (!f->time_ms)
		return;
	s->text = f->err.msg;
	s->kind = err_word(f->err.kind);
	s->time_ms = f->time_ms;
	s->count = f->count;
}

static int
fill(const struct wdb *d, struct status_db *s)
{
	size_t i;

	s->path = d->conf.capture.path;
	s->state = walship_db_state(d);
	s->txid = d->txid;
	s->pending = d->pending;
	s->captured_ms = d->captured_ms;
	if (d->started && d->state == CAPTURE_HELD)
		s->hold = d->fault.err.msg;
	s->disk_full = d->fault.count && d->fault.err.kind == ERR_FULL;
	s->stats = d->stats;
	fill_error(&s->error, &d->fault);
	if (!(s->r = calloc(d->n + 1, sizeof *s->r)))
		return -1;
	s->n = d->n;
	for (i = 0; i < d->n; i++) {
		const struct wrep *r = &d->rep[i];
		struct status_replica *o = &s->r[i];

		o->url = r->conf->url;
		o->state = walship_rep_state(r);
		o->txid = r->txid;
		o->lag = d->txid > r->txid ? d->txid - r->txid : 0;
		o->lag_bytes = r->lag_bytes;
		o->behind_ms = r->behind_ms;
		o->success_ms = r->success_ms;
		o->unfenced = r->unfenced;
		o->bytes = r->shipped_bytes;
		o->files = r->shipped_files;
		o->v03 = r->v03;
		o->index = r->v03_index;
		o->offset = r->v03_offset;
		fill_error(&o->error, &r->fault);
		if (o->lag_bytes > s->spool)
			s->spool = o->lag_bytes;
	}
	return 0;
}

int64_t
walship_status_due(const struct walship *w)
{
	if (!w->status_path || (!w->dirty && !w->urgent))
		return NEVER;
	/* who waits for a sync may read it next */
	return w->urgent || w->syncs ? 0 : w->status_mono + STATUS_MS;
}

void
walship_status(struct walship *w)
{
	struct status st = { .start = w->start, .time_ms = when_now() };
	struct err e = { 0 };
	size_t i;
	int r = 0;

	if (walship_status_due(w) > when_mono())
		return;
	w->dirty = w->urgent = 0;
	w->status_mono = when_mono();
	st.pid = (uint64_t)w->pid;
	if (w->conf->meter)
		st.meter = *w->conf->meter;
	if (!(st.db = calloc(w->n + 1, sizeof *st.db)))
		return;
	for (i = 0; i < w->n && r == 0; i++) {
		if (w->db[i]->gone)
			continue;
		r = fill(w->db[i], &st.db[st.n]);
		st.n++;
	}
	if (r < 0)
		err_nomem(&e);
	else
		r = status_write(w->status_path, &st, &e);
	if (r < 0)
		walship_fault(w, &w->status_fault, &e,
		    "status file not written", NULL, NULL);
	status_free(&st);
}
