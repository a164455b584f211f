#ifndef LS_REPL_STANDBY_H
#define LS_REPL_STANDBY_H

#include "base/io.h"
#include "base/log.h"
#include "repl/listing.h"

/* A database file that LTX files are applied to in place, while others read
 * it through SQLite.
 *
 * Readers see the state before or the one after, never a mixture, and a kill
 * at any instant changes nothing about that: what an apply is about to
 * overwrite is first put into a rollback journal as SQLite itself writes one
 * (NAME-journal), and everything happens under SQLite's exclusive lock. After
 * a kill the journal is hot: a reader that may write plays it back, one that
 * may not gets SQLITE_READONLY_ROLLBACK, and standby_open plays it back.
 *
 * The file says that it is no WAL database (bytes 18 and 19 are 1), so that
 * readers need no -shm, and has a change counter of its own (24 to 27), so
 * that they drop what they have cached. What stood there is kept in the
 * position. Litestream's restore -f makes the same two changes, and its
 * NAME-txid: each can go on with a standby of the other. */

#define STANDBY_ORIG 6

struct standby_at {
	uint64_t txid;
	uint32_t pages, page_size;
	uint64_t page1;    /* crc64 of page 1 in the file */
	uint64_t sum;      /* all pages' checksums, ltx.h, XORed; 0: not known */
	int has_orig;
	unsigned char orig[STANDBY_ORIG]; /* bytes 18, 19, 24 to 27 of page 1 as
	                      they are in the replica */
	uint8_t level;     /* the LTX file that led here; 0xff: not known */
	uint64_t min;
	uint64_t check;    /* its file checksum */
};

/* NAME-follow, text with a checksum; NAME-txid tells Litestream the TXID. */
struct standby_pos {
	struct standby_at at;
	struct standby_at to;  /* an apply was begun; txid 0: none */
	uint32_t nonce;        /* of the journal of that apply */
};

/* ERR_NOTFOUND: there is none; ERR_DATA: damaged. */
int standby_pos_read(const char *db, struct standby_pos *, struct err *);
int standby_pos_write(const char *db, const struct standby_pos *,
    const struct io_perm *, struct err *);
int standby_txid_read(const char *db, uint64_t *txid, struct err *);
int standby_txid_write(const char *db, uint64_t txid, const struct io_perm *,
    struct err *);
/* While there may be a journal it is not there: Litestream, which knows no
 * journals, does not go on without it. */
int standby_txid_remove(const char *db, struct err *);

/* Fills in pages, page_size, page1, and orig as page 1 has it, has_orig left
 * alone. ERR_DATA: no database. */
int standby_look(int fd, struct standby_at *, struct err *);
/* XORs the checksums of all pages: reads the whole file. */
int standby_sum(int fd, const struct standby_at *, uint64_t *sum,
    struct err *);

/* Page 1 of a standby, with the change counter given; orig gets what stood
 * there. And back. */
void standby_page1(unsigned char *page, uint32_t counter,
    unsigned char orig[STANDBY_ORIG]);
void standby_page1_back(unsigned char *page,
    const unsigned char orig[STANDBY_ORIG]);
/* Both the bytes of one in a file that nobody else has open. */
int standby_mask(int fd, struct standby_at *, struct err *);

/* Is the file that led to at, where the listing still has it, what it was
 * then? 1 yes, 0 it cannot be told, -1: ERR_DATA if not. Reads 16 bytes. */
int standby_same(struct store *, const struct listing *,
    const struct standby_at *, struct err *);
/* Where no more than the TXID is known: are all pages of the smallest file
 * that ends there in fd? As before. Reads that file. */
int standby_proof(struct store *, const struct listing *, int fd,
    const struct standby_at *, struct err *);

/* The one that can tell, of both: is fd a state of this replica? */
int standby_of(struct store *, const struct listing *, int fd,
    const struct standby_at *, struct err *);

/* ---- the rollback journal ---- */

struct standby_journal {
	struct io_temp temp;
	char *path;
	uint32_t nonce, records, page_size;
	int64_t end;
	unsigned char *buf;   /* what was not written yet */
	size_t len;
};
/* pages: what the file has now. */
int standby_journal_begin(struct standby_journal *, const char *db,
    const struct standby_at *, const struct io_perm *, struct err *);
int standby_journal_add(struct standby_journal *, uint32_t pgno,
    const unsigned char *page, struct err *);
int standby_journal_sync(struct standby_journal *, struct err *);
int standby_journal_publish(struct standby_journal *, struct err *);
/* The commit: it is gone, and the folder synced. */
int standby_journal_end(const char *db, struct err *);
void standby_journal_free(struct standby_journal *); /* idempotent */
/* Plays it back into fd, syncs, removes it. 1: done, 0: there was none, -1:
 * ERR_DATA: it is of somebody else. */
int standby_journal_back(const char *db, int fd, uint32_t nonce,
    struct err *);

/* ---- at work ---- */

struct standby; /* opaque */

/* Opens an existing one; what was interrupted is put right first. ERR_CONF:
 * nothing tells its position; ERR_DATA: it was written to; ERR_BUSY: another
 * process follows. */
int standby_open(struct standby **, const char *path, const struct log *,
    struct err *);
const struct standby_at *standby_at(const struct standby *);
int standby_fd(const struct standby *);
void standby_close(struct standby *);

/* LTX files, verified whole, in an unlinked file beside the database. */
struct standby_batch; /* opaque */
int standby_batch_begin(struct standby_batch **, const struct standby *,
    struct err *);
/* Oldest first. ERR_DATA: damaged, or of another page size. */
int standby_batch_add(struct standby_batch *, const struct replica_file *,
    struct io_in, struct err *);
uint64_t standby_batch_bytes(const struct standby_batch *);
void standby_batch_free(struct standby_batch *);

/* Applies it, all or nothing. Waits for readers. ERR_DATA: the file was
 * written to, or a page is in no file. */
int standby_apply(struct standby *, struct standby_batch *, struct err *);

#endif
