#ifndef LS_REPL_PLAN_H
#define LS_REPL_PLAN_H

#include "repl/listing.h"

/* Which files restore a database to a point. Pure. Decided by TXIDs alone;
 * times (which copies of a replica lose) are used only where a time is
 * asked for, and then only exact ones.
 *
 * A state n can be restored if files lead from TXID 1 to exactly n, each
 * beginning at most one past the end of the one before. Of all ways the one
 * with the fewest files is taken, as Litestream does. */

struct plan_target {
	uint64_t txid;    /* 0: not by TXID */
	int64_t time_ms;  /* -1: not by time: newest state not after it */
};

struct plan {
	size_t *idx;      /* into the listing, oldest first */
	size_t n;
	uint64_t txid;    /* reached */
	uint64_t bytes;
	uint64_t stray;   /* after -1: the state that was meant is the end of a
	                     file, but nothing leads there; 0: it is none */
};

/* A state that can be restored. */
struct plan_state {
	uint64_t txid;
	size_t low, high; /* files that end with it, of the lowest level and of the
	                     highest: the state's time is that of the first */
};

/* All states that can be restored, ascending, into *v (allocated, n of
 * them; an empty listing has none). */
int plan_states(const struct listing *, struct plan_state **v, size_t *n,
    struct err *);
/* Index of the one of a TXID, n: there is none. */
size_t plan_state_find(const struct plan_state *, size_t n, uint64_t txid);

/* By TXID or, with neither, the latest. 0, or -1: ERR_NOTFOUND if the
 * listing is empty; ERR_DATA for a gap (names it, and what can still be
 * restored); ERR_NO for a TXID that is not the end of a file (names the
 * nearest on both sides), before the earliest or past the newest. A time in
 * the target is ERR_BUG: plan_time turns it into a TXID first. */
int plan_make(const struct listing *, const struct plan_target *,
    struct plan *, struct err *);
void plan_free(struct plan *);

/* From state from, which is had, as far as files lead (and not past txid; 0:
 * whatever). A file may begin before from: what it brings again is newer
 * (compacted levels straddle any position). Whole copies are used only where
 * nothing else leads as far, or everything else is more bytes. Nothing newer is
 * an empty plan; p->txid is what is reached. -1: out of memory. */
int plan_from(const struct listing *, uint64_t from, uint64_t txid,
    struct plan *, struct err *);

/* The same to exactly txid, or with 0 to the newest. ERR_NO: older than from,
 * not the end of a file (the nearest are named), not there; ERR_DATA: a gap,
 * or a replica that ends before from. */
int plan_from_exact(const struct listing *, uint64_t from, uint64_t txid,
    struct plan *, struct err *);

/* The TXID of the newest state not after time_ms, by binary search: TXIDs
 * and times are taken to grow together, but for states that by the store's
 * own times were there by then. 1: the exact time of file *need
 * must be known first (fill in and call again; about log2 of the files are
 * asked for); 0: *txid found, for plan_make; -1 (*txid: as stray): ERR_NOTFOUND if the
 * listing is empty, ERR_NO if no state is so old (names the earliest),
 * ERR_DATA if the state is behind a gap. */
int plan_time(const struct listing *, int64_t time_ms, size_t *need,
    uint64_t *txid, struct err *);

#endif
