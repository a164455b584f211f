#include "repl/prune.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ltx/ltx.h"
#include "repl/plan.h"

#define BATCH 1000

/* ---- the plan ---- */

/* The exact times that a decision needs. A snapshot past its retention that is
 * damaged goes all the same. */
static int
read_times(struct prune *p, size_t from, size_t to, struct err *e)
{
	struct replica_file *f = &p->listing.f[from];

	if (listing_times(p->st, &p->listing, from, to, e) == 0)
		return 0;
	if (e->kind == ERR_DATA && !p->retain.judged && f->time_ms >= 0) {
		f->time_exact = 1;
		err_clear(e);
		return 0;
	}
	if (e->kind == ERR_NOTFOUND) {
		/* of a file that went meanwhile, not of a replica */
		changes_say(p->changes, p->log, "stale", f);
		e->kind = ERR_TEMP;
	}
	return -1;
}

static int
decide(struct prune *p, struct err *e)
{
	size_t from, to;
	int x;

	while ((x = retain_step(&p->retain, &p->listing, &from, &to, e)) > 0)
		if (read_times(p, from, to, e) < 0)
			return -1;
	return x;
}

/* What cannot be what it is called is nothing to lean on: an object too short
 * for an LTX file, or one that goes on after the newest of level 0, which
 * always stays. Neither leads anywhere, and both are left alone. */
static void
leave_alone(struct prune *p)
{
	struct listing *l = &p->listing;
	uint64_t end = 0;
	char name[LTX_NAME_LEN + 1], level[4];
	size_t n = 0;

	for (size_t i = 0; i < l->n && !l->f[i].level; i++)
		if (l->f[i].max > end)
			end = l->f[i].max;
	for (size_t i = 0; i < l->n; i++) {
		const struct replica_file *f = &l->f[i];

		if (f->size > LTX_HEADER_SIZE + LTX_TRAILER_SIZE
		    && (!end || f->max <= end)) {
			l->f[n++] = *f;
			continue;
		}
		ltx_name_fmt(name, f->min, f->max);
		snprintf(level, sizeof level, "%u", f->level);
		log_event(p->log, LOG_WARN, "left alone, and not relied on: it "
		    "is too short for an LTX file, or goes on where level 0 "
		    "has ended", "replica", store_conf(p->st)->url, "level",
		    level, "file", name, NULL);
	}
	l->n = n;
}

int
prune_plan(struct prune *p, const struct store_conf *conf, int64_t now_ms,
    const struct retain_rules *rules, struct changes *changes,
    const struct log *log, struct err *e)
{
	int r;

	memset(p, 0, sizeof *p);
	p->changes = changes;
	p->log = log;
	if (store_open(&p->st, conf, e) < 0)
		return -1;
	r = changes_read(changes, p->st, LISTING_ALL, &p->listing, e);
	if (!r) {
		leave_alone(p);
		r = retain_begin(&p->retain, &p->listing, now_ms, rules, e);
	}
	if (!r)
		r = decide(p, e);
	if (r)
		prune_free(p);
	return r;
}

/* ---- is the rest enough? ---- */

static int
states_left(const struct prune *p, const struct plan_state *all, size_t n,
    const struct plan_state *rest, size_t m, struct err *e)
{
	uint64_t end = n ? all[n - 1].txid : 0, first = UINT64_MAX;
	uint64_t left = m ? rest[m - 1].txid : 0;

	if (left != end)
		return err_set(e, ERR_DATA, "what stays would end at TXID %016"
		    PRIx64 " instead of %016" PRIx64, left, end);
	for (size_t i = 0; i < p->retain.n; i++) {
		const struct retain_point *x = &p->retain.point[i];

		if (x->rule == RETAIN_ALL)
			first = x->txid;
		if (plan_state_find(rest, m, x->txid) == m)
			return err_set(e, ERR_DATA, "what stays would not lead "
			    "to TXID %016" PRIx64 ", which is promised",
			    x->txid);
	}
	for (size_t i = 0; i < n; i++)
		if (all[i].txid >= first
		    && plan_state_find(rest, m, all[i].txid) == m)
			return err_set(e, ERR_DATA, "what stays would not lead "
			    "to TXID %016" PRIx64 ", which is promised",
			    all[i].txid);
	return 0;
}

/* The base of the newest state is what it seems, or what goes may be the last
 * good way. */
static int
check_base(struct prune *p, struct listing *rest, struct err *e)
{
	const struct plan_target latest = { 0, -1 };
	struct plan all = { 0 }, x = { 0 };
	int r = plan_make(&p->listing, &latest, &all, e);

	if (!r)
		r = plan_make(rest, &latest, &x, e);
	if (!r)
		r = listing_check(p->st, &rest->f[x.idx[0]], e);
	plan_free(&all);
	plan_free(&x);
	return r;
}

static int
still_restores(struct prune *p, struct err *e)
{
	struct listing kept = { 0 };
	struct plan_state *all = NULL, *rest = NULL;
	size_t n, m, goes = 0, upper = 0;
	int r = 0;

	for (size_t i = 0; i < p->listing.n && !r; i++)
		if (retain_goes(p->retain.why[i])) {
			goes++;
			upper += p->listing.f[i].level > 0;
		} else {
			r = listing_add(&kept, &p->listing.f[i], e);
		}
	if (!goes || r)
		goto out;
	r = plan_states(&p->listing, &all, &n, e);
	if (!r)
		r = plan_states(&kept, &rest, &m, e);
	if (!r)
		r = states_left(p, all, n, rest, m, e);
	if (!r && upper)
		r = check_base(p, &kept, e);
	if (r)
		err_in(e, "nothing is deleted, the rest would not be enough to "
		    "restore (ls-snapshot -r makes a new snapshot)");
out:
	free(all);
	free(rest);
	listing_free(&kept);
	return r;
}

/* ---- deletion ---- */

static void
count(struct prune *p, const size_t *idx, const enum err_kind *res, size_t n,
    struct prune_done *done)
{
	for (size_t i = 0; i < n; i++) {
		const struct replica_file *f = &p->listing.f[idx[i]];

		if (res[i] != ERR_NONE) {
			done->refused++;
			if (res[i] == ERR_DENIED)
				changes_say(p->changes, p->log, "refused", f);
			continue;
		}
		done->deleted++;
		done->bytes += f->size;
		changes_say(p->changes, p->log, "del", f);
	}
}

static int
delete_batch(struct prune *p, const size_t *idx, size_t n,
    struct prune_done *done, struct err *e)
{
	char **keys = calloc(n, sizeof *keys);
	enum err_kind *res = calloc(n, sizeof *res);
	int r = keys && res ? 0 : err_nomem(e);

	for (size_t i = 0; i < n && !r; i++) {
		r = listing_key(p->st, &p->listing.f[idx[i]], &keys[i], e);
		res[i] = ERR_TEMP;
	}
	if (!r) {
		r = store_del(p->st, (const char *const *)keys, n, res, e);
		count(p, idx, res, n, done);
		if (r)
			err_in(e, "%zu of %zu objects were not deleted, the "
			    "first", done->refused, n);
	}
	for (size_t i = 0; keys && i < n; i++)
		free(keys[i]);
	free(keys);
	free(res);
	return r;
}

/* The files of the listing from i on that go, at most a batch, all snapshots
 * or none. Returns how many, and moves i past them. */
static size_t
next_batch(const struct prune *p, size_t *i, size_t idx[BATCH])
{
	size_t n = 0;

	for (; *i < p->listing.n && n < BATCH; ++*i) {
		if (!retain_goes(p->retain.why[*i]))
			continue;
		if (n && p->listing.f[*i].level != p->listing.f[idx[0]].level)
			break;
		idx[n++] = *i;
	}
	return n;
}

/* 1: file i is there no more, 0: it is. */
static int
is_gone(struct prune *p, size_t i, struct err *e)
{
	struct store_stat st;
	char *key;
	int r;

	if (listing_key(p->st, &p->listing.f[i], &key, e) < 0)
		return -1;
	r = store_head(p->st, key, &st, e);
	free(key);
	if (!r)
		return 0;
	/* without the right to list, refused is the same answer */
	if (e->kind != ERR_NOTFOUND && e->kind != ERR_DENIED)
		return -1;
	err_clear(e);
	return 1;
}

/* Some stores answer "deleted" to many at once and do nothing, as R2 did: one
 * object tells, and then each is deleted by itself. Level 0 goes far too often
 * to ask each time. */
static int
make_sure(struct prune *p, size_t one, struct err *e)
{
	char *key, name[LTX_NAME_LEN + 1];
	int r;

	if (p->retain.rules.level0_only)
		return 0;
	r = is_gone(p, one, e);
	for (size_t i = 0; !r && i < p->listing.n; i++) {
		if (!retain_goes(p->retain.why[i]))
			continue;
		r = listing_key(p->st, &p->listing.f[i], &key, e);
		if (!r)
			r = store_del(p->st, (const char *const *)&key, 1, NULL,
			    e);
		free(key);
	}
	if (!r)
		r = is_gone(p, one, e);
	if (r)
		return r < 0 ? -1 : 0;
	changes_say(p->changes, p->log, "stale", &p->listing.f[one]);
	ltx_name_fmt(name, p->listing.f[one].min, p->listing.f[one].max);
	return err_set(e, ERR_NO, "the store said that level %u file %s is "
	    "deleted, and has it still: what goes there takes up space as "
	    "before", p->listing.f[one].level, name);
}

int
prune_run(struct prune *p, struct prune_done *done, struct err *e)
{
	size_t idx[BATCH], i = 0, n, one = SIZE_MAX;

	memset(done, 0, sizeof *done);
	if (still_restores(p, e) < 0)
		return -1;
	/* Snapshots are last in the listing. What is judged by them goes
	 * first, or they stay: else the next run could not tell it goes. */
	while ((n = next_batch(p, &i, idx))) {
		if (delete_batch(p, idx, n, done, e) < 0)
			return -1;
		one = idx[0];
	}
	return one == SIZE_MAX ? 0 : make_sure(p, one, e);
}

void
prune_free(struct prune *p)
{
	listing_free(&p->listing);
	if (p->st)
		store_close(p->st);
	retain_free(&p->retain);
	memset(p, 0, sizeof *p);
}
