#include "base/spill.h"

#include <unistd.h>

void
spill_init(struct spill *s, const char *dir)
{
	*s = (struct spill){ dir ? dir : "", -1, 0, 0 };
}

static int
spill_write(void *ctx, const void *buf, size_t len, struct err *err)
{
	struct spill *s = ctx;

	if (s->fd < 0 && (s->fd = io_anon(s->dir, err)) < 0)
		return -1;
	if (io_pwriten(s->fd, buf, len, s->size, err))
		return err_in(err, "temporary file");
	s->size += (int64_t)len;
	return 0;
}

static ssize_t
spill_read(void *ctx, void *buf, size_t len, struct err *err)
{
	struct spill *s = ctx;

	if ((int64_t)len > s->size - s->at)
		len = (size_t)(s->size - s->at);
	if (!len)
		return 0;
	if (io_preadn(s->fd, buf, len, s->at, err))
		return err_in(err, "temporary file");
	s->at += (int64_t)len;
	return (ssize_t)len;
}

struct io_out
spill_out(struct spill *s)
{
	return (struct io_out){ spill_write, s };
}

struct io_in
spill_in(struct spill *s)
{
	return (struct io_in){ spill_read, s };
}

int
spill_rewind(void *ctx, struct err *err)
{
	struct spill *s = ctx;

	(void)err;
	s->at = 0;
	return 0;
}

void
spill_free(struct spill *s)
{
	if (s->fd >= 0)
		close(s->fd);
	spill_init(s, s->dir);
}
