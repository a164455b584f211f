#include "wal/wal.h"

#include <string.h>
#include "base/bytes.h"

#define MAGIC 0x377f0682u
#define VERSION 3007000u

static int
size_ok(uint32_t n)
{
	return n >= 512 && n <= 65536 && !(n & (n - 1));
}

void
wal_sum(int big, const unsigned char *p, size_t len, uint32_t sum[2])
{
	uint32_t a = sum[0], b = sum[1];
	const unsigned char *end = p + len / 8 * 8;

	if (big)
		for (; p < end; p += 8) {
			a = (a + be32_unpack(p)) + b;
			b = (b + be32_unpack(p + 4)) + a;
		}
	else
		for (; p < end; p += 8) {
			a = (a + le32_unpack(p)) + b;
			b = (b + le32_unpack(p + 4)) + a;
		}
	sum[0] = a;
	sum[1] = b;
}

int
wal_header_unpack(struct wal_header *h,
    const unsigned char in[WAL_HEADER_SIZE], struct err *err)
{
	uint32_t sum[2] = { 0, 0 };

	h->magic = be32_unpack(in);
	h->version = be32_unpack(in + 4);
	h->page_size = be32_unpack(in + 8);
	h->checkpoint = be32_unpack(in + 12);
	h->salt1 = be32_unpack(in + 16);
	h->salt2 = be32_unpack(in + 20);
	h->sum[0] = be32_unpack(in + 24);
	h->sum[1] = be32_unpack(in + 28);
	if ((h->magic & ~1u) != MAGIC)
		return err_set(err, ERR_DATA, "WAL header: magic is %08x",
		    h->magic);
	if (h->version != VERSION)
		return err_set(err, ERR_DATA, "WAL header: version is %u",
		    h->version);
	if (!size_ok(h->page_size))
		return err_set(err, ERR_DATA, "WAL header: page size is %u",
		    h->page_size);
	wal_sum(h->magic & 1, in, 24, sum);
	if (sum[0] != h->sum[0] || sum[1] != h->sum[1])
		return err_set(err, ERR_DATA, "WAL header: wrong checksum");
	return 0;
}

void
wal_header_pack(unsigned char out[WAL_HEADER_SIZE], struct wal_header *h)
{
	be32_pack(out, h->magic);
	be32_pack(out + 4, h->version);
	be32_pack(out + 8, h->page_size);
	be32_pack(out + 12, h->checkpoint);
	be32_pack(out + 16, h->salt1);
	be32_pack(out + 20, h->salt2);
	h->sum[0] = h->sum[1] = 0;
	wal_sum(h->magic & 1, out, 24, h->sum);
	be32_pack(out + 24, h->sum[0]);
	be32_pack(out + 28, h->sum[1]);
}

void
wal_frame_unpack(struct wal_frame *f, const unsigned char in[WAL_FRAME_HEADER])
{
	f->pgno = be32_unpack(in);
	f->commit = be32_unpack(in + 4);
	f->salt1 = be32_unpack(in + 8);
	f->salt2 = be32_unpack(in + 12);
	f->sum[0] = be32_unpack(in + 16);
	f->sum[1] = be32_unpack(in + 20);
}

int
wal_frame_ok(const struct wal_header *h, const unsigned char *frame,
    uint32_t sum[2])
{
	struct wal_frame f;
	uint32_t s[2] = { sum[0], sum[1] };
	int big = h->magic & 1;

	wal_frame_unpack(&f, frame);
	if (f.salt1 != h->salt1 || f.salt2 != h->salt2 || !f.pgno)
		return 0;
	wal_sum(big, frame, 8, s);
	wal_sum(big, frame + WAL_FRAME_HEADER, h->page_size, s);
	if (s[0] != f.sum[0] || s[1] != f.sum[1])
		return 0;
	sum[0] = s[0];
	sum[1] = s[1];
	return 1;
}

int64_t
wal_frame_offset(uint32_t n, uint32_t page_size)
{
	return WAL_HEADER_SIZE
	    + (int64_t)(n - 1) * (WAL_FRAME_HEADER + (int64_t)page_size);
}
