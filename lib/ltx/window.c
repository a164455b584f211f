#include "ltx/internal.h"

#include <stdlib.h>
#include <string.h>

int
ltx_win_reserve(struct ltx_win *w, size_t cap, struct err *err)
{
	unsigned char *b;

	if (cap <= w->cap)
		return 0;
	b = realloc(w->buf, cap);
	if (!b)
		return err_nomem(err);
	w->buf = b;
	w->cap = cap;
	return 0;
}

int
ltx_win_fill(struct ltx_win *w, size_t n, struct err *err)
{
	if (w->cap - w->pos < n) {
		memmove(w->buf, w->buf + w->pos, w->end - w->pos);
		w->end -= w->pos;
		w->pos = 0;
	}
	while (w->end - w->pos < n) {
		ssize_t r;

		if (w->eof)
			return 0;
		r = w->in.read(w->in.ctx, w->buf + w->end, w->cap - w->end,
		    err);
		if (r < 0)
			return -1;
		if (!r)
			w->eof = 1;
		w->end += (size_t)r;
	}
	return 1;
}
