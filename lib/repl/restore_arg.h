#ifndef LS_REPL_RESTORE_ARG_H
#define LS_REPL_RESTORE_ARG_H

#include "base/io.h"
#include "repl/plan.h"
#include "repl/v03_restore.h"

/* What people write on command lines. All: 0, or ERR_USAGE that says what is
 * expected. */

/* RFC 3339. */
int restore_arg_time(const char *, struct plan_target *, struct err *);
/* 1 to 16 hex digits, not 0. */
int restore_arg_txid(const char *, struct plan_target *, struct err *);
/* Of Litestream 0.3: 16 hex digits; 1 to 16 of them. */
int restore_arg_generation(const char *, struct v03_want *, struct err *);
int restore_arg_index(const char *, struct v03_want *, struct err *);
/* A duration of at least 10 ms, as in 500ms or 1m. */
int restore_arg_interval(const char *, int64_t *ms, struct err *);
/* 1 to 64. */
int restore_arg_count(const char *, unsigned *, struct err *);
/* "USER", "USER:GROUP", ":GROUP", names or numbers; without GROUP a named
 * user's own group. */
int restore_arg_owner(const char *, struct io_perm *, struct err *);
/* Octal digits, 1 to 07777. */
int restore_arg_mode(const char *, mode_t *, struct err *);

#endif
