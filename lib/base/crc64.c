#include "base/crc64.h"

/* The polynomial is x^64 + x^4 + x^3 + x + 1, so short that multiplying by
 * x^64 is a few shifts and no table: with bits reflected (the top bit is
 * x^0), v * (x^4 + x^3 + x + 1) is v ^ v>>1 ^ v>>3 ^ v>>4, and what falls off
 * at the bottom is again a multiple of x^64. Squaring keeps four terms:
 * x^(64*N) is x^(4N) + x^(3N) + x^N + 1 for N a power of two, which lets N
 * words advance independently of each other (LANES below). */

#define LANES 8

static inline uint64_t
word(const unsigned char *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16
	    | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32
	    | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48
	    | (uint64_t)p[7] << 56;
}

/* v * x^(64*n) modulo the polynomial; n is 1, 2, 4 or 8. */
static inline uint64_t
advance(uint64_t v, unsigned n)
{
	uint64_t o = v << (64 - n) ^ v << (64 - 3 * n) ^ v << (64 - 4 * n);

	v ^= v >> n ^ v >> 3 * n ^ v >> 4 * n;
	return v ^ o ^ o >> 1 ^ o >> 3 ^ o >> 4;
}

uint64_t
crc64(uint64_t crc, const void *buf, size_t len)
{
	const unsigned char *p = buf;

	crc = ~crc;
	if (len >= 16 * LANES) {
		uint64_t s[LANES];

		for (unsigned i = 0; i < LANES; i++)
			s[i] = word(p + 8 * i);
		s[0] ^= crc;
		for (p += 8 * LANES, len -= 8 * LANES; len >= 8 * LANES;
		    p += 8 * LANES, len -= 8 * LANES)
			for (unsigned i = 0; i < LANES; i++)
				s[i] = advance(s[i], LANES) ^ word(p + 8 * i);
		crc = 0;
		for (unsigned i = 0; i < LANES; i++)
			crc = advance(crc ^ s[i], 1);
	}
	for (; len >= 8; p += 8, len -= 8)
		crc = advance(crc ^ word(p), 1);
	for (; len; p++, len--) {
		uint64_t b = (crc ^ *p) & 0xff;

		crc = crc >> 8 ^ advance(b << 56, 1);
	}
	return ~crc;
}
