#include "repl/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include "repl/compact_put.h"
#include "repl/plan.h"
#include "repl/restore.h"

/* One snapshot or pin to be made. */
struct job {
	const struct store_conf *conf;
	const struct store_conf *pin; /* the same, as the view of the pin; NULL */
	const struct snapshot_opt *opt;
	struct plan_target target;
	struct snapshot_done *done;
	struct store *st;
	struct listing l;
	struct plan p;
};

/* Local copies are trusted if the newest is the replica's. */
static int
trusts_local(struct job *j, int *same, struct err *e)
{
	struct listing tail = { 0 };
	int r;

	*same = 0;
	if (!j->opt->ltx0 || j->target.txid || j->target.time_ms >= 0)
		return 0;
	r = restore_tail(j->st, &j->l, j->opt->ltx0, j->p.txid, j->opt->log,
	    &tail, same, e);
	listing_free(&tail);
	return r;
}

/* st: where it goes. */
static int
put(struct job *j, struct store *st, const char *ltx0,
    struct replica_file *to, struct err *e)
{
	struct compact_opt merge = { ltx0, j->opt->tmp, j->opt->encoding, 0, 0 };
	const struct replica_file **files = calloc(j->p.n, sizeof *files);
	struct compact_done made = { 0 };
	struct compact_source src;
	int r = 1, noreplace = j->pin != NULL;

	if (!files)
		return err_nomem(e);
	for (size_t i = 0; i < j->p.n; i++)
		files[i] = &j->l.f[j->p.idx[i]];
	if (j->p.n == 1 && files[0]->min == 1
	    && (store_caps(st) & STORE_CAN_COPY)) {
		r = compact_put_source(st, files[0], ltx0, &src, e);
		if (!r)
			r = compact_put_copy(st, files[0], &src, to, noreplace,
			    e);
	}
	if (r < 0 && e->kind == ERR_DATA) {
		err_clear(e); /* the local copy may be good */
		r = 1;
	}
	if (r > 0)
		r = compact_put(st, files, j->p.n, &merge, to, noreplace, &made,
		    e);
	free(files);
	return r;
}

static int
put_planned(struct job *j, struct err *e)
{
	struct replica_file to = { .min = 1, .max = j->p.txid,
	    .level = j->pin ? STORE_LEVEL_PIN : STORE_LEVEL_SNAPSHOT };
	struct store *st = j->st;
	int same, r;

	if (trusts_local(j, &same, e) < 0
	    || (j->pin && store_open(&st, j->pin, e) < 0))
		return -1;
	r = put(j, st, same ? j->opt->ltx0 : NULL, &to, e);
	if (j->pin)
		store_close(st);
	j->done->size = to.size;
	j->done->time_ms = to.time_ms;
	j->done->files = j->p.n;
	if (r < 0)
		return -1;
	to.time_ms = compact_put_time(j->st, to.time_ms);
	if (!j->pin)
		changes_say(j->opt->changes, j->opt->log, "add", &to);
	return 0;
}

/* Plans without the damaged one of the planned files, as a restore would:
 * else no better snapshot would ever take its place. If there is none, or it
 * is needed, *e stays what it is, or names it. */
static int
without_damaged(struct job *j, struct err *e)
{
	const struct plan_target t = { j->p.txid, -1 };
	struct listing *l = &j->l;
	struct err bad = { 0 };
	size_t k = 0, i;

	while (k < j->p.n && listing_check(j->st, &l->f[j->p.idx[k]], &bad) == 0)
		k++;
	if (k == j->p.n)
		return -1;
	*e = bad;
	if (bad.kind != ERR_DATA)
		return -1;
	i = j->p.idx[k];
	memmove(&l->f[i], &l->f[i + 1], (l->n - i - 1) * sizeof *l->f);
	l->n--;
	plan_free(&j->p);
	if (restore_plan_files(j->st, l, &t, j->opt->log, &j->p, &bad) < 0)
		return -1;
	log_err(j->opt->log, LOG_WARN, e, "damaged file left out", NULL);
	return 0;
}

static int
put_or_present(struct job *j, struct err *e)
{
	const struct replica_file *f = &j->l.f[j->p.idx[0]];

	j->done->txid = j->p.txid;
	j->done->present = !j->pin && j->p.n == 1
	    && f->level == STORE_LEVEL_SNAPSHOT;
	if (!j->done->present)
		return put_planned(j, e);
	j->done->size = f->size;
	return listing_check(j->st, f, e);
}

static int
run(struct job *j, struct err *e)
{
	struct changes asked = { 0 };
	int r;

	memset(j->done, 0, sizeof *j->done);
	if (store_open(&j->st, j->conf, e) < 0)
		return -1;
	r = changes_read(j->opt->changes ? j->opt->changes : &asked, j->st,
	    LISTING_ALL, &j->l, e);
	if (!r)
		r = restore_plan_files(j->st, &j->l, &j->target, j->opt->log,
		    &j->p, e);
	while (!r) {
		r = put_or_present(j, e);
		if (!r || e->kind != ERR_DATA)
			break;
		r = without_damaged(j, e);
	}
	/* Of a file that went meanwhile, not of a replica. */
	if (r < 0 && e->kind == ERR_NOTFOUND && j->l.n) {
		e->kind = ERR_TEMP;
		changes_say(j->opt->changes, j->opt->log, "stale", j->l.f);
	}
	plan_free(&j->p);
	listing_free(&j->l);
	store_close(j->st);
	return r < 0 ? err_in(e, "%s", j->conf->url) : 0;
}

int
snapshot_put(const struct store_conf *conf, const struct snapshot_opt *opt,
    struct snapshot_done *done, struct err *e)
{
	struct job j = { .conf = conf, .opt = opt, .target = { 0, -1 },
	    .done = done };

	return run(&j, e);
}

int
snapshot_pin(const struct store_conf *conf, const char *name,
    const struct plan_target *target, const struct snapshot_opt *opt,
    struct snapshot_done *done, struct err *e)
{
	struct store_conf pin;
	struct job j = { .conf = conf, .pin = &pin, .opt = opt,
	    .target = *target, .done = done };
	int r;

	store_conf_init(&pin);
	if (store_conf_copy(&pin, conf, e) < 0)
		return -1;
	pin.pin = strdup(name);
	r = pin.pin ? run(&j, e) : err_nomem(e);
	store_conf_free(&pin);
	return r;
}
