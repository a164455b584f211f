#include "repl/listing.h"

#include <inttypes.h>
#include <stdlib.h>
#include "ltx/ltx.h"

int
listing_check_in(struct io_in in, const struct replica_file *f,
    int64_t *time_ms, struct err *e)
{
	const struct ltx_header *h;
	const unsigned char *data;
	struct ltx_dec *dec;
	uint32_t pgno;
	int r;

	if (ltx_dec_begin(&dec, in, e) < 0)
		return -1;
	h = ltx_dec_header(dec);
	if (time_ms)
		*time_ms = h->time_ms;
	if (h->min_txid != f->min || h->max_txid != f->max)
		r = err_set(e, ERR_DATA, "it holds other TXIDs than its name "
		    "says");
	else
		while ((r = ltx_dec_page(dec, &pgno, &data, e)) > 0)
			;
	if (!r)
		r = ltx_dec_eof(dec, e);
	ltx_dec_free(dec);
	return r;
}

int
listing_check(struct store *st, const struct replica_file *f, struct err *e)
{
	struct store_get *g;
	char *key;
	int r;

	if (listing_key(st, f, &key, e) < 0)
		return -1;
	r = store_get(st, key, 0, 0, &g, e);
	if (!r) {
		r = listing_check_in(store_get_in(g), f, NULL, e);
		store_get_close(g);
	}
	if (r)
		err_in(e, "%s", key);
	free(key);
	return r;
}
