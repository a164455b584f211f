#ifndef LS_REPL_LISTING_H
#define LS_REPL_LISTING_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "store/store.h"

/* What a replica holds: the seam between stores and decisions. */

struct replica_file {
	uint64_t min, max;     /* TXIDs */
	uint64_t size;         /* bytes */
	int64_t time_ms;       /* header time if time_exact, else LastModified
	                          or mtime; -1: not told (sftp) */
	uint8_t level;
	uint8_t time_exact;
	uint8_t full;          /* known to hold every page: restores begin with
	                          it whatever min is (restore_base) */
};

/* Sorted by level, min, max. Zeroed is empty and valid. */
struct listing {
	struct replica_file *f;
	size_t n, a;
	size_t foreign;        /* objects with names that are not ours */
};

#define LISTING_ALL 0x3ffu

/* levels: bit i for level i. All levels of an s3 replica are one LIST.
 * Reads into a zeroed or used listing; on -1 it is empty. A hole in level 0
 * is looked at again: one that is real is there twice. */
int listing_read(struct store *, unsigned levels, struct listing *,
    struct err *);
/* Of one level what begins at TXID min or later: one request where that is
 * less than a thousand files. */
int listing_read_from(struct store *, unsigned level, uint64_t min,
    struct listing *, struct err *);
void listing_free(struct listing *);
uint64_t listing_max(const struct listing *); /* largest TXID, 0 if empty */

/* Appends one file; listing_sort puts it in its place. */
int listing_add(struct listing *, const struct replica_file *, struct err *);
void listing_sort(struct listing *);

/* What becomes of a listing while others put and delete: noted one by one, in
 * their order, and applied at once, in one pass over it, however many they
 * are. Zeroed is empty; listing_changes_free is idempotent. */
struct listing_change {
	struct replica_file f;
	size_t turn;
	int there;             /* it was put, else deleted */
};
struct listing_changes {
	struct listing_change *c;
	size_t n, a;
};
int listing_note(struct listing_changes *, const struct replica_file *,
    int there, struct err *);
/* Of a file noted more than once the last counts. -1 (out of memory): the
 * listing is as it was. The changes are empty afterwards. */
int listing_apply(struct listing *, struct listing_changes *, struct err *);
void listing_changes_free(struct listing_changes *);

/* Exact times of files from .. to-1 that have none yet, from their headers
 * (metadata and mtime do not survive every copy): one read of 100 bytes
 * each, eight at once. */
int listing_times(struct store *, struct listing *, size_t from, size_t to,
    struct err *);

/* Is it what its name says, and undamaged? Reads it whole. ERR_DATA names
 * it. */
int listing_check(struct store *, const struct replica_file *, struct err *);
/* What the bytes of a file say. */
struct listing_facts {
	int64_t time_ms;   /* of its header */
	uint64_t checksum; /* of the file */
	uint32_t hole;     /* largest page of the database that it does not
	                      have; 0: it has them all */
};
/* The same of its bytes, from wherever they come; *facts (may be NULL) is all
 * there on 0, the time as soon as the header was read. */
int listing_check_in(struct io_in, const struct replica_file *,
    struct listing_facts *facts, struct err *);

/* The key of a listed file, allocated. */
int listing_key(struct store *, const struct replica_file *, char **key,
    struct err *);

/* store_get and store_get_range of a listed file. */
int listing_get(struct store *, const struct replica_file *, uint64_t off,
    uint64_t len, struct store_get **, struct err *);
int listing_get_range(struct store *, const struct replica_file *,
    uint64_t off, void *buf, size_t len, struct err *);

/* The file MIN-MAX.ltx of a local level-0 folder: a descriptor, or -1. */
int listing_open_local(const char *ltx0, uint64_t min, uint64_t max,
    struct err *);

#endif
