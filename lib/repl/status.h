#ifndef LS_REPL_STATUS_H
#define LS_REPL_STATUS_H

#include <stddef.h>
#include <stdint.h>
#include "base/sa.h"
#include "base/err.h"
#include "db/capture.h"
#include "store/meter.h"

/* The status file: what ls-walship knows, for every other program. Text,
 * replaced whole by rename, at most once a second while something changes
 * and at once when a state does. Its path is <run>/walship.status.
 *
 * First line: "ls-s6-status 1". Then one record a line: a word, then fields
 * KEY=VALUE, all separated by one TAB; in values backslash, TAB and newline
 * are \\ \t \n. Unknown words and keys are to be skipped. Times are ms since
 * the epoch, TXIDs 16 hex digits, other numbers decimal; a field without a
 * value is left out.
 *
 *   walship  pid start (boot time of the process, of /proc/PID/stat field 22,
 *            tells a reused pid) time (of this file)
 *   op       one row of store/meter.h: what was asked of stores of a type
 *   db       path state (probing waiting running held failed stopped fenced
 *            denied) txid (last captured) pending (bytes in the WAL not captured)
 *            spool (bytes not shipped everywhere) captured (time of the last
 *            file) error error-kind error-time errors (count) hold
 *            disk-full=1 (nothing can be staged) db-bytes wal-bytes captured-
 *            bytes steps step-errors step-us checkpoints checkpoint-errors
 *            checkpoint-us (capture_stats: since its start)
 *   replica  belongs to the db record before it: url state (probing ok
 *            failing denied fenced) txid (shipped) lag (transactions)
 *            lag-bytes behind-since (time of the oldest commit not shipped)
 *            success (time of the last) error error-kind error-time errors
 *            fence=0 (the store ignores conditional writes) bytes files (shipped
 *            since the start) format=v0.3 index offset (the position there)
 */

struct status_error {
	const char *text;      /* of the last one, NULL: never */
	const char *kind;      /* err_word */
	int64_t time_ms;
	uint64_t count;
};

struct status_replica {
	const char *url, *state;
	uint64_t txid, lag, lag_bytes;
	int64_t behind_ms;     /* behind-since, 0: not behind */
	int64_t success_ms;    /* 0: never */
	struct status_error error;
	int unfenced;
	uint64_t bytes, files; /* shipped */
	int v03;               /* index and offset are said */
	uint64_t index, offset;
};

struct status_db {
	const char *path, *state, *hold;
	uint64_t txid, pending, spool;
	int64_t captured_ms;
	struct status_error error;
	int disk_full;
	struct capture_stats stats;
	struct status_replica *r;
	size_t n;
};

struct status {
	uint64_t pid, start;
	int64_t time_ms;
	struct store_meter meter;
	struct status_db *db;
	size_t n;
	/* of the reader */
	char *text;
	int stale;             /* the process that wrote it is gone */
};

/* Bytes of the file, allocated, NUL-terminated; *len without the NUL. */
int status_fmt(const struct status *, char **text, size_t *len,
    struct err *);
/* Takes text (it is written to and kept; freed by status_free). */
int status_scan(struct status *, char *text, size_t len, struct err *);

/* status_fmt, then a new file renamed over path, mode 0600. It is not
 * fsynced: after a crash it says nothing. */
int status_write(const char *path, const struct status *, struct err *);
/* Reads and judges stale. ERR_NOTFOUND: no such file. */
int status_read(const char *path, struct status *, struct err *);
void status_free(struct status *);

/* Fields of an error in a record. 1, or 0: out of memory; of no error. */
int status_error_put(stralloc *, const struct status_error *);
int status_error_scan(struct status_error *, const char *key, const char *);

/* Healthy: every database running without an error or waiting, with every
 * replica "ok", and none behind for more than max_lag_ms at now. Pure. The reason of the first
 * that is not goes to why (n bytes). 1 or 0. */
int status_healthy(const struct status *, int64_t now_ms, int64_t max_lag_ms,
    char *why, size_t n);

#endif
