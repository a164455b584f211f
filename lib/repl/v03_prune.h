#ifndef LS_REPL_V03_PRUNE_H
#define LS_REPL_V03_PRUNE_H

#include "base/log.h"
#include "base/sa.h"
#include "repl/prune.h"
#include "repl/v03_set.h"
#include "v03/keep.h"

/* The retention of one replica in the layout of Litestream 0.3: what goes,
 * and its deletion. */

struct v03_prune {
	struct store *st;
	const struct log *log;
	struct v03_set set;
	enum v03_keep_why *why;   /* one per object of the set */
	int due;                  /* the newest generation needs a snapshot: */
	uint64_t generation, index; /* of it, there */
	const struct changes *changes; /* to tell: "gap" where that cannot be made
	                             of what is there, "refused" deletes, each with
	                             the generation in place of a TXID; NULL */
};

/* One listing, and a few requests more where it tells no times. */
int v03_prune_plan(struct v03_prune *, const struct store_conf *,
    int64_t now_ms, int64_t retention_ms, const struct log *, struct err *);

/* Makes the snapshot that is due (tmp: as in v03_snapshot.h), then deletes what
 * goes, after making sure that what stays of a generation leads
 * to the same state, and reading the oldest snapshot that stays, of every
 * generation that stays if another goes: else nothing of that generation goes,
 * nor one that ended, which is ERR_DATA in the end. Stops at the first batch in
 * which something was refused. */
int v03_prune_run(struct v03_prune *, const char *tmp, struct prune_done *,
    struct err *);

/* Its part that asks for times: those of snapshots, and of the WAL enough to
 * tell what was put before the cutoff and what after. */
int v03_prune_times(struct store *, struct v03_set *, int64_t cutoff,
    struct err *);

/* For people: "# URL", what is due, and a line for each object: keep or delete,
 * what it is, and why. Appended; 0: no memory. */
int v03_prune_fmt(stralloc *, const struct v03_prune *, const char *url);

/* Does a replica of which only the address is known hold generations and
 * nothing of Litestream 0.5? 1, 0, -1. */
int v03_prune_alone(const struct store_conf *, struct err *);
void v03_prune_free(struct v03_prune *); /* idempotent */

#endif
