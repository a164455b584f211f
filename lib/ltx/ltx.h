#ifndef LS_LTX_LTX_H
#define LS_LTX_LTX_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/io.h"

/* LTX files: one transaction or a contiguous range, as a sorted set of page
 * images. Facts: shared/formats/ltx.md. Everything here is pure: bytes come
 * and go through struct io_in and io_out, no descriptors, no clock. */

#define LTX_HEADER_SIZE 100
#define LTX_TRAILER_SIZE 16
#define LTX_PAGE_MAX 65536
#define LTX_NAME_LEN 37          /* "<16>-<16>.ltx" */
#define LTX_FLAG_LZ4 1u          /* v1: body is one LZ4 frame */
#define LTX_FLAG_NOCHECKSUM 2u   /* no database checksums tracked */
#define LTX_CHECKSUM_FLAG (UINT64_C(1) << 63)

struct ltx_header {
	uint32_t flags;
	uint32_t page_size;  /* bytes, 512 .. 65536 */
	uint32_t commit;     /* database size in pages after applying */
	uint64_t min_txid, max_txid;
	int64_t time_ms;     /* since the epoch */
	uint64_t pre_apply;  /* checksum, 0 with LTX_FLAG_NOCHECKSUM */
	int64_t wal_offset, wal_size; /* bytes */
	uint32_t salt1, salt2;
	uint64_t node;       /* our writer id; Litestream writes 0 */
};

void ltx_header_pack(unsigned char out[LTX_HEADER_SIZE],
    const struct ltx_header *);
/* Unpacks and validates (section 2.1); ERR_DATA names the field. */
int ltx_header_unpack(struct ltx_header *,
    const unsigned char in[LTX_HEADER_SIZE], struct err *);
int ltx_header_check(const struct ltx_header *, struct err *);

/* "<min>-<max>.ltx" and a NUL; returns LTX_NAME_LEN. */
size_t ltx_name_fmt(char s[LTX_NAME_LEN + 1], uint64_t min, uint64_t max);
/* The whole string must be a name, lower case, 1 <= min <= max. 0 or -1. */
int ltx_name_scan(const char *s, uint64_t *min, uint64_t *max);

/* May an object of this key hold the file? Not if its last part is the name of
 * other TXIDs. */
int ltx_name_fits(const char *key, const struct ltx_header *);

/* The page at byte 0x40000000, which SQLite never uses. */
uint32_t ltx_lock_page(uint32_t page_size);
int ltx_page_size_ok(uint32_t page_size);

/* Checksum of one page, and of a database from those of its pages. */
uint64_t ltx_page_checksum(uint32_t pgno, const void *data, uint32_t size);

/* ---- encoder ---- */

enum ltx_encoding {
	LTX_BLOCK,  /* flag 1: size and LZ4 block; Litestream from 0.5.16 */
	LTX_FRAME,  /* flag 0: one LZ4 frame a page; all of Litestream 0.5 */
	LTX_V1      /* LiteFS: no index; pages as they are or, with
	             * LTX_FLAG_LZ4 in the header, in one LZ4 frame */
};

/* Where a growing page index goes when it is past its memory: append all,
 * later read back from the start. NULL: it stays in memory. */
struct ltx_spill {
	struct io_out out;
	struct io_in in;
	int (*rewind)(void *ctx, struct err *);
	void *ctx;
};

struct ltx_enc; /* opaque, allocated: 80 KB and one page frame, and an index
                 * of up to 1 MB (past that in the spill) */

/* Starts a file: writes the header. spill may be NULL. */
int ltx_enc_begin(struct ltx_enc **, const struct ltx_header *,
    enum ltx_encoding, struct io_out, struct ltx_spill *, struct err *);
/* Pages strictly ascending, never the lock page; data is page_size bytes.
 * Files with min TXID 1 must hold every page 1..commit. */
int ltx_enc_page(struct ltx_enc *, uint32_t pgno, const void *data,
    struct err *);
/* As ltx_enc_page, with the compressed payload of a decoder reused where
 * the encodings agree (ltx_dec_payload): merging costs no compression. */
struct ltx_payload;
int ltx_enc_page_reuse(struct ltx_enc *, uint32_t pgno, const void *data,
    const struct ltx_payload *, struct err *);
/* Page terminator, index, trailer. post_apply 0 with LTX_FLAG_NOCHECKSUM. */
int ltx_enc_end(struct ltx_enc *, uint64_t post_apply, struct err *);
/* After the end: bytes written, file checksum, number of pages. */
uint64_t ltx_enc_size(const struct ltx_enc *);
uint64_t ltx_enc_checksum(const struct ltx_enc *);
uint32_t ltx_enc_pages(const struct ltx_enc *);
void ltx_enc_free(struct ltx_enc *);

/* ---- decoder: v1, v2, v3; block, frame, raw ---- */

struct ltx_dec; /* opaque, allocated; memory is constant: 64 KB and two
                 * pages, with foreign LZ4 frames of 4 MB blocks 8 MB */

/* Told from the first bytes: no version is stored. */
enum ltx_format {
	LTX_FORMAT_1,     /* LiteFS: pages as they are */
	LTX_FORMAT_1_LZ4, /* LiteFS: the pages are one LZ4 frame */
	LTX_FORMAT_2,     /* a LZ4 frame a page, index */
	LTX_FORMAT_3      /* each page a LZ4 frame or block, index */
};

struct ltx_payload {
	enum ltx_encoding encoding;
	const unsigned char *data; /* as stored, NULL if not to be reused */
	size_t len;
};

/* Reads and checks the header. Reads ahead, some 64 KB; what follows the
 * file in the stream is kept for ltx_dec_next. */
int ltx_dec_begin(struct ltx_dec **, struct io_in, struct err *);
const struct ltx_header *ltx_dec_header(const struct ltx_dec *);
/* 1: a page (*data valid until the next call); 0: end of file, and index,
 * trailer and file checksum were all verified; -1: error with the byte
 * offset and the reason (ERR_DATA), or the source's own error. */
int ltx_dec_page(struct ltx_dec *, uint32_t *pgno, const unsigned char **data,
    struct err *);
/* Of the last page, valid as long as its data. */
struct ltx_payload ltx_dec_payload(const struct ltx_dec *);
enum ltx_format ltx_dec_format(const struct ltx_dec *);
/* Where the last page's frame began in the file (in LTX_FORMAT_1_LZ4 about:
 * pages have no bytes of their own there). */
uint64_t ltx_dec_page_offset(const struct ltx_dec *);
/* After 0: post-apply checksum, file checksum, total bytes. */
uint64_t ltx_dec_post_apply(const struct ltx_dec *);
uint64_t ltx_dec_checksum(const struct ltx_dec *);
uint64_t ltx_dec_offset(const struct ltx_dec *);
/* After 0, where several files follow each other in one stream: 1 another
 * begins (header read), 0 clean end of the stream, -1. */
int ltx_dec_next(struct ltx_dec *, struct err *);
/* After 0: the stream must end here (ERR_DATA if bytes follow). */
int ltx_dec_eof(struct ltx_dec *, struct err *);
void ltx_dec_free(struct ltx_dec *);

/* ---- page index, for random access ---- */

struct ltx_index_entry {
	uint32_t pgno;
	uint64_t offset, size; /* of the page frame, bytes */
};
/* Step over an index (bytes without the 8-byte size field): 1 entry, 0 end,
 * -1 malformed. *pos starts at 0. */
int ltx_index_step(const unsigned char *, size_t len, size_t *pos,
    struct ltx_index_entry *);

/* ---- merge: k inputs, oldest to newest, to ascending pages ---- */

struct ltx_merge; /* opaque */

/* Inputs are decoders just begun, oldest first (borrowed). Checks page size
 * and contiguity (a gap or no progress is ERR_DATA and names both), and
 * computes the output header: min of the first; max, commit and time of the
 * last; no WAL fields; LTX_FLAG_NOCHECKSUM. */
int ltx_merge_begin(struct ltx_merge **, struct ltx_dec **, size_t n,
    struct err *);
const struct ltx_header *ltx_merge_header(const struct ltx_merge *);
/* The database had so many pages before the first input: what it grew by then
 * is held by the inputs, or ltx_merge_page fails and names the page. 0: they
 * must hold every page. Before the first ltx_merge_page. */
void ltx_merge_from(struct ltx_merge *, uint32_t pages);
/* As ltx_dec_page: newest version of each page, pages past the commit
 * dropped; 0 only after every input was read to its end and verified. */
int ltx_merge_page(struct ltx_merge *, uint32_t *pgno,
    const unsigned char **data, struct ltx_payload *, struct err *);
void ltx_merge_free(struct ltx_merge *);

#endif
