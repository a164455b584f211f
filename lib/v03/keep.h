#ifndef LS_V03_KEEP_H
#define LS_V03_KEEP_H

#include "v03/plan.h"

/* Retention of a replica in the layout of Litestream 0.3. Pure. What it
 * promises is every state from now minus the retention on, the one of that
 * very moment included, and the newest one however old. That is more than
 * Litestream 0.3 itself keeps, which deletes the snapshot that the oldest of
 * these states need, and generations that ended within the retention. */

enum v03_keep_why {
	V03_KEEP_NEEDED,     /* stays: a state within the retention needs it */
	V03_KEEP_YOUNG,      /* stays: a snapshot within the retention */
	V03_KEEP_WHOLE,      /* stays: no snapshot but the first leads to all that
	                        is promised of its generation */
	V03_KEEP_UNKNOWN,    /* stays: times are missing */
	V03_KEEP_PAST,       /* goes: before the snapshot that is needed */
	V03_KEEP_GENERATION  /* goes: its generation ended before the retention */
};

/* Fills why, one for each of the n objects of n_g generations. */
void v03_keep_make(const struct v03_object *, const struct v03_generation *,
    size_t n_g, int64_t now_ms, int64_t retention_ms,
    enum v03_keep_why *why);

/* Should there be a new snapshot of this generation: is none within the
 * retention, and one possible? *index: where it would be, the last index that
 * has WAL: its beginning is the only place that nothing is added to. */
int v03_keep_due(const struct v03_object *, const struct v03_generation *,
    int64_t now_ms, int64_t retention_ms);
int v03_keep_place(const struct v03_object *, const struct v03_generation *,
    uint64_t *index);

int v03_keep_goes(enum v03_keep_why);
const char *v03_keep_word(enum v03_keep_why); /* for people; static */

#endif
