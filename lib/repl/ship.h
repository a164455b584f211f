#ifndef LS_REPL_SHIP_H
#define LS_REPL_SHIP_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/log.h"
#include "ltx/ltx.h"
#include "store/store.h"

/* One replica of one database: its cursor, and the upload of local level-0
 * files beyond it, in order, each created only if absent. Calls block; a
 * struct ship is used by one thread at a time. No requests but those named
 * here. */

/* Where a replica of another writer was taken over: kept in the state
 * folder, as nothing else proves it once the next TXID is written. */
#define SHIP_ADOPTED_NODES 8
struct ship_adopted {
	uint64_t txid;       /* 0: nowhere */
	size_t n;            /* writers of what leads there, the last one first: */
	uint64_t node[SHIP_ADOPTED_NODES]; /* another replica may end earlier */
};
int ship_adopted_write(const char *dir, const struct ship_adopted *,
    struct err *);
void ship_adopted_read(const char *dir, struct ship_adopted *); /* or zero */

struct ship_conf {
	const struct store_conf *store; /* borrowed */
	const char *db;        /* its path, for the log; may be NULL; borrowed */
	const char *ltx0;      /* local level-0 folder; borrowed */
	const char *dir;       /* for temporary files: the state folder */
	const struct io_perm *perm; /* of that, where it has to be made */
	uint64_t writer;       /* our node id */
	uint64_t restored;     /* the marker's TXID, 0: there was none */
	struct ship_adopted adopted;
	uint64_t old;          /* local files up to this TXID are of an earlier
	                          life: read to their end before they go up, as
	                          a power loss may have damaged any of them */
	int accept;            /* replicas of other writers are ours to take:
	                          a pin of what they hold comes first (pin.h) */
	enum ltx_encoding encoding; /* of that pin */
	int64_t retention_ms;  /* of level 0 on the replica, 0: never deleted */
	int v03;               /* in the layout of Litestream 0.3: v03_ship.h */
	uint32_t v03_pages;    /* frames after which a log of it ends */
	const struct log *log;
};

struct ship {
	struct ship_conf conf;
	uint64_t cursor;     /* largest TXID the replica holds */
	int known;           /* cursor was read */
	int late;            /* capture has begun: nobody but the probe judges
	                        whether it goes on from what is there */
	int broken;          /* what it holds cannot be restored: a full file
	                        with a level-9 1-n has to come first */
	int mends;           /* broken as was asked for: the full file is beyond the
	                        cursor, whatever lies at it */
	int replaces;        /* what it holds is another writer's, and accepted:
	                        a pin of it is owed */
	int snap;            /* a level-9 copy of 1-1 is owed */
	int probed;          /* conditional writes: 0 unknown, 1 known, -1 ignored;
	                        may be set to what another replica of the same
	                        store found */
	int64_t last_boot;   /* when_boot() of the last request that showed the
	                        end of the replica as we know it */
	int64_t check_mono;  /* when to look again that it was not set back */
	uint64_t sound;      /* the last such file read */
	unsigned char *page1; /* newest of a replica ahead of us, allocated */
	uint32_t page1_size;
	struct ship_adopted newest; /* its newest level-0 file, if asked */
	struct v03_ship *v03;
};

void ship_init(struct ship *, const struct ship_conf *);
void ship_free(struct ship *);

/* Reads where the replica stands: one listing, and a few bytes of its newest
 * level-0 file. Where it is ahead of local (a TXID), page1 is filled in, and
 * if its newest file is a level-0 file of moderate size, that one is copied
 * to base (a path; *got tells). backlog: bytes of local files beyond the
 * cursor, up to local. ERR_FENCED: it is another writer's. */
int ship_probe(struct ship *, struct store *, uint64_t local,
    const char *base, int *got, uint64_t *backlog, struct err *);

struct ship_result {
	unsigned files;       /* put by this call */
	uint64_t bytes;
	int64_t time_ms;      /* of the last one's header, -1: none */
	int dump;             /* 1: nothing local goes on from the replica; it
	                         needs a full dump beyond dump_after */
	uint64_t dump_after;
	const char *why;      /* dump: the reason, static */
	int more;             /* stopped at max_files with more to do */
	int unfenced;         /* found just now: the store ignores conditions */
};

/* Puts local files cursor+1 .. upto, at most max_files of them. After a gap
 * the first full file beyond the cursor goes up as n-n and as level-9 1-n.
 * ERR_FENCED: another writer owns the replica. On -1 result says what went
 * before. */
int ship_run(struct ship *, struct store *, uint64_t upto,
    unsigned max_files, struct ship_result *, struct err *);

/* ---- parts with their own tests ---- */

/* Is the file a full dump: every page 1..commit? 1, 0, or -1. *head gets
 * its header (may be NULL). */
int ship_is_full(const char *path, struct ltx_header *head, struct err *);

/* Reads local file n to its end: 0 whole, -1 (ERR_DATA: damaged). */
int ship_verify(const char *path, uint64_t n, struct err *);

/* Writes the full file at path again as an image 1-n to out (a path). dir: for
 * what does not fit into memory. */
int ship_reimage(const char *path, const char *out, const char *dir,
    struct err *);

#endif
