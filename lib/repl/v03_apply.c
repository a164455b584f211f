#include "repl/v03_apply.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/bytes.h"
#include "wal/wal.h"

#define COPY (256 * 1024)

struct v03_apply {
	int fd;
	uint64_t size;         /* of the database file, bytes */
	uint32_t page_size;    /* 0: not known yet */
	uint64_t written;
	size_t files;
	/* of the WAL index at hand */
	int in_wal;
	uint64_t index, offset;
	struct wal_header head;
	uint32_t sum[2];
	uint32_t commit;       /* pages after the last commit, 0: none yet */
	unsigned char *buf;    /* COPY bytes, more than any frame */
};

int
v03_apply_begin(struct v03_apply **out, int fd, struct err *e)
{
	struct v03_apply *a = calloc(1, sizeof *a);

	if (!a || !(a->buf = malloc(COPY))) {
		free(a);
		return err_nomem(e);
	}
	a->fd = fd;
	if (ftruncate(fd, 0) < 0) {
		v03_apply_free(a);
		return err_sys(e, "empty the file");
	}
	*out = a;
	return 0;
}

void
v03_apply_free(struct v03_apply *a)
{
	if (!a)
		return;
	free(a->buf);
	free(a);
}

static int
bad(const struct v03_name *n, struct err *e, const char *what)
{
	char s[V03_NAME_MAX];

	v03_name_fmt(s, n);
	return err_set(e, ERR_DATA, "%s: %s", s, what);
}

/* Up to n bytes, fewer only at the end. */
static ssize_t
read_up_to(struct io_in in, unsigned char *buf, size_t n, struct err *e)
{
	size_t got = 0;
	ssize_t r = 1;

	while (r && got < n) {
		r = in.read(in.ctx, buf + got, n - got, e);
		if (r < 0)
			return -1;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

static uint32_t
page_size_of(const unsigned char *header)
{
	uint32_t n = be16_unpack(header + 16);

	return n == 1 ? 65536 : n;
}

static int
is_database(const unsigned char *p)
{
	uint32_t n = page_size_of(p);

	return !memcmp(p, "SQLite format 3", 16) && n >= 512
	    && !(n & (n - 1));
}

/* An empty one is the file before its first checkpoint: all is in the WAL. */
int
v03_apply_snapshot(struct v03_apply *a, const struct v03_name *name,
    struct io_in in, struct err *e)
{
	ssize_t n;

	while ((n = read_up_to(in, a->buf, COPY, e)) > 0) {
		if (!a->size && (n < 100 || !is_database(a->buf)))
			return bad(name, e, "it holds no SQLite database");
		if (!a->size)
			a->page_size = page_size_of(a->buf);
		if (io_pwriten(a->fd, a->buf, (size_t)n, (int64_t)a->size, e)
		    < 0)
			return -1;
		a->size += (uint64_t)n;
	}
	if (n < 0)
		return -1;
	a->written = a->size;
	a->index = name->index;
	a->files++;
	return 0;
}

/* As the checkpoint at the end of an index leaves the file. */
static int
end_index(struct v03_apply *a, struct err *e)
{
	if (a->in_wal && a->commit) {
		a->size = (uint64_t)a->commit * a->page_size;
		if (ftruncate(a->fd, (off_t)a->size) < 0)
			return err_sys(e, "set the size of the database");
	}
	a->in_wal = 0;
	a->commit = 0;
	return 0;
}

/* What comes next, and nothing else. */
static int
follows(struct v03_apply *a, const struct v03_name *name, struct err *e)
{
	char s[V03_NAME_MAX];
	struct v03_name want = { name->generation, a->index + a->in_wal, 0,
		V03_WAL, 0, 0 };

	if (a->in_wal && name->index == a->index) {
		if (name->offset == a->offset)
			return 0;
		want.index = a->index;
		want.offset = a->offset;
	} else if (name->index == want.index && !name->offset) {
		if (end_index(a, e) < 0)
			return -1;
		a->index = name->index;
		a->offset = 0;
		return 0;
	}
	v03_name_fmt(s, &want);
	return err_set(e, ERR_DATA, "%s is missing", s);
}

static int
wal_header(struct v03_apply *a, const struct v03_name *name, struct io_in in,
    struct err *e)
{
	ssize_t n = read_up_to(in, a->buf, WAL_HEADER_SIZE, e);

	if (n < 0)
		return -1;
	if (n < WAL_HEADER_SIZE)
		return bad(name, e, "it is shorter than the header of a WAL");
	if (wal_header_unpack(&a->head, a->buf, e) < 0)
		return bad(name, e, "its first bytes are no header of a WAL");
	if (a->page_size && a->page_size != a->head.page_size)
		return bad(name, e, "its page size is not that of the "
		    "database");
	a->page_size = a->head.page_size;
	a->sum[0] = a->head.sum[0];
	a->sum[1] = a->head.sum[1];
	a->offset = WAL_HEADER_SIZE;
	a->in_wal = 1;
	a->commit = 0;
	return 0;
}

static int
frame(struct v03_apply *a, const struct v03_name *name, uint32_t *commit,
    struct err *e)
{
	struct wal_frame f;

	if (!wal_frame_ok(&a->head, a->buf, a->sum))
		return bad(name, e, "a frame of it is not the one that comes "
		    "next (salt or checksum)");
	wal_frame_unpack(&f, a->buf);
	*commit = f.commit;
	if (f.commit)
		a->commit = f.commit;
	a->written += a->page_size;
	return io_pwriten(a->fd, a->buf + WAL_FRAME_HEADER, a->page_size,
	    (int64_t)(f.pgno - 1) * a->page_size, e);
}

int
v03_apply_wal(struct v03_apply *a, const struct v03_name *name,
    struct io_in in, struct err *e)
{
	uint32_t commit = 1; /* a header alone is whole, too */
	size_t len;
	ssize_t n;

	if (follows(a, name, e) < 0)
		return -1;
	if (!name->offset && wal_header(a, name, in, e) < 0)
		return -1;
	len = WAL_FRAME_HEADER + (size_t)a->page_size;
	while ((n = read_up_to(in, a->buf, len, e)) > 0) {
		if ((size_t)n < len)
			return bad(name, e, "it ends inside a frame");
		if (frame(a, name, &commit, e) < 0)
			return -1;
		a->offset += len;
	}
	if (n < 0)
		return -1;
	if (!commit)
		return bad(name, e, "it ends inside a transaction");
	a->files++;
	return 0;
}

int
v03_apply_end(struct v03_apply *a, struct apply_done *done, struct err *e)
{
	uint64_t bytes = done->bytes;

	if (end_index(a, e) < 0)
		return -1;
	if (!a->size)
		return err_set(e, ERR_DATA, "the snapshot is empty, and no "
		    "WAL follows");
	if (io_preadn(a->fd, a->buf, 100, 0, e) < 0)
		return -1;
	if (!is_database(a->buf) || page_size_of(a->buf) != a->page_size
	    || a->size % a->page_size)
		return err_set(e, ERR_DATA, "what comes out is no SQLite "
		    "database of whole pages");
	memset(done, 0, sizeof *done);
	done->bytes = bytes;
	done->time_ms = -1;
	done->page_size = a->page_size;
	done->pages = (uint32_t)(a->size / a->page_size);
	done->written = a->written;
	done->files = a->files;
	return 0;
}
