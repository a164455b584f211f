#ifndef LS_DB_CHECK_H
#define LS_DB_CHECK_H

#include <stdint.h>
#include "base/err.h"

enum check_kind { CHECK_NONE, CHECK_QUICK, CHECK_FULL };

/* "none", "quick" or "full"; else ERR_USAGE. */
int check_kind_scan(const char *, enum check_kind *, struct err *);

/* Runs PRAGMA quick_check or integrity_check on a database file nobody else
 * has open; nothing is left beside it. ERR_DATA with SQLite's first complaint
 * if it is damaged. */
int check_file(const char *path, enum check_kind, struct err *);

/* Opens it so, for reading alone. */
struct sqlite3;
int check_open(const char *path, struct sqlite3 **, struct err *);

/* Tables in the schema: of such a file; of an open connection. */
int check_tables(const char *path, int64_t *n, struct err *);
int check_count(struct sqlite3 *, int64_t *n, struct err *);

#endif
