#include "repl/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include "repl/compact_put.h"
#include "repl/plan.h"
#include "repl/restore.h"

static int
put_planned(struct store *st, struct listing *l, const struct plan *p,
    const struct snapshot_opt *opt, struct snapshot_done *done,
    struct err *e)
{
	struct compact_opt merge = { NULL, opt->tmp, opt->encoding, 0, 0 };
	struct replica_file to = { .min = 1, .max = p->txid,
	    .level = STORE_LEVEL_SNAPSHOT };
	const struct replica_file **files;
	struct compact_done made = { 0 };
	struct listing tail = { 0 };
	int same = 0, r = 0;

	/* Local copies are trusted if the newest is the replica's. */
	if (opt->ltx0 && restore_tail(st, l, opt->ltx0, p->txid, opt->log,
	    &tail, &same, e) < 0)
		return -1;
	listing_free(&tail);
	merge.ltx0 = same ? opt->ltx0 : NULL;
	files = calloc(p->n, sizeof *files);
	if (!files)
		return err_nomem(e);
	for (size_t i = 0; i < p->n; i++)
		files[i] = &l->f[p->idx[i]];
	if (p->n == 1 && files[0]->min == 1)
		r = compact_put_copy(st, files[0], merge.ltx0, &to, 0, e);
	if (!r)
		r = compact_put(st, files, p->n, &merge, &to, 0, &made, e);
	free(files);
	done->size = to.size;
	done->time_ms = to.time_ms;
	done->files = p->n;
	to.time_ms = compact_put_time(st, to.time_ms);
	if (r < 0)
		return -1;
	changes_say(opt->changes, opt->log, "add", &to);
	return 0;
}

/* Plans without the damaged one of the planned files, as a restore would:
 * else no better snapshot would ever take its place. If there is none, or it
 * is needed, *e stays what it is, or names it. */
static int
without_damaged(struct store *st, struct listing *l, struct plan *p,
    const struct log *log, struct err *e)
{
	const struct plan_target t = { p->txid, -1 };
	struct err bad = { 0 };
	size_t k = 0, i;

	while (k < p->n && listing_check(st, &l->f[p->idx[k]], &bad) == 0)
		k++;
	if (k == p->n)
		return -1;
	*e = bad;
	if (bad.kind != ERR_DATA)
		return -1;
	i = p->idx[k];
	memmove(&l->f[i], &l->f[i + 1], (l->n - i - 1) * sizeof *l->f);
	l->n--;
	plan_free(p);
	if (restore_plan_files(st, l, &t, log, p, &bad) < 0)
		return -1;
	log_err(log, LOG_WARN, e, "damaged file left out", NULL);
	return 0;
}

static int
put_or_present(struct store *st, struct listing *l, const struct plan *p,
    const struct snapshot_opt *opt, struct snapshot_done *done,
    struct err *e)
{
	const struct replica_file *f = &l->f[p->idx[0]];

	done->txid = p->txid;
	done->present = p->n == 1 && f->level == STORE_LEVEL_SNAPSHOT;
	if (!done->present)
		return put_planned(st, l, p, opt, done, e);
	done->size = f->size;
	return listing_check(st, f, e);
}

int
snapshot_put(const struct store_conf *conf, const struct snapshot_opt *opt,
    struct snapshot_done *done, struct err *e)
{
	const struct plan_target latest = { 0, -1 };
	struct changes asked = { 0 };
	struct listing l = { 0 };
	struct plan p = { 0 };
	struct store *st;
	int r;

	memset(done, 0, sizeof *done);
	if (store_open(&st, conf, e) < 0)
		return -1;
	r = changes_read(opt->changes ? opt->changes : &asked, st, LISTING_ALL,
	    &l, e);
	if (!r)
		r = restore_plan_files(st, &l, &latest, opt->log, &p, e);
	while (!r) {
		r = put_or_present(st, &l, &p, opt, done, e);
		if (!r || e->kind != ERR_DATA)
			break;
		r = without_damaged(st, &l, &p, opt->log, e);
	}
	/* Of a file that went meanwhile, not of a replica. */
	if (r < 0 && e->kind == ERR_NOTFOUND && l.n)
		e->kind = ERR_TEMP;
	plan_free(&p);
	listing_free(&l);
	store_close(st);
	return r < 0 ? err_in(e, "%s", conf->url) : 0;
}
