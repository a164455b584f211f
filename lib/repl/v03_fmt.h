#ifndef LS_REPL_V03_FMT_H
#define LS_REPL_V03_FMT_H

#include "base/sa.h"
#include "repl/restore_v03.h"

/* What replicas of Litestream 0.3 hold, and restores from them, in words. All
 * append and return 1, or 0 out of memory. Indexes and offsets are decimal,
 * as Litestream lists them; times "-", or null in JSON, where the store did
 * not tell. */

enum v03_fmt_what { V03_FMT_GENERATIONS, V03_FMT_SNAPSHOTS, V03_FMT_WAL };

/* "generations", "snapshots" or "wal". 0, or -1: ERR_USAGE. */
int v03_fmt_what(const char *, enum v03_fmt_what *, struct err *);

/* The line of column names, with its newline. */
int v03_fmt_head(stralloc *, enum v03_fmt_what);

/* Rows of one replica, of that name, each with its newline. JSON: objects
 * separated by commas. */
int v03_fmt_rows(stralloc *, enum v03_fmt_what, const char *name,
    const struct v03_set *, int json);

/* As restore_fmt_plan. */
int v03_fmt_plan(stralloc *, const struct v03_restore *,
    const struct store_count *requests, int json);

/* As restore_fmt_done with JSON. */
int v03_fmt_done(stralloc *, const char *out, const struct restore_report *);

/* As restore_fmt_log. */
void v03_fmt_log(const struct log *, const char *out,
    const struct restore_report *);

#endif
