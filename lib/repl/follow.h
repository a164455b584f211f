#ifndef LS_REPL_FOLLOW_H
#define LS_REPL_FOLLOW_H

#include "repl/plan.h"
#include "repl/standby.h"

/* A warm standby: what is new in a replica is applied to a database that
 * others read, as it comes. One LIST of level 0, from the position on, an
 * interval; all levels where level 0 does not lead on, and once a minute
 * while nothing comes. */

/* What a listing says to do at position pos. Pure. all: it is of every level,
 * and not just of level 0 from pos on. */
enum follow_next {
	FOLLOW_IDLE,   /* nothing new */
	FOLLOW_APPLY,  /* the plan's files lead on (all that are in the
	                  listing, or as far as files go) */
	FOLLOW_LOOK,   /* level 0 alone does not lead on: look at all levels */
	FOLLOW_GAP,    /* nothing leads on, though the replica has newer ones */
	FOLLOW_LOST    /* the replica ends before pos */
};
/* plan_free the plan, whatever it is. -1: out of memory. */
int follow_next(const struct listing *, int all, uint64_t pos, struct plan *,
    struct err *);

struct follow_opt {
	int64_t interval_ms;
	unsigned parallel;     /* files read at once, 0: 8 */
	const struct log *log;
	/* Tests end it so: -1 with err set ends, NULL: never. */
	int (*tick)(void *ctx, struct err *);
	void *ctx;
};

/* Follows until that cannot go on, which is an error: ERR_DATA for a replica
 * that was replaced, or ends before the standby; ERR_CONF for a standby that
 * was written to or a database rebuilt with other pages. Everything else, a
 * gap, a damaged file and a store that cannot be reached, is told and tried
 * again. A listing of all levels that was just read may be given (taken
 * over). */
int follow_run(struct standby *, struct store *, struct listing *,
    const struct follow_opt *, struct err *);

#endif
