#ifndef LS_LTX_DECODE_H
#define LS_LTX_DECODE_H

/* The decoder, shared by decode.c (the file) and decode_page.c (a page). */

#include <string.h>

#include "ltx/internal.h"

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

/* The next page at the read position: 1, 0 the end of the page block, -1.
 * ltx_dec_page_1 of LTX 1, ltx_dec_page_3 of LTX 2 and 3. */
int ltx_dec_page_1(struct ltx_dec *, uint32_t *pgno,
    const unsigned char **data, struct err *);
int ltx_dec_page_3(struct ltx_dec *, uint32_t *pgno,
    const unsigned char **data, struct err *);

/* Errors with the offset in front; they return -1. damaged: err is set. */
int ltx_dec_damaged(uint64_t at, struct err *);
int ltx_dec_fault(uint64_t at, const char *what, struct err *);
/* n unread bytes are in the window, or ERR_DATA: the file ends in WHAT. */
int ltx_dec_need(struct ltx_dec *, size_t n, const char *what, struct err *);

static inline int
ltx_dec_is_frame(const unsigned char *p)
{
	return !memcmp(p, ltx_lz4_head, 4);
}

#endif
