#ifndef LS_REPL_RESTORE_FMT_H
#define LS_REPL_RESTORE_FMT_H

#include "base/sa.h"
#include "repl/restore_job.h"

/* Restores in words. Those with a stralloc append and return 1, or 0 out of
 * memory. */

/* The files, oldest first, and what they come to: a table whose last line
 * begins with "#", or one JSON object. */
int restore_fmt_plan(stralloc *, const struct restore_plan *, int json);

/* What was restored to out, for standard output: one JSON object, or its
 * path, or nothing. */
int restore_fmt_done(stralloc *, const char *out,
    const struct restore_report *, int json, int path);

/* The same as one event. out may be NULL. */
void restore_fmt_log(const struct log *, const char *out,
    const struct restore_report *);

#endif
