#ifndef LS_REPL_CHOOSE_H
#define LS_REPL_CHOOSE_H

#include "repl/listing.h"
#include "repl/v03_set.h"

/* Several replicas of one database: which to read from. */

struct choose_replica {
	struct store *st;
	struct listing listing;  /* a plan takes it */
	struct v03_set v03;      /* of Litestream 0.3, at the same path */
	uint64_t max;            /* its largest TXID, which stays */
	struct store_conf *conf; /* its own copy, with the path as found */
	const char *pin;         /* that of struct choose */
};

struct choose {
	struct choose_replica *r; /* readable ones, largest TXID first */
	size_t n;
	int by_txid;              /* a TXID is wanted, which generations of
	                             Litestream 0.3 have not: these are listed
	                             only where there is nothing else */
	const char *pin;          /* only this pin of each is looked at; borrowed */
	struct err unread;        /* of the first that could not be read */
};

/* Opens and lists one more (c zeroed first). One that cannot be read is
 * remembered and, unless it is the only one, a warning. An s3 replica that
 * is empty is looked for under the spellings of its prefix that Litestream
 * makes of configuration and URL; an empty one that holds LTX files under the
 * keys of another kind of store counts as one that cannot be read. What
 * Litestream 0.3 left at the same path is listed as well. -1: out of
 * memory. */
int choose_add(struct choose *, const struct store_conf *,
    const struct log *, struct err *);

/* After the last: sorts. -1 if none could be read, or if all that could be
 * are empty and one could not: what is unknown is not nothing. ERR_NO if there
 * is no such pin. newest: an
 * older state than the newest will not do, so none may be out of reach; one
 * that answers, but with damage (ERR_DATA), is left out with a warning. */
int choose_end(struct choose *, int newest, const struct log *,
    struct err *);
/* Is there anything in one of them? */
int choose_any(const struct choose *);
void choose_close(struct choose *); /* idempotent */

#endif
