#ifndef LS_BASE_READY_H
#define LS_BASE_READY_H

#include "base/err.h"

/* The descriptor on which a service says that it is ready, as s6 has it. */

/* The argument of -d: one that is open. ERR_USAGE. */
int ready_scan(const char *arg, int *fd, struct err *);

/* Writes a newline to it and closes it; -1 where nobody reads that. Without one
 * (fd -1) nothing is done. */
int ready_say(int fd);

#endif
