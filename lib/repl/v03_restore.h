#ifndef LS_REPL_V03_RESTORE_H
#define LS_REPL_V03_RESTORE_H

#include "repl/restore.h"
#include "repl/v03_set.h"

/* A restore from a replica of Litestream 0.3. */

/* What was asked for beyond a time. Zeroed: the newest. */
struct v03_want {
	int by_generation, by_index;
	uint64_t generation;
	uint64_t index;        /* to the end of the WAL of this index */
};

struct v03_restore {
	struct v03_set *set;   /* borrowed */
	struct v03_want want;
	struct v03_target target;
	struct v03_plan plan;
	const struct v03_generation *g; /* of the set */
	int doubtful;          /* its times are no guide */
};

/* Where a plan ends. */
struct v03_end {
	uint64_t generation, index, offset; /* offset: its last segment begins */
	int64_t time_ms;
};
void v03_restore_end(const struct v03_restore *, struct v03_end *);

/* Chooses a generation, with a warning where that is doubtful, and the
 * objects. time_ms: -1, or the newest state not after it. ERR_NOTFOUND: the
 * set is empty; else as v03_plan_make and v03_plan_choose. */
int v03_restore_plan(struct v03_restore *, struct store *, struct v03_set *,
    const struct v03_want *, int64_t time_ms, const struct log *,
    struct err *);

/* Reads and applies it to fd. Objects that vanished make a new plan, at most
 * four times; a damaged snapshot is gone around with an older one where that
 * leads to the same state (with a warning). ERR_DATA names what is damaged
 * or missing and what can still be restored. */
int v03_restore_run(struct v03_restore *, struct store *,
    const struct restore_opt *, int fd, struct apply_done *, struct err *);

#endif
