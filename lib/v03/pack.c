#include "v03/pack.h"

#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK (256 * 1024)

struct v03_pack {
	struct io_in raw;
	LZ4F_cctx *ctx;
	unsigned char *in;       /* BLOCK bytes */
	unsigned char *out;      /* cap bytes */
	size_t cap, pos, len;    /* of out: read up to, filled */
	enum { PACK_HEAD, PACK_BLOCKS, PACK_ENDED, PACK_DEAD } state;
};

static const LZ4F_preferences_t prefs = {
	.frameInfo = {
		.blockSizeID = LZ4F_max4MB,
		.blockMode = LZ4F_blockIndependent,
		.contentChecksumFlag = LZ4F_contentChecksumEnabled,
	},
	.autoFlush = 1, /* else it keeps 4 MiB of its own */
};

int
v03_pack_begin(struct v03_pack **out, struct io_in raw, struct err *e)
{
	struct v03_pack *p = calloc(1, sizeof *p);

	*out = NULL;
	if (!p)
		return err_nomem(e);
	p->raw = raw;
	p->cap = LZ4F_compressBound(BLOCK, &prefs);
	p->in = malloc(BLOCK);
	p->out = malloc(p->cap);
	if (!p->in || !p->out || LZ4F_isError(
	    LZ4F_createCompressionContext(&p->ctx, LZ4F_VERSION))) {
		v03_pack_free(p);
		return err_nomem(e);
	}
	*out = p;
	return 0;
}

void
v03_pack_free(struct v03_pack *p)
{
	if (!p)
		return;
	LZ4F_freeCompressionContext(p->ctx);
	free(p->in);
	free(p->out);
	free(p);
}

/* A whole block where the source has one: 1, 0 at its end, -1. */
static int
fill(struct v03_pack *p, size_t *n, struct err *e)
{
	ssize_t r = 1;

	for (*n = 0; *n < BLOCK && r > 0; *n += (size_t)r) {
		r = p->raw.read(p->raw.ctx, p->in + *n, BLOCK - *n, e);
		if (r < 0)
			return -1;
	}
	return *n > 0;
}

static int
step(struct v03_pack *p, struct err *e)
{
	size_t n, got;
	int r;

	if (p->state == PACK_HEAD) {
		got = LZ4F_compressBegin(p->ctx, p->out, p->cap, &prefs);
		p->state = PACK_BLOCKS;
	} else {
		if ((r = fill(p, &n, e)) < 0)
			return -1;
		if (r) {
			got = LZ4F_compressUpdate(p->ctx, p->out, p->cap,
			    p->in, n, NULL);
		} else {
			got = LZ4F_compressEnd(p->ctx, p->out, p->cap, NULL);
			p->state = PACK_ENDED;
		}
	}
	if (LZ4F_isError(got))
		return err_set(e, ERR_TEMP, "LZ4: %s", LZ4F_getErrorName(got));
	p->pos = 0;
	p->len = got;
	return 0;
}

static ssize_t
pack_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct v03_pack *p = ctx;

	if (p->state == PACK_DEAD)
		return err_set(e, ERR_BUG, "read after an error");
	while (p->pos == p->len) {
		if (p->state == PACK_ENDED)
			return 0;
		if (step(p, e) < 0) {
			p->state = PACK_DEAD;
			return -1;
		}
	}
	if (len > p->len - p->pos)
		len = p->len - p->pos;
	memcpy(buf, p->out + p->pos, len);
	p->pos += len;
	return (ssize_t)len;
}

struct io_in
v03_pack_in(struct v03_pack *p)
{
	return (struct io_in){ pack_read, p };
}
