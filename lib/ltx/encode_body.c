#include "ltx/encode.h"

#include <lz4frame.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/crc64.h"

/* The frame of LiteFS: 64 KiB independent blocks, content checksum. */
static const LZ4F_preferences_t prefs = {
	.frameInfo = {
		.blockSizeID = LZ4F_max64KB,
		.blockMode = LZ4F_blockIndependent,
		.contentChecksumFlag = LZ4F_contentChecksumEnabled,
	}
};

/* n bytes that the compressor left in the buffer. */
static int
emit(struct ltx_enc *e, size_t n, struct err *err)
{
	if (LZ4F_isError(n))
		return ltx_unframe_error(n, ERR_BUG, err);
	if (n <= LTX_FLUSH_AT)
		return ltx_enc_put(e, e->body.buf, n, err);
	if (ltx_enc_flush(e, err))
		return -1;
	e->size += n;
	return e->out.write(e->out.ctx, e->body.buf, n, err);
}

int
ltx_enc_body_begin(struct ltx_enc *e, struct err *err)
{
	struct ltx_body *b = &e->body;
	LZ4F_cctx *ctx;

	if (!(e->h.flags & LTX_FLAG_LZ4))
		return 0;
	b->cap = LZ4F_compressBound(LTX_PAGE_MAX, &prefs);
	b->buf = malloc(b->cap);
	if (!b->buf || LZ4F_isError(LZ4F_createCompressionContext(&ctx,
	    LZ4F_VERSION)))
		return err_nomem(err);
	b->ctx = ctx;
	return emit(e, LZ4F_compressBegin(ctx, b->buf, b->cap, &prefs), err);
}

static int
put(struct ltx_enc *e, const unsigned char *p, size_t n, struct err *err)
{
	struct ltx_body *b = &e->body;

	if (!b->ctx)
		return ltx_enc_put_summed(e, p, n, err);
	e->crc = crc64(e->crc, p, n);
	return emit(e, LZ4F_compressUpdate(b->ctx, b->buf, b->cap, p, n,
	    NULL), err);
}

int
ltx_enc_body_page(struct ltx_enc *e, uint32_t pgno, const void *data,
    struct err *err)
{
	unsigned char head[4];

	be32_pack(head, pgno);
	if (put(e, head, sizeof head, err))
		return -1;
	return put(e, data, e->h.page_size, err);
}

int
ltx_enc_body_end(struct ltx_enc *e, struct err *err)
{
	static const unsigned char zero[4];
	struct ltx_body *b = &e->body;

	if (put(e, zero, sizeof zero, err))
		return -1;
	return b->ctx ? emit(e, LZ4F_compressEnd(b->ctx, b->buf, b->cap,
	    NULL), err) : 0;
}

void
ltx_enc_body_free(struct ltx_enc *e)
{
	if (e->body.ctx)
		LZ4F_freeCompressionContext(e->body.ctx);
	free(e->body.buf);
}
