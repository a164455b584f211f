#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/crc64.h"
#include "ltx/ltx.h"
#include "repl/replay.h"
#include "repl/restore.h"
#include "repl/verify_in.h"

#define AHEAD 8
#define VANISHED 4
#define WINDOW 8192 /* sums read at once */
#define NAMED 5     /* pages */

/* The state the replica's files come to is never written anywhere: of each
 * page only the sum is held against the snapshot's. */
struct compare {
	const struct verify_snap *snap; /* NULL: with nothing */
	uint32_t first, have;    /* of the window: page, how many sums */
	uint32_t differ, named[NAMED];
	uint64_t sum[WINDOW];
};

static int
window(struct compare *c, uint32_t pgno, struct err *e)
{
	uint32_t n = c->snap->pages - pgno + 1;

	if (pgno - c->first < c->have)
		return 0;
	c->have = 0;
	if (n > WINDOW)
		n = WINDOW;
	if (io_preadn(c->snap->sums.fd, c->sum, n * sizeof *c->sum,
	    (int64_t)(pgno - 1) * (int64_t)sizeof *c->sum, e) < 0)
		return err_in(e, "temporary file");
	c->first = pgno;
	c->have = n;
	return 0;
}

static int
page(void *ctx, uint32_t pgno, const unsigned char *data, uint32_t size,
    struct err *e)
{
	struct compare *c = ctx;

	if (!c->snap || size != c->snap->page_size || pgno > c->snap->pages)
		return 0; /* told by the size of the whole */
	if (window(c, pgno, e) < 0)
		return -1;
	if (c->sum[pgno - c->first] == crc64(0, data, size))
		return 0;
	if (c->differ < NAMED)
		c->named[c->differ] = pgno;
	c->differ++;
	return 0;
}

struct reading {
	struct verify *v;
	uint64_t got;
};

static void
tick(void *ctx, uint64_t bytes)
{
	struct reading *r = ctx;

	verify_bytes(r->v, bytes - r->got);
	r->got = bytes;
}

/* files newest first: those that were needed are seen now. */
static int
run(struct verify *v, const struct replica_file *const *files, size_t n,
    struct compare *c, struct apply_done *done,
    const struct replica_file **bad, struct err *e)
{
	const struct apply_sink sink = { page, c };
	struct reading reading = { v, 0 };
	const struct replay_opt opt = { tick, &reading };
	struct replay_fetch *fetch = NULL;
	struct replay_source src;
	struct apply *a = NULL;
	int r = -1;

	*bad = NULL;
	memset(done, 0, sizeof *done);
	if (replay_fetch_begin(&fetch, v->st, NULL, files, n, AHEAD, e) < 0)
		return -1;
	if (apply_begin_sink(&a, &sink, e) < 0)
		goto err;
	src = replay_fetch_source(fetch);
	r = replay(&src, &opt, a, bad, e);
	if (!r)
		r = apply_end(a, done, e);
	for (size_t i = 0; !r && i < done->files; i++) {
		size_t at = (size_t)(files[i] - v->l.f);

		v->rep->objects += !v->seen[at];
		v->seen[at] = 1;
	}
err:
	apply_free(a);
	replay_fetch_free(fetch);
	return r;
}

static int
differs(struct verify *v, const struct compare *c,
    const struct apply_done *done, struct err *e)
{
	const struct verify_snap *s = c->snap;
	char text[400], *p = text, object[40];
	char *end = text + sizeof text;

	if (s->page_size != done->page_size || s->pages != done->pages)
		p += snprintf(p, (size_t)(end - p), "%" PRIu32 " pages of %" PRIu32
		    " bytes, the database has %" PRIu32 " of %" PRIu32 "; ",
		    done->pages, done->page_size, s->pages, s->page_size);
	if (c->differ)
		p += snprintf(p, (size_t)(end - p), "%" PRIu32 " pages differ "
		    "from the database:", c->differ);
	for (uint32_t i = 0; i < c->differ && i < NAMED; i++)
		p += snprintf(p, (size_t)(end - p), " %" PRIu32, c->named[i]);
	snprintf(p, (size_t)(end - p), "%s; only a new full copy of the "
	    "database helps, a snapshot merged from the replica would repeat "
	    "it", c->differ > NAMED ? " ..." : "");
	snprintf(object, sizeof object, "the state of TXID %016" PRIx64,
	    done->txid);
	return verify_add(v, 1, object, text, e);
}

static int
judge(struct verify *v, const struct compare *c,
    const struct apply_done *done, struct err *e)
{
	struct verify_report *r = v->rep;

	r->merged = 1;
	r->txid = done->txid;
	r->time_ms = done->time_ms;
	r->size = (uint64_t)done->pages * done->page_size;
	r->files = done->files;
	if (!c->snap)
		return 0;
	r->compared = 1;
	r->differ = c->differ;
	r->equal = !c->differ && c->snap->pages == done->pages
	    && c->snap->page_size == done->page_size;
	return r->equal ? 0 : differs(v, c, done, e);
}

/* 1: once more, after something vanished or turned out bad; 0: done, good or
 * not; -1. */
static int
one_plan(struct verify *v, struct plan *p, struct compare *c,
    unsigned *vanished, struct err *e)
{
	const struct replica_file **files, *bad;
	struct apply_done done;
	struct err why = { 0 };
	int r;

	c->differ = c->have = 0;
	files = calloc(p->n, sizeof *files);
	if (!files)
		return err_nomem(e);
	for (size_t i = 0; i < p->n; i++)
		files[i] = &v->l.f[p->idx[p->n - 1 - i]];
	r = run(v, files, p->n, c, &done, &bad, &why);
	free(files);
	if (!r)
		return judge(v, c, &done, e);
	if (bad && why.kind == ERR_NOTFOUND && (*vanished)++ < VANISHED)
		return verify_relist(v, e) < 0 ? -1 : 1;
	if (bad && (why.kind == ERR_DATA || why.kind == ERR_NOTFOUND))
		return verify_drop(v, (size_t)(bad - v->l.f), &why, e) < 0
		    ? -1 : 1;
	/* a page no file has, or a database that was deleted */
	if (why.kind == ERR_DATA || why.kind == ERR_NO)
		return verify_add(v, 1, "the files together", why.msg, e);
	*e = why;
	return -1;
}

/* 0: no plan, which is noted; 2: not this TXID. */
static int
no_plan(struct verify *v, const struct verify_snap *snap, struct err *e)
{
	if (snap && e->kind == ERR_NO && listing_max(&v->l) > snap->txid)
		return 2;
	if (e->kind != ERR_DATA && e->kind != ERR_NO
	    && e->kind != ERR_NOTFOUND)
		return -1;
	/* a hole, or a file that was left out, has said so */
	return v->rep->bad ? 0
	    : verify_add(v, 1, "the chain", e->msg, e);
}

int
verify_merge(struct verify *v, const struct verify_snap *snap,
    struct err *e)
{
	const struct plan_target t = { snap ? snap->txid : 0, -1 };
	struct compare *c = malloc(sizeof *c);
	unsigned vanished = 0;
	struct plan p;
	int r;

	if (!c)
		return err_nomem(e);
	c->snap = snap;
	c->first = 1;
	do {
		if (restore_plan_files(v->st, &v->l, &t, v->opt->log, &p, e)
		    < 0) {
			r = no_plan(v, snap, e);
			break;
		}
		if (v->opt->budget && p.bytes > v->opt->budget) {
			char text[160];

			snprintf(text, sizeof text, "a restore reads %" PRIu64
			    " bytes, more than the budget of %" PRIu64, p.bytes,
			    v->opt->budget);
			r = verify_add(v, 1, "the proof", text, e);
		} else {
			r = one_plan(v, &p, c, &vanished, e);
		}
		plan_free(&p);
	} while (r == 1);
	free(c);
	return r == 2 ? 1 : r;
}
