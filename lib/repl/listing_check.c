#include "repl/listing.h"

#include <stdlib.h>
#include <string.h>
#include "ltx/ltx.h"

/* Pages of a file, as they go by. */
struct pages {
	uint32_t lock, next; /* next: the page that would leave no hole */
	uint32_t hole;
};

static void
pages_pass(struct pages *p, uint32_t pgno)
{
	if (p->next == p->lock)
		p->next++;
	if (pgno > p->next)
		p->hole = pgno - 1 == p->lock ? pgno - 2 : pgno - 1;
	p->next = pgno + 1;
}

int
listing_check_in(struct io_in in, const struct replica_file *f,
    struct listing_facts *facts, struct err *e)
{
	struct listing_facts ignored;
	const struct ltx_header *h;
	const unsigned char *data;
	struct pages p = { .next = 1 };
	struct ltx_dec *dec;
	uint32_t pgno;
	int r;

	if (!facts)
		facts = &ignored;
	memset(facts, 0, sizeof *facts);
	if (ltx_dec_begin(&dec, in, e) < 0)
		return -1;
	h = ltx_dec_header(dec);
	facts->time_ms = h->time_ms;
	p.lock = ltx_lock_page(h->page_size);
	if (h->min_txid != f->min || h->max_txid != f->max)
		r = err_set(e, ERR_DATA, "it holds other TXIDs than its name "
		    "says");
	else
		while ((r = ltx_dec_page(dec, &pgno, &data, e)) > 0)
			pages_pass(&p, pgno);
	if (!r)
		r = ltx_dec_eof(dec, e);
	pages_pass(&p, h->commit + 1);
	facts->hole = p.hole;
	facts->checksum = r ? 0 : ltx_dec_checksum(dec);
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
