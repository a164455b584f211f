#include "repl/restore.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "repl/replay.h"

/* A stream of LTX files kept in an unlinked file: the newest come last, but
 * have to be applied first. */
struct spool {
	struct io_in in;
	int fd;
	uint64_t end;       /* bytes kept */
	struct listing l;   /* in the order of the stream */
	uint64_t *off;      /* of each */
	/* reading back */
	const struct plan *plan;
	size_t left;
	uint64_t pos, stop;
};

static ssize_t
keep(void *ctx, void *buf, size_t len, struct err *e)
{
	struct spool *s = ctx;
	ssize_t r = s->in.read(s->in.ctx, buf, len, e);

	if (r > 0) {
		if (io_pwriten(s->fd, buf, (size_t)r, (int64_t)s->end, e) < 0)
			return -1;
		s->end += (uint64_t)r;
	}
	return r;
}

static int
spool_file(struct spool *s, struct ltx_dec *dec, uint64_t off,
    struct err *e)
{
	const struct ltx_header *h = ltx_dec_header(dec);
	struct replica_file f = { .min = h->min_txid, .max = h->max_txid,
	    .time_ms = h->time_ms, .time_exact = 1 };
	uint32_t pgno, pages = 0, lock = ltx_lock_page(h->page_size);
	const unsigned char *data;
	uint64_t *v;
	int r;

	while ((r = ltx_dec_page(dec, &pgno, &data, e)) > 0)
		pages++;
	if (r < 0)
		return -1;
	f.size = ltx_dec_offset(dec);
	f.full = pages && pages == h->commit - (lock <= h->commit);
	v = realloc(s->off, (s->l.n + 1) * sizeof *v);
	if (!v)
		return err_nomem(e);
	s->off = v;
	v[s->l.n] = off;
	return listing_add(&s->l, &f, e);
}

static int
spool_all(struct spool *s, struct err *e)
{
	struct io_in in = { keep, s };
	struct ltx_dec *dec = NULL;
	uint64_t off = 0;
	int r;

	r = ltx_dec_begin(&dec, in, e);
	if (r < 0)
		return s->end || e->kind != ERR_DATA
		    ? err_in(e, "standard input: file 1")
		    : err_set(e, ERR_DATA, "standard input is empty: no LTX file");
	do {
		r = spool_file(s, dec, off, e);
		if (r < 0)
			break;
		off += ltx_dec_offset(dec);
		r = ltx_dec_next(dec, e);
	} while (r > 0);
	ltx_dec_free(dec);
	if (r < 0)
		return err_in(e, "standard input: file %zu, which begins at "
		    "byte %llu", s->l.n + 1, (unsigned long long)off);
	return 0;
}

static ssize_t
spool_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct spool *s = ctx;

	if (len > s->stop - s->pos)
		len = (size_t)(s->stop - s->pos);
	if (len && io_preadn(s->fd, buf, len, (int64_t)s->pos, e) < 0)
		return -1;
	s->pos += len;
	return (ssize_t)len;
}

static int
spool_next(void *ctx, const struct replica_file **f, struct io_in *in,
    struct err *e)
{
	struct spool *s = ctx;
	size_t i;

	(void)e;
	*f = NULL;
	if (!s->left)
		return 0;
	i = s->plan->idx[--s->left];
	*f = &s->l.f[i];
	s->pos = s->off[i];
	s->stop = s->pos + s->l.f[i].size;
	*in = (struct io_in){ spool_read, s };
	return 1;
}

static int
replay_spool(struct spool *s, const struct restore_opt *opt, int fd,
    struct apply_done *done, struct err *e)
{
	struct replay_source src = { spool_next, s };
	struct replay_opt ro = { NULL, NULL };
	struct plan_target t = opt->target;
	const struct replica_file *bad;
	struct apply *a;
	struct plan p;
	size_t need;
	int r;

	if (t.time_ms >= 0) {
		if (plan_time(&s->l, t.time_ms, &need, &t.txid, e) < 0)
			return -1;
		t.time_ms = -1;
	}
	if (plan_make(&s->l, &t, &p, e) < 0)
		return -1;
	s->plan = &p;
	s->left = p.n;
	r = apply_begin(&a, fd, e);
	if (!r) {
		r = replay(&src, &ro, a, &bad, e);
		if (!r)
			r = apply_end(a, done, e);
		apply_free(a);
	}
	plan_free(&p);
	return r;
}

int
restore_stream(struct io_in in, const char *dir,
    const struct restore_opt *opt, int fd, struct apply_done *done,
    struct err *e)
{
	struct spool s = { .in = in };
	int r;

	s.fd = io_anon(dir, e);
	if (s.fd < 0)
		return -1;
	r = spool_all(&s, e);
	if (!r)
		r = replay_spool(&s, opt, fd, done, e);
	close(s.fd);
	listing_free(&s.l);
	free(s.off);
	return r;
}
