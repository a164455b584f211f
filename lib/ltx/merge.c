#include "ltx/ltx.h"

#include <inttypes.h>
#include <stdlib.h>

struct source {
	struct ltx_dec *dec;
	uint32_t pgno; /* of the page the decoder holds */
	const unsigned char *data;
};

struct ltx_merge {
	struct ltx_header h;
	struct source *src; /* oldest first */
	size_t n;
	size_t *heap;       /* of src indices, len of them */
	size_t len;
	uint32_t prev;      /* page handed out last */
	uint32_t kept;      /* pages above this were new in the range, so
	                     * some file must hold each of them */
	uint32_t lock;
	int dead;
};

/* Lower page first; of one page, the newest version first. */
static int
before(const struct ltx_merge *m, size_t a, size_t b)
{
	uint32_t x = m->src[a].pgno, y = m->src[b].pgno;

	return x != y ? x < y : a > b;
}

static void
sift(struct ltx_merge *m, size_t i)
{
	size_t v = m->heap[i], c;

	for (; (c = 2 * i + 1) < m->len; i = c) {
		if (c + 1 < m->len && before(m, m->heap[c + 1], m->heap[c]))
			c++;
		if (!before(m, m->heap[c], v))
			break;
		m->heap[i] = m->heap[c];
	}
	m->heap[i] = v;
}

static int
source_in(const struct ltx_merge *m, size_t i, struct err *err)
{
	const struct ltx_header *h = ltx_dec_header(m->src[i].dec);

	return err_in(err, "LTX %016" PRIx64 "-%016" PRIx64, h->min_txid,
	    h->max_txid);
}

static int
contiguous(const struct ltx_header *a, const struct ltx_header *b,
    struct err *err)
{
	const char *what = NULL;

	if (a->page_size != b->page_size)
		what = "have different page sizes";
	else if (b->min_txid > a->max_txid
	    && b->min_txid - a->max_txid > 1)
		what = "leave a gap";
	else if (b->max_txid <= a->max_txid)
		what = "are not in order";
	if (!what)
		return 0;
	return err_set(err, ERR_DATA, "LTX %016" PRIx64 "-%016" PRIx64
	    " and %016" PRIx64 "-%016" PRIx64 " %s", a->min_txid, a->max_txid,
	    b->min_txid, b->max_txid, what);
}

static int
headers(struct ltx_merge *m, struct err *err)
{
	const struct ltx_header *first = ltx_dec_header(m->src[0].dec);
	const struct ltx_header *h = first;

	m->kept = first->min_txid == 1 ? 0 : first->commit;
	for (size_t i = 1; i < m->n; i++) {
		const struct ltx_header *b = ltx_dec_header(m->src[i].dec);

		if (contiguous(h, b, err))
			return -1;
		h = b;
		if (h->commit < m->kept)
			m->kept = h->commit;
	}
	m->h = (struct ltx_header){
		.flags = LTX_FLAG_NOCHECKSUM,
		.page_size = h->page_size,
		.commit = h->commit,
		.min_txid = first->min_txid,
		.max_txid = h->max_txid,
		.time_ms = h->time_ms,
	};
	m->lock = ltx_lock_page(h->page_size);
	return 0;
}

int
ltx_merge_begin(struct ltx_merge **mp, struct ltx_dec **dec, size_t n,
    struct err *err)
{
	struct ltx_merge *m;

	*mp = NULL;
	if (!n)
		return err_set(err, ERR_BUG, "nothing to merge");
	m = calloc(1, sizeof *m);
	if (!m)
		return err_nomem(err);
	m->src = calloc(n, sizeof *m->src);
	m->heap = calloc(n, sizeof *m->heap);
	if (!m->src || !m->heap) {
		ltx_merge_free(m);
		return err_nomem(err);
	}
	/* All at page 0, as if just handed out: the first call of
	 * ltx_merge_page advances every one. */
	m->n = m->len = n;
	for (size_t i = 0; i < n; i++) {
		m->src[i].dec = dec[i];
		m->heap[i] = n - 1 - i;
	}
	if (headers(m, err)) {
		ltx_merge_free(m);
		return -1;
	}
	*mp = m;
	return 0;
}

const struct ltx_header *
ltx_merge_header(const struct ltx_merge *m)
{
	return &m->h;
}

void
ltx_merge_from(struct ltx_merge *m, uint32_t pages)
{
	if (pages < m->kept)
		m->kept = pages;
}

/* Moves every source past m->prev or, when it is past the commit, on. */
static int
advance(struct ltx_merge *m, struct err *err)
{
	while (m->len) {
		size_t i = m->heap[0];
		struct source *s = &m->src[i];
		int r;

		if (s->pgno > m->prev && s->pgno <= m->h.commit)
			return 0;
		r = ltx_dec_page(s->dec, &s->pgno, &s->data, err);
		if (r < 0)
			return source_in(m, i, err);
		if (!r)
			m->heap[0] = m->heap[--m->len];
		if (m->len)
			sift(m, 0);
	}
	return 0;
}

/* Pages m->prev+1 .. next-1 are in no file; may they be? */
static int
check_hole(const struct ltx_merge *m, uint64_t next, struct err *err)
{
	uint64_t p = (m->prev > m->kept ? m->prev : m->kept) + UINT64_C(1);

	if (p == m->lock)
		p++;
	if (p >= next)
		return 0;
	return err_set(err, ERR_DATA, "page %" PRIu64 " is missing: the "
	    "database grew from %lu to %lu pages in LTX %016" PRIx64 "-%016"
	    PRIx64 " and no file holds it", p, (unsigned long)m->kept,
	    (unsigned long)m->h.commit, m->h.min_txid, m->h.max_txid);
}

static int
step(struct ltx_merge *m, uint32_t *pgno, const unsigned char **data,
    struct ltx_payload *payload, struct err *err)
{
	const struct source *s;

	if (advance(m, err))
		return -1;
	if (!m->len)
		return check_hole(m, m->h.commit + UINT64_C(1), err);
	s = &m->src[m->heap[0]];
	if (check_hole(m, s->pgno, err))
		return -1;
	*pgno = m->prev = s->pgno;
	*data = s->data;
	if (payload)
		*payload = ltx_dec_payload(s->dec);
	return 1;
}

int
ltx_merge_page(struct ltx_merge *m, uint32_t *pgno, const unsigned char **data,
    struct ltx_payload *payload, struct err *err)
{
	int r;

	if (m->dead)
		return err_set(err, ERR_BUG, "LTX merge used after an error");
	r = step(m, pgno, data, payload, err);
	m->dead = r < 0;
	return r;
}

void
ltx_merge_free(struct ltx_merge *m)
{
	if (!m)
		return;
	free(m->src);
	free(m->heap);
	free(m);
}
