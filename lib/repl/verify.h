#ifndef LS_REPL_VERIFY_H
#define LS_REPL_VERIFY_H

#include "base/spill.h"
#include "repl/choose.h"

/* Proof that a replica is whole, and that what it would restore is the
 * database. Nothing is written but to unlinked temporary files. */

/* A database at one TXID: what a replica is compared with (verify_snap.h). */
struct verify_snap {
	uint64_t txid;
	int64_t time_ms;         /* of its newest level-0 file */
	uint32_t page_size, pages;
	int64_t tables;          /* -1: not known */
	struct spill sums;       /* CRC-64 of each page, 8 bytes as the machine
	                            has them; of the lock page 0 */
};

struct verify_opt {
	uint64_t pace;           /* bytes a second to read, 0: any */
	uint64_t budget;         /* bytes to read at most, 0: any */
	int64_t wait_ms;         /* for the replica to have the snapshot's TXID */
	int sparse;              /* rules keep single states of the past: holes
	                            before them are meant to be there */
	const struct log *log;
};

/* One thing found, for a line of its own. */
struct verify_finding {
	int bad;                 /* 0: worth knowing, and no fault */
	char *object;            /* "level 0 file NAME", "level 1", a key */
	char *text;              /* what is wrong; what can still be restored */
};

struct verify_report {
	struct verify_finding *f;
	size_t n, bad;           /* all; those that are faults */
	size_t objects, unread;  /* of the replica; past the budget */
	uint64_t bytes;          /* read */
	uint64_t newest;         /* largest TXID the replica has, 0: none */
	/* What the merge of its files came to: */
	int merged;              /* it was complete */
	uint64_t txid;
	int64_t time_ms;
	uint64_t size;           /* bytes of the database */
	size_t files;            /* it needed */
	/* Against the snapshot: */
	int compared, equal;
	uint32_t differ;         /* pages */
	const char *why;         /* not compared: a reason of its own, static */
	char v03[V03_NAME_MAX];  /* of Litestream 0.3: the last object of the
	                            state, which may have no TXID; else "" */
};

/* Whole check of one replica, whose listing is used up. snap NULL: its newest
 * state is merged and compared with nothing. 0: see the report (zeroed first;
 * verify_report_free it in every case); 1: the snapshot's TXID is no end of a
 * file any more, take another one; -1: the replica cannot be read, ERR_NOTFOUND:
 * it is empty. */
int verify_replica(struct choose_replica *, const struct verify_snap *,
    const struct verify_opt *, struct verify_report *, struct err *);
void verify_report_free(struct verify_report *); /* idempotent */

#endif
