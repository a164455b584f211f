#ifndef LS_REPL_V03_SHIP_H
#define LS_REPL_V03_SHIP_H

#include "repl/ship.h"

/* What ship.h says of a replica, for one in the layout of Litestream 0.3: the
 * local level-0 files become segments of a log of our own (v03_wal.h), one
 * for one, and where they do not go on from what it holds a new generation
 * begins, out of a full one. Generations have random names and nothing is
 * ever deleted or replaced by another content, so a second writer only adds
 * its own: there is no fence, and nobody is fenced. */

int v03_ship_probe(struct ship *, struct store *, uint64_t local,
    uint64_t *backlog, struct err *);
int v03_ship_run(struct ship *, struct store *, uint64_t upto,
    unsigned max_files, struct ship_result *, struct err *);
/* Where the replica stands: 1, 0: not known. */
int v03_ship_position(const struct ship *, uint64_t *index, uint64_t *offset);
void v03_ship_free(struct ship *); /* its part of it, NULL is fine */

#endif
