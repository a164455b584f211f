#include "ltx/decode.h"

#include <inttypes.h>
#include <lz4.h>

#include "base/bytes.h"
#include "base/crc64.h"

static int
page_fault(const struct ltx_dec *d, uint32_t pgno, const char *what,
    struct err *err)
{
	return err_set(err, ERR_DATA, "byte %" PRIu64 ": page %" PRIu32 ": %s",
	    d->win.off, pgno, what);
}

static int
check_pgno(const struct ltx_dec *d, uint32_t pgno, struct err *err)
{
	if (pgno > d->h.commit)
		return page_fault(d, pgno, "past the database size", err);
	if (pgno == d->lock)
		return page_fault(d, pgno, "is the lock page", err);
	if (pgno <= d->prev)
		return page_fault(d, pgno, "out of order", err);
	if (d->h.min_txid == 1 && pgno != ltx_page_after(d->prev, d->lock))
		return page_fault(d, pgno, "snapshot misses the page before",
		    err);
	return 0;
}

/* Bytes of a LTX 1 body that is one LZ4 frame. */
static int
body_lz4(struct ltx_dec *d, unsigned char *out, size_t len, struct err *err)
{
	while (len) {
		size_t outlen = len, inlen;

		if (d->unframe.ended)
			return ltx_dec_fault(d->win.off,
			    "page block is cut short", err);
		if (ltx_dec_need(d, 1, "the page block", err))
			return -1;
		inlen = ltx_win_have(&d->win);
		if (ltx_unframe_step(&d->unframe, out, &outlen,
		    ltx_win_at(&d->win), &inlen, err) < 0)
			return ltx_dec_damaged(d->win.off, err);
		ltx_win_skip(&d->win, inlen);
		out += outlen;
		len -= outlen;
	}
	return 0;
}

static int
end_lz4(struct ltx_dec *d, struct err *err)
{
	while (!d->unframe.ended) {
		unsigned char c;
		size_t outlen = 1, inlen;

		if (ltx_dec_need(d, 1, "the page block", err))
			return -1;
		inlen = ltx_win_have(&d->win);
		if (ltx_unframe_step(&d->unframe, &c, &outlen,
		    ltx_win_at(&d->win), &inlen, err) < 0)
			return ltx_dec_damaged(d->win.off, err);
		if (outlen)
			return ltx_dec_fault(d->win.off,
			    "page block has bytes after its end", err);
		ltx_win_skip(&d->win, inlen);
	}
	return 0;
}

/* LTX 1: 4-byte page headers, pages as they are. */
int
ltx_dec_page_1(struct ltx_dec *d, uint32_t *pgno, const unsigned char **data,
    struct err *err)
{
	int lz4 = d->format == LTX_FORMAT_1_LZ4;
	unsigned char head[4];

	d->page_at = d->win.off;
	if (lz4 ? body_lz4(d, head, 4, err)
	    : ltx_dec_need(d, 4, "a page header", err))
		return -1;
	if (!lz4)
		memcpy(head, ltx_win_at(&d->win), 4);
	*pgno = be32_unpack(head);
	if (*pgno && check_pgno(d, *pgno, err))
		return -1;
	d->crc = crc64(d->crc, head, 4);
	if (!*pgno) {
		if (!lz4)
			ltx_win_skip(&d->win, 4);
		return lz4 ? end_lz4(d, err) : 0;
	}
	*data = d->page;
	if (lz4) {
		if (body_lz4(d, d->page, d->h.page_size, err))
			return -1;
	} else {
		if (ltx_dec_need(d, 4 + (size_t)d->h.page_size, "a page", err))
			return -1;
		*data = ltx_win_at(&d->win) + 4;
		ltx_win_skip(&d->win, 4 + (size_t)d->h.page_size);
	}
	d->payload = (struct ltx_payload){ LTX_V1, NULL, d->h.page_size };
	return 1;
}

/* The LZ4 block at p to d->page. */
static int
unblock(struct ltx_dec *d, uint32_t pgno, const unsigned char *p, size_t len,
    struct err *err)
{
	uint32_t size = d->h.page_size;
	int n = LZ4_decompress_safe((const char *)p, (char *)d->page, (int)len,
	    (int)size);

	if (n < 0)
		return page_fault(d, pgno, "damaged LZ4 block", err);
	if ((uint32_t)n != size)
		return page_fault(d, pgno, "LZ4 block is shorter than a page",
		    err);
	return 0;
}

static int
page_block(struct ltx_dec *d, uint32_t pgno, struct err *err)
{
	const unsigned char *p;
	size_t n;

	if (ltx_dec_need(d, 10, "a page header", err))
		return -1;
	n = be32_unpack(ltx_win_at(&d->win) + 6);
	if (!n)
		return page_fault(d, pgno, "empty payload", err);
	if (n > ltx_lz4_bound(d->h.page_size))
		return page_fault(d, pgno, "payload is too long", err);
	if (ltx_dec_need(d, 10 + n, "a page", err))
		return -1;
	p = ltx_win_at(&d->win);
	if (unblock(d, pgno, p + 10, n, err))
		return -1;
	d->payload = (struct ltx_payload){ LTX_BLOCK, p + 10, n };
	d->crc = crc64(d->crc, p, 10);
	ltx_win_skip(&d->win, 10 + n);
	return 0;
}

/* A frame of any legal shape. The whole frame stays in the window, whose
 * size is the cap. */
static int
frame_any(struct ltx_dec *d, uint32_t pgno, size_t head, struct err *err)
{
	size_t at = head, out = 0;
	int r = ltx_unframe_begin(&d->unframe, err);

	while (!r) {
		size_t inlen, outlen = d->h.page_size - out;
		unsigned char extra, *to = d->page + out;

		if (at == d->win.cap)
			return page_fault(d, pgno, "LZ4 frame is too long",
			    err);
		if (ltx_dec_need(d, at + 1, "a page", err))
			return -1;
		if (!outlen) { /* only end mark and checksum may follow */
			outlen = 1;
			to = &extra;
		}
		inlen = ltx_win_have(&d->win) - at;
		r = ltx_unframe_step(&d->unframe, to, &outlen,
		    ltx_win_at(&d->win) + at, &inlen, err);
		if (r < 0)
			break;
		out += outlen;
		at += inlen;
		if (out > d->h.page_size)
			return page_fault(d, pgno, "LZ4 frame is longer than "
			    "a page", err);
	}
	if (r < 0)
		return ltx_dec_damaged(d->win.off, err);
	if (out != d->h.page_size)
		return page_fault(d, pgno, "LZ4 frame is shorter than a page",
		    err);
	d->crc = crc64(d->crc, ltx_win_at(&d->win), head);
	d->payload = (struct ltx_payload){ LTX_FRAME, NULL, at - head };
	ltx_win_skip(&d->win, at);
	return 0;
}

/* The shape that Litestream writes is taken apart here; 0 where the frame
 * has another one. */
static int
frame_usual(struct ltx_dec *d, uint32_t pgno, size_t head, struct err *err)
{
	const unsigned char *p;
	size_t n, len, data = head + LTX_FRAME_HEAD + 4;
	int stored;

	if (ltx_dec_need(d, data, "a page", err))
		return -1;
	p = ltx_win_at(&d->win) + head;
	if (memcmp(p, ltx_lz4_head, LTX_FRAME_HEAD))
		return 0;
	n = le32_unpack(p + LTX_FRAME_HEAD);
	stored = n >> 31;
	n &= 0x7fffffff;
	if (!n || n > ltx_lz4_bound(d->h.page_size)
	    || (stored && n != d->h.page_size))
		return 0;
	len = n + LTX_FRAME_EXTRA;
	if (ltx_dec_need(d, head + len, "a page", err))
		return -1;
	p = ltx_win_at(&d->win) + head;
	if (le32_unpack(p + len - 8))
		return 0;
	if (stored)
		memcpy(d->page, p + LTX_FRAME_HEAD + 4, n);
	else if (unblock(d, pgno, p + LTX_FRAME_HEAD + 4, n, err))
		return -1;
	if (le32_unpack(p + len - 4)
	    != ltx_lz4_xxh32(d->page, d->h.page_size))
		return page_fault(d, pgno, "LZ4 frame: wrong content checksum",
		    err);
	d->payload = (struct ltx_payload){ LTX_FRAME, p, len };
	d->crc = crc64(d->crc, ltx_win_at(&d->win), head);
	ltx_win_skip(&d->win, head + len);
	return 1;
}

static void
index_add(struct ltx_dec *d, uint32_t pgno)
{
	struct ltx_index_entry e = {
		pgno, d->page_at, d->win.off - d->page_at
	};
	unsigned char b[LTX_INDEX_ENTRY_MAX];
	size_t n = ltx_index_pack(b, &e);

	d->idx_crc = crc64(d->idx_crc, b, n);
	d->idx_size += n;
}

int
ltx_dec_page_3(struct ltx_dec *d, uint32_t *pgno, const unsigned char **data,
    struct err *err)
{
	size_t head = d->format == LTX_FORMAT_2 ? 4 : 6;
	const unsigned char *p;
	unsigned flags;
	int r;

	if (ltx_dec_need(d, head, "a page header", err))
		return -1;
	p = ltx_win_at(&d->win);
	*pgno = be32_unpack(p);
	flags = head == 6 ? be16_unpack(p + 4) : 0;
	if (*pgno ? flags > 1 : flags)
		return page_fault(d, *pgno, "unknown page flags", err);
	d->page_at = d->win.off;
	if (!*pgno) {
		d->crc = crc64(d->crc, p, head);
		ltx_win_skip(&d->win, head);
		return 0;
	}
	if (check_pgno(d, *pgno, err))
		return -1;
	if (flags) {
		r = page_block(d, *pgno, err);
	} else {
		if (ltx_dec_need(d, head + 4, "a page", err))
			return -1;
		if (!ltx_dec_is_frame(ltx_win_at(&d->win) + head))
			return page_fault(d, *pgno, "no LZ4 frame", err);
		r = frame_usual(d, *pgno, head, err);
		if (!r)
			r = frame_any(d, *pgno, head, err);
	}
	if (r < 0)
		return -1;
	index_add(d, *pgno);
	*data = d->page;
	return 1;
}
