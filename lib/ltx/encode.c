#include "ltx/encode.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc64.h"

#define INDEX_MEMORY (1u << 20) /* of the index, before it is spilled */

int
ltx_enc_flush(struct ltx_enc *e, struct err *err)
{
	size_t n = e->len;

	e->len = 0;
	return n ? e->out.write(e->out.ctx, e->buf, n, err) : 0;
}

/* Small parts: header, terminator, index, trailer. */
int
ltx_enc_put(struct ltx_enc *e, const unsigned char *p, size_t n,
    struct err *err)
{
	if (e->len + n > LTX_FLUSH_AT && ltx_enc_flush(e, err))
		return -1;
	memcpy(e->buf + e->len, p, n);
	e->len += n;
	e->size += n;
	return 0;
}

int
ltx_enc_put_summed(struct ltx_enc *e, const unsigned char *p, size_t n,
    struct err *err)
{
	e->crc = crc64(e->crc, p, n);
	return ltx_enc_put(e, p, n, err);
}

static int
index_room(struct ltx_enc *e, struct err *err)
{
	unsigned char *b;
	size_t cap;

	if (e->idx_len + LTX_INDEX_ENTRY_MAX <= e->idx_cap)
		return 0;
	if (e->spill && e->idx_cap >= INDEX_MEMORY) {
		size_t n = e->idx_len;

		e->idx_len = 0;
		e->spilled += n;
		return e->spill->out.write(e->spill->out.ctx, e->idx, n, err);
	}
	cap = e->idx_cap ? 2 * e->idx_cap : 1024;
	b = realloc(e->idx, cap);
	if (!b)
		return err_nomem(err);
	e->idx = b;
	e->idx_cap = cap;
	return 0;
}

int
ltx_enc_begin(struct ltx_enc **ep, const struct ltx_header *h,
    enum ltx_encoding encoding, struct io_out out, struct ltx_spill *spill,
    struct err *err)
{
	struct ltx_enc *e;
	unsigned char head[LTX_HEADER_SIZE];

	*ep = NULL;
	if (h->flags & LTX_FLAG_LZ4 && encoding != LTX_V1)
		return err_set(err, ERR_BUG, "LZ4 header flag is of LTX 1");
	if (ltx_header_check(h, err))
		return -1;
	e = calloc(1, sizeof *e);
	if (!e)
		return err_nomem(err);
	e->h = *h;
	e->encoding = encoding;
	e->out = out;
	e->spill = spill;
	e->lock = ltx_lock_page(h->page_size);
	e->buf = malloc(LTX_FLUSH_AT + 10 + LTX_FRAME_EXTRA
	    + ltx_lz4_bound(h->page_size));
	e->lz4 = LZ4_createStream();
	ltx_header_pack(head, h);
	if (!e->buf || !e->lz4) {
		ltx_enc_free(e);
		return err_nomem(err);
	}
	ltx_enc_put_summed(e, head, sizeof head, err); /* fits the buffer */
	if (encoding == LTX_V1 && ltx_enc_body_begin(e, err)) {
		ltx_enc_free(e);
		return -1;
	}
	*ep = e;
	return 0;
}

static int
check_pgno(const struct ltx_enc *e, uint32_t pgno, struct err *err)
{
	unsigned long n = pgno;

	if (e->state != PAGES)
		return err_set(err, ERR_BUG, "LTX page %lu after the end", n);
	if (pgno == e->lock)
		return err_set(err, ERR_BUG, "page %lu is the lock page", n);
	if (pgno > e->h.commit)
		return err_set(err, ERR_BUG, "page %lu is past the database "
		    "size of %lu pages", n, (unsigned long)e->h.commit);
	if (pgno <= e->prev)
		return err_set(err, ERR_BUG, "page %lu after page %lu", n,
		    (unsigned long)e->prev);
	if (e->h.min_txid == 1 && pgno != ltx_page_after(e->prev, e->lock))
		return err_set(err, ERR_DATA, "nonsequential page numbers in "
		    "snapshot transaction: %lu,%lu", (unsigned long)e->prev, n);
	return 0;
}

static int
add_payload(struct ltx_enc *e, uint32_t pgno, const void *data,
    const struct ltx_payload *reuse, struct err *err)
{
	struct ltx_index_entry entry = { pgno, e->size, 0 };
	unsigned char *p = e->buf + e->len, *body;
	size_t head = e->encoding == LTX_BLOCK ? 10 : 6, n;

	if (index_room(e, err))
		return -1;
	body = p + head;
	be32_pack(p, pgno);
	be16_pack(p + 4, e->encoding == LTX_BLOCK);
	if (reuse && reuse->data && reuse->encoding == e->encoding
	    && reuse->len <= ltx_lz4_bound(e->h.page_size)
	    + (e->encoding == LTX_FRAME ? LTX_FRAME_EXTRA : 0)) {
		n = reuse->len;
		memcpy(body, reuse->data, n);
	} else if (e->encoding == LTX_BLOCK) {
		n = ltx_lz4_block(e->lz4, body, data, e->h.page_size);
	} else {
		n = ltx_lz4_frame(e->lz4, body, data, e->h.page_size);
	}
	if (e->encoding == LTX_BLOCK)
		be32_pack(p + 6, (uint32_t)n);
	e->crc = crc64(e->crc, p, head);
	e->crc = crc64(e->crc, data, e->h.page_size);
	entry.size = head + n;
	e->len += head + n;
	e->size += head + n;
	e->idx_len += ltx_index_pack(e->idx + e->idx_len, &entry);
	return e->len >= LTX_FLUSH_AT ? ltx_enc_flush(e, err) : 0;
}

static int
add_page(struct ltx_enc *e, uint32_t pgno, const void *data,
    const struct ltx_payload *reuse, struct err *err)
{
	if (check_pgno(e, pgno, err))
		return -1;
	e->prev = pgno;
	e->pages++;
	return e->encoding == LTX_V1 ? ltx_enc_body_page(e, pgno, data, err)
	    : add_payload(e, pgno, data, reuse, err);
}

int
ltx_enc_page_reuse(struct ltx_enc *e, uint32_t pgno, const void *data,
    const struct ltx_payload *reuse, struct err *err)
{
	if (!add_page(e, pgno, data, reuse, err))
		return 0;
	e->state = DEAD;
	return -1;
}

int
ltx_enc_page(struct ltx_enc *e, uint32_t pgno, const void *data,
    struct err *err)
{
	return ltx_enc_page_reuse(e, pgno, data, NULL, err);
}

static int
put_index(struct ltx_enc *e, struct err *err)
{
	uint64_t total = e->spilled + e->idx_len + 1;
	unsigned char last[9] = { 0 };
	struct ltx_spill *s = e->spill;
	size_t n;

	be64_pack(last + 1, total);
	if (e->spilled) {
		unsigned char chunk[4096];

		if (s->rewind(s->ctx, err))
			return -1;
		for (uint64_t left = e->spilled; left; left -= n) {
			n = left < sizeof chunk ? (size_t)left : sizeof chunk;
			if (io_readn(s->in, chunk, n, err)
			    || ltx_enc_put_summed(e, chunk, n, err))
				return err_in(err, "page index");
		}
	}
	for (size_t at = 0; at < e->idx_len; at += n) {
		n = e->idx_len - at < 4096 ? e->idx_len - at : 4096;
		if (ltx_enc_put_summed(e, e->idx + at, n, err))
			return -1;
	}
	return ltx_enc_put_summed(e, last, sizeof last, err);
}

static int
end(struct ltx_enc *e, uint64_t post_apply, struct err *err)
{
	unsigned char b[8], zero[6] = { 0 };

	if (e->state != PAGES)
		return err_set(err, ERR_BUG, "LTX file ended twice");
	if (!ltx_post_apply_ok(&e->h, post_apply))
		return err_set(err, ERR_BUG, "invalid post-apply checksum");
	if (ltx_pages_missing(&e->h, e->prev, e->lock))
		return err_set(err, ERR_DATA, "snapshot ends at page %lu of "
		    "%lu", (unsigned long)e->prev, (unsigned long)e->h.commit);
	be64_pack(b, post_apply);
	if (e->encoding == LTX_V1 ? ltx_enc_body_end(e, err)
	    : ltx_enc_put_summed(e, zero, sizeof zero, err)
	    || put_index(e, err))
		return -1;
	if (ltx_enc_put_summed(e, b, sizeof b, err))
		return -1;
	e->checksum = e->crc | LTX_CHECKSUM_FLAG;
	be64_pack(b, e->checksum);
	if (ltx_enc_put(e, b, sizeof b, err))
		return -1;
	return ltx_enc_flush(e, err);
}

int
ltx_enc_end(struct ltx_enc *e, uint64_t post_apply, struct err *err)
{
	int r = end(e, post_apply, err);

	e->state = r ? DEAD : ENDED;
	return r;
}

uint64_t
ltx_enc_size(const struct ltx_enc *e)
{
	return e->size;
}

uint64_t
ltx_enc_checksum(const struct ltx_enc *e)
{
	return e->checksum;
}

uint32_t
ltx_enc_pages(const struct ltx_enc *e)
{
	return e->pages;
}

void
ltx_enc_free(struct ltx_enc *e)
{
	if (!e)
		return;
	ltx_enc_body_free(e);
	free(e->buf);
	free(e->idx);
	if (e->lz4)
		LZ4_freeStream(e->lz4);
	free(e);
}
