#ifndef LS_REPL_PRUNE_H
#define LS_REPL_PRUNE_H

#include "repl/listing.h"
#include "repl/retain.h"

/* The retention of one replica: what goes, and its deletion. */

struct prune {
	struct store *st;
	struct listing listing;
	enum retain_why *why;   /* one per file of the listing */
	enum err_kind *result;  /* after prune_run, of those that go */
};

struct prune_done {
	size_t deleted, refused;
	uint64_t bytes;         /* deleted */
};

int prune_plan(struct prune *, const struct store_conf *, int64_t now_ms,
    int64_t retention_ms, struct err *);
/* First makes sure that what stays restores to the same TXID (two plans, and
 * the snapshot is read whole; ERR_DATA, and nothing is deleted). That is once
 * a snapshot interval: something goes only with a snapshot that goes. Deletes what
 * goes, snapshots last, and stops at the first batch (1000 of a
 * level) in which something was refused: the next run then comes to the
 * same answer. *done counts either way. */
int prune_run(struct prune *, struct prune_done *, struct err *);
void prune_free(struct prune *); /* idempotent */

#endif
