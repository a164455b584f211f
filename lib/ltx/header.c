#include "ltx/ltx.h"

#include <string.h>

#include "base/bytes.h"

static const unsigned char magic[4] = { 'L', 'T', 'X', '1' };

void
ltx_header_pack(unsigned char out[LTX_HEADER_SIZE], const struct ltx_header *h)
{
	memset(out, 0, LTX_HEADER_SIZE);
	memcpy(out, magic, 4);
	be32_pack(out + 4, h->flags);
	be32_pack(out + 8, h->page_size);
	be32_pack(out + 12, h->commit);
	be64_pack(out + 16, h->min_txid);
	be64_pack(out + 24, h->max_txid);
	be64_pack(out + 32, (uint64_t)h->time_ms);
	be64_pack(out + 40, h->pre_apply);
	be64_pack(out + 48, (uint64_t)h->wal_offset);
	be64_pack(out + 56, (uint64_t)h->wal_size);
	be32_pack(out + 64, h->salt1);
	be32_pack(out + 68, h->salt2);
	be64_pack(out + 72, h->node);
}

int
ltx_header_unpack(struct ltx_header *h, const unsigned char in[LTX_HEADER_SIZE],
    struct err *err)
{
	if (memcmp(in, magic, 4))
		return err_set(err, ERR_DATA, "header: not an LTX file");
	h->flags = be32_unpack(in + 4);
	h->page_size = be32_unpack(in + 8);
	h->commit = be32_unpack(in + 12);
	h->min_txid = be64_unpack(in + 16);
	h->max_txid = be64_unpack(in + 24);
	h->time_ms = (int64_t)be64_unpack(in + 32);
	h->pre_apply = be64_unpack(in + 40);
	h->wal_offset = (int64_t)be64_unpack(in + 48);
	h->wal_size = (int64_t)be64_unpack(in + 56);
	h->salt1 = be32_unpack(in + 64);
	h->salt2 = be32_unpack(in + 68);
	h->node = be64_unpack(in + 72);
	return ltx_header_check(h, err);
}

static const char *
pre_apply_fault(const struct ltx_header *h)
{
	if (h->flags & LTX_FLAG_NOCHECKSUM)
		return h->pre_apply
		    ? "pre-apply checksum in a file without checksums" : NULL;
	if (h->min_txid == 1)
		return h->pre_apply ? "pre-apply checksum in a snapshot" : NULL;
	return h->pre_apply & LTX_CHECKSUM_FLAG
	    ? NULL : "pre-apply checksum missing or invalid";
}

static const char *
wal_fault(const struct ltx_header *h)
{
	if (h->wal_offset < 0)
		return "negative WAL offset";
	if (h->wal_size < 0)
		return "negative WAL size";
	if ((h->salt1 || h->salt2) && !h->wal_offset)
		return "WAL salt without a WAL offset";
	if (h->wal_size && !h->wal_offset)
		return "WAL size without a WAL offset";
	return NULL;
}

int
ltx_header_check(const struct ltx_header *h, struct err *err)
{
	const char *fault = NULL;

	if (h->flags & ~(LTX_FLAG_LZ4 | LTX_FLAG_NOCHECKSUM))
		return err_set(err, ERR_DATA, "header: unknown flags 0x%x",
		    (unsigned)h->flags);
	if (!ltx_page_size_ok(h->page_size))
		return err_set(err, ERR_DATA, "header: invalid page size %lu",
		    (unsigned long)h->page_size);
	if (!h->min_txid)
		fault = "minimum TXID is 0";
	else if (!h->max_txid)
		fault = "maximum TXID is 0";
	else if (h->min_txid > h->max_txid)
		fault = "minimum TXID is above the maximum";
	if (!fault)
		fault = wal_fault(h);
	if (!fault)
		fault = pre_apply_fault(h);
	return fault ? err_set(err, ERR_DATA, "header: %s", fault) : 0;
}

int
ltx_page_size_ok(uint32_t n)
{
	return n >= 512 && n <= LTX_PAGE_MAX && !(n & (n - 1));
}

uint32_t
ltx_lock_page(uint32_t page_size)
{
	return UINT32_C(0x40000000) / page_size + 1;
}
