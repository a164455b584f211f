#include "repl/walship.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/ready.h"
#include "base/when.h"
#include "repl/record.h"
#include "repl/walship_in.h"

#define MORE_MS 50             /* for databases that came, at a time */

/* The loop: poll, collect what happened, hand out work, look whether it is
 * time to say ready or to end. */

void
walship_fault(struct walship *w, struct wfault *f, const struct err *e,
    const char *msg, const char *db, const char *replica)
{
	int64_t now = when_mono();

	f->err = *e;
	f->time_ms = when_now();
	f->count++;
	w->dirty = 1;
	if (f->logged_mono && now - f->logged_mono < WALSHIP_LOG_MS)
		return;
	f->logged_mono = now;
	log_err(w->conf->log, LOG_ERROR, e, msg, "db", db, "replica", replica,
	    NULL);
}

/* Is enough known of it? A start that failed once may have met a file that was
 * just being made. */
static int
settled(const struct wdb *d)
{
	if (d->fatal != ERR_NONE && walship_db_fatal(d) == ERR_NONE)
		return 0;
	return d->started || d->announced || d->phase == DB_STOPPED;
}

static int
ready(struct walship *w, struct err *e)
{
	size_t i;

	if (w->ready || w->ending)
		return 0;
	for (i = 0; i < w->n; i++)
		if (!settled(w->db[i]))
			return 0;
	if (w->conf->ready_remote && !walship_shipped(w))
		return 0;
	w->ready = 1;
	if (!w->conf->once || w->conf->child)
		log_event(w->conf->log, LOG_INFO, "ready", NULL);
	ready_say(w->conf->ready_fd);
	if (w->conf->child)
		return walship_child_start(w, e);
	return 0;
}

/* ---- one turn ---- */

static void
sweep(struct walship *w)
{
	size_t i, j;

	for (i = 0; i < w->n; i++) {
		struct wdb *d = w->db[i];
		int busy = d->busy || d->phase != DB_STOPPED;

		for (j = 0; j < d->n; j++)
			busy |= d->rep[j].busy;
		if (!d->gone || busy)
			continue;
		walship_db_free(d);
		w->again = 1;
		w->db[i--] = w->db[--w->n];
		w->urgent = 1;
	}
}

static void
collect(struct walship *w)
{
	struct pool_job *j = pool_done_take(&w->done), *next;

	for (; j; j = next) {
		struct wrep *r = (struct wrep *)j;

		next = j->next;
		if (r->is_rep)
			walship_rep_done(r);
		else
			walship_db_done((struct wdb *)j);
	}
	walship_end_fenced(w);
}

static void
events(struct walship *w)
{
	struct err e = { 0 };
	struct wdb *d;
	unsigned why;
	uint32_t id;
	int r;

	while ((r = watch_read(w->watch, &id, &why, &e)) > 0)
		if ((d = walship_db_id(w, id)))
			walship_db_event(d, why);
	if (r < 0)
		walship_fault(w, &w->watch_fault, &e, "watching failed", NULL,
		    NULL);
}

/* Databases that came since the start: of thousands at once a few, then again
 * those that are there have their turn. */
static void
more(struct walship *w)
{
	int64_t until = when_mono() + MORE_MS;
	struct walship_db db;
	struct err e = { 0 };
	int r = 0, late;

	while (memset(&db, 0, sizeof db), !(late = when_mono() >= until)
	    && (r = w->conf->more(w->conf->ctx, &db, &e)) > 0) {
		const char *path = db.capture.path;

		if (!walship_db_find(w, path)
		    && (r = walship_db_add(w, &db, NULL, &e)) == 0) {
			log_event(w->conf->log, LOG_INFO, "found", "db", path,
			    NULL);
			w->dirty = 1;
			continue;
		}
		if (r < 0)
			walship_fault(w, &w->watch_fault, &e, "a database "
			    "cannot be added", path, NULL);
		if (db.free)
			db.free(&db);
	}
	if ((w->more_left = late))
		w->again = 1;
	else if (r < 0)
		walship_fault(w, &w->watch_fault, &e, "unable to look for new "
		    "databases", NULL, NULL);
}

static void
kick(struct walship *w)
{
	size_t i, j;

	for (i = 0; i < w->n; i++) {
		walship_db_kick(w->db[i]);
		for (j = 0; j < w->db[i]->n; j++)
			walship_rep_kick(&w->db[i]->rep[j]);
	}
}

static void
sooner(int64_t *due, int64_t t)
{
	if (t < *due)
		*due = t;
}

static int
timeout(const struct walship *w)
{
	int64_t due = NEVER, now = when_mono(), next = watch_next(w->watch);
	size_t i, j;

	for (i = 0; i < w->n; i++) {
		sooner(&due, walship_db_due(w->db[i]));
		for (j = 0; j < w->db[i]->n; j++)
			sooner(&due, walship_rep_due(&w->db[i]->rep[j]));
	}
	sooner(&due, walship_sync_due(w));
	sooner(&due, walship_status_due(w));
	if (w->control)
		sooner(&due, control_due(w->control));
	if (next >= 0)
		sooner(&due, next);
	if (w->end_mono)
		sooner(&due, w->end_mono);
	if (w->again)
		return 0;
	if (due == NEVER)
		return -1;
	due -= now;
	return due <= 0 ? 0 : due > 3600000 ? 3600000 : (int)due;
}

static int
turn(struct walship *w, struct err *e)
{
	struct pollfd p[5 + CONTROL_CLIENTS];
	size_t n = 4;

	p[0] = (struct pollfd){ .fd = w->signals, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = pool_done_fd(&w->done),
	    .events = POLLIN };
	p[2] = (struct pollfd){ .fd = watch_fd(w->watch), .events = POLLIN };
	p[3] = (struct pollfd){ .fd = w->ending || !w->conf->more ? -1
	    : w->conf->more_fd,
	    .events = POLLIN };
	if (w->control)
		n += control_poll(w->control, p + 4);
	if (poll(p, n, timeout(w)) < 0) {
		if (errno == EINTR)
			return 0;
		return err_sys(e, "unable to poll");
	}
	w->again = 0;
	if (p[0].revents)
		walship_signal_read(w);
	if (p[1].revents)
		collect(w);
	if (p[2].revents || (watch_next(w->watch) >= 0
	    && watch_next(w->watch) <= when_mono()))
		events(w);
	if (w->control)
		control_handle(w->control, p + 4, n - 4, walship_ctl, w);
	if (p[3].revents || (w->more_left && !w->ending))
		more(w);
	return 0;
}

static int
loop(struct walship *w, struct err *e)
{
	for (;;) {
		walship_end_look(w);
		if (ready(w, e) < 0)
			log_err(w->conf->log, LOG_ERROR, e, "no program", NULL);
		if (walship_ended(w))
			return 0;
		kick(w);
		sweep(w);
		walship_status(w);
		walship_sync_check(w);
		if (turn(w, e) < 0)
			return -1;
	}
}

/* ---- setting up ---- */

static int
run_files(struct walship *w, struct err *e)
{
	struct io_perm perm = { .uid = (uid_t)-1, .gid = (gid_t)-1,
	    .dir_mode = 0755 };
	char sock[4096];
	size_t len;

	if (!w->conf->run_dir)
		return 0;
	if (io_mkdirs(w->conf->run_dir, &perm, e) < 0) {
		if (!w->conf->run_default)
			return -1;
		log_err(w->conf->log, LOG_WARN, e, "no control socket and "
		    "status file: set LS_RUN_DIR", NULL);
		return 0;
	}
	len = strlen(w->conf->run_dir) + sizeof "/walship.status";
	if (!(w->status_path = malloc(len)))
		return err_nomem(e);
	snprintf(w->status_path, len, "%s/walship.status", w->conf->run_dir);
	snprintf(sock, sizeof sock, "%s/walship.sock", w->conf->run_dir);
	return control_new(&w->control, sock, e);
}

static int
begin(struct walship *w, struct err *e)
{
	struct pool_conf pc = { .max = WALSHIP_CAPTURE_THREADS,
	    .stack = WALSHIP_STACK, .done = &w->done };
	size_t i;

	w->pid = getpid();
	w->start = record_proc_start((uint64_t)w->pid);
	w->random = (unsigned)(when_now() ^ w->pid);
	w->urgent = 1;
	w->trim_ms = w->conf->l0_retention_ms ? w->conf->l0_retention_ms
	    : WALSHIP_TRIM_MS;
	if (pool_done_init(&w->done, e) < 0
	    || walship_linger_init(&w->linger, e) < 0 || walship_signals(w, e) < 0
	    || run_files(w, e) < 0
	    || pool_new(&w->capture, &pc, e) < 0
	    || (pc.max = WALSHIP_DUMP_THREADS,
	    pool_new(&w->dumps, &pc, e)) < 0
	    || (pc.max = WALSHIP_START_THREADS,
	    pool_new(&w->starts, &pc, e)) < 0
	    || watch_new(&w->watch, w->conf->poll_ms, w->conf->force_poll,
	    e) < 0)
		return -1;
	for (i = 0; i < w->conf->n; i++)
		if (walship_db_add(w, &w->conf->dbs[i], NULL, e) < 0)
			return -1;
	return 0;
}

static int
busy(const struct walship *w)
{
	size_t i, j;

	for (i = 0; i < w->n; i++) {
		if (w->db[i]->busy)
			return 1;
		for (j = 0; j < w->db[i]->n; j++)
			if (w->db[i]->rep[j].busy)
				return 1;
	}
	return 0;
}

static void
finish(struct walship *w)
{
	pool_free(w->capture);
	pool_free(w->dumps);
	pool_free(w->starts);
	walship_groups_free(w);
	walship_linger_free(&w->linger);
	while (w->n)
		walship_db_free(w->db[--w->n]);
	free(w->db);
	watch_free(w->watch);
	pool_done_free(&w->done);
	if (w->signals >= 0)
		close(w->signals);
}

int
walship_run(const struct walship_conf *conf, int *code, int *left,
    struct err *e)
{
	struct walship *w = calloc(1, sizeof *w); /* threads left go on in it */
	struct wsync *s;
	int r;

	*left = 0;
	if (!w)
		return err_nomem(e);
	w->conf = conf;
	w->signals = -1;
	r = begin(w, e);
	if (r == 0)
		r = loop(w, e);
	if (r == 0)
		r = walship_verdict(w, code, e);
	w->urgent = 1;
	while ((s = w->syncs)) {
		s->deadline = 0;
		walship_sync_check(w);
	}
	if (w->pid)
		walship_status(w);
	control_free(w->control);
	free(w->status_path);
	if (!(*left = busy(w))) {
		finish(w);
		free(w);
	}
	return r;
}
