#ifndef LS_REPL_RESTORE_H
#define LS_REPL_RESTORE_H

#include "repl/listing.h"
#include "repl/plan.h"
#include "repl/apply.h"
#include "repl/delta.h"

/* A database from LTX files, into a file descriptor. Publishing the result
 * is place.h's. */

struct restore_opt {
	struct plan_target target;
	unsigned parallel;     /* files open at once, 0: 8 */
	const struct delta *delta; /* begin with it, NULL: from nothing */
	const char *ltx0;      /* local level-0 folder whose files continue the
	                          replica (restore_tail), NULL: none */
	const struct log *log;
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* bytes */
	void *ctx;
};

/* What would be read: of the replica, then of the local folder. */
struct restore_plan {
	struct listing listing;
	struct listing tail;   /* local files, oldest first */
	struct plan plan;
	struct plan_target target; /* as asked for */
	int continues;         /* see restore_tail */
	int checked;           /* the older copy is of this replica */
	uint64_t txid;         /* reached, with the tail */
	uint64_t bytes;
	struct store_count requests; /* a restore makes: restore_job_plan's */
};

/* Plans with a listing the caller has read (taken over, left empty). A time
 * is looked up in the headers of a few files. Errors: plan.h, store. */
int restore_plan(struct restore_plan *, struct store *, struct listing *,
    const struct restore_opt *, struct err *);
void restore_plan_free(struct restore_plan *);

/* Reads and applies it to fd. A file that vanished meanwhile makes a new
 * listing and plan, at most four times; one that is damaged is left out if
 * the same TXID can be reached without it (with a warning), and named with
 * what can still be restored if not. The plan then says what was used. */
int restore_run(struct restore_plan *, struct store *,
    const struct restore_opt *, int fd, struct apply_done *, struct err *);

/* From a stream of LTX files one after the other, in any order; they are
 * verified while being kept in an unlinked file in dir. The target's TXID
 * may be given, not its time. */
int restore_stream(struct io_in, const char *dir, const struct restore_opt *,
    int fd, struct apply_done *, struct err *);

/* plan_make for a TXID, a time (headers of a few files are read), or latest.
 * Where nothing leads from TXID 1 on, a full copy in level 0 may. */
int restore_plan_files(struct store *, struct listing *,
    const struct plan_target *, const struct log *, struct plan *,
    struct err *);

/* Where no plan leads to TXID txid (0: the newest): looks for the newest
 * level-0 file up to it that holds every page, and marks it full. Full copies
 * that a writer made after a gap are such files; Litestream cannot restore
 * them. 1: found, *base; 0: none; -1. Reads header and end of files from the
 * newest on. */
int restore_base(struct store *, struct listing *, uint64_t txid,
    const struct replica_file **base, struct err *);

/* 1: the file holds every page; 0: it does not, or has no index to tell; -1.
 * Reads its header and its end. */
int restore_full(struct store *, const struct replica_file *, struct err *);

/* The files of a local level-0 folder that continue the replica after TXID
 * from, without a gap, verified. The file of TXID from must be the same in
 * both or, where it is gone locally, the next must come of the same writer or
 * go on in the WAL; else nothing is taken. A damaged file ends the tail, with
 * a warning. No folder: none. *continues: the local folder does belong to the
 * replica, or has taken it further. */
int restore_tail(struct store *, const struct listing *, const char *ltx0,
    uint64_t from, const struct log *, struct listing *tail, int *continues,
    struct err *);

#endif
