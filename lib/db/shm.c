#include "db/shm.h"

#include <sched.h>
#include <string.h>
#include "base/bytes.h"

#define HEADER 48
#define TRIES 64
#define VERSION 3007000u

/* Native byte order: the wal-index never leaves the machine. */
static uint32_t
u32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static void
copy(unsigned char *to, const volatile unsigned char *from, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i += 4) {
		uint32_t v = *(const volatile uint32_t *)(from + i);

		memcpy(to + i, &v, 4);
	}
}

static int
header_ok(const unsigned char *h)
{
	uint32_t a = 0, b = 0;
	unsigned i;

	for (i = 0; i < 40; i += 8) {
		a += u32(h + i) + b;
		b += u32(h + i + 4) + a;
	}
	return u32(h) == VERSION && h[12] && a == u32(h + 40)
	    && b == u32(h + 44);
}

int
shm_read(const volatile unsigned char *p, struct shm_view *v)
{
	unsigned char a[HEADER], b[HEADER], c[36];
	uint16_t size;
	unsigned i;

	if (!p)
		return -1;
	for (i = 0; i < TRIES; i++) {
		copy(a, p, HEADER);
		__sync_synchronize();
		copy(b, p + HEADER, HEADER);
		__sync_synchronize();
		copy(c, p + 2 * HEADER, sizeof c);
		__sync_synchronize();
		/* and once more, so that the backfill is of this header */
		if (!memcmp(a, b, HEADER) && header_ok(a)) {
			copy(b, p, HEADER);
			if (!memcmp(a, b, HEADER))
				break;
		}
		if (i > 8)
			sched_yield();
	}
	if (i == TRIES)
		return -1;
	memcpy(&size, a + 14, 2);
	v->page_size = (size & 0xfe00u) + ((size & 1u) << 16);
	v->mx = u32(a + 16);
	v->pages = u32(a + 20);
	v->sum[0] = u32(a + 24);
	v->sum[1] = u32(a + 28);
	v->salt1 = be32_unpack(a + 32);
	v->salt2 = be32_unpack(a + 36);
	v->backfill = u32(c);
	v->attempted = u32(c + 32);
	return 0;
}
