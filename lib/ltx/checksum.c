#include "ltx/ltx.h"

#include "base/bytes.h"
#include "base/crc64.h"

uint64_t
ltx_page_checksum(uint32_t pgno, const void *data, uint32_t size)
{
	unsigned char n[4];

	be32_pack(n, pgno);
	return crc64(crc64(0, n, 4), data, size) | LTX_CHECKSUM_FLAG;
}
