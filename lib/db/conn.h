#ifndef LS_DB_CONN_H
#define LS_DB_CONN_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* One SQLite connection as capture uses it: no cache to speak of, no schema
 * ever parsed, no checkpoint of its own, the -wal left behind. A zeroed one
 * is closed. While any connection of this process is open, nothing here
 * opens or closes another descriptor of the database or its -shm: that would
 * drop SQLite's locks (POSIX). */

struct sqlite3;
struct sqlite3_stmt;

struct conn {
	struct sqlite3 *db;
	struct sqlite3_stmt *read; /* stepped: a read transaction is open */
	int reading;
	int attached;              /* to the WAL: it has begun once */
	int writing;
};

/* Opens, but does not look into the file yet. ERR_NOTFOUND: it is not
 * there. */
int conn_open(struct conn *, const char *path, struct err *);
void conn_close(struct conn *); /* idempotent */

/* From now on its close, if it is the last of all processes', removes the
 * -wal, with what is in it copied: as SQLite does by itself. */
void conn_tidy(struct conn *);

/* Is the name it was opened by another file's now, or nobody's? */
int conn_moved(struct conn *);

/* A read transaction: begin is a snapshot of the newest commit, ended by
 * end. ERR_BUSY: try again; ERR_BUG: it reads already; ERR_DATA: not a database; ERR_CONF: another
 * process has it in exclusive locking mode. cookie (the schema cookie) may
 * be NULL. */
int conn_begin(struct conn *, uint32_t *cookie, struct err *);
void conn_end(struct conn *);

/* The write lock, taken within wait_ms or ERR_BUSY, and given back with
 * nothing written. */
int conn_lock(struct conn *, int64_t wait_ms, struct err *);
void conn_unlock(struct conn *);

/* One PASSIVE checkpoint; the connection must not be reading. ERR_BUSY:
 * another one runs. */
int conn_checkpoint(struct conn *, struct err *);

/* Makes it a WAL database if it is not. Waits up to wait_ms for locks. */
int conn_set_wal(struct conn *, int64_t wait_ms, struct err *);

/* First 32 KiB of the wal-index, NULL if there is none (before the first
 * begin). Valid while any connection of this process is open. */
const volatile unsigned char *conn_shm(struct conn *);

/* Reads of the database file and of the WAL file through SQLite's own
 * descriptors. What lies past the end reads as zeros; *got, if not NULL, is
 * set to 0 then, else to 1. */
int conn_read_db(struct conn *, void *, size_t, int64_t off, int *got,
    struct err *);
int conn_read_wal(struct conn *, void *, size_t, int64_t off, int *got,
    struct err *);
int conn_db_size(struct conn *, int64_t *, struct err *);
int conn_wal_size(struct conn *, int64_t *, struct err *);

#endif
