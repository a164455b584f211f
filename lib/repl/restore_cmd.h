#ifndef LS_REPL_RESTORE_CMD_H
#define LS_REPL_RESTORE_CMD_H

#include "repl/choose.h"
#include "repl/restore_job.h"

/* The command line of ls-restore: what its options ask for, and what cannot
 * go together. */

enum { RESTORE_TXID = 256, RESTORE_BESIDE, RESTORE_CHECK, RESTORE_OWNER,
	RESTORE_MODE, RESTORE_REPLICA, RESTORE_RAW, RESTORE_ALL,
	RESTORE_ASIDE, RESTORE_PIN, RESTORE_GENERATION, RESTORE_INDEX,
	RESTORE_INTERVAL, RESTORE_DELTA, RESTORE_DELTA_TXID, RESTORE_KEEP };

struct restore_cmd {
	const char *config;
	int no_expand_env;
	const char *out, *source, *replica, *pin;
	const char *delta;      /* older copy to begin with */
	struct plan_target delta_at; /* its TXID, if told */
	int64_t interval_ms;    /* of -f */
	int ready_fd;           /* of -f: -1, or where to say that it follows */
	int follow, keep;
	int beside, if_missing, if_replica, dry, json, all;
	struct restore_job job;
	struct log *log;        /* borrowed */
};

/* One option; those of no concern here are left alone. ERR_USAGE. */
int restore_cmd_option(struct restore_cmd *, int id, const char *arg,
    struct err *);

/* LTX files on standard input? */
int restore_cmd_stdin(const struct restore_cmd *);

/* What cannot go together, or NULL. */
const char *restore_cmd_conflict(const struct restore_cmd *);

/* Where to: job.out (NULL: standard output), and where it is the database of
 * the configuration (its path and meta), or that of a bare URL, job.state and
 * job.meta: where replication will go on. *beside: allocated, with --beside. */
int restore_cmd_out(struct restore_cmd *, const char *path, const char *meta,
    char **beside, struct err *);

/* May it be restored to job.out? 0: yes, or *there is a database that will
 * do (place_wanted); -1. */
int restore_cmd_wanted(const struct restore_cmd *, int *there, struct err *);

/* Opens the older copy, if one is given: job.opt.delta is then d. */
int restore_cmd_delta(struct restore_cmd *, struct delta *, struct err *);

/* Is there a standby already, so that nothing is to be restored? */
int restore_cmd_resumes(const struct restore_cmd *);

/* -f, once there is a database: returns only if it cannot go on. on_end is for
 * SIGTERM and SIGINT once the standby is open. Without -f nothing. */
int restore_cmd_follow(const struct restore_cmd *, struct choose *,
    size_t used, void (*on_end)(int), struct err *);

#endif
