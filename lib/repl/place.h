#ifndef LS_REPL_PLACE_H
#define LS_REPL_PLACE_H

#include <stdint.h>
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"

/* Where a restored database goes: never over another one, whole or not at
 * all, and not beside a journal that SQLite would play back into it. */

enum place_found {
	PLACE_FREE,      /* nothing there */
	PLACE_DATABASE   /* a file that begins as SQLite databases do */
};

/* What is at path. An empty file, another kind of file, or one without
 * SQLite's header is ERR_DATA: neither free nor a database. */
int place_look(const char *path, enum place_found *, struct err *);

/* May a database be restored to path? 0: yes, or if_missing and *there is
 * one (which is logged). A database without if_missing is ERR_CONF. */
int place_wanted(const char *path, int if_missing, int *there,
    const struct log *, struct err *);

/* May what is at path be moved aside? Not what is no regular file:
 * ERR_CONF; nor what a SQLite connection uses: ERR_BUSY. */
int place_replaceable(const char *path, struct err *);

/* The database at path, if there is one, becomes NAME.replaced-TIME, with its
 * -wal, -shm and -journal under the same name and a warning for each. ERR_BUSY
 * if a SQLite connection uses it. */
int place_replace(const char *path, int64_t now_ms, const struct log *,
    struct err *);

/* BASE-YYYYMMDDHHMMSS.EXT beside path, allocated into *out. */
int place_beside(const char *path, int64_t now_ms, char **out, struct err *);

/* Where perm has no owner and we are root: that of path's folder, which is
 * made if missing. */
int place_owner(const char *path, struct io_perm *perm, struct err *);

/* A file being restored: under a temporary name, which no other process
 * uses; those of killed ones are removed. The folder is made if missing. */
struct place {
	struct io_temp temp;   /* write to temp.fd */
	int lock;              /* the folder, -1: not locked */
	int64_t now_ms;
	unsigned how;
};
#define PLACE_ASIDE 1u     /* a database that is there is moved aside */
int place_begin(struct place *, const char *path, const struct io_perm *,
    unsigned how, int64_t now_ms, struct err *);

/* Syncs the file, then keeps other restores to this folder from publishing
 * until commit or abort. ERR_EXISTS if something is at path meanwhile. */
int place_lock(struct place *, struct err *);

/* Makes room: PLACE_ASIDE moves what is at path aside, as place_replace; then
 * path-wal, path-shm and path-journal and what told the position of an earlier
 * database, -txid and -follow, become NAME.orphan-TIME, with a warning each.
 * ERR_EXISTS if something is at path meanwhile. */
int place_clear(struct place *, const struct log *, struct err *);

/* Then, with nothing but the writing of new ones between: syncs and
 * publishes. Failed or not, as abort. ERR_EXISTS as before. */
int place_publish(struct place *, struct err *);

/* Both. */
int place_commit(struct place *, const struct log *, struct err *);
void place_abort(struct place *); /* idempotent, after place_begin */

#endif
