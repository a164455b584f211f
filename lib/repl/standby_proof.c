#include "repl/standby.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "ltx/ltx.h"

int
standby_same(struct store *st, const struct listing *l,
    const struct standby_at *at, struct err *e)
{
	unsigned char t[LTX_TRAILER_SIZE];
	char name[LTX_NAME_LEN + 1];

	for (size_t i = 0; i < l->n; i++) {
		const struct replica_file *f = &l->f[i];

		if (f->level != at->level || f->min != at->min
		    || f->max != at->txid)
			continue;
		if (f->size >= LTX_HEADER_SIZE + sizeof t) {
			if (listing_get_range(st, f, f->size - sizeof t, t,
			    sizeof t, e) < 0)
				return -1;
			if (be64_unpack(t + 8) == at->check)
				return 1;
		}
		ltx_name_fmt(name, f->min, f->max);
		return err_set(e, ERR_DATA, "level %u file %s is not the one "
		    "that led to this state: the replica was replaced, or is "
		    "of another database", f->level, name);
	}
	return 0;
}

/* But for what a standby has of its own. */
static int
same_page(uint32_t pgno, unsigned char *a, const unsigned char *b,
    uint32_t size)
{
	if (pgno == 1)
		for (int i = 18; i < 28; i++)
			if (i < 20 || i > 23)
				a[i] = b[i];
	return !memcmp(a, b, size);
}

static int
compare(struct ltx_dec *dec, const struct standby_at *at, int fd,
    struct err *e)
{
	const struct ltx_header *h = ltx_dec_header(dec);
	unsigned char *buf = malloc(LTX_PAGE_MAX);
	const unsigned char *data;
	uint32_t pgno, bad = 0;
	int r;

	if (!buf)
		return err_nomem(e);
	if (h->page_size != at->page_size || h->commit != at->pages) {
		free(buf);
		return err_set(e, ERR_DATA, "%" PRIu32 " pages of %" PRIu32
		    " bytes, the replica has %" PRIu32 " of %" PRIu32 " there",
		    at->pages, at->page_size, h->commit, h->page_size);
	}
	while ((r = ltx_dec_page(dec, &pgno, &data, e)) > 0) {
		if (!pgno || pgno > at->pages)
			continue;
		r = io_preadn(fd, buf, at->page_size, (int64_t)(pgno - 1)
		    * at->page_size, e);
		if (r < 0)
			break;
		if (!bad && !same_page(pgno, buf, data, at->page_size))
			bad = pgno;
	}
	free(buf);
	if (!r && bad)
		r = err_set(e, ERR_DATA, "page %" PRIu32 " is not what it is in "
		    "the replica at TXID %016" PRIx64, bad, at->txid);
	return r;
}

int
standby_proof(struct store *st, const struct listing *l, int fd,
    const struct standby_at *at, struct err *e)
{
	const struct replica_file *f = NULL;
	struct store_get *g;
	struct ltx_dec *dec;
	int r;

	for (size_t i = 0; i < l->n; i++)
		if (l->f[i].max == at->txid && (!f || l->f[i].size < f->size))
			f = &l->f[i];
	if (!f)
		return 0;
	if (listing_get(st, f, 0, 0, &g, e) < 0)
		return -1;
	r = ltx_dec_begin(&dec, store_get_in(g), e);
	if (!r) {
		r = compare(dec, at, fd, e);
		ltx_dec_free(dec);
	}
	store_get_close(g);
	return r < 0 ? -1 : 1;
}

int
standby_of(struct store *st, const struct listing *l, int fd,
    const struct standby_at *at, struct err *e)
{
	int r = at->level != 0xff ? standby_same(st, l, at, e) : 0;

	return r ? r : standby_proof(st, l, fd, at, e);
}
