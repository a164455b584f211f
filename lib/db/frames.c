#include "db/frames.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER (256u << 10)

static size_t
step_of(const struct frames *f)
{
	return WAL_FRAME_HEADER + (size_t)f->header.page_size;
}

int
frames_header(struct conn *c, struct wal_header *h, struct err *err)
{
	unsigned char buf[WAL_HEADER_SIZE];
	int64_t size;

	if (conn_wal_size(c, &size, err) < 0)
		return -1;
	if (size < WAL_HEADER_SIZE)
		return err_set(err, ERR_NOTFOUND, "the WAL is empty");
	if (conn_read_wal(c, buf, sizeof buf, 0, 0, err) < 0)
		return -1;
	return wal_header_unpack(h, buf, err);
}

int
frames_begin(struct frames *f, struct conn *c, const struct wal_header *h,
    uint32_t n, const uint32_t sum[2], struct err *err)
{
	memset(f, 0, sizeof *f);
	f->conn = c;
	f->header = *h;
	f->n = n;
	f->sum[0] = n ? sum[0] : h->sum[0];
	f->sum[1] = n ? sum[1] : h->sum[1];
	f->cap = BUFFER / step_of(f);
	if (!f->cap)
		f->cap = 1;
	f->buf = malloc(f->cap * step_of(f));
	if (!f->buf)
		return err_nomem(err);
	return 0;
}

static int
fill(struct frames *f, uint32_t upto, struct err *err)
{
	uint32_t want = upto - f->n;
	int got;

	if (want > f->cap)
		want = f->cap;
	f->first = 0;
	if (conn_read_wal(f->conn, f->buf, want * step_of(f),
	    wal_frame_offset(f->n + 1, f->header.page_size), &got, err) < 0)
		return -1;
	/* Past the end of the file are zeros, which no salts match */
	f->first = f->n + 1;
	f->have = want;
	return 0;
}

int
frames_next(struct frames *f, uint32_t upto, struct wal_frame *fr,
    const unsigned char **page, struct err *err)
{
	const unsigned char *p;

	if (f->n >= upto)
		return 0;
	if ((!f->first || f->n + 1 >= f->first + f->have)
	    && fill(f, upto, err) < 0)
		return -1;
	p = f->buf + (f->n + 1 - f->first) * step_of(f);
	if (!wal_frame_ok(&f->header, p, f->sum))
		return 0;
	wal_frame_unpack(fr, p);
	*page = p + WAL_FRAME_HEADER;
	f->n++;
	return 1;
}

const unsigned char *
frames_page(struct frames *f, uint32_t frame, uint32_t pgno,
    unsigned char *tmp, struct err *err)
{
	struct wal_frame fr;
	unsigned char *p = f->buf;

	if (f->first && frame >= f->first && frame < f->first + f->have) {
		p = f->buf + (frame - f->first) * step_of(f);
		return p + WAL_FRAME_HEADER;
	}
	/* Header and page at once: salts and page number are looked at again */
	if (conn_read_wal(f->conn, tmp, step_of(f),
	    wal_frame_offset(frame, f->header.page_size), 0, err) < 0)
		return 0;
	wal_frame_unpack(&fr, tmp);
	if (fr.salt1 != f->header.salt1 || fr.salt2 != f->header.salt2
	    || fr.pgno != pgno) {
		err_set(err, ERR_DATA, "frame %u of the WAL was overwritten",
		    frame);
		return 0;
	}
	return tmp + WAL_FRAME_HEADER;
}

void
frames_free(struct frames *f)
{
	free(f->buf);
	f->buf = 0;
}
