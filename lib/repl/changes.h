#ifndef LS_REPL_CHANGES_H
#define LS_REPL_CHANGES_H

#include "base/log.h"
#include "repl/listing.h"

/* How ls-tend and the programs it runs on a replica spare each other LIST
 * requests: ls-compact, ls-snapshot -r, ls-prune take what the replica holds
 * from --listing FILE (lines of ls-list; "-": standard input) and say with
 * --changes what they did to it, a line each on standard output:
 *
 *     add TAB row      an object was put (or found to be there)
 *     del TAB row      an object was deleted (or found not to be there)
 *     gap TAB row      what is missing, or cannot be read, of a level: min and
 *                      max TXID, size 0; only a fresh full copy mends it
 *     refused TAB row  an object may not be deleted with these credentials
 *     stale TAB row    the listing differs from the replica: read it again
 *     unsound TAB row  what was just put is not there whole
 *
 * A row is as ls-list has it. Unknown words are to be passed over. */

/* Lines of a program's table of options, and ids that take no others' place. */
enum { CHANGES_LISTING = 500, CHANGES_SAY };
#define CHANGES_OPTS \
	{ CHANGES_LISTING, "listing", "FILE", "what the replica holds, as " \
	    "ls-list prints it" }, \
	{ CHANGES_SAY, "changes", NULL, "print each object put or deleted" }

struct changes {
	const char *listing;  /* of --listing, NULL: the store is asked */
	int say;              /* --changes was given */
	int taken;            /* the listing was read: it is of one replica */
};

/* Takes its own options; 1 if it was one. */
int changes_option(struct changes *, int id, const char *arg);

/* The listing of a replica (as listing_read, zeroed or used): from --listing,
 * else by asking the store. ERR_USAGE for a second replica. */
int changes_read(struct changes *, struct store *, unsigned levels,
    struct listing *, struct err *);

/* One line, if --changes was given, else nothing. word: one of those. What
 * cannot be told any more must not undo what was done: a failure is logged
 * alone. */
void changes_say(const struct changes *, const struct log *,
    const char *word, const struct replica_file *);

#endif
