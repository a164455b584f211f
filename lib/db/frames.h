#ifndef LS_DB_FRAMES_H
#define LS_DB_FRAMES_H

#include "db/conn.h"
#include "wal/wal.h"

/* Frames of a WAL in order, through a buffer of a few hundred KB, each
 * checked against the chain of salts and checksums. */

struct frames {
	struct conn *conn;         /* borrowed, reading */
	struct wal_header header;
	uint32_t n;                /* frames passed */
	uint32_t sum[2];           /* running checksum after frame n */
	unsigned char *buf;
	size_t cap;                /* frames the buffer holds */
	uint32_t first;            /* first frame in the buffer, 0: none */
	uint32_t have;             /* frames in the buffer */
};

/* Reads and checks the header of the WAL. ERR_NOTFOUND: there is none (an
 * empty file); ERR_DATA: not a valid one. */
int frames_header(struct conn *, struct wal_header *, struct err *);

/* Goes on after frame n (0: from the start, sum is then not used). */
int frames_begin(struct frames *, struct conn *, const struct wal_header *,
    uint32_t n, const uint32_t sum[2], struct err *);

/* The next frame, if it is not past upto: 1, with its header and page (valid
 * until the next call); 0: past upto, or not a valid continuation; -1. */
int frames_next(struct frames *, uint32_t upto, struct wal_frame *,
    const unsigned char **page, struct err *);

/* Any frame's page again, from the buffer if it is still there, else into
 * tmp (page size + 24 bytes). NULL with err set: it is not the frame of pgno
 * under these salts any more (ERR_DATA) or cannot be read. */
const unsigned char *frames_page(struct frames *, uint32_t frame,
    uint32_t pgno, unsigned char *tmp, struct err *);

void frames_free(struct frames *);

#endif
