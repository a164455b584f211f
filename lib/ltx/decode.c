#include "ltx/decode.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc64.h"

#define WINDOW 65536 /* bytes asked for at a time, at least */

int
ltx_dec_damaged(uint64_t at, struct err *err)
{
	return err_in(err, "byte %" PRIu64, at);
}

int
ltx_dec_fault(uint64_t at, const char *what, struct err *err)
{
	return err_set(err, ERR_DATA, "byte %" PRIu64 ": %s", at, what);
}

int
ltx_dec_need(struct ltx_dec *d, size_t n, const char *what, struct err *err)
{
	int r = ltx_win_need(&d->win, n, err);

	if (r > 0)
		return 0;
	if (r < 0)
		return ltx_dec_damaged(d->win.off + ltx_win_have(&d->win), err);
	return err_set(err, ERR_DATA, "byte %" PRIu64 ": unexpected end of "
	    "file in %s", d->win.off + ltx_win_have(&d->win), what);
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
	if (ltx_dec_is_frame(p + 4))
		return LTX_FORMAT_2;
	if (p[4] || p[5] > 1)
		return LTX_FORMAT_1;
	/* A raw LTX 1 page may begin like this: an overflow page. */
	if (untracked || (p[5] ? size && size <= ltx_lz4_bound(h->page_size)
	    : ltx_dec_is_frame(p + 6)))
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
	if (ltx_dec_need(d, LTX_HEADER_SIZE, "the header", err))
		return -1;
	p = ltx_win_at(&d->win);
	if (ltx_header_unpack(&d->h, p, err))
		return ltx_dec_damaged(0, err);
	d->lock = ltx_lock_page(d->h.page_size);
	if (begin_memory(d, err)
	    || ltx_dec_need(d, LTX_HEADER_SIZE + 20, "the first page", err))
		return -1;
	p = ltx_win_at(&d->win);
	d->format = sniff(&d->h, p + LTX_HEADER_SIZE);
	d->crc = crc64(0, p, LTX_HEADER_SIZE);
	ltx_win_skip(&d->win, LTX_HEADER_SIZE);
	if (d->format == LTX_FORMAT_1_LZ4) {
		if (!ltx_dec_is_frame(ltx_win_at(&d->win)))
			return ltx_dec_fault(LTX_HEADER_SIZE,
			    "no LZ4 frame", err);
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

static int
check_index(struct ltx_dec *d, struct err *err)
{
	uint64_t at = d->win.off, left = d->idx_size + 1, crc = 0;
	const unsigned char *p;
	size_t n;

	d->idx_crc = crc64(d->idx_crc, "", 1);
	for (; left; left -= n) {
		n = left < 4096 ? (size_t)left : 4096;
		if (ltx_dec_need(d, n, "the page index", err))
			return -1;
		p = ltx_win_at(&d->win);
		crc = crc64(crc, p, n);
		d->crc = crc64(d->crc, p, n);
		ltx_win_skip(&d->win, n);
	}
	if (crc != d->idx_crc)
		return ltx_dec_fault(at,
		    "page index does not match the pages", err);
	if (ltx_dec_need(d, 8, "the page index", err))
		return -1;
	p = ltx_win_at(&d->win);
	if (be64_unpack(p) != d->idx_size + 1)
		return ltx_dec_fault(d->win.off, "wrong page index size", err);
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

	if (ltx_dec_need(d, LTX_TRAILER_SIZE, "the trailer", err))
		return -1;
	p = ltx_win_at(&d->win);
	at = d->win.off;
	d->post_apply = be64_unpack(p);
	d->checksum = be64_unpack(p + 8);
	if (!ltx_post_apply_ok(&d->h, d->post_apply))
		return ltx_dec_fault(at, "invalid post-apply checksum", err);
	if (d->checksum != (crc64(d->crc, p, 8) | LTX_CHECKSUM_FLAG))
		return ltx_dec_fault(at + 8, "file checksum mismatch", err);
	if (tracked && d->h.min_txid == 1
	    && d->post_apply != (d->pages_xor | LTX_CHECKSUM_FLAG))
		return ltx_dec_fault(at,
		    "post-apply checksum does not match the pages", err);
	ltx_win_skip(&d->win, LTX_TRAILER_SIZE);
	return 0;
}

static int
finish(struct ltx_dec *d, struct err *err)
{
	if (ltx_pages_missing(&d->h, d->prev, d->lock))
		return ltx_dec_fault(d->page_at,
		    "snapshot ends before its last page", err);
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
	r = d->format >= LTX_FORMAT_2 ? ltx_dec_page_3(d, pgno, data, err)
	    : ltx_dec_page_1(d, pgno, data, err);
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

	return r > 0 ? ltx_dec_fault(d->win.off,
	    "bytes after the end of the file", err) : r;
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
