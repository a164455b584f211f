#ifndef LS_REPL_SHIP_IN_H
#define LS_REPL_SHIP_IN_H

/* Shared by the files ship*.c alone. */

#include "ltx/ltx.h"
#include "repl/fence.h"
#include "repl/ship.h"

#define SHIP_CHECK_MS (INT64_C(60) * 60 * 1000)

/* Path of local level-0 file n, allocated; NULL: no memory. */
char *ship_local_path(const struct ship *, uint64_t n);

/* Exactly len bytes of an object. */
int ship_get_range(struct store *, const char *key, uint64_t off, void *buf,
    size_t len, struct err *);

/* What identifies an object of a replica, and one of the state folder. */
int ship_remote(struct store *, const char *key, struct fence_object *,
    struct ltx_header *, struct err *);
int ship_local(int fd, struct fence_object *, struct ltx_header *,
    struct err *);

/* Did another hand write that level-0 number (max and size of the file are
 * used)? Compares it with the local file of the same number, where there is
 * one. 1, 0 or -1. */
int ship_forked(struct ship *, struct store *, const struct replica_file *,
    struct err *);

#endif
