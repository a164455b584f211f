#ifndef LS_DB_STATE_H
#define LS_DB_STATE_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/io.h"

/* The state folder of a database, laid out as Litestream 0.5 does:
 * .NAME-litestream/ltx/0/<txid>-<txid>.ltx; beside ltx/ our own files:
 *   lock     held by flock while an ls-walship has the folder
 *   writer   16 hex digits: our random writer id, made once, fsynced
 *   marker   where the database stood at a clean stop or after a restore of
 *            the latest state; removed before anything else is done
 *   shipped  what the last shipped state looked like (inode, change counter,
 *            schema cookie), to tell a replaced database
 *   adopted  "TXID NODE...": the replica's end that another writer made and
 *            that this folder goes on from, as it was allowed to, and who
 *            wrote what leads there, the last one first
 *   tend     what ls-tend must not forget (repl/tend_status.h)
 *   tend.lock  held by flock while an ls-tend has the database
 * No SQLite here. */

struct state_paths {
	char *dir;   /* <meta> */
	char *ltx0;  /* <meta>/ltx/0 */
};

/* meta: NULL for the default beside the database; where db is a link, beside
 * the file it leads to, as -wal and -shm are: one file, one folder, one lock,
 * whatever name it goes by. (Litestream puts it beside the link.) */
int state_paths(struct state_paths *, const char *db, const char *meta,
    struct err *);
void state_paths_free(struct state_paths *);

/* Local level-0 files: smallest and largest TXID, 0 and 0 if none; *contig:
 * no number is missing between. */
int state_scan(const char *ltx0, uint64_t *min, uint64_t *max, int *contig,
    struct err *);

/* The writer id of the folder, made if missing. */
int state_writer_id(const char *dir, uint64_t *id, struct err *);

/* Takes the lock (fd returned, keep it open) or ERR_BUSY with the holder's
 * pid in the message. */
int state_lock(const char *dir, struct err *);
/* The same for ls-tend, beside an ls-walship: tend.lock. */
int state_lock_tend(const char *dir, struct err *);

/* Says what to do where a folder was not ours to write (DENIED); any other
 * error stays as it is. Returns -1. */
int state_denied(struct err *);

/* Facts that tell one database file from another without opening SQLite. */
struct state_facts {
	uint64_t dev, ino, size;
	int64_t mtime_ns;
	uint64_t wal_ino, wal_size; /* 0, 0: no WAL */
	int64_t wal_mtime_ns;
	uint64_t page1;             /* crc64 of page 1 of the database file */
	int64_t btime_ns;           /* birth of the database file, 0: unknown */
	uint32_t change_counter, schema_cookie, page_size;
};

/* STRANGE: the file was written to past the WAL, which tells nothing of it */
enum state_marker_kind { MARKER_STOP = 1, MARKER_RESTORE, MARKER_STRANGE };

struct state_marker {
	enum state_marker_kind kind;
	uint64_t txid;             /* what the database holds */
	struct state_facts facts;
	char url[512];             /* RESTORE: from where */
};
int state_marker_write(const char *dir, const struct state_marker *,
    struct err *);
/* ERR_NOTFOUND if there is none; ERR_DATA if it is damaged (it is then
 * treated as absent by callers, with a warning). */
int state_marker_read(const char *dir, struct state_marker *, struct err *);
int state_marker_remove(const char *dir, struct err *);

/* The same for what was shipped last: the file "shipped". */
int state_shipped_write(const char *dir, const struct state_facts *,
    struct err *);
int state_shipped_read(const char *dir, struct state_facts *, struct err *);

/* The part of the facts that stat(2) tells; page1 and the header fields are
 * left 0. ERR_NOTFOUND where there is no database, ERR_CONF where something
 * else is, as a folder or a link in a circle. Always safe. */
int state_facts_stat(const char *db, struct state_facts *, struct err *);
/* The part that page 1 (n bytes of it, at least 100) tells. */
void state_facts_page1(struct state_facts *, const unsigned char *, size_t n);
/* How many bytes of page 1 the facts are of: all, where the first 100 say how
 * many that is. */
uint32_t state_facts_page_size(const struct state_facts *,
    const unsigned char *head);

/* Reads facts by path, with one open(2) of the database that is only safe
 * while this process has no SQLite connection on it (closing a descriptor
 * drops POSIX locks). */
int state_facts_read(const char *db, struct state_facts *, struct err *);

#endif
