#include "repl/walship.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/when.h"
#include "repl/walship_in.h"

/* When it is time to end, and what is said then. */

/* ---- is all shipped? ---- */

static const struct log *
log_of(const struct walship *w)
{
	return w->conf->log;
}

/* --once waits for a store only so long. */
static int
given_up(const struct wrep *r)
{
	return r->db->w->conf->once && (r->state == REP_DENIED
	    || (r->state == REP_FAILING && r->fails >= WALSHIP_ONCE_PUTS));
}

/* Not asked for where no replica answered and the database is not there. */
static int
unstarted(const struct wdb *d)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (!given_up(&d->rep[i]))
			return 0;
	return d->phase == DB_PROBING;
}

static int
shipped(const struct wdb *d)
{
	size_t i;

	if (walship_db_out(d) != ERR_NONE || walship_db_fatal(d) != ERR_NONE)
		return 1;
	if (!d->started)
		return unstarted(d);
	/* a failure to start may pass, as a lock does */
	if (d->w->conf->once && d->fails && d->fails < WALSHIP_ONCE_STARTS
	    && d->state == CAPTURE_FAILED && d->phase != DB_STOPPED)
		return 0;
	for (i = 0; i < d->n; i++) {
		const struct wrep *r = &d->rep[i];

		if (r->state != REP_FENCED && !given_up(r)
		    && (r->busy || !walship_rep_holds(r, d->txid)))
			return 0;
	}
	return 1;
}

int
walship_shipped(const struct walship *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (!w->db[i]->gone && !shipped(w->db[i]))
			return 0;
	return 1;
}

/* ---- nothing left ---- */

/* What cannot be captured ends nothing that was ready once. What is wrong with
 * one database only ends nothing where a folder is watched: the next one there
 * can be shipped. */
static enum err_kind
over(const struct wdb *d)
{
	const struct walship_conf *c = d->w->conf;
	enum err_kind k = walship_db_out(d);

	if (c->more && c->more_fd >= 0 && !c->once
	    && (k == ERR_HELD || k == ERR_NONE))
		return ERR_NONE;
	if (k == ERR_NONE && !d->w->ready
	    && walship_db_fatal(d) != ERR_NONE)
		return ERR_DATA;
	return k;
}

/* Must the program go on though nothing is left? */
static int
unguarded(struct walship *w)
{
	if (!w->conf->unguarded || !w->conf->child
	    || (w->ending && !w->child_done))
		return 0;
	if (w->ready && !w->alone && !w->child_done) {
		log_event(log_of(w), LOG_WARN, "nothing is replicated any "
		    "more, the program goes on without", NULL);
		w->alone = 1;
	}
	return 1;
}

/* Why no database is left that can be replicated: one reason for all of them,
 * ERR_TEMP or ERR_NO for several, of which one may pass or none. */
void
walship_end_look(struct walship *w)
{
	enum err_kind k = ERR_NONE;
	size_t i;

	for (i = 0; i < w->n; i++) {
		enum err_kind o = over(w->db[i]);

		if (w->db[i]->gone)
			continue;
		if (o == ERR_NONE)
			return;
		if (k == ERR_NONE || k == o)
			k = o;
		else
			k = o == ERR_BUSY || k == ERR_BUSY || k == ERR_TEMP
			    ? ERR_TEMP : ERR_NO;
	}
	if (k == ERR_NONE || w->verdict != ERR_NONE || unguarded(w))
		return;
	w->verdict = k;
	w->ending = w->ending ? w->ending : 1;
	if (w->child > 0)
		kill(w->child, SIGTERM);
}

void
walship_end_fenced(struct walship *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (w->db[i]->phase == DB_STARTED
		    && walship_db_out(w->db[i]) == ERR_FENCED)
			walship_db_stop(w->db[i]);
}

/* ---- the end ---- */

static void
begin_end(struct walship *w)
{
	char limit[32];
	size_t i, j;

	w->end_mono = when_mono() + w->conf->shutdown_ms;
	snprintf(limit, sizeof limit, "%" PRId64 "ms", w->conf->shutdown_ms);
	if (!w->conf->once && w->verdict == ERR_NONE)
		log_event(log_of(w), LOG_INFO, "ending, shipping what is left",
		    "at-most", limit, NULL);
	for (i = 0; i < w->n; i++) {
		struct wdb *d = w->db[i];

		walship_db_stop(d);
		for (j = 0; j < d->n; j++)
			d->rep[j].next_mono = 0;
	}
}

int
walship_ended(struct walship *w)
{
	size_t i;

	if (w->child_done && !w->ending)
		w->ending = 1;
	if (!w->ending && w->conf->once && w->ready)
		w->ending = 1;
	if (!w->ending || w->child > 0)
		return 0;
	if (!w->end_mono)
		begin_end(w);
	if (w->ending > 1 || when_mono() >= w->end_mono)
		return 1;
	for (i = 0; i < w->n; i++) {
		if (w->db[i]->phase == DB_STOPPED && !w->db[i]->started)
			continue;
		if (w->db[i]->phase != DB_STOPPED || !shipped(w->db[i]))
			return 0;
	}
	return 1;
}

/* ---- what is left ---- */

enum left {
	LEFT_NOTHING,
	LEFT_ABSENT,   /* there is no database */
	LEFT_REFUSED,  /* and that stays so */
	LEFT_LATER     /* the next start goes on */
};

/* One line a replica. */
static enum left
left_of_replica(const struct wrep *r)
{
	const struct wdb *d = r->db;
	const struct log *l = wdb_log(d);
	const char *db = wdb_path(d);
	static const char msg[] = "not everything was shipped";
	char have[17], put[17];

	if (r->state == REP_FENCED)
		return LEFT_REFUSED; /* said when it happened */
	if (d->started && d->phase == DB_STOPPED && walship_rep_holds(r, d->txid))
		return LEFT_NOTHING;
	hex64_fmt(put, r->txid);
	hex64_fmt(have, d->txid);
	if (r->fault.count)
		log_err(l, LOG_ERROR, &r->fault.err, msg, "db", db, "replica",
		    r->conf->url, "local", have, "shipped", put, NULL);
	else
		log_event(l, LOG_ERROR, msg, "db", db, "replica", r->conf->url,
		    "local", have, "shipped", put, NULL);
	return r->state == REP_DENIED ? LEFT_REFUSED : LEFT_LATER;
}

static enum left
left_of(const struct wdb *d)
{
	const struct walship *w = d->w;
	enum err_kind out = walship_db_out(d);
	enum left l = LEFT_NOTHING, o;
	size_t i;

	if (out == ERR_HELD || walship_db_fatal(d) != ERR_NONE)
		return LEFT_REFUSED;
	if (out == ERR_BUSY && w->conf->once)
		return LEFT_LATER;
	if (!d->started && !d->txid && access(wdb_path(d), F_OK) < 0)
		return LEFT_ABSENT;
	if (d->started && d->state == CAPTURE_FAILED) {
		log_err(log_of(w), LOG_ERROR, &d->fault.err, "not captured",
		    "db", wdb_path(d), NULL);
		l = LEFT_LATER;
	} else if (d->started && d->state == CAPTURE_WAITING) {
		l = LEFT_ABSENT;
	}
	for (i = 0; i < d->n; i++)
		if ((o = left_of_replica(&d->rep[i])) > l)
			l = o;
	return l;
}

static int
code_of(const struct walship *w)
{
	enum left worst = LEFT_NOTHING;
	size_t i, n = 0, absent = 0;

	for (i = 0; i < w->n; i++) {
		enum left l;

		if (w->db[i]->gone)
			continue;
		l = left_of(w->db[i]);
		n++;
		absent += l == LEFT_ABSENT;
		worst = l > worst ? l : worst;
	}
	if (worst == LEFT_LATER)
		return err_exit(ERR_TEMP);
	if (worst == LEFT_REFUSED)
		return err_exit(ERR_CONF);
	if (w->conf->once && n && absent == n)
		return err_exit(ERR_NOTFOUND);
	log_event(log_of(w), LOG_INFO, "ended, everything is shipped", NULL);
	return 0;
}

int
walship_verdict(struct walship *w, int *code, struct err *e)
{
	static const struct {
		enum err_kind k, as;
		const char *text;
	} why[] = {
		{ ERR_FENCED, ERR_FENCED,
		    "every replica belongs to another writer" },
		{ ERR_DENIED, ERR_DENIED, "every replica refuses us" },
		{ ERR_HELD, ERR_HELD, "every database is held" },
		{ ERR_DATA, ERR_DATA, "no database can be captured" },
		{ ERR_BUSY, ERR_BUSY,
		    "every state folder is in use by another process" },
		{ ERR_NO, ERR_CONF, "no database can be replicated" },
		{ ERR_TEMP, ERR_TEMP, "no database can be replicated now" },
	};
	size_t i;

	for (i = 0; i < sizeof why / sizeof *why; i++)
		if (w->verdict == why[i].k)
			return err_set(e, why[i].as, "%s, nothing is left to "
			    "replicate", why[i].text);
	*code = code_of(w);
	if (w->child_done && (w->child_code || !*code || w->conf->unguarded))
		*code = w->child_code;
	return 0;
}
