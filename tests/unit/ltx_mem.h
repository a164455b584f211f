#ifndef LS_TESTS_LTX_MEM_H
#define LS_TESTS_LTX_MEM_H

/* LTX files in memory, for the tests of lib/ltx. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ltx/ltx.h"

struct mem {
	unsigned char *p;
	size_t len, cap;
	size_t at;      /* of the reader */
	size_t chunk;   /* a read gives at most this much; 0: all */
	long fail_in;   /* >= 0: this many calls succeed, then they fail */
	unsigned long calls;
};

static inline int
mem_fails(struct mem *m, struct err *err)
{
	m->calls++;
	if (m->fail_in < 0 || m->fail_in-- > 0)
		return 0;
	m->fail_in = 0;
	return err_set(err, ERR_TEMP, "made to fail");
}

static inline int
mem_write(void *ctx, const void *buf, size_t len, struct err *err)
{
	struct mem *m = ctx;

	if (mem_fails(m, err))
		return -1;
	if (!len)
		return 0;
	if (m->len + len > m->cap) {
		m->cap = 2 * (m->len + len);
		m->p = realloc(m->p, m->cap);
		if (!m->p)
			abort();
	}
	memcpy(m->p + m->len, buf, len);
	m->len += len;
	return 0;
}

static inline ssize_t
mem_read(void *ctx, void *buf, size_t len, struct err *err)
{
	struct mem *m = ctx;

	if (mem_fails(m, err))
		return -1;
	if (len > m->len - m->at)
		len = m->len - m->at;
	if (m->chunk && len > m->chunk)
		len = m->chunk;
	if (len)
		memcpy(buf, m->p + m->at, len);
	m->at += len;
	return (ssize_t)len;
}

static inline struct mem
mem_new(void)
{
	struct mem m = { 0 };

	m.fail_in = -1;
	return m;
}

static inline struct io_out
mem_out(struct mem *m)
{
	return (struct io_out){ mem_write, m };
}

/* Reads from the start again. */
static inline struct io_in
mem_in(struct mem *m)
{
	m->at = 0;
	return (struct io_in){ mem_read, m };
}

static inline void
mem_free(struct mem *m)
{
	free(m->p);
	m->p = NULL;
	m->len = m->cap = 0;
}

/* Page data that compresses a little, told by page number and version. */
static inline void
mem_page(unsigned char *p, uint32_t size, uint32_t pgno, uint32_t version)
{
	uint32_t x = pgno * 2654435761u + version * 40503u + 1;

	memset(p, 0, size);
	for (uint32_t i = 0; i < size; i++) {
		x = x * 1664525u + 1013904223u;
		if ((i >> 6) % 3 != 1)
			p[i] = (unsigned char)(x >> 24);
	}
}

static inline struct ltx_header
mem_header(uint32_t page_size, uint32_t commit, uint64_t min, uint64_t max)
{
	struct ltx_header h = { 0 };

	h.flags = LTX_FLAG_NOCHECKSUM;
	h.page_size = page_size;
	h.commit = commit;
	h.min_txid = min;
	h.max_txid = max;
	h.time_ms = 1000 * (int64_t)max;
	return h;
}

/* A whole file of n pages whose numbers are at pgno (NULL: 1..n), page data
 * of this version. */
static inline int
mem_ltx(struct mem *m, const struct ltx_header *h, enum ltx_encoding enc,
    const uint32_t *pgno, uint32_t n, uint32_t version, struct err *err)
{
	static unsigned char page[LTX_PAGE_MAX];
	struct ltx_enc *e;
	int r = ltx_enc_begin(&e, h, enc, mem_out(m), NULL, err);

	for (uint32_t i = 0; !r && i < n; i++) {
		uint32_t p = pgno ? pgno[i] : i + 1;

		mem_page(page, h->page_size, p, version);
		r = ltx_enc_page(e, p, page, err);
	}
	if (!r)
		r = ltx_enc_end(e, 0, err);
	ltx_enc_free(e);
	return r;
}

/* Decodes a stream of files to its end: number of pages, or -1. */
static inline long
mem_decode(struct mem *m, struct err *err)
{
	struct ltx_dec *d;
	const unsigned char *data;
	uint32_t pgno;
	long n = 0;
	int r = ltx_dec_begin(&d, mem_in(m), err) ? -1 : 1;

	while (r > 0) {
		while ((r = ltx_dec_page(d, &pgno, &data, err)) > 0)
			n++;
		if (!r)
			r = ltx_dec_next(d, err);
	}
	ltx_dec_free(d);
	return r < 0 ? -1 : n;
}

#endif
