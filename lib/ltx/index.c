#include "ltx/internal.h"

static size_t
varint_pack(unsigned char *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (unsigned char)(v | 0x80);
	p[n++] = (unsigned char)v;
	return n;
}

static int
varint_unpack(const unsigned char *p, size_t len, size_t *pos, uint64_t *v)
{
	*v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		unsigned char c;

		if (*pos >= len)
			return -1;
		c = p[(*pos)++];
		if (shift == 63 && c > 1)
			return -1;
		*v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return 0;
	}
	return -1;
}

size_t
ltx_index_pack(unsigned char *p, const struct ltx_index_entry *e)
{
	size_t n = varint_pack(p, e->pgno);

	n += varint_pack(p + n, e->offset);
	return n + varint_pack(p + n, e->size);
}

int
ltx_index_step(const unsigned char *p, size_t len, size_t *pos,
    struct ltx_index_entry *e)
{
	uint64_t pgno;

	if (varint_unpack(p, len, pos, &pgno))
		return -1;
	if (!pgno)
		return *pos == len ? 0 : -1;
	if (pgno > UINT32_MAX || varint_unpack(p, len, pos, &e->offset)
	    || varint_unpack(p, len, pos, &e->size))
		return -1;
	e->pgno = (uint32_t)pgno;
	return 1;
}
