#ifndef LS_REPL_LISTING_FMT_H
#define LS_REPL_LISTING_FMT_H

#include "base/sa.h"
#include "repl/listing.h"

/* Lines about listed files, for people (as Litestream prints them) and as
 * JSON. All append and return 1, or 0 out of memory. */

#define LISTING_FMT_HEAD "level\tmin_txid\tmax_txid\tsize\tcreated"

/* One line without its newline: level, TXIDs, size, time; fields separated
 * by tabs. level as a word where it is none of a replica's, "-" for a time
 * that the store did not tell. */
int listing_fmt_tsv(stralloc *, const struct replica_file *);

/* One such line, of a level of a replica, back into *f (time_exact and full
 * are not in it). 0, or -1: it is none. */
int listing_fmt_row(const char *line, size_t n, struct replica_file *f);

/* Lines of ls-list back into the listing, which they are added to and which
 * is sorted then. Heading, empty lines and those that begin with "#" are
 * passed over. Text ends with a newline. ERR_DATA names the line that is
 * none. */
int listing_fmt_scan(struct listing *, const char *text, size_t n,
    struct err *);

/* {"level":0,"min_txid":"...","max_txid":"...","size":1,"created":"..."}
 * without the closing brace, so that more can follow; null for such a time. */
int listing_fmt_json(stralloc *, const struct replica_file *);

#endif
