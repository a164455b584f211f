#ifndef LS_REPL_RETAIN_H
#define LS_REPL_RETAIN_H

#include "repl/listing.h"

/* Which files of a replica are past their retention. Pure. The rule is
 * Litestream 0.5's: snapshots older than the retention go, never the
 * newest; then files of levels 1 to 8 that end before the newest of those
 * snapshots, never the last of a level nor, where copies have got times in
 * another order, what follows a snapshot that stays. Level 0 is never touched here: its
 * files go once they are compacted. Age is the listing's time (mtime,
 * LastModified), as Litestream counts it. */

/* Grandfather, father, son: besides what the retention keeps, every state of
 * the last all_ms, and the last state of so many days, weeks (from Monday) and
 * months before now that have one, in UTC. Zeroed: nothing more. */
struct retain_keep {
	int64_t all_ms;
	unsigned daily, weekly, monthly;
};

enum retain_why {
	RETAIN_LEVEL0,    /* kept: level 0 goes with compaction */
	RETAIN_NEWEST,    /* kept: the newest snapshot */
	RETAIN_YOUNG,     /* kept: a snapshot within the retention */
	RETAIN_NEEDED,    /* kept: states after the oldest snapshots need it */
	RETAIN_LAST,      /* kept: the last file of its level */
	RETAIN_OLD,       /* goes: a snapshot past the retention */
	RETAIN_COVERED    /* goes: before the newest snapshot that goes */
};

/* Fills why, one for each file of the listing. retention_ms: of snapshots;
 * 0 keeps only the newest. */
void retain_make(const struct listing *, int64_t now_ms,
    int64_t retention_ms, enum retain_why *why);

int retain_goes(enum retain_why);

/* A few words for people. Static. */
const char *retain_word(enum retain_why);

#endif
