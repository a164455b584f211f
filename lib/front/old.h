#ifndef LS_FRONT_OLD_H
#define LS_FRONT_OLD_H

#include <stdint.h>
#include "base/sa.h"
#include "base/when.h"

/* How long a generation is behind its database, as 0.3 prints it. Pure. */
void old_lag(char s[WHEN_FMT], int64_t ms);

/* A row of "ls-list --v03 WHAT" (changed) as a row of 0.3's list of that
 * name, fields apart by TAB. updated: when the database was last written.
 * generation: others are passed over, NULL: none is. 1, or 0: no memory.
 * Pure. */
int old_row(stralloc *, const char *what, char *line, int64_t updated,
    const char *generation);

#endif
