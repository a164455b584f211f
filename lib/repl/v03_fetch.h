#ifndef LS_REPL_V03_FETCH_H
#define LS_REPL_V03_FETCH_H

#include "repl/v03_set.h"

/* The objects of a plan one after the other, decrypted where they are
 * encrypted, and out of their LZ4 frames; the next ones are fetched
 * meanwhile. */

struct v03_fetch; /* opaque */

/* All borrowed. ahead: objects being fetched at once, at least 1. */
int v03_fetch_begin(struct v03_fetch **, struct store *,
    const struct v03_set *, const struct v03_plan *, unsigned ahead,
    struct err *);

/* The snapshot, then the WAL. 1: *object is its index in the set, and *in
 * gives its bytes until the next call; 0: that was all; -1. Errors of *in
 * have the object's name in front. *gone becomes 1 with ERR_NOTFOUND: an object
 * that was listed. */
int v03_fetch_next(struct v03_fetch *, size_t *object, struct io_in *in,
    struct err *);

/* Bytes read of the replica so far, and of the object at hand if it fails. */
uint64_t v03_fetch_bytes(const struct v03_fetch *);
void v03_fetch_free(struct v03_fetch *); /* NULL is fine */

#endif
