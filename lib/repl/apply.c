#include "repl/apply.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"

#define RUN_MAX (256u * 1024)
#define STRETCH (8 << 20)
#define MAGIC 16 /* "SQLite format 3" and a NUL */

struct apply {
	int fd;               /* -1: to the sink */
	struct apply_sink sink;
	unsigned char *seen;  /* bit pgno-1: written by a newer file */
	struct apply_done done;
	uint32_t lock;        /* the lock page */
	uint32_t limit;
	uint32_t missing;     /* pages no file has brought yet */
	uint32_t base;        /* pages that are there from the start */
	uint32_t run;         /* first page of the run in buf */
	uint32_t run_len;     /* bytes */
	int64_t stretch;      /* of this file: offset up to where the disk was */
	int64_t filled;       /* put to work, and bytes written beyond it */
	unsigned char magic[MAGIC]; /* of page 1, written last: until then the
	                         file does not look like a database */
	unsigned char buf[RUN_MAX];
};

int
apply_begin(struct apply **out, int fd, struct err *e)
{
	struct apply *a = malloc(sizeof *a);

	if (!a)
		return err_nomem(e);
	memset(a, 0, offsetof(struct apply, buf));
	a->fd = fd;
	if (ftruncate(fd, 0) < 0) {
		free(a);
		return err_sys(e, "truncate");
	}
	*out = a;
	return 0;
}

int
apply_begin_sink(struct apply **out, const struct apply_sink *sink,
    struct err *e)
{
	struct apply *a = malloc(sizeof *a);

	if (!a)
		return err_nomem(e);
	memset(a, 0, offsetof(struct apply, buf));
	a->fd = -1;
	a->sink = *sink;
	*out = a;
	return 0;
}

int
apply_begin_over(struct apply **out, int fd, uint64_t txid, uint32_t pages,
    uint32_t page_size, struct err *e)
{
	static const unsigned char none[MAGIC];
	struct apply *a = malloc(sizeof *a);

	if (!a)
		return err_nomem(e);
	memset(a, 0, offsetof(struct apply, buf));
	a->fd = fd;
	a->base = pages;
	a->done.txid = txid;
	a->done.pages = pages;
	a->done.page_size = page_size;
	if (io_preadn(fd, a->magic, MAGIC, 0, e) < 0
	    || io_pwriten(fd, none, MAGIC, 0, e) < 0) {
		free(a);
		return -1;
	}
	*out = a;
	return 0;
}

/* The disk works while pages are decoded: the fsync at the end then has
 * little left to wait for. A hint only, and only where a file fills most of
 * a stretch, so that few pages of it are written by the disk twice. */
static void
start_writeback(struct apply *a, int64_t end)
{
	if (end - a->stretch < STRETCH)
		return;
	if (a->filled > STRETCH / 2)
		sync_file_range(a->fd, a->stretch, end - a->stretch,
		    SYNC_FILE_RANGE_WRITE);
	a->stretch = end;
	a->filled = 0;
}

static int
flush(struct apply *a, struct err *e)
{
	int64_t off = (int64_t)(a->run - 1) * a->done.page_size;
	uint32_t len = a->run_len;

	if (!a->run_len)
		return 0;
	if (io_pwriten(a->fd, a->buf, a->run_len, off, e) < 0)
		return -1;
	a->done.written += len;
	a->run_len = 0;
	a->filled += len;
	start_writeback(a, off + len);
	return 0;
}

static int
first_file(struct apply *a, const struct ltx_header *h, struct err *e)
{
	if (a->base && h->page_size != a->done.page_size)
		return err_set(e, ERR_DATA, "page size %" PRIu32 ", the older "
		    "copy has %" PRIu32, h->page_size, a->done.page_size);
	a->done.min = h->min_txid;
	if (!h->commit)
		return err_set(e, ERR_NO, "the database was deleted at TXID %016"
		    PRIx64, h->max_txid);
	a->done.txid = h->max_txid;
	a->done.time_ms = h->time_ms;
	a->done.pages = h->commit;
	a->done.page_size = h->page_size;
	a->lock = ltx_lock_page(h->page_size);
	a->limit = a->missing = h->commit;
	a->seen = calloc((size_t)h->commit / 8 + 1, 1);
	if (!a->seen)
		return err_nomem(e);
	if (a->lock <= h->commit)
		a->missing--;
	return 0;
}

static int
put_page(struct apply *a, uint32_t pgno, const unsigned char *data,
    struct err *e)
{
	uint32_t size = a->done.page_size;
	unsigned char *byte = &a->seen[(pgno - 1) / 8];
	unsigned bit = 1u << (pgno - 1) % 8;

	if (*byte & bit)
		return 0;
	*byte |= (unsigned char)bit;
	a->missing--;
	a->done.regrown += pgno > a->limit;
	if (a->fd < 0)
		return a->sink.page(a->sink.ctx, pgno, data, size, e);
	if (a->run_len && (pgno != a->run + a->run_len / size
	    || a->run_len + size > RUN_MAX) && flush(a, e) < 0)
		return -1;
	if (!a->run_len)
		a->run = pgno;
	memcpy(a->buf + a->run_len, data, size);
	if (pgno == 1) {
		a->done.page1 = 1;
		memcpy(a->magic, data, MAGIC);
		memset(a->buf, 0, MAGIC);
	}
	a->run_len += size;
	return 0;
}

int
apply_file(struct apply *a, struct ltx_dec *dec, struct err *e)
{
	const struct ltx_header *h = ltx_dec_header(dec);
	const unsigned char *data;
	uint32_t pgno, commit = h->commit;
	int r;

	if (!a->seen && first_file(a, h, e) < 0)
		return -1;
	if (h->page_size != a->done.page_size)
		return err_set(e, ERR_DATA, "page size %" PRIu32 ", newer files "
		    "have %" PRIu32, h->page_size, a->done.page_size);
	a->stretch = a->filled = 0;
	while ((r = ltx_dec_page(dec, &pgno, &data, e)) > 0)
		if (pgno && pgno <= a->done.pages && pgno != a->lock
		    && put_page(a, pgno, data, e) < 0)
			return -1;
	if (r < 0 || flush(a, e) < 0)
		return -1;
	if (!a->done.files++)
		a->done.check = ltx_dec_checksum(dec);
	a->done.bytes += ltx_dec_offset(dec);
	if (commit < a->limit)
		a->limit = commit;
	return 0;
}

int
apply_full(const struct apply *a)
{
	return a->seen && !a->missing;
}

/* How many pages are neither in a file nor in the base, and the first. */
static uint32_t
count_missing(const struct apply *a, uint32_t *first)
{
	uint32_t n = 0;

	for (uint32_t p = a->done.pages; a->missing && p > a->base; p--)
		if (p != a->lock && !(a->seen[(p - 1) / 8] >> (p - 1) % 8 & 1)) {
			*first = p;
			n++;
		}
	return n;
}

int
apply_end(struct apply *a, struct apply_done *done, struct err *e)
{
	uint32_t first = 0, missing;

	if (!a->seen && !a->base)
		return err_set(e, ERR_BUG, "no file applied");
	missing = count_missing(a, &first);
	if (missing)
		return err_set(e, ERR_DATA, "page %" PRIu32 " of %" PRIu32
		    " is in no file (%" PRIu32 " pages missing)", first,
		    a->done.pages, missing);
	if (a->fd >= 0
	    && ftruncate(a->fd, (off_t)a->done.pages * a->done.page_size) < 0)
		return err_sys(e, "set size");
	if (a->fd >= 0 && io_pwriten(a->fd, a->magic, MAGIC, 0, e) < 0)
		return -1;
	*done = a->done;
	return 0;
}

void
apply_free(struct apply *a)
{
	if (!a)
		return;
	free(a->seen);
	free(a);
}
