#ifndef LS_REPL_V03_POS_H
#define LS_REPL_V03_POS_H

#include "ltx/ltx.h"
#include "repl/v03_wal.h"

/* Where a replica of Litestream 0.3's layout stands: what its objects do not
 * tell. One small file per replica in the state folder. */

struct v03_pos {
	struct v03_wal wal;      /* what comes next is put there */
	uint64_t txid;           /* the last one in the replica */
	unsigned char tail[LTX_TRAILER_SIZE]; /* of its local file, and */
	struct ltx_header head;  /* of this: salts, WAL offset and size */
	int64_t index_ms;        /* header's time of the first file in the index */
	int any;                 /* a segment was put in this generation: */
	uint32_t last_index;     /* the last one, and */
	uint64_t last_offset, last_size; /* bytes of the object */
};

#define V03_POS_FMT 640 /* bytes of text, at most */

/* Text, one value a line, the last one a checksum. Returns its length. */
size_t v03_pos_fmt(char s[V03_POS_FMT], const struct v03_pos *);
/* The whole of it or nothing: 0 or -1. */
int v03_pos_scan(struct v03_pos *, const char *s, size_t len);

/* Path of the file of a replica (its URL), allocated; NULL: no memory. */
char *v03_pos_path(const char *dir, const char *url);
/* ERR_NOTFOUND: none; ERR_DATA: damaged. */
int v03_pos_read(const char *path, struct v03_pos *, struct err *);
/* Durable when it returns. */
int v03_pos_write(const char *path, const struct v03_pos *, struct err *);

/* Does the file with header h begin in the database's own WAL where the last
 * one ended? V03_POS_RESTART: at the start of the next WAL, where a full dump
 * would be as well. */
enum v03_pos_goes { V03_POS_APART, V03_POS_RESTART, V03_POS_ON };
enum v03_pos_goes v03_pos_continues(const struct v03_pos *, const struct ltx_header *h);

/* A new index is begun when a log has these bytes, or after this time. */
#define V03_POS_INDEX_MS (INT64_C(60) * 60 * 1000)
#define V03_POS_INDEX_MAX (UINT64_C(1) << 30)

/* Does the file with header h begin a new index? limit: bytes. It depends on
 * what is given alone, as it has to come out the same after a crash. */
int v03_pos_rolls(const struct v03_pos *, const struct ltx_header *h,
    uint64_t limit);
void v03_pos_roll(struct v03_pos *);

/* The last segment that a listing of the generation shows, held against what
 * is known. */
enum v03_pos_is {
	V03_POS_LAST,    /* the one put last: all is as it was left */
	V03_POS_NEXT,    /* the one that comes next: put, and not noted */
	V03_POS_ROLLED,  /* the same, at the start of the next index */
	V03_POS_OTHER    /* something else */
};
/* any: there is one. size: bytes of the object. */
enum v03_pos_is v03_pos_judge(const struct v03_pos *, int any, uint64_t index,
    uint64_t offset, uint64_t size);

#endif
