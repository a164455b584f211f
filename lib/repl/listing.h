#ifndef LS_REPL_LISTING_H
#define LS_REPL_LISTING_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "store/store.h"

/* What a replica holds: the seam between stores and decisions. */

struct replica_file {
	uint64_t min, max;     /* TXIDs */
	uint64_t size;         /* bytes */
	int64_t time_ms;       /* best known: header or metadata time if
	                          time_exact, else LastModified or mtime */
	uint8_t level;
	uint8_t time_exact;
};

/* Sorted by level, min, max. */
struct listing {
	struct replica_file *f;
	size_t n, a;
	size_t foreign;        /* objects with names that are not ours */
};

/* levels: bit i for level i; 0x3ff: all. */
int listing_read(struct store *, unsigned levels, struct listing *,
    struct err *);
void listing_free(struct listing *);
uint64_t listing_max(const struct listing *); /* largest TXID, 0 if empty */

/* Exact times (one HEAD or one header read each, p at once) for the files
 * whose index bit is wanted: only what a decision needs. */
int listing_times(struct store *, struct listing *, size_t from, size_t to,
    struct err *);

#endif
