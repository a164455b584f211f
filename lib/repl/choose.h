#ifndef LS_REPL_CHOOSE_H
#define LS_REPL_CHOOSE_H

#include "repl/listing.h"

/* Several replicas of one database: which to read from. */

struct choose_replica {
	struct store *st;
	struct listing listing;
	struct store_conf *conf; /* its own copy, with the path as found */
};

struct choose {
	struct choose_replica *r; /* readable ones, largest TXID first */
	size_t n;
	struct err unread;        /* of the first that could not be read */
};

/* Opens and lists n replicas. One that cannot be read is a warning as long
 * as another can; -1 if none can, or if all that can are empty and one
 * cannot: what is unknown is not nothing. An s3 replica that is empty is
 * looked for under the spellings of its prefix that Litestream makes of
 * configuration and URL. An empty one that holds Litestream 0.3 generations
 * is ERR_DATA. */
int choose_open(struct choose *, const struct store_conf *const *, size_t n,
    const struct log *, struct err *);
void choose_close(struct choose *);

#endif
