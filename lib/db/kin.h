#ifndef LS_DB_KIN_H
#define LS_DB_KIN_H

#include "db/capture_impl.h"

/* Whether a database that is not the file it was (copied, or made anew) goes
 * on from a level-0 file, by what the pages say. */

/* *kin is 1 if the database, as h sees it, has all pages of the file at path
 * as they are there, or most of them with little changed; -1 if not; 0 if the
 * file is missing or damaged. */
int kin_check(const char *path, struct holder *h, const struct shm_view *,
    uint64_t memory, const char *dir, int *kin, struct err *);

#endif
