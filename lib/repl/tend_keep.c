#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/when.h"
#include "repl/tend_in.h"

/* What ls-tend keeps in files: of each database in its state folder, and the
 * status of all. */

static char *
kept_path(const struct tend_db *d)
{
	size_t n = strlen(d->paths.dir) + sizeof "/tend";
	char *p = malloc(n);

	if (p)
		snprintf(p, n, "%s/tend", d->paths.dir);
	return p;
}

static void
load(struct tend_db *d)
{
	struct tend_status st;
	struct err e = { 0 };
	char *path = kept_path(d);

	d->loaded = 1;
	if (!path)
		return;
	if (tend_status_read(path, &st, &e) < 0) {
		if (e.kind != ERR_NOTFOUND)
			log_err(d->t->conf->log, LOG_WARN, &e, "what was kept "
			    "is lost: the replica is looked at anew", "db",
			    d->conf->path, NULL);
		free(path);
		return;
	}
	for (size_t i = 0; i < d->conf->n; i++) {
		struct tend_rep *r = &d->r[i];
		const struct tend_replica *k = tend_status_find(&st,
		    d->conf->path, r->conf->url);

		if (!k)
			continue;
		r->settled = k->settled;
		r->gap = k->gap;
		r->gap_mono = when_mono() + TEND_ASK_MS;
		r->seen_ms = k->seen_ms;
		r->tried_ms = k->tried_ms;
		r->proven_txid = k->proven_txid;
		r->proven_ms = k->proven_ms;
		snprintf(r->proven_error, sizeof r->proven_error, "%s",
		    k->proven_error ? k->proven_error : "");
	}
	tend_status_free(&st);
	free(path);
}

int
tend_keep_take(struct tend_db *d)
{
	struct err e = { 0 };

	if (d->lock >= 0)
		return 1;
	if (access(d->paths.dir, F_OK) < 0)
		return 0;
	d->lock = state_lock_tend(d->paths.dir, &e);
	if (d->lock >= 0) {
		for (size_t i = 0; i < d->conf->n; i++) {
			d->r[i].busy = 0;
			d->r[i].errors = d->r[i].fails = 0;
			d->r[i].next_mono = 0;
		}
		load(d);
		return 1;
	}
	for (size_t i = 0; i < d->conf->n; i++) {
		struct tend_rep *r = &d->r[i];

		if (!r->busy)
			tend_failed(r, &e, i ? NULL : "not tended");
		r->busy = 1;
	}
	return 0;
}

static void
fill_levels(const struct tend_rep *r, struct tend_replica *o)
{
	for (size_t i = 0; i < r->l.n; i++) {
		struct tend_level *l = &o->level[r->l.f[i].level];

		l->files++;
		l->bytes += r->l.f[i].size;
		if (r->l.f[i].max > l->txid)
			l->txid = r->l.f[i].max;
	}
	for (unsigned i = 0; i < STORE_LEVELS; i++) {
		if (r->last.done_ms[i] > 0)
			o->level[i].time_ms = r->last.done_ms[i];
		memcpy(o->level[i].looks, r->looks[i], sizeof r->looks[i]);
	}
}

/* kept: what a restart must not forget; else what others want to know. */
static void
fill(const struct tend_rep *r, int kept, struct tend_replica *o)
{
	o->url = r->conf->url;
	o->state = r->busy ? "busy" : r->errors ? "failing" : "ok";
	o->proven_txid = r->proven_txid;
	o->proven_ms = r->proven_ms;
	o->proven_error = *r->proven_error ? r->proven_error : NULL;
	if (kept) {
		o->settled = r->settled;
		o->gap = r->gap;
		o->seen_ms = r->seen_ms;
		o->tried_ms = r->tried_ms;
		return;
	}
	o->job = tend_child_word(&r->c);
	if (!o->job)
		o->job = tend_child_word(&r->proof);
	if (r->error_ms) {
		o->error.text = r->error.msg;
		o->error.kind = err_word(r->error.kind);
		o->error.time_ms = r->error_ms;
		o->error.count = r->errors;
	}
	o->refused = r->refused;
	o->miscompacted = r->miscompacted;
	memcpy(o->proofs, r->proofs, sizeof r->proofs);
	fill_levels(r, o);
}

static int
fill_db(const struct tend_db *d, int kept, struct tend_database *o)
{
	o->path = d->conf->path;
	o->n = d->conf->n;
	if (!(o->r = calloc(o->n + 1, sizeof *o->r)))
		return -1;
	for (size_t i = 0; i < o->n; i++)
		fill(&d->r[i], kept, &o->r[i]);
	return 0;
}

void
tend_keep_write(struct tend_db *d)
{
	struct tend_status st = { .time_ms = when_now(), .n = 1 };
	struct err e = { 0 };
	char *path = kept_path(d), *text;
	size_t len;
	int r = -1;

	d->keep = 0;
	if (!path || !(st.db = calloc(1, sizeof *st.db))
	    || fill_db(d, 1, st.db) < 0)
		err_nomem(&e);
	else if (tend_status_fmt(&st, &text, &len, &e) == 0) {
		r = io_write_file(path, text, len, NULL, &e);
		free(text);
	}
	if (r < 0)
		log_err(d->t->conf->log, LOG_WARN, &e, "not kept for the next "
		    "start", "db", d->conf->path, NULL);
	tend_status_free(&st);
	free(path);
}

void
tend_keep_status(struct tend *t)
{
	struct tend_status st = { .pid = (uint64_t)getpid(), .start = t->start,
	    .time_ms = when_now() };
	struct err e = { 0 };
	int r = 0;

	t->dirty = 0;
	t->write_mono = when_mono();
	if (!(st.db = calloc(t->n + 1, sizeof *st.db)))
		return;
	for (; st.n < t->n && r == 0; st.n++)
		r = fill_db(t->db[st.n], 0, &st.db[st.n]);
	if (r < 0)
		err_nomem(&e);
	else
		r = tend_status_write(t->status_path, &st, &e);
	if (r < 0 && !t->warned)
		log_err(t->conf->log, LOG_WARN, &e, "status file not written",
		    NULL);
	t->warned = r < 0;
	tend_status_free(&st);
}
