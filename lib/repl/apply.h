#ifndef LS_REPL_APPLY_H
#define LS_REPL_APPLY_H

#include <stdint.h>
#include "base/err.h"
#include "ltx/ltx.h"

/* Pages of LTX files into a database file, newest file first: one bit per
 * page says that a newer file wrote it. So every page is written once, in
 * long sequential runs, and thousands of small files cost only their bytes.
 * A database that shrank and grew again may have left pages out (unused
 * ones, by some writers): they are what they were before, as in a merge.
 * Memory: the bits and one write buffer. */

struct apply; /* opaque */

struct apply_done {
	uint64_t txid;      /* of the newest file */
	int64_t time_ms;    /* of the newest file */
	uint32_t pages, page_size;
	uint64_t written;   /* bytes */
	size_t files;       /* applied */
	uint64_t bytes;     /* of these files */
	uint32_t regrown;   /* pages from before the database shrank */
	uint64_t min, check; /* of the newest file: first TXID, checksum */
	int page1;          /* page 1 came from a file */
};

/* fd: a file of ours (borrowed), emptied here. */
int apply_begin(struct apply **, int fd, struct err *);

/* For a caller that only looks at the pages: each comes once, in no order but
 * that of the runs of each file. No file is written. */
struct apply_sink {
	int (*page)(void *ctx, uint32_t pgno, const unsigned char *data,
	    uint32_t size, struct err *);
	void *ctx;
};
int apply_begin_sink(struct apply **, const struct apply_sink *,
    struct err *);

/* The same onto an older state that fd holds already: what no file brings is
 * as it is there. No file at all is allowed. */
int apply_begin_over(struct apply **, int fd, uint64_t txid, uint32_t pages,
    uint32_t page_size, struct err *);

/* Applies the file whose decoder was just begun (or ltx_dec_next'ed), to
 * its end, which verifies it. */
int apply_file(struct apply *, struct ltx_dec *, struct err *);

/* No file older than those applied can change anything. */
int apply_full(const struct apply *);

/* Last write and size. ERR_DATA if a page is in no file (it is named). The
 * page at the lock byte is a hole. Nothing is fsynced. With a sink: only what
 * is missing is looked for. */
int apply_end(struct apply *, struct apply_done *, struct err *);
void apply_free(struct apply *);

#endif
