#ifndef LS_REPL_VERIFY_FRESH_H
#define LS_REPL_VERIFY_FRESH_H

#include "repl/verify_snap.h"

/* How far a replica is behind the database: position against position. */

struct verify_fresh {
	uint64_t local, replica; /* TXIDs */
	uint64_t lag;            /* TXIDs the replica does not have */
	int64_t lag_ms;          /* age of the oldest of these, or of a commit
	                            that nobody captured; -1: not known */
	int stale;               /* older than what was allowed */
};

/* what: local position, what the replica has, when the oldest commit that is
 * not there was (0: all is there; -1: not known), what may be (-1: anything).
 * Pure. */
void verify_fresh_judge(struct verify_fresh *, int64_t oldest_ms,
    int64_t now_ms, int64_t max_lag_ms);

/* Of a replica whose largest TXID is max. Reads headers of local files and
 * looks at the times of the database's files. */
int verify_fresh(struct verify_fresh *, const struct verify_where *,
    const struct verify_position *, uint64_t max, int64_t max_lag_ms,
    struct err *);

#endif
