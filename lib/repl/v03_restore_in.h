#ifndef LS_REPL_V03_RESTORE_IN_H
#define LS_REPL_V03_RESTORE_IN_H

#include "repl/v03_restore.h"

/* Sets g, plan and doubtful from set, want and target. */
int v03_choose(struct v03_restore *, struct store *, const struct log *,
    struct err *);

#endif
