#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "db/shm.h"
#include "wal/wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Frames that pass, with the bytes as they are. */
static uint32_t
walk(const unsigned char *p, size_t n, uint32_t sum[2])
{
	struct wal_header h, again;
	unsigned char packed[WAL_HEADER_SIZE];
	struct wal_frame f;
	struct err err;
	uint32_t i = 0;

	if (n < WAL_HEADER_SIZE || wal_header_unpack(&h, p, &err) < 0)
		return 0;
	again = h;
	wal_header_pack(packed, &again);
	if (memcmp(packed, p, sizeof packed))
		abort();
	memcpy(sum, h.sum, sizeof h.sum);
	for (;; i++) {
		int64_t at = wal_frame_offset(i + 1, h.page_size);

		if (at + WAL_FRAME_HEADER + h.page_size > (int64_t)n
		    || !wal_frame_ok(&h, p + at, sum))
			return i;
		wal_frame_unpack(&f, p + at);
		if (!f.pgno || f.sum[0] != sum[0] || f.sum[1] != sum[1])
			abort();
	}
}

/* Makes every checksum right, so that what lies behind them is reached. */
static uint32_t
mend(unsigned char *p, size_t n)
{
	uint32_t sum[2], i, size;
	struct wal_header h;
	struct err err;

	be32_pack(p, 0x377f0682u | (p[3] & 1));
	be32_pack(p + 4, 3007000);
	size = 512u << (p[11] % 8);
	be32_pack(p + 8, size);
	memset(&h, 0, sizeof h);
	h.magic = be32_unpack(p);
	h.version = 3007000;
	h.page_size = size;
	h.checkpoint = be32_unpack(p + 12);
	h.salt1 = be32_unpack(p + 16);
	h.salt2 = be32_unpack(p + 20);
	wal_header_pack(p, &h);
	if (wal_header_unpack(&h, p, &err) < 0)
		abort();
	memcpy(sum, h.sum, sizeof sum);
	for (i = 0;; i++) {
		int64_t at = wal_frame_offset(i + 1, size);
		unsigned char *f = p + at;

		if (at + WAL_FRAME_HEADER + size > (int64_t)n)
			return i;
		if (!be32_unpack(f))
			f[3] = 1;
		memcpy(f + 8, p + 16, 8);
		wal_sum(h.magic & 1, f, 8, sum);
		wal_sum(h.magic & 1, f + WAL_FRAME_HEADER, size, sum);
		be32_pack(f + 16, sum[0]);
		be32_pack(f + 20, sum[1]);
	}
}

static void
shm(const unsigned char *p, size_t n)
{
	unsigned char buf[136] __attribute__((aligned(8))) = { 0 };
	struct shm_view v;

	memcpy(buf, p, n < sizeof buf ? n : sizeof buf);
	if (!shm_read(buf, &v) && v.page_size > 65536)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	unsigned char *copy = malloc(n + 1);
	uint32_t sum[2], frames;

	memcpy(copy, p, n);
	walk(copy, n, sum);
	shm(copy, n);
	if (n >= WAL_HEADER_SIZE) {
		frames = mend(copy, n);
		if (walk(copy, n, sum) != frames)
			abort();
	}
	free(copy);
	return 0;
}
