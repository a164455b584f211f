#ifndef LS_REPL_V03_SHIP_IN_H
#define LS_REPL_V03_SHIP_IN_H

/* Shared by the files v03_ship*.c alone. */

#include "repl/ship_in.h"
#include "repl/v03_pos.h"

struct v03_ship {
	char *path;          /* of the file that keeps the position */
	struct v03_pos pos;
	int have;            /* pos is where the replica stands */
	int there;           /* the next segment is in the replica already, not
	                        noted: 1, at the start of the next index 2 */
	uint64_t generation; /* to be begun, 0: not chosen yet */
	uint64_t floor;      /* local files up to here are not to begin with */
	const char *why;     /* the last generation ended, static */
};

/* The path of its keys: in a bucket Litestream 0.3 loses the slash that one
 * may begin with. */
const char *v03_ship_path(struct store *);

/* The generation ends here. floor as above. */
void v03_ship_lose(struct ship *, uint64_t floor, const char *why);

/* Does the replica hold what pos says, and nothing beyond that is not ours?
 * Two listings of a few names. Where it does not, the generation is lost. */
int v03_ship_check(struct ship *, struct store *, struct err *);

/* As Litestream 0.3 tells of an object: what, and where it is; since
 * (when_mono()) and size once it is written, 0 before. */
void v03_ship_say(const struct ship *, const char *what,
    const struct v03_wal *at, int64_t since, uint64_t size);

/* What in gives, counted: a read function of struct io_in. */
struct v03_ship_counted {
	struct io_in in;
	uint64_t n;
};
ssize_t v03_ship_count(void *counted, void *buf, size_t, struct err *);

/* Does the object at key hold exactly the bytes of fd? 1, 0, -1. */
int v03_ship_same(struct store *, const char *key, int fd, uint64_t size,
    struct err *);

#endif
