#ifndef LS_REPL_V03_APPLY_H
#define LS_REPL_V03_APPLY_H

#include "repl/apply.h"
#include "v03/name.h"

/* A database from a snapshot of Litestream 0.3 and the WAL that follows,
 * into a descriptor: what SQLite's checkpoints would make of them, without
 * SQLite. Every frame is held against salts and checksums first. Memory: one
 * frame. Nothing is fsynced. */

struct v03_apply; /* opaque */

int v03_apply_begin(struct v03_apply **, int fd, struct err *);

/* The snapshot's bytes: the database file as it was. Once, first. */
int v03_apply_snapshot(struct v03_apply *, const struct v03_name *,
    struct io_in, struct err *);

/* A segment's bytes: where the one before ended, or the begin of the next
 * index. They end with a commit. ERR_DATA if not; what was written to fd is
 * then worth nothing. */
int v03_apply_wal(struct v03_apply *, const struct v03_name *, struct io_in,
    struct err *);

/* Size, and whether it is a database. done->bytes is left alone. */
int v03_apply_end(struct v03_apply *, struct apply_done *, struct err *);
void v03_apply_free(struct v03_apply *); /* NULL is fine */

#endif
