#ifndef LS_REPL_RESTORE_CMD_H
#define LS_REPL_RESTORE_CMD_H

#include "repl/choose.h"
#include "repl/restore_job.h"

/* The command line of ls-restore: what its options ask for, and what cannot
 * go together. */

enum { RESTORE_TXID = 256, RESTORE_BESIDE, RESTORE_CHECK, RESTORE_OWNER,
	RESTORE_MODE, RESTORE_REPLICA, RESTORE_RAW, RESTORE_ALL,
	RESTORE_ASIDE, RESTORE_PIN, RESTORE_GENERATION, RESTORE_INDEX };

struct restore_cmd {
	const char *config;
	int no_expand_env;
	const char *out, *source, *replica, *pin;
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

/* May it be restored to job.out? 0: yes, or *there is a database that will
 * do (place_wanted); -1. */
int restore_cmd_wanted(const struct restore_cmd *, int *there, struct err *);

#endif
