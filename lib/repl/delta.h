#ifndef LS_REPL_DELTA_H
#define LS_REPL_DELTA_H

#include "repl/standby.h"

/* An older copy of a database that a restore begins with, so that only newer
 * files are fetched. It is read, never changed.
 *
 * Its position is told, best first, by NAME-follow, whose sum over all pages
 * is held against the copy: that proves every byte; by the marker of its state
 * folder, whose inode, size, mtime and page 1 are: it was not written to
 * since; by NAME-txid or the caller, and then the smallest file of the
 * replica that ends there is read, whose pages must all be in it: that
 * proves those pages, and no others. */

enum delta_proof { DELTA_SUM, DELTA_FACTS, DELTA_PAGES };

struct delta {
	char *path;
	int fd;             /* -1: not open */
	struct standby_at at;
	enum delta_proof proof;
	int64_t mtime_ns;   /* when it was opened */
};

/* txid: as the caller says, 0 if he does not. ERR_CONF: nothing tells the
 * position, or it is not to be had as it is (in the middle of an apply,
 * commits in its -wal); ERR_DATA: it is not what it was. */
int delta_open(struct delta *, const char *path, uint64_t txid,
    struct err *);
void delta_close(struct delta *); /* idempotent; of a zeroed one nothing */

/* Is it a state of this replica? ERR_DATA if not. Where no file of it ends
 * there any more: ERR_CONF for DELTA_PAGES, of which nothing is proven then,
 * else a warning. */
int delta_check(const struct delta *, struct store *, const struct listing *,
    const struct log *, struct err *);

/* Fills fd with it, shared blocks where the file system can, and checks what
 * was copied (DELTA_SUM). Page 1 is the replica's again, if that is known. */
int delta_copy(const struct delta *, int fd, struct err *);

#endif
