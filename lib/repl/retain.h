#ifndef LS_REPL_RETAIN_H
#define LS_REPL_RETAIN_H

#include "base/sa.h"
#include "repl/listing.h"

/* Which files of a replica are past their retention. Pure.
 *
 * The windows are Litestream 0.5's. Snapshots older than the retention go,
 * never the newest; then files of levels 1 to 8 that end before the newest of
 * those snapshots, never the last of a level nor, where copies have got times
 * in another order, what follows a snapshot that stays. A file of level 0
 * goes when level 1 has got as far, files of the levels from 1 on lead
 * there, and to what they end with, without it, and it is older than the retention of level 0, never the
 * last one. Age is the listing's time (mtime, LastModified), as Litestream
 * counts it; of an object from the future it is none, and a snapshot with a
 * later state in it is of the time of that: some folders do not keep times.
 *
 * Besides, states are promised (struct retain_keep), and a file that one of
 * them needs stays. Which day a state belongs to, its own time says, out of the
 * header of its file: copies of a replica lose the others. The last state of a
 * day is that of its last snapshot, or where it has none, the last one
 * that a file of the levels from 1 on ends with. The days, weeks and months
 * that count are the newest that have a state and are over: before that of the
 * latest time of a state, or of now if that is earlier, which is kept besides. So neither an idle
 * database nor a clock that jumps ahead loses a promised state. */

/* Grandfather, father, son: besides what the retention keeps, every state of
 * the last all_ms (back from the newest one, or from now if that is earlier),
 * and the last state of each of so many days, weeks (from Monday) and months,
 * in UTC. Zeroed: nothing more. */
struct retain_keep {
	int64_t all_ms;
	unsigned daily, weekly, monthly;
};

struct retain_rules {
	int64_t retention_ms;  /* of snapshots; 0 keeps only the newest */
	int64_t l0_ms;         /* of level 0; 0: it never goes */
	struct retain_keep keep;
	int level0_only;       /* judge level 0 alone: the others stay */
};

enum retain_why {
	RETAIN_L0_OFF,    /* kept: level 0 never goes */
	RETAIN_L0_YOUNG,  /* kept: level 0, within its retention */
	RETAIN_L0_ALONE,  /* kept: no other level leads there */
	RETAIN_L0_LAST,   /* kept: the newest of level 0 */
	RETAIN_L0_OLD,    /* goes: level 0, compacted and past its retention */
	RETAIN_NEWEST,    /* kept: the newest snapshot */
	RETAIN_YOUNG,     /* kept: a snapshot within the retention */
	RETAIN_NEEDED,    /* kept: states after the oldest snapshots need it */
	RETAIN_LAST,      /* kept: the last file of its level */
	RETAIN_ASIDE,     /* kept: level0_only, and it is of another level */
	RETAIN_PROMISED,  /* kept: a promised state needs it */
	RETAIN_OLD,       /* goes: a snapshot past the retention */
	RETAIN_COVERED    /* goes: before the newest snapshot that goes */
};

enum retain_rule { RETAIN_ALL, RETAIN_DAILY, RETAIN_WEEKLY, RETAIN_MONTHLY };

/* A promised state; of RETAIN_ALL the first one, and all after it are. */
struct retain_point {
	uint64_t txid;
	int64_t time_ms;
	enum retain_rule rule;
};

struct retain {
	enum retain_why *why;       /* one per file of the listing */
	size_t *by;                 /* RETAIN_PROMISED: index of the point */
	struct retain_point *point; /* states promised that made files stay */
	size_t n;
	/* private */
	struct retain_rules rules;
	int64_t now_ms;
	int64_t *told;              /* listed times, exact ones in their stead */
	int64_t *listed;            /* times by which age is counted */
	int aged;                   /* they are all there */
	int judged;                 /* by the windows */
};

/* The listing must stay as it is until retain_free, but for exact times. */
int retain_begin(struct retain *, const struct listing *, int64_t now_ms,
    const struct retain_rules *, struct err *);

/* 1: the exact times of files *from to *to - 1 must be known first (those that
 * are not yet: fill them in and call again). They are looked for by halving:
 * where both ends of a row of states are of one day, all are. 0: decided. -1:
 * out of memory. Without struct retain_keep and with all times told, only the
 * times of snapshots that would go are asked for, one by one: of one that is
 * damaged the listed time will do, marked as exact. */
int retain_step(struct retain *, const struct listing *, size_t *from,
    size_t *to, struct err *);

void retain_free(struct retain *); /* idempotent */

int retain_goes(enum retain_why);

/* Why file i stays or goes, for people: appends, returns 0 out of memory. */
int retain_fmt(stralloc *, const struct retain *, size_t i);

#endif
