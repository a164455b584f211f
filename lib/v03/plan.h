#ifndef LS_V03_PLAN_H
#define LS_V03_PLAN_H

#include "v03/name.h"

/* Which objects of a Litestream 0.3 replica restore a database to a point.
 * Pure. The names give the order inside a generation; between generations,
 * and for a time that is asked for, there are only the store's own times
 * (LastModified, mtime), which copies of a replica lose: where they
 * contradict the names, or do not tell generations apart, this is said. */

struct v03_object {
	struct v03_name name;
	uint64_t size;        /* bytes, as stored */
	int64_t time_ms;      /* -1: not known yet */
};

/* One generation of an array sorted by v03_name_cmp. */
struct v03_generation {
	uint64_t id;
	size_t first;         /* its snapshots begin here, its WAL follows */
	size_t n_snapshots, n_wal;
	uint64_t bytes;
	int64_t start_ms, end_ms; /* smallest and largest time, -1: unknown */
	int disorder;         /* times of its WAL go against the names */
	int known;            /* counter was read: */
	uint32_t counter;     /* SQLite's change counter in its last snapshot */
};

/* The generations of n objects into *out (allocated; NULL if none). */
int v03_plan_generations(const struct v03_object *, size_t n,
    struct v03_generation **out, size_t *n_out, struct err *);

#define V03_ANY UINT64_MAX

struct v03_target {
	uint64_t index;       /* up to the end of this WAL index, or V03_ANY */
	int64_t time_ms;      /* newest state not after it, or -1 */
	uint64_t below;       /* snapshots of this index or later are left out;
	                         V03_ANY: none */
};

struct v03_plan {
	uint64_t generation;
	size_t snapshot;      /* which object */
	size_t wal, n_wal;    /* the segments, one after the other */
	int64_t time_ms;      /* of the last of these, -1 unknown */
	uint64_t bytes;
};

/* Inside one generation. Objects from WAL index and offset 0 on without a
 * missing index; whether the offsets follow on shows when they are read.
 * With a time, a snapshot made before the last segment that is not after
 * it: a later one may hold what came after. 0; or -1: ERR_DATA names what is
 * missing and what can still be restored, ERR_NO if the target lies before
 * what is there (names the first). */
int v03_plan_make(const struct v03_object *, const struct v03_generation *,
    const struct v03_target *, struct v03_plan *, struct err *);

/* What is doubtful about a choice. */
#define V03_DOUBT_TIMES 1u    /* times contradict the names or are equal: the
                                 change counter decided, where it differs */
#define V03_DOUBT_COUNTER 2u  /* another has a larger change counter */
#define V03_DOUBT_OVERLAP 4u  /* another was written at the same time */

/* Of n generations (at least one) the one of the newest state: by the time
 * of the last object, by change counter where times are no guide. *other:
 * the one that doubts are about, where there are any. ERR_DATA where nothing
 * tells them apart. */
int v03_plan_choose(const struct v03_generation *, size_t n, size_t *which,
    size_t *other, unsigned *doubts, struct err *);

#endif
