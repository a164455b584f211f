#include "repl/snapshot.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "repl/compact.h"
#include "repl/plan.h"
#include "repl/restore.h"

/* Merging writes, uploading reads: a thread merges into a pipe, with a store
 * of its own, since a store belongs to one thread. */
struct maker {
	struct store *st;
	const struct replica_file **files;
	size_t n;
	struct compact_opt opt;
	int in, out;              /* the pipe; the thread closes out */
	pthread_t thread;
	int joined;
	struct compact_done done;
	int r;
	struct err err;
};

static void *
maker_run(void *ctx)
{
	struct maker *m = ctx;

	m->r = compact_merge(m->st, m->files, m->n, &m->opt,
	    io_out_fd(&m->out), &m->done, &m->err);
	close(m->out);
	return NULL;
}

/* The end of the pipe is the end of the file only if the merge was good. */
static ssize_t
maker_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct maker *m = ctx;
	struct io_in in = io_in_fd(&m->in);
	ssize_t r = in.read(in.ctx, buf, len, e);

	if (r)
		return r;
	if (!m->joined) {
		pthread_join(m->thread, NULL);
		m->joined = 1;
	}
	if (m->r < 0) {
		*e = m->err;
		return -1;
	}
	return 0;
}

static int
upload(struct maker *m, struct store *st, const struct replica_file *to,
    struct err *e)
{
	struct store_src src = { .fd = -1, .in = { maker_read, m } };
	struct store_put_opt opt = { .time_ms = to->time_ms };
	int p[2], r, n;
	char *key;

	if (listing_key(st, to, &key, e) < 0)
		return -1;
	if (pipe2(p, O_CLOEXEC) < 0) {
		free(key);
		return err_sys(e, "make a pipe");
	}
	m->in = p[0];
	m->out = p[1];
	n = pthread_create(&m->thread, NULL, maker_run, m);
	if (n) {
		close(p[0]);
		close(p[1]);
		free(key);
		return err_set(e, ERR_TEMP, "start a thread: %s", strerror(n));
	}
	r = store_put(st, key, &src, &opt, e);
	close(m->in); /* a merge still writing ends with EPIPE */
	if (!m->joined)
		pthread_join(m->thread, NULL);
	free(key);
	return r;
}

/* The newest file's header has the time of the state. */
static int
state_time(struct store *st, struct listing *l, const struct plan *p,
    int64_t *ms, struct err *e)
{
	size_t i = p->idx[p->n - 1];

	if (listing_times(st, l, i, i + 1, e) < 0)
		return -1;
	*ms = l->f[i].time_ms;
	return 0;
}

static int
put_planned(struct store *st, const struct store_conf *conf,
    struct listing *l, const struct plan *p, const struct snapshot_opt *opt,
    struct snapshot_done *done, struct err *e)
{
	struct replica_file to = { .min = 1, .max = p->txid,
	    .level = STORE_LEVEL_SNAPSHOT };
	struct listing tail = { 0 };
	struct maker m = { .opt = { NULL, opt->tmp, opt->encoding } };
	int same = 0, r;

	if (state_time(st, l, p, &to.time_ms, e) < 0)
		return -1;
	/* Local copies are trusted if the newest is the replica's. */
	if (opt->ltx0 && restore_tail(st, l, opt->ltx0, p->txid, opt->log,
	    &tail, &same, e) < 0)
		return -1;
	listing_free(&tail);
	m.opt.ltx0 = same ? opt->ltx0 : NULL;
	m.n = p->n;
	m.files = calloc(p->n, sizeof *m.files);
	if (!m.files)
		return err_nomem(e);
	for (size_t i = 0; i < p->n; i++)
		m.files[i] = &l->f[p->idx[i]];
	r = store_open(&m.st, conf, e);
	if (!r) {
		r = upload(&m, st, &to, e);
		store_close(m.st);
	}
	free(m.files);
	done->size = to.size = m.done.size;
	done->time_ms = to.time_ms;
	if (!r)
		changes_say(opt->changes, opt->log, "add", &to);
	done->files = p->n;
	return r;
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
put_or_present(struct store *st, const struct store_conf *conf,
    struct listing *l, const struct plan *p, const struct snapshot_opt *opt,
    struct snapshot_done *done, struct err *e)
{
	const struct replica_file *f = &l->f[p->idx[0]];

	done->txid = p->txid;
	done->present = p->n == 1 && f->level == STORE_LEVEL_SNAPSHOT;
	if (!done->present)
		return put_planned(st, conf, l, p, opt, done, e);
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
		r = put_or_present(st, conf, &l, &p, opt, done, e);
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
