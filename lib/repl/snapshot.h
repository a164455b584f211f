#ifndef LS_REPL_SNAPSHOT_H
#define LS_REPL_SNAPSHOT_H

#include "base/log.h"
#include "ltx/ltx.h"
#include "repl/changes.h"
#include "repl/plan.h"

/* A level-9 snapshot of a replica, made by merging what it holds already:
 * the database is not read, so its checkpoints are not held back. */

struct snapshot_opt {
	const char *ltx0;       /* of the database, NULL: none */
	const char *tmp;        /* see compact.h */
	enum ltx_encoding encoding;
	const struct log *log;
	struct changes *changes; /* of the one replica; NULL: none given */
};

struct snapshot_done {
	uint64_t txid, size;
	int64_t time_ms;
	int present;            /* the replica had that snapshot: nothing done */
	size_t files;           /* merged */
};

/* ERR_NOTFOUND: the replica is empty. */
int snapshot_put(const struct store_conf *, const struct snapshot_opt *,
    struct snapshot_done *, struct err *);

/* The same of any state, as the pin of that name (pin.h), which must not be
 * there: ERR_EXISTS. Where a snapshot is that state, the store copies it,
 * once it has been read whole. */
int snapshot_pin(const struct store_conf *, const char *name,
    const struct plan_target *, const struct snapshot_opt *,
    struct snapshot_done *, struct err *);

#endif
