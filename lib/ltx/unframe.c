#include "ltx/internal.h"

#include <lz4frame.h>
#include <string.h>

int
ltx_unframe_error(size_t code, enum err_kind kind, struct err *err)
{
	const char *name = LZ4F_getErrorName(code);

	if (!strcmp(name, "ERROR_allocation_failed"))
		return err_nomem(err);
	return err_set(err, kind, "LZ4 frame: %s", name);
}

int
ltx_unframe_begin(struct ltx_unframe *u, struct err *err)
{
	LZ4F_dctx *ctx;

	u->ended = 0;
	if (u->ctx) {
		LZ4F_resetDecompressionContext(u->ctx);
		return 0;
	}
	if (LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)))
		return err_nomem(err);
	u->ctx = ctx;
	return 0;
}

int
ltx_unframe_step(struct ltx_unframe *u, unsigned char *out, size_t *outlen,
    const unsigned char *in, size_t *inlen, struct err *err)
{
	size_t r = LZ4F_decompress(u->ctx, out, outlen, in, inlen, NULL);

	if (LZ4F_isError(r))
		return ltx_unframe_error(r, ERR_DATA, err);
	u->ended = r == 0;
	return u->ended;
}

void
ltx_unframe_free(struct ltx_unframe *u)
{
	if (u->ctx)
		LZ4F_freeDecompressionContext(u->ctx);
	u->ctx = NULL;
}
