#ifndef LS_REPL_VERIFY_CHAIN_H
#define LS_REPL_VERIFY_CHAIN_H

#include "repl/listing.h"

/* What the names and sizes of a replica's files alone tell. Pure. */

enum verify_chain_kind {
	VERIFY_HOLE,     /* TXIDs from..to are missing between two files of a
	                    level: before and after */
	VERIFY_OVERLAP,  /* two files of a level hold TXIDs from..to */
	VERIFY_BEHIND,   /* a level ends below from..to, which higher ones made of
	                    it have (of level 0 snapshots too): its newest file
	                    is never deleted by anyone */
	VERIFY_BASE      /* a snapshot that does not begin at TXID 1 */
};

struct verify_chain {
	enum verify_chain_kind kind;
	uint8_t level;
	uint64_t from, to;    /* TXIDs */
	size_t before, after; /* indexes of files; BASE, BEHIND: before alone */
	int covered;          /* files of other levels hold all of from..to */
	int jumped;           /* and so does one that begins at TXID 1 */
};

typedef int verify_chain_fn(void *ctx, const struct verify_chain *,
    struct err *);

/* Calls fn for each, by level. Its -1 ends it. */
int verify_chain(const struct listing *, verify_chain_fn *fn, void *ctx,
    struct err *);

#endif
