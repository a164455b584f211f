#ifndef LS_DB_PAGEMAP_H
#define LS_DB_PAGEMAP_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* Which frame of a WAL holds the newest version of each page, in bounded
 * memory: pairs are collected, sorted, and spilled as sorted runs to an
 * unlinked file when they do not fit; read back merged, ascending. */

struct pagemap_run {
	int64_t at, end;  /* bytes of the spill file not yet in memory */
	size_t pos, have; /* pairs of buf */
	uint64_t *buf;
};

struct pagemap {
	uint64_t *pair;   /* pgno << 32 | frame */
	size_t n, max, alloc;
	const char *dir;  /* of the spill, borrowed; "": as io_anon has it */
	int fd;           /* spill, -1: none */
	int64_t spilled;  /* bytes */
	struct pagemap_run *run;
	size_t runs;
	size_t pos;       /* of the pairs in memory, when reading */
};

/* memory: bytes for pairs, at least a few KB are taken. */
void pagemap_init(struct pagemap *, size_t memory);
/* Frames come in ascending order. */
int pagemap_add(struct pagemap *, uint32_t pgno, uint32_t frame,
    struct err *);
/* After the last add: sorts. */
int pagemap_sort(struct pagemap *, struct err *);
/* 1: the next page in ascending order and its newest frame; 0: no more. */
int pagemap_next(struct pagemap *, uint32_t *pgno, uint32_t *frame,
    struct err *);
void pagemap_free(struct pagemap *);

#endif
