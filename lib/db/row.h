#ifndef LS_DB_ROW_H
#define LS_DB_ROW_H

#include "base/err.h"

/* litestream-ruby's way to prove a replica: a row of the table
 * _litestream_verification (id INTEGER PRIMARY KEY, uuid BLOB), made if
 * missing, that must come back from a restore. The one thing here that writes
 * into the user's database. */

#define ROW_UUID 37 /* with its NUL */

/* Waits for locks up to 10 s. */
int row_insert(const char *db, char uuid[ROW_UUID], struct err *);
int row_delete(const char *db, const char *uuid, struct err *);

/* Is it in the file, which nobody else has open? 0, or ERR_NO: it is not;
 * ERR_DATA: no database. */
int row_check(const char *file, const char *uuid, struct err *);

#endif
