#ifndef LS_DB_TAIL_H
#define LS_DB_TAIL_H

#include "db/start.h"

/* The newest level-0 file held against the WAL as it is now. */

struct tail {
	enum start_tail state;
	struct ltx_header header;
	uint32_t n;               /* HERE: frame it ends with */
	uint32_t sum[2];          /* HERE: running checksum there */
	int have_page1;           /* it holds page 1: facts are of that */
	struct state_facts facts;
};

/* Reads and verifies path whole; h holds the WAL and v is its view. A file
 * that is missing or damaged is state NONE and no error (*why then says what
 * is wrong, allocated by nobody: in err). */
int tail_check(struct tail *, const char *path, struct holder *h,
    const struct shm_view *v, uint64_t memory, const char *dir, struct err *);

/* Facts of page 1 as of the view: from the WAL if it is there. */
int tail_page1(struct holder *h, const struct shm_view *v,
    struct state_facts *, struct err *);

#endif
