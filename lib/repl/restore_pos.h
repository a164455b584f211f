#ifndef LS_REPL_RESTORE_POS_H
#define LS_REPL_RESTORE_POS_H

#include "repl/apply.h"
#include "repl/standby.h"

/* The position left beside a restored database, NAME-txid and NAME-follow:
 * for a standby to follow from, and for deltas. */

enum restore_leave {
	RESTORE_LEAVE_NONE,
	RESTORE_LEAVE_POS,     /* the database stays as it is */
	RESTORE_LEAVE_STANDBY  /* page 1 becomes that of a standby */
};

/* Of the restored file in fd, not yet published: reads it whole. level: of the
 * newest file applied, 0xff unknown. has_orig: page 1 is the replica's. */
int restore_pos_make(struct standby_pos *, int fd, enum restore_leave,
    const struct apply_done *, uint8_t level, int has_orig, struct err *);

/* Writes both, for a database that is about to appear at path. */
int restore_pos_write(const char *path, const struct standby_pos *,
    const struct io_perm *, struct err *);

#endif
