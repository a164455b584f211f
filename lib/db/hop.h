#ifndef LS_DB_HOP_H
#define LS_DB_HOP_H

#include "db/capture_impl.h"

#define HOP_SURE 5 /* value of zero that is */

/* Holding the WAL: which reader reads, and when it may be the other one. */

/* Looks at the wal-index; if writers left it broken, has it repaired. */
int hop_view(struct capture *, struct err *);

/* Takes note of where the WAL has gone since the last look. Sets ->lost if
 * it went where it cannot have gone while it was held. Call after hop_view. */
void hop_follow(struct capture *);

/* Opens the reader that is not in use, with its wal-index attached. */
int hop_other(struct capture *, struct err *);

/* Begins a read transaction on h of which it is known for sure whether it is
 * on slot 0 (h->zero) or above; the view is then not older than it. */
int hop_settle(struct capture *, struct holder *h, struct err *);

/* A new mark without capturing first. Nothing is done if the mark is at the
 * end already, or where it would not be safe. */
int hop_light(struct capture *, struct err *);

/* Everything into files, synced; then the new mark: where all was copied to
 * the database file, the WAL may be restarted from now on. */
int hop_full(struct capture *, struct err *);

/* Where everything was copied when the reader began, SQLite does not write to
 * the database file: whoever did (cp over it) went past the WAL. 1: so it is;
 * ERR_BUSY: is still at it. */
int hop_strange(struct capture *, struct err *);

/* Would hop_full let somebody go on who waits for us? */
int hop_wanted(const struct capture *);

#endif
