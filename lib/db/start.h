#ifndef LS_DB_START_H
#define LS_DB_START_H

#include "db/capture_impl.h"

/* How to go on with a database found: a pure decision from facts. */

enum start_tail {       /* the newest level-0 file held against the WAL */
	START_TAIL_NONE,    /* there is none */
	START_TAIL_LOST,    /* it says nothing about this WAL */
	START_TAIL_HERE,    /* same salts, its frames are there: go on after it */
	START_TAIL_BEFORE   /* it was the end of the WAL just before this one */
};

struct start_in {
	uint64_t local, remote;   /* largest TXIDs, 0: none */
	enum start_tail tail;
	uint64_t tail_txid;       /* of the file looked at */
	int marker;               /* MARKER_STOP, MARKER_RESTORE: and the database
	                             file is still as it says; 0: none */
	uint64_t marker_txid;
	int gone;                 /* seen deleted or replaced by us */
	int strange;              /* seen written to past the WAL by us */
	int have_shipped;         /* shipped is known: from our own notes if its
	                             inode is not 0, else from a page 1 */
	struct state_facts shipped, now;
	int kin;                  /* what the pages of the newest level-0 file say:
	                             1 the database goes on from it, -1 it does
	                             not, 0 there is no such file */
	int accept;
};

enum start_action {
	START_AFTER_TAIL,  /* go on after the tail's last frame */
	START_NEW_WAL,     /* all of this WAL is new: go on at its start */
	START_DUMP,        /* a full dump as txid */
	START_HOLD
};

struct start_out {
	enum start_action action;
	uint64_t txid;     /* reached; of the dump */
	uint64_t gap;      /* as capture_result.gap_from */
	int accepted;      /* it replaces what was shipped, as in.accept allows */
	const char *reason;
};

void start_decide(const struct start_in *, struct start_out *);

/* The same file, by what stat(2) tells? The device number of a volume may be
 * another after a restart, so it only counts where no birth is known. */
int start_same_file(const struct state_facts *, const struct state_facts *);

#endif
