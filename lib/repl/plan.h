#ifndef LS_REPL_PLAN_H
#define LS_REPL_PLAN_H

#include "repl/listing.h"

/* Which files restore a database to a point. Pure. */

struct plan_target {
	uint64_t txid;    /* 0: not by TXID */
	int64_t time_ms;  /* -1: not by time: newest state not after it */
};

struct plan {
	size_t *idx;      /* into the listing, oldest first */
	size_t n;
	uint64_t txid;    /* reached */
	uint64_t bytes;
};

/* 0, or -1: ERR_NOTFOUND (nothing at all, or nothing so early; the message
 * names the earliest), ERR_DATA for a gap (names it, and what can still be
 * restored), ERR_NO for a TXID inside a compacted range (names the nearest
 * on both sides). */
int plan_make(const struct listing *, const struct plan_target *,
    struct plan *, struct err *);
void plan_free(struct plan *);

#endif
