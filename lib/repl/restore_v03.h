#ifndef LS_REPL_RESTORE_V03_H
#define LS_REPL_RESTORE_V03_H

#include "repl/restore_job.h"

/* Where a replica holds LTX files and generations of Litestream 0.3, which of
 * them is newer.
 *
 * The times of LTX files are in them, those of 0.3 are the store's alone,
 * and a copy of a replica has newer ones. So generations are taken only if
 * they are later by every measure: than the time in the newest LTX file, and
 * than the store's time of it, which must agree with one another, as those of
 * the oldest must. In doubt it is the LTX files: nothing ever deletes the generations, so a wrong
 * choice of these is the one that can be mended. */

/* The best of 0.3 over all replicas: which, and its plan. */
struct restore_v03 {
	size_t which;          /* of choose->r */
	struct v03_restore r;
};

/* 1: that of 0.3 is to be restored; 0: the LTX files; -1. ltx0: local
 * level-0 folder that may go on from there, or NULL. Says why in the log
 * where both are there. */
int restore_v03_pick(const struct restore_job *, struct choose *,
    const char *ltx0, struct restore_v03 *, struct err *);

/* The pure part: times in ms, -1: unknown. ltx is in the newest LTX file,
 * stored when the store has it from. */
enum restore_v03_is {
	RESTORE_V03_NEWER,
	RESTORE_V03_OLDER,
	RESTORE_V03_DOUBT      /* later than ltx, but not to be trusted */
};
enum restore_v03_is restore_v03_judge(int64_t v03, int doubtful, int64_t ltx,
    int64_t stored);

#endif
