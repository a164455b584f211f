#ifndef LS_DB_PAGES_H
#define LS_DB_PAGES_H

#include "db/frames.h"
#include "db/pagemap.h"
#include "db/state.h"
#include "ltx/ltx.h"

/* A set of pages in ascending order, each from the WAL or, where the WAL has
 * none, from the database file: what becomes an LTX file. */

struct pages {
	struct conn *conn;     /* borrowed */
	struct frames *frames; /* borrowed */
	struct pagemap map;
	uint32_t commit;       /* database size */
	uint32_t low;          /* pages above it are all taken; 0: every page */
	struct state_facts facts; /* of page 1 if it was among them */

	/* when walking */
	uint32_t last, next, frame;
	int more;
	unsigned char *tmp, *chunk;
	uint32_t chunk_first, chunk_have;
	uint32_t lock, size;
};

/* What does not fit into memory goes to dir, borrowed ("": as io_anon has
 * it): the state folder is there and writable, /tmp may be neither. */
void pages_init(struct pages *, struct conn *, struct frames *,
    uint64_t memory, const char *dir);
void pages_free(struct pages *);

/* After all was added to map: begins the walk; size: of a page, bytes. */
int pages_begin(struct pages *, uint32_t size, struct err *);
/* 1: the next page, valid until the next call; 0: no more; -1. *frame, if not
 * NULL, is its frame or 0 for the database file. */
int pages_next(struct pages *, uint32_t *pgno, uint32_t *frame,
    const unsigned char **, struct err *);

/* All of them as an LTX file with header h. */
int pages_encode(struct pages *, const struct ltx_header *h,
    enum ltx_encoding, struct io_out, uint64_t *bytes, struct err *);

#endif
