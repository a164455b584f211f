#ifndef LS_V03_SEGMENT_H
#define LS_V03_SEGMENT_H

#include "base/io.h"

/* The bytes inside an object of Litestream 0.3: LZ4 frames, of any block
 * size the format allows, usually one, several one after the other as well.
 * Pure. Memory: what liblz4 keeps of a block (at most about 9 MiB with the
 * usual 4 MiB blocks) and 64 KiB. */

struct v03_segment; /* opaque */

/* in is borrowed and read to its end. */
int v03_segment_begin(struct v03_segment **, struct io_in, struct err *);

/* The next object, keeping the memory. */
void v03_segment_next(struct v03_segment *, struct io_in);

/* Up to n bytes; 0 at the end, when every frame was whole and its checksum
 * right; -1. ERR_DATA: damaged, cut off, empty, or no LZ4 frame. */
ssize_t v03_segment_read(struct v03_segment *, void *, size_t n,
    struct err *);
struct io_in v03_segment_in(struct v03_segment *);
void v03_segment_free(struct v03_segment *); /* NULL is fine */

#endif
