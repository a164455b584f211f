#ifndef LS_DB_CUT_H
#define LS_DB_CUT_H

#include "db/capture_impl.h"
#include "db/pages.h"

/* Frames to level-0 LTX files. */

/* Everything from the position up to frame v->mx, in as many files as
 * max_sync_wal_bytes asks for. The frames must be held. */
int cut_upto(struct capture *, const struct shm_view *v, struct err *);

/* Notes what a replaced database will be told by, if that changed. Writes and
 * syncs: cut_upto leaves it to the caller while the write lock is held. */
void cut_note(struct capture *);

/* Syncs the files not yet synced: before the WAL may be restarted. */
int cut_sync(struct capture *, struct err *);

/* The whole database as h sees it (settled; c->view is not older) as file
 * txid; the position is then there. */
int cut_dump(struct capture *, struct holder *h, uint64_t txid,
    struct err *);

/* The same to out, for a database captured by nobody: header as given, but
 * for page size, commit and the WAL fields, which are set. */
struct ltx_header;
int cut_dump_to(struct conn *, const struct shm_view *, int all_copied,
    struct ltx_header *, enum ltx_encoding, uint64_t memory,
    const char *dir, struct io_out,
    uint32_t sum[2], struct err *);

/* Every page of the database as v sees it, ready for pages_begin (of *size):
 * which frame of the WAL has each, if not all are copied. Memory is p's; free
 * both, also after -1. wal: header of the WAL, salts 0 where there is none. */
int cut_whole(struct conn *, const struct shm_view *v, int all_copied,
    struct frames *, struct pages *p, struct wal_header *wal, uint32_t *size,
    struct err *);

/* Finds where the database stands: page size and pages, from the wal-index
 * or, where the WAL is empty or all copied, from the file. */
int cut_size(struct conn *, const struct shm_view *, int all_copied,
    uint32_t *page_size, uint32_t *pages, struct err *);

#endif
