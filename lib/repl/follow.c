#include "repl/follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/hex.h"
#include "base/when.h"
#include "ltx/ltx.h"
#include "repl/replay.h"

#define BATCH (UINT64_C(64) << 20)  /* bytes applied at once */
#define PARALLEL 8
#define LOOK_MS 60000   /* all levels are listed so often at least */
#define PAUSE_MAX 60000 /* between tries that fail */

struct follow {
	struct standby *s;
	struct store *st;
	const struct follow_opt *opt;
	struct listing l;
	int all;              /* l is of all levels */
	int64_t looked;       /* when_mono, of the last such one */
	struct replica_file last; /* as listed; max 0: not seen */
	struct replica_file bad;  /* damaged, left out; max 0: none */
	int checked;          /* the replica is that of the standby */
	unsigned lost;        /* times in turn */
	int64_t pause;        /* between tries, while they fail */
	uint64_t told;        /* at this position a failure was */
};

int
follow_next(const struct listing *l, int all, uint64_t pos, struct plan *p,
    struct err *e)
{
	uint64_t newest = listing_max(l);

	memset(p, 0, sizeof *p);
	if (newest <= pos)
		return all && newest < pos ? FOLLOW_LOST : FOLLOW_IDLE;
	if (plan_from(l, pos, 0, p, e) < 0)
		return -1;
	if (p->txid == newest)
		return FOLLOW_APPLY;
	if (!all)
		return FOLLOW_LOOK;
	return p->n ? FOLLOW_APPLY : FOLLOW_GAP;
}

static uint64_t
position(const struct follow *f)
{
	return standby_at(f->s)->txid;
}

static int
same_object(const struct replica_file *a, const struct replica_file *b)
{
	return a->level == b->level && a->min == b->min && a->max == b->max
	    && a->size == b->size && a->time_ms == b->time_ms;
}

/* The damaged one is as if it were not there, until it is another. */
static void
leave_out(struct follow *f)
{
	for (size_t i = 0; f->bad.max && i < f->l.n; i++)
		if (same_object(&f->l.f[i], &f->bad)) {
			memmove(&f->l.f[i], &f->l.f[i + 1],
			    (f->l.n - i - 1) * sizeof *f->l.f);
			f->l.n--;
			return;
		}
}

/* Is the file that led here still what it was? Looked into only where the
 * listing tells it differently. */
static int
check_last(struct follow *f, struct err *e)
{
	const struct standby_at *at = standby_at(f->s);

	for (size_t i = 0; i < f->l.n; i++) {
		const struct replica_file *x = &f->l.f[i];

		if (x->level != at->level || x->min != at->min
		    || x->max != at->txid)
			continue;
		if (!same_object(x, &f->last)
		    && standby_same(f->st, &f->l, at, e) < 0)
			return -1;
		f->last = *x;
		break;
	}
	return 0;
}

static int
list(struct follow *f, int all, struct err *e)
{
	int r = all ? listing_read(f->st, LISTING_ALL, &f->l, e)
	    : listing_read_from(f->st, 0, position(f), &f->l, e);

	if (r < 0) {
		/* a bucket that is gone, or a folder */
		if (e->kind == ERR_NOTFOUND)
			e->kind = ERR_TEMP;
		return -1;
	}
	f->all = all;
	if (all)
		f->looked = when_mono();
	if (f->checked && check_last(f, e) < 0)
		return -1;
	leave_out(f);
	return 0;
}

static void
say(const struct follow *f, uint64_t from, size_t files, uint64_t bytes)
{
	char a[17], b[17], n[24], size[24];

	hex64_fmt(a, from);
	hex64_fmt(b, position(f));
	snprintf(n, sizeof n, "%zu", files);
	snprintf(size, sizeof size, "%" PRIu64, bytes);
	log_event(f->opt->log, LOG_INFO, "applied", "from", a, "to", b, "files",
	    n, "bytes", size, NULL);
}

/* Up to BATCH bytes from file *i of the plan on. */
static int
fetch(struct follow *f, struct replay_source *src, const struct plan *p,
    size_t *i, struct standby_batch *b, struct err *e)
{
	const struct replica_file *file;
	struct io_in in;

	while (*i < p->n && standby_batch_bytes(b) < BATCH) {
		int r = src->next(src->ctx, &file, &in, e);

		if (r >= 0 && standby_batch_add(b, file, in, e) == 0) {
			++*i;
			continue;
		}
		/* there may be another way, or it is put right */
		if (file && e->kind == ERR_DATA)
			f->bad = *file;
		if (e->kind == ERR_NOTFOUND || e->kind == ERR_DATA)
			e->kind = ERR_TEMP;
		return -1;
	}
	return 0;
}

static int
apply_batch(struct follow *f, struct replay_source *src, const struct plan *p,
    size_t *i, struct err *e)
{
	uint64_t from = position(f), bytes = 0;
	struct err why = { 0 };
	struct standby_batch *b;
	size_t was = *i;
	int r;

	if (standby_batch_begin(&b, f->s, e) < 0)
		return -1;
	/* what came before a file that cannot be had is good */
	r = fetch(f, src, p, i, b, &why);
	if (*i > was) {
		bytes = standby_batch_bytes(b);
		if (standby_apply(f->s, b, e) < 0) {
			standby_batch_free(b);
			return -1;
		}
		f->last = f->l.f[p->idx[*i - 1]];
		say(f, from, *i - was, bytes);
	}
	standby_batch_free(b);
	if (r < 0)
		*e = why;
	return r;
}

static int
apply(struct follow *f, const struct plan *p, struct err *e)
{
	const struct replica_file **files = calloc(p->n, sizeof *files);
	struct replay_fetch *rf;
	struct replay_source src;
	size_t i = 0;
	int r = 0;

	if (!files)
		return err_nomem(e);
	for (size_t k = 0; k < p->n; k++)
		files[k] = &f->l.f[p->idx[k]];
	if (replay_fetch_begin(&rf, f->st, NULL, files, p->n,
	    f->opt->parallel ? f->opt->parallel : PARALLEL, e) < 0) {
		free(files);
		return -1;
	}
	src = replay_fetch_source(rf);
	while (!r && i < p->n)
		r = apply_batch(f, &src, p, &i, e);
	replay_fetch_free(rf);
	free(files);
	return r;
}

static int
gap(struct follow *f, struct err *e)
{
	uint64_t pos = position(f);

	return err_set(e, ERR_TEMP, "gap: nothing leads on from TXID %016" PRIx64
	    " to %016" PRIx64 "; a new snapshot would; else move the standby "
	    "away and start again", pos, listing_max(&f->l));
}

static int
lost(struct follow *f, struct err *e)
{
	uint64_t pos = position(f);

	if (!f->lost++)
		return 0; /* once may be the store's delay */
	return err_set(e, ERR_DATA, "the replica ends at TXID %016" PRIx64
	    ", before the standby, which is at %016" PRIx64 ": it was emptied "
	    "or replaced; move the standby away and start again",
	    listing_max(&f->l), pos);
}

/* Nothing new but a file that is damaged. */
static int
only_bad(const struct follow *f, struct err *e)
{
	char name[LTX_NAME_LEN + 1];

	if (f->bad.max <= position(f))
		return 0;
	ltx_name_fmt(name, f->bad.min, f->bad.max);
	return err_set(e, ERR_TEMP, "level %u file %s is damaged, and no other "
	    "leads on", f->bad.level, name);
}

/* One look at the replica, with a listing there or not. */
static int
step(struct follow *f, int listed, struct err *e)
{
	struct plan p;
	int look = f->lost || f->bad.max
	    || when_mono() - f->looked >= LOOK_MS, r;

	if (!listed && list(f, 0, e) < 0)
		return -1;
	r = follow_next(&f->l, f->all, position(f), &p, e);
	if (r == FOLLOW_LOOK || (r == FOLLOW_IDLE && !f->all && look)) {
		plan_free(&p);
		if (list(f, 1, e) < 0)
			return -1;
		r = follow_next(&f->l, f->all, position(f), &p, e);
	}
	if (r != FOLLOW_LOST && r >= 0)
		f->lost = 0;
	if (r == FOLLOW_APPLY)
		r = apply(f, &p, e);
	else if (r == FOLLOW_GAP)
		r = gap(f, e);
	else if (r == FOLLOW_LOST)
		r = lost(f, e);
	else if (r == FOLLOW_IDLE)
		r = only_bad(f, e);
	plan_free(&p);
	if (f->bad.max <= position(f))
		f->bad.max = 0;
	return r;
}

/* Is it the database that the replica is of? */
static int
first_check(struct follow *f, struct err *e)
{
	const struct standby_at *at = standby_at(f->s);
	int r = standby_of(f->st, &f->l, standby_fd(f->s), at, e);

	for (size_t i = 0; r > 0 && i < f->l.n; i++)
		if (f->l.f[i].level == at->level && f->l.f[i].min == at->min
		    && f->l.f[i].max == at->txid)
			f->last = f->l.f[i];
	if (!r)
		log_event(f->opt->log, LOG_WARN, "the file that led to the "
		    "standby's state is gone: that it is of this replica cannot "
		    "be checked", "replica", store_conf(f->st)->url, NULL);
	f->checked = r >= 0;
	return r < 0 ? -1 : 0;
}

static void
sleep_ms(int64_t ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Told, unless it ends all. A state that stays is told once. */
static int
failed(struct follow *f, struct err *e)
{
	int again = f->told == position(f) && f->pause;

	if (e->kind == ERR_CONF || e->kind == ERR_DATA)
		return -1;
	log_err(f->opt->log, again ? LOG_DEBUG : LOG_ERROR, e, "the standby "
	    "stays where it is", "replica", store_conf(f->st)->url, NULL);
	f->told = position(f);
	f->pause = f->pause ? f->pause * 2 : f->opt->interval_ms;
	if (f->pause > PAUSE_MAX)
		f->pause = PAUSE_MAX;
	return 0;
}

static int
once(struct follow *f, int listed, struct err *e)
{
	if (!f->checked) {
		if (!listed && list(f, 1, e) < 0)
			return -1;
		if (first_check(f, e) < 0)
			return -1;
		listed = 1;
	}
	return step(f, listed, e);
}

static int
run(struct follow *f, int listed, struct err *e)
{
	for (;; listed = 0) {
		if (f->opt->tick && f->opt->tick(f->opt->ctx, e) < 0)
			return -1;
		if (once(f, listed, e) == 0)
			f->pause = 0;
		else if (failed(f, e) < 0)
			return -1;
		sleep_ms(f->pause > f->opt->interval_ms ? f->pause
		    : f->opt->interval_ms);
	}
}

int
follow_run(struct standby *s, struct store *st, struct listing *l,
    const struct follow_opt *opt, struct err *e)
{
	struct follow f = { .s = s, .st = st, .opt = opt, .all = 1 };
	int listed = l && l->f, r;

	f.looked = when_mono();
	if (listed) {
		f.l = *l;
		memset(l, 0, sizeof *l);
		listing_sort(&f.l);
	}
	r = run(&f, listed, e);
	listing_free(&f.l);
	return r < 0 ? err_in(e, "%s", store_conf(st)->url) : 0;
}
