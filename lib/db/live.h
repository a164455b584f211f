#ifndef LS_DB_LIVE_H
#define LS_DB_LIVE_H

#include <stdint.h>
#include "base/err.h"
#include "base/io.h"

/* A live database as it is at one moment, and where in the WAL that is: for
 * comparing it with something. Nothing is written, no checkpoint made, and no
 * descriptor of its files opened but by SQLite itself, which keeps them until
 * live_free. */

struct live;

struct live_view {
	uint32_t frames;       /* of the WAL, committed; 0: it is empty */
	uint32_t salt1, salt2; /* of the WAL */
};

struct live_sums {
	uint32_t page_size, pages;
	int64_t tables;        /* rows of sqlite_schema that are tables */
};

/* ERR_NOTFOUND: no such database; ERR_NO: nobody has it open (there is no -wal
 * or -shm beside it), and opening it would leave them behind. */
int live_open(struct live **, const char *path, struct err *);
void live_free(struct live *);

/* The write lock, which only keeps others from committing: nothing is written
 * and it is given back by live_unlock. Waits at most wait_ms, or ERR_BUSY. */
int live_lock(struct live *, int64_t wait_ms, struct err *);
void live_unlock(struct live *);

/* A read transaction, and exactly what it sees. ERR_BUSY: try again. */
int live_begin(struct live *, struct live_view *, struct err *);
void live_end(struct live *);
/* Within it: CRC-64 of each page, 8 bytes as the machine has them, in order; 0
 * for the lock page. */
int live_read(struct live *, struct io_out, struct live_sums *, struct err *);

/* The same of a database that nobody has open, from the file alone. The caller
 * sees to it that it stays as it is (state_facts_read before and after). */
int live_read_file(const char *path, struct io_out, struct live_sums *,
    struct err *);

#endif
