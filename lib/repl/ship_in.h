#ifndef LS_REPL_SHIP_IN_H
#define LS_REPL_SHIP_IN_H

/* Shared by the files ship*.c alone. */

#include "ltx/ltx.h"
#include "repl/fence.h"
#include "repl/plan.h"
#include "repl/ship.h"

#define SHIP_CHECK_MS (INT64_C(60) * 60 * 1000)

/* Path of local level-0 file n, allocated; NULL: no memory. */
char *ship_local_path(const struct ship *, uint64_t n);

/* Is local file n one of an earlier life that a power loss damaged? 1: it was,
 * and is removed: a gap, which a full dump fills. */
int ship_damaged(struct ship *, const char *path, uint64_t n, struct err *);

/* Bytes of local files beyond the cursor, up to a TXID. */
uint64_t ship_backlog(const struct ship *, uint64_t upto);

/* What identifies an object of a replica, and one of the state folder. */
int ship_remote(struct store *, const char *key, struct fence_object *,
    struct ltx_header *, struct err *);
int ship_local(int fd, struct fence_object *, struct ltx_header *,
    struct err *);

/* The local file of the number of level-0 file f, held against it. */
enum ship_local_is { SHIP_LOCAL_SAME, SHIP_LOCAL_OTHER, SHIP_LOCAL_NONE };
int ship_compare(const struct ship *, struct store *,
    const struct replica_file *f, const char *key, enum ship_local_is *,
    struct err *);

/* May we go on after file f, the newest of the replica in level 0? 0: yes;
 * 1: yes, but it is not what we have there, and a full dump has to follow;
 * -1, ERR_FENCED: it is somebody else's. Fills in s->newest. */
int ship_guard(struct ship *, struct store *, const struct listing *,
    const struct plan *, const struct replica_file *f, uint64_t local,
    struct err *);

void ship_adopted_add(struct ship_adopted *, uint64_t node);

/* The newest page 1 in the files of a plan to *page (allocated; NULL: not
 * found). */
int ship_page1(struct store *, const struct listing *, const struct plan *,
    unsigned char **page, uint32_t *size, struct err *);

#endif
