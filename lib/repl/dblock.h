#ifndef LS_REPL_DBLOCK_H
#define LS_REPL_DBLOCK_H

#include <stdint.h>
#include "base/err.h"
#include "base/log.h"

/* SQLite's locks of a database file without SQLite: whoever reads or writes
 * it through SQLite, in whatever process, keeps out of the way. Taken as
 * locks of the open file: closing another descriptor of the file does not
 * drop them, and they go when fd is closed or the process ends. */

enum dblock {
	DBLOCK_NONE,
	DBLOCK_SHARED,    /* as a reader; writers of a rollback journal wait */
	DBLOCK_EXCLUSIVE  /* as a writer that commits; new readers wait too. A
	                     connection in WAL mode keeps it from being had */
};

/* Changes the lock of fd, without waiting. Exclusive needs a descriptor that
 * can write. ERR_BUSY: somebody is in the way. */
int dblock_set(int fd, enum dblock, struct err *);

/* As exclusive, as long as readers need to end. New ones are let in between,
 * so that one slow reader does not keep all out. wait_ms: how long it takes
 * until log is told, once. */
int dblock_wait(int fd, int64_t wait_ms, const struct log *,
    const char *path, struct err *);

/* One process alone may be at work in it, until fd is closed: a lock that
 * SQLite does not know. ERR_BUSY. */
int dblock_own(int fd, struct err *);

#endif
