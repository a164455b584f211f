#include "db/pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/spill.h"

#define CHUNK (64u << 10) /* read at once from the database file */

void
pages_init(struct pages *p, struct conn *conn, struct frames *f,
    uint64_t memory, const char *dir)
{
	memset(p, 0, sizeof *p);
	p->conn = conn;
	p->frames = f;
	pagemap_init(&p->map, memory);
	p->map.dir = dir;
}

void
pages_free(struct pages *p)
{
	pagemap_free(&p->map);
	free(p->tmp);
	free(p->chunk);
	p->tmp = p->chunk = 0;
}

static int
advance(struct pages *p, struct err *err)
{
	int r = pagemap_next(&p->map, &p->next, &p->frame, err);

	if (r < 0)
		return -1;
	p->more = r && p->next <= p->commit;
	if (!p->more)
		p->next = UINT32_MAX;
	return 0;
}

int
pages_begin(struct pages *p, uint32_t size, struct err *err)
{
	p->size = size;
	p->lock = ltx_lock_page(size);
	p->last = 0;
	p->chunk_have = 0;
	p->tmp = malloc(WAL_FRAME_HEADER + (size_t)size);
	if (!p->tmp)
		return err_nomem(err);
	if (pagemap_sort(&p->map, err) < 0)
		return -1;
	return advance(p, err);
}

/* Pages the WAL does not have stay what they are in the file while the WAL
 * is held, so reading ahead over them is safe. */
static const unsigned char *
from_db(struct pages *p, uint32_t pgno, struct err *err)
{
	uint32_t n = CHUNK / p->size, stop;

	if (pgno - p->chunk_first < p->chunk_have)
		return p->chunk + (size_t)(pgno - p->chunk_first) * p->size;
	if (!p->chunk && !(p->chunk = malloc(n * p->size))) {
		err_nomem(err);
		return 0;
	}
	stop = p->next < p->commit ? p->next : p->commit + 1;
	if (n > stop - pgno)
		n = stop - pgno;
	p->chunk_have = 0;
	if (conn_read_db(p->conn, p->chunk, (size_t)n * p->size,
	    (int64_t)(pgno - 1) * p->size, 0, err) < 0)
		return 0;
	p->chunk_first = pgno;
	p->chunk_have = n;
	return p->chunk;
}

int
pages_next(struct pages *p, uint32_t *pgno, uint32_t *frame,
    const unsigned char **data, struct err *err)
{
	uint32_t q = p->last < p->low ? p->low + 1 : p->last + 1;

	if (q == p->lock)
		q++;
	if (frame)
		*frame = 0;
	if (q < p->next && q <= p->commit) {
		*pgno = p->last = q;
		*data = from_db(p, q, err);
		return *data ? 1 : -1;
	}
	if (!p->more)
		return 0;
	*pgno = p->last = p->next;
	if (frame)
		*frame = p->frame;
	*data = frames_page(p->frames, p->frame, p->next, p->tmp, err);
	if (!*data || advance(p, err) < 0)
		return -1;
	/* SQLite never writes it; a damaged WAL might */
	return p->last == p->lock ? pages_next(p, pgno, frame, data, err) : 1;
}

int
pages_encode(struct pages *p, const struct ltx_header *h,
    enum ltx_encoding encoding, struct io_out out, uint64_t *bytes,
    struct err *err)
{
	const unsigned char *data;
	struct ltx_enc *enc = 0;
	struct spill sp; /* a page index too long for memory */
	struct ltx_spill spill = { spill_out(&sp), spill_in(&sp), spill_rewind,
	    &sp };
	uint32_t pgno;
	int r;

	spill_init(&sp, p->map.dir);
	if (pages_begin(p, h->page_size, err) < 0
	    || ltx_enc_begin(&enc, h, encoding, out, &spill, err) < 0)
		return -1;
	while ((r = pages_next(p, &pgno, 0, &data, err)) > 0) {
		if (pgno == 1)
			state_facts_page1(&p->facts, data, h->page_size);
		if (ltx_enc_page(enc, pgno, data, err) < 0) {
			r = -1;
			break;
		}
	}
	if (!r)
		r = ltx_enc_end(enc, 0, err);
	if (!r)
		*bytes = ltx_enc_size(enc);
	ltx_enc_free(enc);
	spill_free(&sp);
	return r;
}
