#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/sa.h"
#include "ltx/ltx.h"
#include "repl/replay.h"
#include "repl/verify_in.h"

#define AHEAD 8
#define VANISHED 4

void
verify_bytes(struct verify *v, uint64_t n)
{
	v->rep->bytes += n;
	pace_wait(&v->pace, n);
}

struct feed {
	struct verify *v;
	struct io_in in;
	uint64_t got;
};

static ssize_t
feed_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct feed *f = ctx;
	ssize_t r = f->in.read(f->in.ctx, buf, len, e);

	if (r > 0) {
		f->got += (uint64_t)r;
		verify_bytes(f->v, (uint64_t)r);
	}
	return r;
}

static int
decode(struct ltx_dec *dec, const struct replica_file *f, int whole,
    struct err *e)
{
	const struct ltx_header *h = ltx_dec_header(dec);
	uint32_t pgno, pages = 0, lock = ltx_lock_page(h->page_size);
	const unsigned char *data;
	int r;

	if (f->min && (h->min_txid != f->min || h->max_txid != f->max))
		return err_set(e, ERR_DATA, "it holds TXID %016" PRIx64 "-%016"
		    PRIx64 ", not what its name says", h->min_txid, h->max_txid);
	while ((r = ltx_dec_page(dec, &pgno, &data, e)) > 0)
		pages++;
	if (r < 0 || ltx_dec_eof(dec, e) < 0)
		return -1;
	if (whole && (h->min_txid != 1
	    || pages != h->commit - (lock <= h->commit)))
		return err_set(e, ERR_DATA, "it is no full copy");
	return 0;
}

/* The whole object and nothing after it. f->min 0: of any TXIDs. */
static int
read_object(struct verify *v, struct io_in in, const struct replica_file *f,
    int whole, struct err *e)
{
	struct feed feed = { v, in, 0 };
	struct ltx_dec *dec = NULL;
	int r;

	if (!f->size)
		return err_set(e, ERR_DATA, "it is empty");
	r = ltx_dec_begin(&dec, (struct io_in){ feed_read, &feed }, e);
	if (!r)
		r = decode(dec, f, whole, e);
	ltx_dec_free(dec);
	if (!r && feed.got != f->size)
		r = err_set(e, ERR_DATA, "it has %" PRIu64 " bytes, the listing "
		    "says %" PRIu64, feed.got, f->size);
	return r;
}

static int
cmp_newest(const void *pa, const void *pb)
{
	const struct replica_file *const *a = pa, *const *b = pb;

	return (*a)->max > (*b)->max ? -1 : (*a)->max < (*b)->max;
}

/* What is left to read, newest states first: they matter most. At most what
 * the budget allows. */
static size_t
unseen(struct verify *v, const struct replica_file **todo)
{
	uint64_t left = v->opt->budget > v->rep->bytes
	    ? v->opt->budget - v->rep->bytes : 0;
	size_t n = 0, k = 0;

	v->rep->unread = 0;
	for (size_t i = 0; i < v->l.n; i++)
		if (!v->seen[i])
			todo[n++] = &v->l.f[i];
	qsort(todo, n, sizeof *todo, cmp_newest);
	for (size_t i = 0; i < n; i++) {
		if (v->opt->budget && todo[i]->size > left) {
			v->rep->unread++;
			continue;
		}
		left -= v->opt->budget ? todo[i]->size : 0;
		todo[k++] = todo[i];
	}
	return k;
}

/* 1: *bad is the file that is wrong; 0: all were read; -1. */
static int
read_some(struct verify *v, const struct replica_file **todo, size_t n,
    const struct replica_file **bad, struct err *e)
{
	struct replay_fetch *fetch;
	struct replay_source src;
	struct io_in in;
	int r;

	if (replay_fetch_begin(&fetch, v->st, NULL, todo, n, AHEAD, e) < 0)
		return -1;
	src = replay_fetch_source(fetch);
	while ((r = src.next(src.ctx, bad, &in, e)) > 0) {
		r = read_object(v, in, *bad, 0, e);
		if (r < 0)
			break;
		v->seen[*bad - v->l.f] = 1;
		v->rep->objects++;
	}
	replay_fetch_free(fetch);
	return r < 0 && *bad ? 1 : r;
}

static int
same(const struct replica_file *a, const struct replica_file *b)
{
	return a->level == b->level && a->min == b->min && a->max == b->max;
}

static int
is_in(const struct listing *l, const struct replica_file *f, size_t *at)
{
	for (*at = 0; *at < l->n; ++*at)
		if (same(&l->f[*at], f))
			return 1;
	return 0;
}

/* The new listing without what is known to be bad; seen is made anew. */
static int
carry_over(struct verify *v, struct listing *now, struct err *e)
{
	unsigned char *seen = calloc(now->n + 1, 1);
	size_t n = 0, at = 0, bad;

	if (!seen)
		return err_nomem(e);
	for (size_t i = 0; i < now->n; i++) {
		if (is_in(&v->bad, &now->f[i], &bad))
			continue;
		now->f[n] = now->f[i];
		/* both are sorted: what was there comes in the same order */
		for (size_t j = at; j < v->l.n; j++)
			if (same(&v->l.f[j], &now->f[n])) {
				seen[n] = v->seen[j];
				at = j + 1;
				break;
			}
		n++;
	}
	now->n = n;
	free(v->seen);
	v->seen = seen;
	return 0;
}

int
verify_relist(struct verify *v, struct err *e)
{
	struct listing now = { 0 };

	if (listing_read(v->st, LISTING_ALL, &now, e) < 0
	    || carry_over(v, &now, e) < 0) {
		listing_free(&now);
		return -1;
	}
	listing_free(&v->l);
	v->l = now;
	return 0;
}

int
verify_objects(struct verify *v, struct err *e)
{
	const struct replica_file **todo, *bad;
	unsigned vanished = 0;
	struct err why;
	int r;

	do {
		why = (struct err){ 0 };
		bad = NULL;
		todo = calloc(v->l.n + 1, sizeof *todo);
		if (!todo)
			return err_nomem(e);
		r = read_some(v, todo, unseen(v, todo), &bad, &why);
		free(todo);
		if (r <= 0)
			break;
		if (why.kind == ERR_NOTFOUND && vanished++ < VANISHED)
			r = verify_relist(v, e) < 0 ? -2 : 1;
		else if (why.kind == ERR_DATA || why.kind == ERR_NOTFOUND)
			r = verify_drop(v, (size_t)(bad - v->l.f), &why, e) < 0
			    ? -2 : 1;
		else
			r = -1;
	} while (r > 0);
	if (r == -1)
		*e = why;
	return r < 0 ? -1 : 0;
}

/* ---- pins: full copies by name, outside the levels ---- */

struct pins {
	struct verify *v;
	struct listing sizes;
	stralloc keys; /* each ended by NUL */
};

static int
pin_listed(void *ctx, const char *key, const struct store_stat *st,
    struct err *e)
{
	struct pins *p = ctx;
	const struct replica_file f = { .size = st->size };

	if (!store_name_ltx(key))
		return 0;
	if (!stralloc_catb(&p->keys, key, strlen(key) + 1))
		return err_nomem(e);
	return listing_add(&p->sizes, &f, e);
}

static int
read_pin(struct verify *v, const char *key, const struct replica_file *f,
    struct err *e)
{
	struct store_get *g;
	struct err why = { 0 };
	int r;

	if (v->opt->budget && v->rep->bytes + f->size > v->opt->budget) {
		v->rep->unread++;
		return 0;
	}
	r = store_get(v->st, key, 0, 0, &g, &why);
	if (!r) {
		r = read_object(v, store_get_in(g), f, 1, &why);
		store_get_close(g);
	}
	v->rep->objects++;
	if (!r || why.kind == ERR_NOTFOUND) /* taken back meanwhile */
		return 0;
	if (why.kind == ERR_DATA)
		return verify_add(v, 1, key, why.msg, e);
	*e = why;
	return -1;
}

int
verify_pins(struct verify *v, struct err *e)
{
	struct pins p = { .v = v };
	char *prefix;
	size_t at = 0;
	int r;

	if (store_pin_prefix(store_conf(v->st), &prefix, e) < 0)
		return -1;
	r = store_list(v->st, prefix, NULL, pin_listed, &p, e);
	free(prefix);
	for (size_t i = 0; i < p.sizes.n && !r; i++) {
		r = read_pin(v, p.keys.s + at, &p.sizes.f[i], e);
		at += strlen(p.keys.s + at) + 1;
	}
	listing_free(&p.sizes);
	stralloc_free(&p.keys);
	return r;
}
