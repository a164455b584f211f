#ifndef LS_REPL_RESTORE_STATE_H
#define LS_REPL_RESTORE_STATE_H

#include <stdint.h>
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"

/* The state folder after a restore, so that replication goes on at the next
 * TXID without a new full dump. Called before the database is published: an
 * ls-walship that waits for it must find the marker. */

struct restore_state {
	const char *dir, *ltx0;  /* the folder and its level 0 */
	uint64_t txid;           /* what was restored */
	int latest;              /* the latest state, not one chosen */
	int stranger;            /* no TXID of the replica but a state of
	                            Litestream 0.3: nothing local leads there */
	int continues;           /* the local files up to txid belong to what
	                            was restored: they stay */
	const char *url;         /* of the replica, without secrets */
	int64_t now_ms;
	const struct io_perm *perm; /* of what is made */
	const struct log *log;
};

/* db: the restored file under its temporary name. Latest: leaves the marker
 * and moves local files that do not lead to txid aside (as *.orphan-TIME).
 * Not the latest: takes a marker away, leaves the rest alone. */
int restore_state_leave(const struct restore_state *, const char *db,
    struct err *);

#endif
