#include "repl/restore.h"

#include <stdlib.h>
#include "base/bytes.h"
#include "ltx/ltx.h"

#define END 24 /* size of the index and trailer */

/* Pages in the index of n bytes that ends where END begins. An entry is
 * three varints, and a varint ends with its only byte below 0x80; so does
 * the index. */
static int
count_pages(struct store *st, const struct replica_file *f, uint64_t n,
    uint64_t *pages, struct err *e)
{
	unsigned char buf[4096];
	struct store_get *g;
	uint64_t ends = 0;
	ssize_t r;

	if (listing_get(st, f, f->size - END - n, n, &g, e) < 0)
		return -1;
	while ((r = store_get_read(g, buf, sizeof buf, e)) > 0)
		for (ssize_t i = 0; i < r; i++)
			ends += buf[i] < 0x80;
	store_get_close(g);
	*pages = ends / 3;
	return r < 0 ? -1 : 0;
}

int
restore_full(struct store *st, const struct replica_file *f, struct err *e)
{
	unsigned char b[LTX_HEADER_SIZE];
	struct ltx_header h;
	uint64_t n, all, pages;

	if (f->size < LTX_HEADER_SIZE + END)
		return 0;
	if (listing_get_range(st, f, 0, b, sizeof b, e) < 0)
		return -1;
	if (ltx_header_unpack(&h, b, e) < 0 || (h.flags & LTX_FLAG_LZ4))
		return 0;
	all = h.commit - (ltx_lock_page(h.page_size) <= h.commit);
	if (!all || f->size / 4 < all)
		return 0;
	if (listing_get_range(st, f, f->size - END, b, END, e) < 0)
		return -1;
	n = be64_unpack(b);
	if (n < 3 * all || n > f->size - LTX_HEADER_SIZE - END)
		return 0;
	if (count_pages(st, f, n, &pages, e) < 0)
		return -1;
	return pages == all;
}

int
restore_base(struct store *st, struct listing *l, uint64_t txid,
    const struct replica_file **base, struct err *e)
{
	size_t n = 0;
	int r;

	while (n < l->n && !l->f[n].level)
		n++;
	while (n--) {
		struct replica_file *f = &l->f[n];

		if (f->full || f->min == 1)
			return 0;
		if (txid && f->max > txid)
			continue;
		r = restore_full(st, f, e);
		if (r < 0)
			return -1;
		if (!r)
			continue;
		f->full = 1;
		*base = f;
		return 1;
	}
	return 0;
}
