#ifndef LS_REPL_V03_SNAPSHOT_H
#define LS_REPL_V03_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/log.h"
#include "store/store.h"

/* A new snapshot in a replica of Litestream 0.3's layout, restored from what
 * the replica holds already: the database is not read. It is made for the
 * last index that has WAL, of its very beginning, as nothing is added to what
 * comes before, whoever writes meanwhile. */

struct v03_snapshot_done {
	uint64_t generation, index;
	int present;         /* there is one of that index already, or no later
	                        index to make one for: nothing done */
	uint64_t raw;        /* bytes of the database */
	size_t files;        /* objects read */
};

/* tmp: the folder of the unlinked file that holds the database meanwhile, ""
 * for $TMPDIR or /tmp. ERR_NOTFOUND: the replica is empty. */
int v03_snapshot_put(const struct store_conf *, const char *tmp,
    const struct log *, struct v03_snapshot_done *, struct err *);

#endif
