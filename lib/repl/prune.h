#ifndef LS_REPL_PRUNE_H
#define LS_REPL_PRUNE_H

#include "base/log.h"
#include "repl/changes.h"
#include "repl/listing.h"
#include "repl/retain.h"

/* The retention of one replica: what goes, and its deletion. */

struct prune {
	struct store *st;
	struct listing listing;
	struct retain retain;   /* why, of each file of the listing */
	struct changes *changes;
	const struct log *log;
};

struct prune_done {
	size_t deleted, refused;
	uint64_t bytes;         /* deleted */
};

/* Reads the listing (see changes.h) and, where the rules ask for them, some
 * exact times. */
int prune_plan(struct prune *, const struct store_conf *, int64_t now_ms,
    const struct retain_rules *, struct changes *, const struct log *,
    struct err *);

/* First makes sure that what stays restores to the newest state and all
 * promised ones (else ERR_DATA, and nothing is deleted); where a snapshot
 * or a file of levels 1 to 8 goes, the newest state's is read whole too: that
 * is once a snapshot interval. Deletes what
 * goes, snapshots last, and stops at the first batch (1000 of a
 * level) in which something was refused: the next run then comes to the
 * same answer. *done counts either way; the error has the number of refusals
 * and the first reason. A store that says of objects that they are deleted,
 * and has them still, is ERR_NO. */
int prune_run(struct prune *, struct prune_done *, struct err *);
void prune_free(struct prune *); /* idempotent */

#endif
