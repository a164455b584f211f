#ifndef LS_REPL_RETAIN_IN_H
#define LS_REPL_RETAIN_IN_H

/* Shared by the files retain*.c alone. */

#include "repl/plan.h"
#include "repl/retain.h"

/* Can a restore begin with it? */
int retain_base(const struct replica_file *);

/* Adds a point, and lets stay what its plan needs: files of a listing of which
 * map (NULL: itself) gives the indexes in the whole one; also file `also`
 * of it, l->n: none. */
int retain_promise(struct retain *, const struct listing *,
    const size_t *map, const struct retain_point *, size_t also,
    struct err *);

/* Times t of the files idx (n of them, in order of their TXIDs), exact where
 * that matters: between two with known times of one class all are of it. 1: the
 * time of file *need of the listing is needed. told: times of all files, -1 not
 * known; NULL: only exact ones will do. */
typedef int64_t retain_class_fn(const void *ctx, int64_t time_ms);
int retain_spread(const struct listing *, const size_t *idx, size_t n,
    const int64_t *told, retain_class_fn *, const void *ctx, int64_t *t,
    size_t *need);

/* The parts of retain_step: listed times that the store did not tell; all
 * states of the last while; days, weeks and months; level 0. */
int retain_told(struct retain *, const struct listing *, size_t *from,
    size_t *to, struct err *);
int retain_all(struct retain *, const struct listing *, size_t *from,
    size_t *to, struct err *);
int retain_periods(struct retain *, const struct listing *, size_t *from,
    size_t *to, struct err *);
int retain_level0(struct retain *, const struct listing *, struct err *);

#endif
