#include "repl/prune.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "repl/plan.h"

#define BATCH 1000

/* Snapshots go by their time, which some stores do not list. */
static int
snapshot_times(struct prune *p, struct err *e)
{
	const struct listing *l = &p->listing;

	for (size_t i = 0; i < l->n; i++)
		if (l->f[i].level == STORE_LEVEL_SNAPSHOT
		    && l->f[i].time_ms < 0)
			return listing_times(p->st, &p->listing, i, l->n, e);
	return 0;
}

int
prune_plan(struct prune *p, const struct store_conf *conf, int64_t now_ms,
    int64_t retention_ms, struct err *e)
{
	memset(p, 0, sizeof *p);
	if (store_open(&p->st, conf, e) < 0)
		return -1;
	if (listing_read(p->st, LISTING_ALL, &p->listing, e) < 0
	    || snapshot_times(p, e) < 0) {
		prune_free(p);
		return -1;
	}
	p->why = calloc(p->listing.n + 1, sizeof *p->why);
	p->result = calloc(p->listing.n + 1, sizeof *p->result);
	if (!p->why || !p->result) {
		prune_free(p);
		return err_nomem(e);
	}
	retain_make(&p->listing, now_ms, retention_ms, p->why);
	return 0;
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
		for (size_t i = 0; i < n; i++) {
			p->result[idx[i]] = res[i];
			if (res[i] == ERR_NONE) {
				done->deleted++;
				done->bytes += p->listing.f[idx[i]].size;
			} else {
				done->refused++;
			}
		}
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
		if (!retain_goes(p->why[*i]))
			continue;
		if (n && p->listing.f[*i].level != p->listing.f[idx[0]].level)
			break;
		idx[n++] = *i;
	}
	return n;
}

/* What stays must lead to the same end as before, from a file that is what
 * it seems: else what goes may be the last good way. */
static int
still_restores(struct prune *p, struct err *e)
{
	const struct plan_target latest = { 0, -1 };
	struct listing kept = { 0 };
	struct plan all = { 0 }, rest = { 0 };
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < p->listing.n && !r; i++)
		if (retain_goes(p->why[i]))
			n++;
		else
			r = listing_add(&kept, &p->listing.f[i], e);
	if (!n || r)
		goto out;
	r = plan_make(&p->listing, &latest, &all, e);
	if (!r)
		r = plan_make(&kept, &latest, &rest, e);
	if (!r && rest.txid != all.txid)
		r = err_set(e, ERR_DATA, "what stays would end at TXID %016"
		    PRIx64 " instead of %016" PRIx64, rest.txid, all.txid);
	if (!r)
		r = listing_check(p->st, &kept.f[rest.idx[0]], e);
	if (r)
		err_in(e, "nothing is deleted, the rest would not be enough to "
		    "restore (ls-snapshot -r makes a new snapshot)");
out:
	plan_free(&all);
	plan_free(&rest);
	listing_free(&kept);
	return r;
}

int
prune_run(struct prune *p, struct prune_done *done, struct err *e)
{
	size_t idx[BATCH], i = 0, n;

	memset(done, 0, sizeof *done);
	if (still_restores(p, e) < 0)
		return -1;
	/* Snapshots are last in the listing. What is judged by them goes
	 * first, or they stay: else the next run could not tell it goes. */
	while ((n = next_batch(p, &i, idx)))
		if (delete_batch(p, idx, n, done, e) < 0)
			return -1;
	return 0;
}

void
prune_free(struct prune *p)
{
	listing_free(&p->listing);
	if (p->st)
		store_close(p->st);
	free(p->why);
	free(p->result);
	memset(p, 0, sizeof *p);
}
