#include "repl/listing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "ltx/ltx.h"

#define BEGIN 128 /* enough for the decoder to begin */
#define END (1 + 8 + LTX_TRAILER_SIZE) /* from the end of the page index on */

struct head {
	unsigned char b[BEGIN];
	size_t len, at;
};

static ssize_t
head_read(void *ctx, void *buf, size_t n, struct err *e)
{
	struct head *h = ctx;

	(void)e;
	if (n > h->len - h->at)
		n = h->len - h->at;
	memcpy(buf, h->b + h->at, n);
	h->at += n;
	return (ssize_t)n;
}

static int
get(struct store *st, const char *key, uint64_t off, void *buf, size_t len,
    struct err *e)
{
	struct store_get *g;
	int r;

	if (store_get(st, key, off, len, &g, e) < 0)
		return -1;
	r = io_readn(store_get_in(g), buf, len, e);
	store_get_close(g);
	return r;
}

/* The index has at least three bytes a page, and ends in 0. */
static int
end_ok(const struct ltx_header *h, enum ltx_format format, uint64_t size,
    const unsigned char b[END])
{
	uint64_t n = be64_unpack(b + 1), post = be64_unpack(b + 9);
	uint64_t pages = h->commit - (ltx_lock_page(h->page_size) <= h->commit);

	if (!(be64_unpack(b + 17) & LTX_CHECKSUM_FLAG))
		return 0;
	if (h->flags & LTX_FLAG_NOCHECKSUM ? post : !(post & LTX_CHECKSUM_FLAG))
		return 0;
	if (format < LTX_FORMAT_2)
		return 1;
	return !b[0] && n && n < size - LTX_HEADER_SIZE - END
	    && (h->min_txid != 1 || n > 3 * pages);
}

static int
check(struct store *st, const struct replica_file *f, const char *key,
    struct err *e)
{
	struct head head = { .len = f->size < BEGIN ? (size_t)f->size : BEGIN };
	unsigned char end[END];
	const struct ltx_header *h;
	struct ltx_dec *dec;
	int r = 0;

	if (f->size < LTX_HEADER_SIZE + END)
		return err_set(e, ERR_DATA, "%" PRIu64 " bytes are no LTX file",
		    f->size);
	if (get(st, key, 0, head.b, head.len, e) < 0
	    || get(st, key, f->size - END, end, END, e) < 0
	    || ltx_dec_begin(&dec, (struct io_in){ head_read, &head }, e) < 0)
		return -1;
	h = ltx_dec_header(dec);
	if (h->min_txid != f->min || h->max_txid != f->max)
		r = err_set(e, ERR_DATA, "it holds other TXIDs than its name "
		    "says");
	else if (!end_ok(h, ltx_dec_format(dec), f->size, end))
		r = err_set(e, ERR_DATA, "it does not end as an LTX file does");
	ltx_dec_free(dec);
	return r;
}

int
listing_check(struct store *st, const struct replica_file *f, struct err *e)
{
	char *key;
	int r;

	if (listing_key(st, f, &key, e) < 0)
		return -1;
	r = check(st, f, key, e);
	if (r)
		err_in(e, "%s", key);
	free(key);
	return r;
}
