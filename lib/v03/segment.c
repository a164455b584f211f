#include "v03/segment.h"

#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536

struct v03_segment {
	LZ4F_dctx *ctx;
	struct io_in in;
	size_t at, n;      /* unread bytes of buf */
	int open;          /* inside a frame */
	int frames;        /* begun */
	int ended, failed;
	unsigned char buf[CHUNK];
};

int
v03_segment_begin(struct v03_segment **out, struct io_in in, struct err *e)
{
	struct v03_segment *s = calloc(1, sizeof *s);

	if (!s || LZ4F_isError(LZ4F_createDecompressionContext(&s->ctx,
	    LZ4F_VERSION))) {
		free(s);
		return err_nomem(e);
	}
	s->in = in;
	*out = s;
	return 0;
}

void
v03_segment_next(struct v03_segment *s, struct io_in in)
{
	LZ4F_resetDecompressionContext(s->ctx);
	s->in = in;
	s->at = s->n = 0;
	s->open = s->frames = s->ended = s->failed = 0;
}

static int
fail(struct v03_segment *s)
{
	s->failed = 1;
	return -1;
}

/* More bytes of the object. 1, 0 at its end, -1. */
static int
fill(struct v03_segment *s, struct err *e)
{
	ssize_t n = s->in.read(s->in.ctx, s->buf, sizeof s->buf, e);

	if (n < 0)
		return fail(s);
	s->at = 0;
	s->n = (size_t)n;
	return n > 0;
}

static ssize_t
at_end(struct v03_segment *s, struct err *e)
{
	s->ended = 1;
	if (s->open || !s->frames) {
		fail(s);
		return err_set(e, ERR_DATA, s->frames ? "the LZ4 frame is cut "
		    "off" : "it is empty, not an LZ4 frame");
	}
	return 0;
}

/* One call of liblz4: *n bytes out. */
static int
step(struct v03_segment *s, void *buf, size_t *n, struct err *e)
{
	size_t in = s->n - s->at;
	size_t r = LZ4F_decompress(s->ctx, buf, n, s->buf + s->at, &in, NULL);
	const char *name;

	if (LZ4F_isError(r)) {
		name = LZ4F_getErrorName(r);
		fail(s);
		return !strcmp(name, "ERROR_allocation_failed") ? err_nomem(e)
		    : err_set(e, ERR_DATA, "LZ4 frame: %s", name);
	}
	if (in && !s->open) {
		s->open = 1;
		s->frames = 1;
	}
	s->at += in;
	if (!r)
		s->open = 0;
	return 0;
}

ssize_t
v03_segment_read(struct v03_segment *s, void *buf, size_t n, struct err *e)
{
	int r;

	if (s->failed)
		return err_set(e, ERR_BUG, "segment read after an error");
	if (!n || s->ended)
		return 0;
	for (;;) {
		size_t got = n;

		if (s->at == s->n) {
			r = fill(s, e);
			if (r <= 0)
				return r < 0 ? -1 : at_end(s, e);
		}
		if (step(s, buf, &got, e) < 0)
			return -1;
		if (got)
			return (ssize_t)got;
	}
}

static ssize_t
segment_in_read(void *ctx, void *buf, size_t n, struct err *e)
{
	return v03_segment_read(ctx, buf, n, e);
}

struct io_in
v03_segment_in(struct v03_segment *s)
{
	return (struct io_in){ segment_in_read, s };
}

void
v03_segment_free(struct v03_segment *s)
{
	if (!s)
		return;
	LZ4F_freeDecompressionContext(s->ctx);
	free(s);
}
