#ifndef LS_REPL_RESTORE_JOB_H
#define LS_REPL_RESTORE_JOB_H

#include "repl/choose.h"
#include "repl/restore.h"
#include "repl/restore_pos.h"
#include "repl/v03_restore.h"

/* A whole restore: choose the replica, apply, check, publish, leave the
 * position behind. */

struct restore_job {
	const char *out;       /* path of the database, NULL: to out_fd */
	int out_fd;
	const char *meta;      /* state folder of out, NULL: default */
	int state;             /* out given: use the state folder: apply what it holds
	                          beyond the replica's end, leave the marker */
	struct io_perm perm;
	unsigned place;        /* how: PLACE_*, see place.h */
	enum restore_leave leave; /* out given */
	/* Looks at the file before it is published (out given); may be NULL.
	 * hides: something may be missing of which the replica has no trace. */
	int (*check)(void *ctx, const char *path, int hides, struct err *);
	void *check_ctx;
	struct restore_opt opt;
	struct v03_want v03;   /* only of Litestream 0.3, where something is set */
};

struct restore_report {
	struct apply_done done;
	int v03;               /* of Litestream 0.3: no TXID, but */
	struct v03_end end;
	const char *url;       /* of the replica, valid as long as choose */
	size_t used;           /* which of choose it is */
	size_t files, local;   /* read: of the replica, of the local folder */
	uint64_t bytes;        /* of these; 0 from a stream */
	struct store_count requests; /* made, of all replicas that answered */
	int64_t ms;            /* the caller's: how long it took */
};

/* Only the plan (restore_plan_free it), of the first replica that has one;
 * the listings are used up. Its requests are those made so far, which a
 * restore makes too, and one for each file. 1: it is one of Litestream 0.3
 * instead, in *v03, valid as long as choose; of p only the requests are
 * set. */
struct restore_v03;
int restore_job_plan(const struct restore_job *, struct choose *,
    struct restore_plan *, struct restore_v03 *v03, struct err *);

/* Of the replicas the first that works, with a warning for those that do
 * not. ERR_NOTFOUND only if all are empty. */
int restore_job_replica(const struct restore_job *, struct choose *,
    struct restore_report *, struct err *);

/* The same from a stream of LTX files. No state folder is touched. */
int restore_job_stream(const struct restore_job *, struct io_in,
    struct restore_report *, struct err *);

#endif
