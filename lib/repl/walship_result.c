#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/retry.h"
#include "base/when.h"
#include "repl/walship_in.h"

/* What comes of the work of a capture. */

static void
absent(const struct wdb *d, int first)
{
	struct stat st;
	int empty = stat(wdb_path(d), &st) == 0;
	int gone = !first && d->ever;

	log_event(wdb_log(d), gone || d->w->conf->once ? LOG_WARN : LOG_INFO,
	    empty ? d->w->conf->once ? "the database is empty (0 bytes)"
	    : "waiting for the database, which is empty (0 bytes)"
	    : d->w->conf->once ? "there is no database"
	    : gone ? "the database is gone, waiting for it to come back"
	    : "waiting for the database to be created", "db", wdb_path(d),
	    NULL);
}

static void
new_state(struct wdb *d, enum capture_state was, int first)
{
	const char *hold;
	char t[17];

	if (d->state == was && !first)
		return;
	d->w->urgent = 1;
	hex64_fmt(t, d->txid);
	switch (d->state) {
	case CAPTURE_RUNNING:
		log_event(wdb_log(d), LOG_INFO, "attached", "db", wdb_path(d),
		    "txid", t, NULL);
		break;
	case CAPTURE_WAITING:
		absent(d, first);
		break;
	case CAPTURE_HELD:
		hold = capture_hold_reason(d->cap);
		if (d->err.kind == ERR_HELD)
			d->fault.err = d->err; /* with the way out */
		else
			err_set(&d->fault.err, ERR_HELD, "%s", hold ? hold
			    : "it does not continue what was shipped");
		d->fault.time_ms = when_now();
		d->fault.count++;
		log_err(wdb_log(d), LOG_ERROR, &d->fault.err, "held, not "
		    "shipped", "db", wdb_path(d), "txid", t, NULL);
		break;
	case CAPTURE_FAILED:
		break;
	}
}

/* What a result of start, step, dump or stop says. */
static void
apply(struct wdb *d)
{
	enum capture_state was = d->state;
	int first = !d->started;
	size_t i;

	d->started = 1;
	if (d->kind != JOB_STOP)
		d->state = d->res.state;
	if (d->rc < 0 && (d->kind == JOB_STOP
	    || (d->kind == JOB_START && d->state != CAPTURE_HELD)))
		d->state = CAPTURE_FAILED;
	if (d->res.txid)
		d->txid = d->res.txid;
	d->pending = d->res.pending_bytes;
	d->stats = d->res.stats;
	if (d->res.next_ms >= 0)
		d->next_mono = d->res.next_ms;
	d->pace_mono = d->want_why & ~CAPTURE_WAL ? 0 : d->res.quiet_ms;
	d->arm = d->res.arm;
	if (d->res.new_files) {
		d->captured_ms = when_now();
		for (i = 0; i < d->n; i++)
			walship_rep_captured(&d->rep[i], &d->res);
		d->w->dirty = 1;
	}
	if (d->state == CAPTURE_RUNNING && d->kind != JOB_STOP) {
		d->attached = d->ever = 1;
		d->writer = capture_writer(d->cap);
	} else {
		d->attached = 0;
	}
	new_state(d, was, first);
}

static void
failed(struct wdb *d)
{
	int64_t wait = retry_delay(++d->fails, 1000, 60000,
	    (uint32_t)rand_r(&d->w->random));

	if (d->next_mono == NEVER || d->next_mono < when_mono() + 100)
		d->next_mono = when_mono() + wait;
	if (d->pace_mono < when_mono() + 200)
		d->pace_mono = when_mono() + 200;
	if (d->err.kind == ERR_FULL && d->kind == JOB_STEP) {
		d->full = 1;
		d->trim_mono = 0;
	}
	d->fatal = ERR_NONE;
	if (d->kind == JOB_START && !d->ever && !d->lock_busy
	    && err_exit(d->err.kind) == err_exit(ERR_CONF)) {
		d->fatal = d->err.kind;
		if (d->fails < WALSHIP_FATAL)
			d->next_mono = when_mono() + WALSHIP_CONFIRM_MS;
	}
	/* of a last step that failed the end speaks */
	if (d->kind == JOB_STOP)
		d->fault.logged_mono = when_mono();
	walship_fault(d->w, &d->fault, &d->err, "capture failed", wdb_path(d),
	    NULL);
}

static void
worked(struct wdb *d)
{
	if (d->fails && d->state == CAPTURE_RUNNING)
		log_event(wdb_log(d), LOG_INFO, "capture recovered", "db",
		    wdb_path(d), NULL);
	d->fails = 0;
	d->fatal = ERR_NONE;
	if (d->state != CAPTURE_HELD && d->state != CAPTURE_FAILED) {
		d->fault.count = 0;
		d->fault.logged_mono = 0;
	}
}

static void
started(struct wdb *d)
{
	size_t i;

	/* what happened while it was being started */
	if (d->attached)
		d->want_why |= CAPTURE_WAL | CAPTURE_SYNC;
	for (i = 0; i < d->n; i++) {
		struct wrep *r = &d->rep[i];

		if (d->state != CAPTURE_WAITING && r->has_base) {
			unlink(r->base);
			r->has_base = 0;
			d->remote.last_l0 = NULL;
		}
		if (!d->attached || !r->known)
			continue;
		if (r->txid > d->txid) {
			/* it answered while capture was being started, which
			 * judged without it: asked again, whose it is */
			r->known = r->ship.known = 0;
		} else if (r->txid < d->txid && !r->behind_ms) {
			r->behind_ms = when_now();
		}
	}
}

static void
dumped(struct wdb *d)
{
	size_t i;

	if (d->rc < 0) {
		d->dump_mono = when_mono() + retry_delay(d->fails, 1000, 60000,
		    0);
		return;
	}
	d->want_dump = 0;
	d->dump_after = 0;
	d->dump_mono = 0;
	for (i = 0; i < d->n; i++) {
		d->rep[i].want_dump = 0;
		if (d->rep[i].mend)
			d->rep[i].mend_at = d->txid;
		d->rep[i].mend = 0;
	}
}

/* Where polling had not yet seen that the file is another one, that one is
 * still to be looked at. */
static void
stopped(struct wdb *d)
{
	d->w->urgent = 1;
	if (d->rc == 0 && d->res.replaced)
		d->state = CAPTURE_WAITING;
	else
		d->phase = DB_STOPPED;
}

void
walship_db_done(struct wdb *d)
{
	d->busy = 0;
	d->locked_out = d->lock_busy;
	if (d->kind == JOB_TRIM) {
		if (d->rc < 0)
			log_err(wdb_log(d), LOG_WARN, &d->err,
			    "local files not deleted", "db", wdb_path(d), NULL);
		walship_trim_done(d);
		return;
	}
	if (d->kind != JOB_DUMP)
		d->steps_done = d->steps_begun;
	d->failing = d->rc < 0;
	apply(d);
	if (d->rc < 0)
		failed(d);
	else
		worked(d);
	if (d->spared > 0)
		walship_trim_done(d);
	if (d->kind == JOB_START)
		started(d);
	else if (d->kind == JOB_DUMP)
		dumped(d);
	else if (d->kind == JOB_STOP)
		stopped(d);
}
