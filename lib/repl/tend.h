#ifndef LS_REPL_TEND_H
#define LS_REPL_TEND_H

#include <stddef.h>
#include "base/log.h"
#include "repl/level.h"

/* ls-tend: decides what the replicas of N databases need, and runs the programs
 * that do it as its children. What was shipped it learns from the status file
 * of ls-walship and the local level-0 files; what a replica holds from one LIST
 * and what its children say they did. Where nothing changes it sleeps without
 * time-out and asks for nothing. */

struct tend_conf_replica {
	const char *url;             /* as status files have it */
	const char *operand;         /* how the children find it: this URL; NULL:
	                                by its configuration */
	int v03;                     /* of Litestream 0.3: no levels; then: */
	int64_t retention_check_ms;  /* ls-prune this often */
	int64_t snapshot_ms;         /* ls-snapshot -r, 0: never */
};

struct tend_conf_db {
	const char *path, *meta;     /* meta: NULL for the default */
	const struct tend_conf_replica *r;
	size_t n;
	int64_t verify_ms;           /* between two proofs, 0: none */
};

struct tend_conf {
	const struct tend_conf_db *dbs;
	size_t n;
	struct level_conf levels;
	unsigned jobs;               /* children at once, beside one proof */
	const char *run_dir;         /* of the status files and the socket */
	int ready_fd;                /* gets a newline when ready, -1: none */
	const char *const *args;     /* options for the children: -c FILE ...,
	                                ended by NULL */
	int64_t validation_ms;       /* between two looks at the names, 0: off */
	int verify;                  /* what was compacted is read back */
	/* A database that ls-walship ships to these replicas, and dbs does not
	 * have: its settings, valid until tend_run returns. May be NULL. */
	int (*more)(void *ctx, const char *path, const char *const *urls,
	    size_t n, const struct tend_conf_db **, struct err *);
	void *ctx;
	const struct log *log;
};

/* Until SIGTERM or SIGINT, which with SIGCHLD and SIGPIPE are taken over. The
 * children are told to end first; a second signal ends at once. 0, or -1 where
 * it cannot go on. */
int tend_run(const struct tend_conf *, struct err *);

#endif
