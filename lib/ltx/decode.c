#include "ltx/internal.h"

#include <inttypes.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc64.h"

#define WINDOW 65536 /* bytes asked for at a time, at least */

struct ltx_dec {
	struct ltx_header h;
	struct ltx_win win;
	struct ltx_unframe unframe;
	enum ltx_format format;
	enum { PAGES, ENDED, DEAD } state;
	uint64_t crc;        /* of the file so far */
	uint64_t pages_xor;  /* tracked snapshots: of page checksums */
	uint64_t post_apply, checksum;
	uint64_t page_at;    /* offset of the last page's frame */
	uint32_t prev, lock;
	/* The index is determined by the pages, so it is verified without
	 * being kept: CRC and length of the bytes it must have. */
	uint64_t idx_crc, idx_size;
	unsigned char *page; /* page_cap bytes */
	uint32_t page_cap;
	struct ltx_payload payload;
};

static int
damaged(uint64_t at, struct err *err)
{
	return err_in(err, "byte %" PRIu64, at);
}

static int
fault(uint64_t at, const char *what, struct err *err)
{
	return err_set(err, ERR_DATA, "byte %" PRIu64 ": %s", at, what);
}

static int
page_fault(const struct ltx_dec *d, uint32_t pgno, const char *what,
    struct err *err)
{
	return err_set(err, ERR_DATA, "byte %" PRIu64 ": page %" PRIu32 ": %s",
	    d->win.off, pgno, what);
}

static int
need(struct ltx_dec *d, size_t n, const char *what, struct err *err)
{
	int r = ltx_win_need(&d->win, n, err);

	if (r > 0)
		return 0;
	if (r < 0)
		return damaged(d->win.off + ltx_win_have(&d->win), err);
	return err_set(err, ERR_DATA, "byte %" PRIu64 ": unexpected end of "
	    "file in %s", d->win.off + ltx_win_have(&d->win), what);
}

static int
is_frame(const unsigned char *p)
{
	return !memcmp(p, ltx_lz4_head, 4);
}

/* There is no version in the file: told by what follows the header. p has
 * 20 bytes; the shortest file, LTX 1 without pages, has no more. */
static enum ltx_format
sniff(const struct ltx_header *h, const unsigned char *p)
{
	int untracked = !!(h->flags & LTX_FLAG_NOCHECKSUM);
	uint32_t size = be32_unpack(p + 6);

	if (h->flags & LTX_FLAG_LZ4)
		return LTX_FORMAT_1_LZ4;
	if (!be32_unpack(p)) {
		/* No pages. LTX 1: trailer at 4. LTX 2: index 00 and its
		 * size at 4. LTX 3: the same at 6. */
		if ((p[4] | p[12]) & 0x80)
			return LTX_FORMAT_1;
		return p[12] == 1 ? LTX_FORMAT_2 : LTX_FORMAT_3;
	}
	if (is_frame(p + 4))
		return LTX_FORMAT_2;
	if (p[4] || p[5] > 1)
		return LTX_FORMAT_1;
	/* A raw LTX 1 page may begin like this: an overflow page. */
	if (untracked || (p[5] ? size && size <= ltx_lz4_bound(h->page_size)
	    : is_frame(p + 6)))
		return LTX_FORMAT_3;
	return LTX_FORMAT_1;
}

static int
begin_memory(struct ltx_dec *d, struct err *err)
{
	size_t frame = 2 * (size_t)d->h.page_size + 1024;

	if (d->page_cap < d->h.page_size) {
		free(d->page);
		d->page_cap = 0;
		d->page = malloc(d->h.page_size);
		if (!d->page)
			return err_nomem(err);
		d->page_cap = d->h.page_size;
	}
	return ltx_win_reserve(&d->win, frame, err);
}

static int
begin(struct ltx_dec *d, struct err *err)
{
	const unsigned char *p;
	int r;

	d->state = DEAD;
	d->win.off = d->crc = d->idx_crc = d->idx_size = d->pages_xor = 0;
	d->prev = 0;
	d->post_apply = d->checksum = d->page_at = 0;
	d->payload = (struct ltx_payload){ LTX_BLOCK, NULL, 0 };
	if (need(d, LTX_HEADER_SIZE, "the header", err))
		return -1;
	p = ltx_win_at(&d->win);
	if (ltx_header_unpack(&d->h, p, err))
		return damaged(0, err);
	d->lock = ltx_lock_page(d->h.page_size);
	if (begin_memory(d, err)
	    || need(d, LTX_HEADER_SIZE + 20, "the first page", err))
		return -1;
	p = ltx_win_at(&d->win);
	d->format = sniff(&d->h, p + LTX_HEADER_SIZE);
	d->crc = crc64(0, p, LTX_HEADER_SIZE);
	ltx_win_skip(&d->win, LTX_HEADER_SIZE);
	if (d->format == LTX_FORMAT_1_LZ4) {
		if (!is_frame(ltx_win_at(&d->win)))
			return fault(LTX_HEADER_SIZE, "no LZ4 frame", err);
		r = ltx_unframe_begin(&d->unframe, err);
		if (r)
			return r;
	}
	d->state = PAGES;
	return 0;
}

int
ltx_dec_begin(struct ltx_dec **dp, struct io_in in, struct err *err)
{
	struct ltx_dec *d = calloc(1, sizeof *d);

	*dp = NULL;
	if (!d)
		return err_nomem(err);
	d->win.in = in;
	if (ltx_win_reserve(&d->win, WINDOW, err) || begin(d, err)) {
		ltx_dec_free(d);
		return -1;
	}
	*dp = d;
	return 0;
}

static uint32_t
after(const struct ltx_dec *d, uint32_t pgno)
{
	return pgno + 1 + (pgno + 1 == d->lock);
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
	if (d->h.min_txid == 1 && pgno != after(d, d->prev))
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
			return fault(d->win.off, "page block is cut short",
			    err);
		if (need(d, 1, "the page block", err))
			return -1;
		inlen = ltx_win_have(&d->win);
		if (ltx_unframe_step(&d->unframe, out, &outlen,
		    ltx_win_at(&d->win), &inlen, err) < 0)
			return damaged(d->win.off, err);
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

		if (need(d, 1, "the page block", err))
			return -1;
		inlen = ltx_win_have(&d->win);
		if (ltx_unframe_step(&d->unframe, &c, &outlen,
		    ltx_win_at(&d->win), &inlen, err) < 0)
			return damaged(d->win.off, err);
		if (outlen)
			return fault(d->win.off, "page block has bytes after "
			    "its end", err);
		ltx_win_skip(&d->win, inlen);
	}
	return 0;
}

/* LTX 1: 4-byte page headers, pages as they are. */
static int
page_1(struct ltx_dec *d, uint32_t *pgno, const unsigned char **data,
    struct err *err)
{
	int lz4 = d->format == LTX_FORMAT_1_LZ4;
	unsigned char head[4];

	d->page_at = d->win.off;
	if (lz4 ? body_lz4(d, head, 4, err) : need(d, 4, "a page header", err))
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
		if (need(d, 4 + (size_t)d->h.page_size, "a page", err))
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

	if (need(d, 10, "a page header", err))
		return -1;
	n = be32_unpack(ltx_win_at(&d->win) + 6);
	if (!n)
		return page_fault(d, pgno, "empty payload", err);
	if (n > ltx_lz4_bound(d->h.page_size))
		return page_fault(d, pgno, "payload is too long", err);
	if (need(d, 10 + n, "a page", err))
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
		if (need(d, at + 1, "a page", err))
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
		return damaged(d->win.off, err);
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

	if (need(d, data, "a page", err))
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
	if (need(d, head + len, "a page", err))
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

static int
page_3(struct ltx_dec *d, uint32_t *pgno, const unsigned char **data,
    struct err *err)
{
	size_t head = d->format == LTX_FORMAT_2 ? 4 : 6;
	const unsigned char *p;
	unsigned flags;
	int r;

	if (need(d, head, "a page header", err))
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
		if (need(d, head + 4, "a page", err))
			return -1;
		if (!is_frame(ltx_win_at(&d->win) + head))
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

static int
check_index(struct ltx_dec *d, struct err *err)
{
	uint64_t at = d->win.off, left = d->idx_size + 1, crc = 0;
	const unsigned char *p;
	size_t n;

	d->idx_crc = crc64(d->idx_crc, "", 1);
	for (; left; left -= n) {
		n = left < 4096 ? (size_t)left : 4096;
		if (need(d, n, "the page index", err))
			return -1;
		p = ltx_win_at(&d->win);
		crc = crc64(crc, p, n);
		d->crc = crc64(d->crc, p, n);
		ltx_win_skip(&d->win, n);
	}
	if (crc != d->idx_crc)
		return fault(at, "page index does not match the pages", err);
	if (need(d, 8, "the page index", err))
		return -1;
	p = ltx_win_at(&d->win);
	if (be64_unpack(p) != d->idx_size + 1)
		return fault(d->win.off, "wrong page index size", err);
	d->crc = crc64(d->crc, p, 8);
	ltx_win_skip(&d->win, 8);
	return 0;
}

static int
check_trailer(struct ltx_dec *d, struct err *err)
{
	int tracked = !(d->h.flags & LTX_FLAG_NOCHECKSUM);
	const unsigned char *p;
	uint64_t at;

	if (need(d, LTX_TRAILER_SIZE, "the trailer", err))
		return -1;
	p = ltx_win_at(&d->win);
	at = d->win.off;
	d->post_apply = be64_unpack(p);
	d->checksum = be64_unpack(p + 8);
	if (tracked ? !(d->post_apply & LTX_CHECKSUM_FLAG) : d->post_apply)
		return fault(at, "invalid post-apply checksum", err);
	if (d->checksum != (crc64(d->crc, p, 8) | LTX_CHECKSUM_FLAG))
		return fault(at + 8, "file checksum mismatch", err);
	if (tracked && d->h.min_txid == 1
	    && d->post_apply != (d->pages_xor | LTX_CHECKSUM_FLAG))
		return fault(at, "post-apply checksum does not match the pages",
		    err);
	ltx_win_skip(&d->win, LTX_TRAILER_SIZE);
	return 0;
}

static int
finish(struct ltx_dec *d, struct err *err)
{
	if (d->h.min_txid == 1 && d->prev < d->h.commit
	    && after(d, d->prev) <= d->h.commit)
		return fault(d->page_at, "snapshot ends before its last page",
		    err);
	if (d->format >= LTX_FORMAT_2 && check_index(d, err))
		return -1;
	if (check_trailer(d, err))
		return -1;
	d->state = ENDED;
	return 0;
}

int
ltx_dec_page(struct ltx_dec *d, uint32_t *pgno, const unsigned char **data,
    struct err *err)
{
	int r;

	if (d->state == ENDED)
		return 0;
	if (d->state == DEAD)
		return err_set(err, ERR_BUG, "LTX decoder used after an error");
	r = d->format >= LTX_FORMAT_2 ? page_3(d, pgno, data, err)
	    : page_1(d, pgno, data, err);
	if (r > 0) {
		d->prev = *pgno;
		d->crc = crc64(d->crc, *data, d->h.page_size);
		if (d->h.min_txid == 1 && !(d->h.flags & LTX_FLAG_NOCHECKSUM))
			d->pages_xor ^= ltx_page_checksum(*pgno, *data,
			    d->h.page_size);
		return 1;
	}
	d->state = DEAD;
	return r < 0 ? -1 : finish(d, err);
}

int
ltx_dec_next(struct ltx_dec *d, struct err *err)
{
	int r;

	if (d->state != ENDED)
		return err_set(err, ERR_BUG, "LTX file not at its end");
	r = ltx_win_need(&d->win, 1, err);
	if (r > 0)
		r = begin(d, err) ? -1 : 1;
	if (r < 0)
		d->state = DEAD;
	return r;
}

int
ltx_dec_eof(struct ltx_dec *d, struct err *err)
{
	int r = ltx_win_need(&d->win, 1, err);

	return r > 0 ? fault(d->win.off, "bytes after the end of the file",
	    err) : r;
}

const struct ltx_header *
ltx_dec_header(const struct ltx_dec *d)
{
	return &d->h;
}

enum ltx_format
ltx_dec_format(const struct ltx_dec *d)
{
	return d->format;
}

struct ltx_payload
ltx_dec_payload(const struct ltx_dec *d)
{
	return d->payload;
}

uint64_t
ltx_dec_post_apply(const struct ltx_dec *d)
{
	return d->post_apply;
}

uint64_t
ltx_dec_checksum(const struct ltx_dec *d)
{
	return d->checksum;
}

uint64_t
ltx_dec_offset(const struct ltx_dec *d)
{
	return d->win.off;
}

uint64_t
ltx_dec_page_offset(const struct ltx_dec *d)
{
	return d->page_at;
}

void
ltx_dec_free(struct ltx_dec *d)
{
	if (!d)
		return;
	ltx_unframe_free(&d->unframe);
	free(d->win.buf);
	free(d->page);
	free(d);
}
