#ifndef LS_BASE_PROG_H
#define LS_BASE_PROG_H

#include <stdio.h>
#include "base/err.h"
#include "base/io.h"
#include "base/opt.h"

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

/* Does what -h and -V ask for; 1 if id is one of them, else 0. */
static inline int
prog_info(const struct opt_state *st, int id, const char *synopsis,
    const char *purpose)
{
	if (id == 'h')
		opt_help(st, 1, synopsis, purpose);
	else if (id == 'V')
		printf("%s " LS_VERSION "\n", st->prog);
	else
		return 0;
	return 1;
}

/* Prints "PROG: warning: TEXT". */
static inline void
prog_warn(const char *prog, const char *text)
{
	fprintf(stderr, "%s: warning: %s\n", prog, text);
}

#endif
