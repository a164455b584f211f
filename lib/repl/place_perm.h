#ifndef LS_REPL_PLACE_PERM_H
#define LS_REPL_PLACE_PERM_H

#include "base/err.h"
#include "base/io.h"

/* "USER", "USER:GROUP", ":GROUP", names or numbers, into perm; without
 * GROUP a named user's own group. ERR_USAGE. */
int place_perm_owner(const char *s, struct io_perm *, struct err *);

/* Octal digits, 1 to 07777. ERR_USAGE. */
int place_perm_mode(const char *s, mode_t *, struct err *);

#endif
