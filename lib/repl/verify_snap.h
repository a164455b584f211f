#ifndef LS_REPL_VERIFY_SNAP_H
#define LS_REPL_VERIFY_SNAP_H

#include "repl/verify.h"

/* The live database at exactly one TXID. What is committed is told by SQLite's
 * wal-index, which TXID that is by the newest file of the local level 0: up to
 * where it took the WAL. The ls-walship at work is asked to capture first.
 * Where the WAL cannot tell (it is empty, or was restarted), a capture before
 * and one after the read transaction began that come to the same TXID do. */

struct verify_where {
	const char *db;       /* absolute, as ls-walship knows it */
	const char *meta;     /* state folder, NULL: default */
	const char *socket;   /* of ls-walship */
	int64_t wait_ms;      /* for captures, by ls-walship or whoever else */
};

struct verify_position {
	uint64_t local;       /* newest local TXID, 0: none */
	int64_t time_ms;      /* of it */
	int exact;            /* and nothing is committed after it */
	int asked;            /* ls-walship is at work and was asked */
	char why[ERR_MSG_MAX];/* not exact: why not */
};

/* 0: taken, free its sums; 1: it cannot be told which TXID the database is at:
 * why, and pos says what is known; -1. */
int verify_snap(struct verify_snap *, const struct verify_where *,
    struct verify_position *, struct err *);
void verify_snap_free(struct verify_snap *); /* idempotent */

/* The same without reading the database. 0, or -1. */
int verify_position(const struct verify_where *, struct verify_position *,
    struct err *);

/* Asks ls-walship to have everything in all replicas. ERR_TEMP: it does not
 * answer, or not within the time. */
int verify_ship(const struct verify_where *, struct err *);

#endif
