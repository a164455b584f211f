#ifndef LS_REPL_WALSHIP_H
#define LS_REPL_WALSHIP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/log.h"
#include "db/capture.h"
#include "store/store.h"

/* The daemon: follows N databases and ships their level-0 files. One thread
 * polls and decides; capture and uploads, which block, run in small pools
 * (capture: one for all; uploads: one per endpoint, so that a dead store
 * delays nobody else's). Idle, it sleeps without time-out. */

struct walship_replica {
	const struct store_conf *store;
	int v03;                 /* it is in the layout of Litestream 0.3 */
};

/* One database. Everything is borrowed until free is called, which happens
 * once when the daemon is done with it. */
struct walship_db {
	struct capture_conf capture;       /* path, meta, ...; log is set here */
	const struct walship_replica *r;
	size_t n;
	void (*free)(struct walship_db *); /* may be NULL */
	void *ctx;
};

struct walship_conf {
	const struct walship_db *dbs;
	size_t n;
	int64_t l0_retention_ms;      /* 0: level 0 is never deleted */
	int64_t shutdown_ms;          /* of the final upload */
	int64_t poll_ms;              /* where inotify does not work */
	int force_poll;
	const char *run_dir;          /* socket and status file, NULL: neither */
	int run_default;              /* run_dir can be done without */
	int ready_fd;                 /* gets a newline when ready, -1: none */
	int ready_remote;             /* ready when all is in all replicas */
	int once;                     /* end when all is in all replicas, or
	                                 cannot be */
	char *const *child;           /* program to run when ready, NULL: none */
	int unguarded;                /* which goes on where no database is left
	                                 to replicate, and whose code counts */
	pid_t parent;                 /* TERM and INT of others, as to a group,
	                                 do not end it; 0: anybody's do */
	const struct log *log;
	const struct store_meter *meter; /* that of the stores; may be NULL */
	/* "register": settings of one more database. May be NULL. */
	int (*make)(void *ctx, const char *path, const char *url,
	    struct walship_db *, struct err *);
	/* Where more databases come from: a descriptor to poll for reading, -1 or
	 * more NULL: nowhere, and what to call then: 1 with one more database
	 * (taken over; call again), 0 no more. */
	int more_fd;
	int (*more)(void *ctx, struct walship_db *, struct err *);
	void *ctx;
};

/* Runs until told to end by TERM or INT, by the child's end, or because no
 * database is left. SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2,
 * SIGQUIT and SIGPIPE are taken over. Returns 0 with *code the exit code: the
 * child's (128 + signal if killed), else 0; 111 when something was not shipped
 * and the next start may, else 102 when something cannot be, else, with once, 1
 * when no database is there. Returns -1 with err where the daemon itself could
 * not go on, or where no database is left: FENCED, HELD, DENIED, BUSY, or before
 * the first was ready DATA, of all; CONF or TEMP where they differ. *left is 1 where
 * threads still hang in a store or a disk: the caller must _exit and free
 * nothing. */
int walship_run(const struct walship_conf *, int *code, int *left,
    struct err *);

#endif
