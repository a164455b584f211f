#ifndef LS_BASE_BYTES_H
#define LS_BASE_BYTES_H

#include <stdint.h>

/* Fixed-width integers to and from bytes. No casts, so any host order. */

static inline uint16_t
be16_unpack(const unsigned char *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
be32_unpack(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16
	    | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t
be64_unpack(const unsigned char *p)
{
	return (uint64_t)be32_unpack(p) << 32 | be32_unpack(p + 4);
}

static inline uint32_t
le32_unpack(const unsigned char *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16
	    | (uint32_t)p[1] << 8 | p[0];
}

static inline void
be16_pack(unsigned char *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v & 0xff;
}

static inline void
be32_pack(unsigned char *p, uint32_t v)
{
	p[0] = v >> 24;
	p[1] = v >> 16 & 0xff;
	p[2] = v >> 8 & 0xff;
	p[3] = v & 0xff;
}

static inline void
be64_pack(unsigned char *p, uint64_t v)
{
	be32_pack(p, (uint32_t)(v >> 32));
	be32_pack(p + 4, (uint32_t)v);
}

static inline void
le32_pack(unsigned char *p, uint32_t v)
{
	p[3] = v >> 24;
	p[2] = v >> 16 & 0xff;
	p[1] = v >> 8 & 0xff;
	p[0] = v & 0xff;
}

#endif
