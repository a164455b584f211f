#include <stdlib.h>
#include <string.h>

#include "ltx/ltx.h"
#include "repl/ship_in.h"

/* The newest page 1 a replica holds. Pages are ascending, so it is the first
 * of a file or not in it: the beginning is enough to tell. */

#define HEAD (LTX_HEADER_SIZE + 64 + LTX_PAGE_MAX + LTX_PAGE_MAX / 128)
#define FILES_MAX 64 /* looked at; then the one that begins the plan */

/* 1: *page (allocated) is it; 0: it is not there; -1. */
static int
first_page(struct store *st, const struct replica_file *f,
    unsigned char **page, uint32_t *size, struct err *e)
{
	struct ltx_dec *d = NULL;
	const unsigned char *data;
	struct store_get *g;
	uint32_t pgno = 0;
	char *key;
	int r;

	if (store_ltx_key(store_conf(st), f->level, f->min, f->max, &key, e) < 0)
		return -1;
	r = store_get(st, key, 0, f->size < HEAD ? f->size : HEAD, &g, e);
	free(key);
	if (r < 0)
		return -1;
	r = ltx_dec_begin(&d, store_get_in(g), e);
	if (r == 0)
		r = ltx_dec_page(d, &pgno, &data, e);
	if (r > 0 && pgno == 1) {
		*size = ltx_dec_header(d)->page_size;
		if ((*page = malloc(*size)))
			memcpy(*page, data, *size);
		else
			r = err_nomem(e);
	} else if (r > 0) {
		r = 0;
	}
	ltx_dec_free(d);
	store_get_close(g);
	return r;
}

int
ship_page1(struct store *st, const struct listing *l, const struct plan *p,
    unsigned char **page, uint32_t *size, struct err *e)
{
	size_t i, n = 0;
	int r = 0;

	*page = NULL;
	for (i = p->n; r == 0 && i > 0 && n < FILES_MAX; i--, n++)
		r = first_page(st, &l->f[p->idx[i - 1]], page, size, e);
	if (r == 0 && i > 0)
		r = first_page(st, &l->f[p->idx[0]], page, size, e);
	return r < 0 ? -1 : 0;
}
