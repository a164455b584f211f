#ifndef LS_REPL_STANDBY_IN_H
#define LS_REPL_STANDBY_IN_H

/* Shared by standby.c and standby_apply.c. */

#include "repl/standby.h"

struct standby {
	char *path;
	int fd;
	struct io_perm perm;   /* of the database: what is beside it too */
	struct standby_pos pos;
	const struct log *log;
	int dirty;             /* a failed apply could not be undone yet */
};

/* Plays a journal of ours back and finds out which state the file is: pos.at,
 * with pos.to gone. Under the exclusive lock. */
int standby_put_right(struct standby *, struct err *);

#define STANDBY_WAIT_MS 2000  /* for readers, until it is told */

#endif
