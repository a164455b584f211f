#ifndef LS_WAL_WAL_H
#define LS_WAL_WAL_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* The SQLite write-ahead log: bytes in, facts out. Source: the file format
 * page of SQLite, sections 4.1 to 4.5. Pure. */

#define WAL_HEADER_SIZE 32
#define WAL_FRAME_HEADER 24

struct wal_header {
	uint32_t magic;      /* 0x377f0682 little-endian sums, ..83 big */
	uint32_t version;    /* 3007000 */
	uint32_t page_size;
	uint32_t checkpoint; /* sequence number */
	uint32_t salt1, salt2;
	uint32_t sum[2];     /* checksum of the first 24 bytes */
};

struct wal_frame {
	uint32_t pgno;
	uint32_t commit;     /* database pages after it, 0: not a commit */
	uint32_t salt1, salt2;
	uint32_t sum[2];     /* running checksum up to and with this frame */
};

/* Unpacks and verifies magic, version, page size and checksum. */
int wal_header_unpack(struct wal_header *,
    const unsigned char in[WAL_HEADER_SIZE], struct err *);
void wal_header_pack(unsigned char out[WAL_HEADER_SIZE],
    struct wal_header *); /* computes sum */

void wal_frame_unpack(struct wal_frame *,
    const unsigned char in[WAL_FRAME_HEADER]);

/* Carries the running checksum over len bytes (a multiple of 8). big: the
 * magic says big-endian words. */
void wal_sum(int big, const unsigned char *, size_t len, uint32_t sum[2]);

/* Is this frame (header and page) the continuation of prev under the salts
 * of h? On 1 sum holds the checksum after it; on 0 it is unchanged. */
int wal_frame_ok(const struct wal_header *, const unsigned char *frame,
    uint32_t sum[2]);

/* Byte offset of frame n (1-based). */
int64_t wal_frame_offset(uint32_t n, uint32_t page_size);

#endif
