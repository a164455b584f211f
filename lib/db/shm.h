#ifndef LS_DB_SHM_H
#define LS_DB_SHM_H

#include <stdint.h>

/* The header of SQLite's wal-index: the one place that says what is
 * committed. Source: the WAL-index page of SQLite's documentation. */

struct shm_view {
	uint32_t mx;         /* frames committed in this WAL */
	uint32_t pages;      /* database size after them */
	uint32_t page_size;
	uint32_t salt1, salt2;
	uint32_t sum[2];     /* running checksum at frame mx */
	uint32_t backfill;   /* frames copied into the database file */
	uint32_t attempted;  /* frames a checkpoint set out to copy */
};

/* p: at least 136 bytes of the mapped wal-index. 0, or -1 if two equal and
 * valid copies of the header were not seen in a bounded number of looks: a
 * writer is at it, or died at it, and the next reader repairs it. */
int shm_read(const volatile unsigned char *p, struct shm_view *);

#endif
