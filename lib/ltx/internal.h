#ifndef LS_LTX_INTERNAL_H
#define LS_LTX_INTERNAL_H

/* Shared by the files of lib/ltx only. */

#include "ltx/ltx.h"

/* The page that follows pgno in a database: the lock page does not. */
static inline uint32_t
ltx_page_after(uint32_t pgno, uint32_t lock)
{
	return pgno + 1 + (pgno + 1 == lock);
}

/* Does a snapshot of this header that has its pages up to prev lack one? */
static inline int
ltx_pages_missing(const struct ltx_header *h, uint32_t prev, uint32_t lock)
{
	return h->min_txid == 1 && prev < h->commit
	    && ltx_page_after(prev, lock) <= h->commit;
}

/* A checksum of the database has its highest bit set; it is 0 in files that
 * track none. */
static inline int
ltx_post_apply_ok(const struct ltx_header *h, uint64_t sum)
{
	return h->flags & LTX_FLAG_NOCHECKSUM ? !sum
	    : !!(sum & LTX_CHECKSUM_FLAG);
}

/* ---- page index (index.c) ---- */

#define LTX_INDEX_ENTRY_MAX 25 /* three varints of 5, 10, 10 bytes */

/* Appends one entry to p, which has room for LTX_INDEX_ENTRY_MAX bytes;
 * returns its length. */
size_t ltx_index_pack(unsigned char *p, const struct ltx_index_entry *);

/* ---- one page as LZ4 (lz4.c) ---- */

/* Longest LZ4 block of a page: incompressible data is one literal run. */
static inline size_t
ltx_lz4_bound(uint32_t page_size)
{
	return (size_t)page_size + page_size / 255 + 16;
}

/* An LZ4 frame as Litestream writes it: magic, FLG (version 1, independent
 * blocks, content checksum), BD (64 KiB blocks), header checksum; then
 * block length, block, end mark, XXH32 of the page. */
#define LTX_FRAME_HEAD 7
#define LTX_FRAME_EXTRA 19
extern const unsigned char ltx_lz4_head[LTX_FRAME_HEAD];

uint32_t ltx_lz4_xxh32(const unsigned char *, size_t);

/* The page as a block or a frame at out, which has room for ltx_lz4_bound
 * (and LTX_FRAME_EXTRA for a frame). state is a LZ4_stream_t made by
 * LZ4_createStream and used for nothing else. Returns the length. */
size_t ltx_lz4_block(void *state, unsigned char *out,
    const unsigned char *page, uint32_t page_size);
size_t ltx_lz4_frame(void *state, unsigned char *out,
    const unsigned char *page, uint32_t page_size);

/* ---- buffered input (window.c) ---- */

struct ltx_win {
	struct io_in in;
	unsigned char *buf;
	size_t cap, pos, end; /* unread bytes are buf[pos .. end) */
	uint64_t off;         /* of buf[pos] in the file */
	int eof;
};

/* Makes room for at least cap unread bytes, keeping those there are. */
int ltx_win_reserve(struct ltx_win *, size_t cap, struct err *);
/* Reads until n <= cap bytes are there. 1, or 0: the input ends before. */
int ltx_win_fill(struct ltx_win *, size_t n, struct err *);

static inline int
ltx_win_need(struct ltx_win *w, size_t n, struct err *err)
{
	return w->end - w->pos >= n ? 1 : ltx_win_fill(w, n, err);
}

static inline const unsigned char *
ltx_win_at(const struct ltx_win *w)
{
	return w->buf + w->pos;
}

static inline size_t
ltx_win_have(const struct ltx_win *w)
{
	return w->end - w->pos;
}

static inline void
ltx_win_skip(struct ltx_win *w, size_t n)
{
	w->pos += n;
	w->off += n;
}

/* ---- any LZ4 frame (unframe.c) ---- */

/* Streaming, for bodies and for page frames of a foreign shape. */
struct ltx_unframe {
	void *ctx;   /* LZ4F_dctx, made on first use */
	int ended;
};

/* Ready for a new frame. */
int ltx_unframe_begin(struct ltx_unframe *, struct err *);
/* One step: decodes from in to out; both lengths are updated to what was
 * consumed and produced. 1 when the frame ended, 0 to go on; -1 (ERR_DATA,
 * or ERR_TEMP out of memory). */
int ltx_unframe_step(struct ltx_unframe *, unsigned char *out, size_t *outlen,
    const unsigned char *in, size_t *inlen, struct err *);
void ltx_unframe_free(struct ltx_unframe *);
/* What an error code of LZ4F means: out of memory, or this kind. */
int ltx_unframe_error(size_t code, enum err_kind, struct err *);

#endif
