#ifndef LS_REPL_V03_WAL_H
#define LS_REPL_V03_WAL_H

#include <stdint.h>
#include "base/err.h"
#include "base/io.h"
#include "ltx/ltx.h"
#include "wal/wal.h"

/* LTX files as Litestream 0.3 wants them: level-0 files as the frames of a
 * write-ahead log that never was, full files as the database itself. Nobody
 * reads that log but a restore, so salts are ours to choose: they follow from
 * generation and index, and what is made twice is the same bytes. Pure:
 * bytes come and go through struct io_in. */

struct v03_wal {
	uint64_t generation;
	uint32_t index;
	uint64_t offset;     /* bytes of it so far */
	uint32_t page_size;
	uint32_t sum[2];     /* running checksum there; from 32 bytes on */
};

/* The header of that log, without its checksum. */
void v03_wal_header(const struct v03_wal *, struct wal_header *);

/* One LTX file as one segment, its last frame the commit. */
struct v03_wal_seg; /* opaque, allocated: two pages */

/* The decoder was just begun (borrowed), at is where the segment begins. An
 * offset of 0 makes the header of the log too. ERR_CONF: other page size. */
int v03_wal_begin(struct v03_wal_seg **, const struct v03_wal *at,
    struct ltx_dec *, struct err *);
/* Ends only after the file was verified to its end. A file without pages
 * cannot be a segment: ERR_DATA. */
struct io_in v03_wal_in(struct v03_wal_seg *);
/* Where the log stands after what was read. */
struct v03_wal v03_wal_end(const struct v03_wal_seg *);
void v03_wal_free(struct v03_wal_seg *); /* NULL is fine */

/* A full LTX file as the database file. The page at the lock byte is zeros.
 * ERR_DATA if a page is missing. dec as above; the struct is the caller's and
 * needs no freeing. */
struct v03_image {
	struct ltx_dec *dec;
	const unsigned char *page; /* NULL: zeros */
	uint32_t pgno, at;         /* of it, and bytes of it that are out */
	int ended;
};
void v03_image_init(struct v03_image *, struct ltx_dec *);
struct io_in v03_image_in(struct v03_image *);

#endif
