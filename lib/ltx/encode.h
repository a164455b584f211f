#ifndef LS_LTX_ENCODE_H
#define LS_LTX_ENCODE_H

/* The encoder, shared by encode.c and encode_body.c (LTX 1). */

#include <lz4.h>

#include "ltx/internal.h"

#define LTX_FLUSH_AT 65536 /* write when this much is buffered */

/* The page block of LTX 1: as it is, or through one LZ4 frame. */
struct ltx_body {
	void *ctx;          /* LZ4F_cctx */
	unsigned char *buf; /* cap bytes, for what one call brings */
	size_t cap;
};

struct ltx_enc {
	struct ltx_header h;
	enum ltx_encoding encoding;
	struct io_out out;
	struct ltx_spill *spill;
	enum { PAGES, ENDED, DEAD } state;
	uint64_t crc, checksum;
	uint64_t size;       /* bytes of the file so far, buffered or written */
	uint32_t prev, pages, lock;
	unsigned char *buf;  /* FLUSH_AT and one page frame */
	size_t len;
	unsigned char *idx;  /* packed entries, those not spilled */
	size_t idx_len, idx_cap;
	uint64_t spilled;
	LZ4_stream_t *lz4;
	struct ltx_body body; /* LTX 1 */
};

/* Buffers n <= LTX_FLUSH_AT bytes of the file; _summed: adds them to its
 * checksum. */
int ltx_enc_put(struct ltx_enc *, const unsigned char *, size_t n,
    struct err *);
int ltx_enc_put_summed(struct ltx_enc *, const unsigned char *, size_t n,
    struct err *);
int ltx_enc_flush(struct ltx_enc *, struct err *);

/* After the header; a page; the terminator. */
int ltx_enc_body_begin(struct ltx_enc *, struct err *);
int ltx_enc_body_page(struct ltx_enc *, uint32_t pgno, const void *data,
    struct err *);
int ltx_enc_body_end(struct ltx_enc *, struct err *);
void ltx_enc_body_free(struct ltx_enc *);

#endif
