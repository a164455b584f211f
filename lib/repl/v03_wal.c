#include "repl/v03_wal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define MAGIC 0x377f0682u /* sums of little-endian words */
#define VERSION 3007000u
#define FRAME_MAX (WAL_FRAME_HEADER + LTX_PAGE_MAX)

/* What looks random and is not: splitmix64. */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* As SQLite does: one more, and a random one. */
void
v03_wal_header(const struct v03_wal *w, struct wal_header *h)
{
	memset(h, 0, sizeof *h);
	h->magic = MAGIC;
	h->version = VERSION;
	h->page_size = w->page_size;
	h->checkpoint = w->index;
	h->salt1 = (uint32_t)(w->generation >> 32) + w->index;
	h->salt2 = (uint32_t)mix(w->generation
	    + (w->index + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15));
}

struct v03_wal_seg {
	struct v03_wal at;
	struct wal_header h;
	struct ltx_dec *dec;
	uint32_t commit;
	uint32_t next;           /* number of the page in wait, 0: none */
	int begun;
	size_t pos, len;         /* of buf: read up to, filled */
	unsigned char buf[FRAME_MAX];
	unsigned char wait[LTX_PAGE_MAX];
};

int
v03_wal_begin(struct v03_wal_seg **out, const struct v03_wal *at,
    struct ltx_dec *dec, struct err *e)
{
	const struct ltx_header *lh = ltx_dec_header(dec);
	struct v03_wal_seg *s;

	*out = NULL;
	if (lh->page_size != at->page_size)
		return err_set(e, ERR_CONF, "pages of %u bytes after those of "
		    "%u", lh->page_size, at->page_size);
	if (!(s = malloc(sizeof *s)))
		return err_nomem(e);
	s->at = *at;
	v03_wal_header(at, &s->h);
	s->dec = dec;
	s->commit = lh->commit;
	s->next = 0;
	s->begun = 0;
	s->pos = s->len = 0;
	*out = s;
	return 0;
}

void
v03_wal_free(struct v03_wal_seg *s)
{
	free(s);
}

/* The page in wait: only the one after it tells whether it is the last. */
static int
take(struct v03_wal_seg *s, struct err *e)
{
	const unsigned char *data;
	int r = ltx_dec_page(s->dec, &s->next, &data, e);

	if (r > 0)
		memcpy(s->wait, data, s->h.page_size);
	else
		s->next = 0;
	return r < 0 ? -1 : 0;
}

static int
frame(struct v03_wal_seg *s, struct err *e)
{
	unsigned char *p = s->buf;

	be32_pack(p, s->next);
	be32_pack(p + 8, s->h.salt1);
	be32_pack(p + 12, s->h.salt2);
	memcpy(p + WAL_FRAME_HEADER, s->wait, s->h.page_size);
	if (take(s, e) < 0)
		return -1;
	be32_pack(p + 4, s->next ? 0 : s->commit);
	wal_sum(0, p, 8, s->at.sum);
	wal_sum(0, p + WAL_FRAME_HEADER, s->h.page_size, s->at.sum);
	be32_pack(p + 16, s->at.sum[0]);
	be32_pack(p + 20, s->at.sum[1]);
	s->len = WAL_FRAME_HEADER + s->h.page_size;
	return 0;
}

/* The next bytes into buf; none at the end. */
static int
step(struct v03_wal_seg *s, struct err *e)
{
	s->pos = s->len = 0;
	if (!s->begun) {
		s->begun = 1;
		if (take(s, e) < 0)
			return -1;
		if (!s->next || !s->commit)
			return err_set(e, ERR_DATA, "the file has no pages");
		if (!s->at.offset) {
			wal_header_pack(s->buf, &s->h);
			memcpy(s->at.sum, s->h.sum, sizeof s->at.sum);
			s->len = WAL_HEADER_SIZE;
			goto out;
		}
	}
	if (s->next && frame(s, e) < 0)
		return -1;
out:
	s->at.offset += s->len;
	return 0;
}

static ssize_t
seg_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct v03_wal_seg *s = ctx;

	if (s->pos == s->len && step(s, e) < 0)
		return -1;
	if (len > s->len - s->pos)
		len = s->len - s->pos;
	memcpy(buf, s->buf + s->pos, len);
	s->pos += len;
	return (ssize_t)len;
}

struct io_in
v03_wal_in(struct v03_wal_seg *s)
{
	return (struct io_in){ seg_read, s };
}

struct v03_wal
v03_wal_end(const struct v03_wal_seg *s)
{
	return s->at;
}

/* ---- the database file ---- */

void
v03_image_init(struct v03_image *i, struct ltx_dec *dec)
{
	memset(i, 0, sizeof *i);
	i->dec = dec;
	i->at = ltx_dec_header(dec)->page_size;
}

/* The next page: 1, 0 after the last, when the file was verified. */
static int
image_page(struct v03_image *i, struct err *e)
{
	const struct ltx_header *h = ltx_dec_header(i->dec);
	uint32_t got;
	int r;

	i->pgno++;
	i->at = 0;
	i->page = NULL;
	if (i->pgno == ltx_lock_page(h->page_size) && i->pgno <= h->commit)
		return 1;
	if ((r = ltx_dec_page(i->dec, &got, &i->page, e)) < 0)
		return -1;
	if (r ? got != i->pgno : i->pgno <= h->commit)
		return err_set(e, ERR_DATA, "page %u is missing", i->pgno);
	i->ended = !r;
	return r;
}

static ssize_t
image_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct v03_image *i = ctx;
	uint32_t size = ltx_dec_header(i->dec)->page_size;
	int r;

	if (i->ended)
		return 0;
	if (i->at == size && (r = image_page(i, e)) <= 0)
		return r;
	if (len > size - i->at)
		len = size - i->at;
	if (i->page)
		memcpy(buf, i->page + i->at, len);
	else
		memset(buf, 0, len);
	i->at += (uint32_t)len;
	return (ssize_t)len;
}

struct io_in
v03_image_in(struct v03_image *i)
{
	return (struct io_in){ image_read, i };
}
