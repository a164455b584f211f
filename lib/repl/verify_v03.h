#ifndef LS_REPL_VERIFY_V03_H
#define LS_REPL_VERIFY_V03_H

#include "repl/verify_snap.h"

/* Proof of a replica of Litestream 0.3, with the database it comes to in an
 * unlinked file in $TMPDIR: each snapshot and the WAL up to the next one are
 * what a restore would read, and every object is in one of these stretches. */

/* Which TXID that is, the state folder tells alone: of the segment put last. */
struct verify_v03_where {
	const char *url;      /* of the replica, as it was shipped to */
	const struct verify_where *db; /* .db NULL: not known */
};

/* As verify_replica, of the generations in the replica's set. What cannot be
 * compared has its reason in rep->why. */
int verify_v03(struct choose_replica *, const struct verify_v03_where *,
    const struct verify_snap *snap, const struct verify_opt *,
    struct verify_report *, struct err *);

/* The newest TXID in it, 0: not known. */
int verify_v03_max(const struct choose_replica *,
    const struct verify_v03_where *, uint64_t *txid, struct err *);

#endif
