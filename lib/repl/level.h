#ifndef LS_REPL_LEVEL_H
#define LS_REPL_LEVEL_H

#include "repl/listing.h"

/* When and what is compacted in a replica. Pure: the listing, the settings
 * and the time are arguments. */

#define LEVEL_MAX 8            /* largest level that is compacted into */
#define LEVEL_NEVER INT64_MAX

/* ---- what goes into a level ---- */

enum level_found {
	LEVEL_NONE,            /* the level below has nothing newer */
	LEVEL_READY,           /* idx, min, max say what */
	LEVEL_GAP              /* nothing leads over gap_min .. gap_max */
};

/* A file to be. Zeroed is valid. */
struct level_inputs {
	size_t *idx, n;        /* into the listing, oldest first */
	uint64_t min, max;     /* TXIDs of the result */
	int whole;             /* a full copy is to be in it: what is missing
	                          before it, from min on, is bridged by the result
	                          if that holds every page */
	size_t overlaps;       /* inputs that begin within the one before */
	uint64_t gap_min, gap_max; /* LEVEL_GAP: missing TXIDs */
};

/* The next file of level dst (1 to LEVEL_MAX): all of the level below that is
 * past its end, as Litestream does it. A file that straddles that end goes in;
 * where one is missing, what lower levels still hold takes its place. A gap is
 * one only if no file of a higher level, from TXID 1 on, covers it: then it is
 * the end of this file, and the next begins behind it, with the full copy that
 * was made after the gap if there is one and bridge is set, so that the level stays
 * without a hole. What an empty level would have to repeat of a snapshot of the same
 * state is left out: restores begin with the snapshot. Returns enum
 * level_found, or -1 out of memory. */
int level_inputs(const struct listing *, unsigned dst, int bridge,
    struct level_inputs *, struct err *);
void level_inputs_free(struct level_inputs *); /* idempotent */

/* ---- when ---- */

struct level_conf {
	int64_t level_ms[LEVEL_MAX]; /* of levels 1, 2, ... */
	unsigned n;
	int64_t snapshot_ms;   /* 0: never */
	int64_t retention_ms;  /* of snapshots; -1: nothing is deleted */
	int64_t l0_ms;         /* retention of level 0, 0: never deleted */
	int64_t l0_check_ms;   /* between two deletions of it, at least */
};

/* What the caller has done, by level (9: snapshot). */
struct level_last {
	int64_t done_ms[STORE_LEVELS]; /* when last, -1: not yet */
	uint64_t upto[STORE_LEVELS];   /* what was there below it then */
	int64_t prune_ms;              /* retention of everything */
	int64_t l0_ms;                 /* of level 0, with everything or alone, */
	uint64_t l0_upto;              /* when level 1 was there */
};
void level_last_init(struct level_last *);

enum level_job { LEVEL_IDLE, LEVEL_COMPACT, LEVEL_SNAPSHOT, LEVEL_PRUNE,
	LEVEL_PRUNE0 }; /* the last: of level 0 alone */

struct level_todo {
	enum level_job job;
	unsigned level;        /* LEVEL_COMPACT: into this one */
	int64_t next_ms;       /* LEVEL_IDLE: when something will be due if
	                          nothing changes; LEVEL_NEVER */
};

/* What is due. A level is, at multiples of its interval on the wall clock,
 * when the one below is ahead of it and of upto, and nothing was written to it
 * since the last multiple; the snapshot likewise; lower levels first. Deleting is due after
 * a snapshot, when the oldest snapshot leaves its retention, and of level 0 when
 * files that level 1 has have left theirs; what was judged already and stayed is
 * no reason. Times to come (a clock was set
 * back, or a store has another) count as none: nothing waits for them. */
void level_decide(const struct listing *, const struct level_conf *,
    const struct level_last *, int64_t now_ms, struct level_todo *);

/* Of a replica in the format of Litestream 0.3, which has no levels: when is a
 * snapshot due (of ls-walship's the first), or retention? 0: never. Times to
 * come in *last become now. */
struct level_v03 {
	int64_t snapshot_ms;   /* between two, 0: none, or nothing is new */
	int64_t check_ms;      /* the same of retention */
};
void level_v03_decide(const struct level_v03 *, struct level_last *,
    int64_t now_ms, struct level_todo *);

/* ---- clocks that jump ---- */

#define LEVEL_JUMP_MS 3600000

/* Zeroed is valid. */
struct level_clock {
	int64_t wall, boot;    /* at the last step */
	int64_t until;         /* boot time: nothing is deleted before */
};

/* A wall clock that has run ahead of the boot clock by more than LEVEL_JUMP_MS
 * since the last step says of everything that it is old: nothing is to be
 * deleted until hold_ms (the retention) have passed by the boot clock. Returns
 * 1 if it has just jumped. */
int level_clock_step(struct level_clock *, int64_t wall_ms, int64_t boot_ms,
    int64_t hold_ms);
/* May things be deleted for their age? */
int level_clock_sane(const struct level_clock *, int64_t boot_ms);

#endif
