#ifndef LS_DB_CHECK_H
#define LS_DB_CHECK_H

#include "base/err.h"

enum check_kind { CHECK_NONE, CHECK_QUICK, CHECK_FULL };

/* "none", "quick" or "full"; else ERR_USAGE. */
int check_kind_scan(const char *, enum check_kind *, struct err *);

/* Runs PRAGMA quick_check or integrity_check on a database file nobody else
 * has open; nothing is left beside it. ERR_DATA with SQLite's first complaint
 * if it is damaged. */
int check_file(const char *path, enum check_kind, struct err *);

#endif
