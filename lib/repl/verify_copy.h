#ifndef LS_REPL_VERIFY_COPY_H
#define LS_REPL_VERIFY_COPY_H

#include "repl/choose.h"
#include "repl/apply.h"

/* A restore to a file of our own, in a folder of its own below $TMPDIR, for
 * what has to be looked at with SQLite. */

struct verify_copy {
	char *dir, *path;
	int lock;            /* in dir: it is in use */
	struct apply_done done;
};

/* The newest state of the replicas in c, whose listings are used up. Free it in
 * every case. */
int verify_copy(struct verify_copy *, struct choose *c, const struct log *,
    struct err *);
void verify_copy_free(struct verify_copy *); /* deletes; idempotent */

#endif
