#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/spill.h"
#include "ltx/ltx.h"
#include "repl/ship.h"

/* Local files that must stand on their own: full dumps. */

#define INDEX_MAX (UINT64_C(1) << 37) /* 2^32 entries of 25 bytes */

/* Pages in the index at the end of the file, read a window at a time. */
static int
index_count(int fd, int64_t size, uint64_t *n, struct err *e)
{
	unsigned char tail[24], buf[32768];
	uint64_t len, off, pos = 0;
	size_t have = 0, i, at;

	if (size < LTX_HEADER_SIZE + 6 + 1 + 24)
		return err_set(e, ERR_DATA, "too short for an LTX file");
	if (io_preadn(fd, tail, sizeof tail, size - 24, e) < 0)
		return -1;
	len = be64_unpack(tail);
	if (len > INDEX_MAX || len > (uint64_t)size - LTX_HEADER_SIZE - 24)
		return err_set(e, ERR_DATA, "page index larger than the file");
	off = (uint64_t)size - 24 - len;
	*n = 0;
	while (pos < len) {
		struct ltx_index_entry en;
		size_t want = sizeof buf - have;

		if (want > len - pos)
			want = len - pos;
		if (io_preadn(fd, buf + have, want, (int64_t)(off + pos), e) < 0)
			return -1;
		pos += want;
		have += want;
		/* an entry is at most 5 + 10 + 10 bytes: keep that much back
		 * until the window holds the end */
		for (i = 0; pos == len ? i < have : have - i >= 32; i = at) {
			int r;

			at = i;
			r = ltx_index_step(buf, have, &at, &en);
			if (r < 0)
				return err_set(e, ERR_DATA,
				    "malformed page index");
			if (r == 0)
				return 0;
			++*n;
		}
		memmove(buf, buf + i, have - i);
		have -= i;
	}
	return 0;
}

int
ship_is_full(const char *path, struct ltx_header *head, struct err *e)
{
	unsigned char raw[LTX_HEADER_SIZE];
	struct ltx_header own;
	struct stat st;
	uint64_t pages, want;
	int fd, r = -1;

	if (!head)
		head = &own;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return err_sys(e, "unable to open %s", path);
	if (fstat(fd, &st) < 0) {
		err_sys(e, "unable to stat %s", path);
		goto out;
	}
	if (io_preadn(fd, raw, sizeof raw, 0, e) < 0
	    || ltx_header_unpack(head, raw, e) < 0
	    || index_count(fd, st.st_size, &pages, e) < 0) {
		err_in(e, "%s", path);
		goto out;
	}
	want = head->commit;
	if (want >= ltx_lock_page(head->page_size))
		want--;
	r = want && pages == want;
out:
	close(fd);
	return r;
}

int
ship_verify(const char *path, uint64_t n, struct err *e)
{
	struct ltx_dec *d = NULL;
	const unsigned char *data;
	uint32_t pgno;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return err_sys(e, "unable to open %s", path);
	r = ltx_dec_begin(&d, io_in_fd(&fd), e);
	if (r == 0 && (ltx_dec_header(d)->min_txid != n
	    || ltx_dec_header(d)->max_txid != n))
		r = err_set(e, ERR_DATA, "its header is of other TXIDs");
	if (r == 0)
		while ((r = ltx_dec_page(d, &pgno, &data, e)) > 0)
			;
	if (r == 0)
		r = ltx_dec_eof(d, e);
	ltx_dec_free(d);
	close(fd);
	return r;
}

static int
copy_pages(struct ltx_dec *d, struct ltx_enc **enc, struct io_out out,
    struct ltx_spill *spill, struct err *e)
{
	struct ltx_header h = *ltx_dec_header(d);
	const unsigned char *data;
	struct ltx_payload p;
	uint32_t pgno;
	int r, begun = 0;

	h.min_txid = 1;
	h.pre_apply = 0;
	h.flags |= LTX_FLAG_NOCHECKSUM;
	while ((r = ltx_dec_page(d, &pgno, &data, e)) > 0) {
		p = ltx_dec_payload(d);
		if (!begun && ltx_enc_begin(enc, &h,
		    p.data ? p.encoding : LTX_BLOCK, out, spill, e) < 0)
			return -1;
		begun = 1;
		if (ltx_enc_page_reuse(*enc, pgno, data, &p, e) < 0)
			return -1;
	}
	if (r < 0)
		return -1;
	if (!begun)
		return err_set(e, ERR_DATA, "no pages");
	return ltx_enc_end(*enc, 0, e);
}

struct sink {
	unsigned char *buf;
	size_t n;
	int fd;
};

#define SINK 65536

static int
sink_flush(struct sink *s, struct err *e)
{
	struct io_out o = io_out_fd(&s->fd);
	size_t n = s->n;

	s->n = 0;
	return n ? o.write(o.ctx, s->buf, n, e) : 0;
}

static int
sink_write(void *ctx, const void *buf, size_t len, struct err *e)
{
	struct sink *s = ctx;
	struct io_out o = io_out_fd(&s->fd);

	if (s->n + len > SINK && sink_flush(s, e) < 0)
		return -1;
	if (len >= SINK)
		return o.write(o.ctx, buf, len, e);
	memcpy(s->buf + s->n, buf, len);
	s->n += len;
	return 0;
}

int
ship_reimage(const char *path, const char *out, const char *dir,
    struct err *e)
{
	struct spill sp; /* a page index too long for memory */
	struct ltx_spill spill = { spill_out(&sp), spill_in(&sp), spill_rewind,
	    &sp };
	struct ltx_dec *d = NULL;
	struct ltx_enc *enc = NULL;
	struct sink s = { NULL, 0, -1 };
	int fd, r = -1;

	spill_init(&sp, dir);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return err_sys(e, "unable to open %s", path);
	s.fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (s.fd < 0) {
		err_sys(e, "unable to create %s", out);
		goto err0;
	}
	if (!(s.buf = malloc(SINK))) {
		err_nomem(e);
		goto err1;
	}
	if (ltx_dec_begin(&d, io_in_fd(&fd), e) < 0
	    || copy_pages(d, &enc, (struct io_out){ sink_write, &s }, &spill,
	    e) < 0
	    || sink_flush(&s, e) < 0) {
		err_in(e, "%s", path);
		goto err1;
	}
	r = 0;
err1:
	ltx_enc_free(enc);
	ltx_dec_free(d);
	spill_free(&sp);
	free(s.buf);
	close(s.fd);
	if (r < 0)
		unlink(out);
err0:
	close(fd);
	return r;
}
