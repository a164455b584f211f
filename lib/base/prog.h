#ifndef LS_BASE_PROG_H
#define LS_BASE_PROG_H

#include <stdio.h>
#include "base/err.h"

/* For main() of the programs in bin/ alone: library code never prints. */

/* Prints "PROG: fatal: unable to DOING: MSG"; returns the exit code. */
static inline int
prog_fatal(const char *prog, const char *doing, const struct err *err)
{
	fprintf(stderr, "%s: fatal: unable to %s: %s\n", prog, doing, err->msg);
	return err_exit(err->kind);
}

/* Prints "PROG: usage: TEXT"; returns 100. */
static inline int
prog_usage(const char *prog, const char *text)
{
	fprintf(stderr, "%s: usage: %s\n", prog, text);
	return err_exit(ERR_USAGE);
}

/* Prints "PROG: warning: TEXT". */
static inline void
prog_warn(const char *prog, const char *text)
{
	fprintf(stderr, "%s: warning: %s\n", prog, text);
}

#endif
