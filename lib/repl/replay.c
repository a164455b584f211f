#include "repl/replay.h"

#include <inttypes.h>
#include <stdlib.h>

struct feed {
	struct io_in in;
	uint64_t got;    /* bytes of this file */
	uint64_t before; /* of those before it */
	const struct replay_opt *opt;
};

static ssize_t
feed_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct feed *f = ctx;
	ssize_t r = f->in.read(f->in.ctx, buf, len, e);

	if (r > 0) {
		f->got += (uint64_t)r;
		if (f->opt->progress)
			f->opt->progress(f->opt->ctx, f->before + f->got);
	}
	return r;
}

/* The same decoder goes on with the next file: it never reads ahead past
 * the bytes it was given, and those ended with the file before. */
static int
file_begin(struct ltx_dec **dec, struct feed *feed,
    const struct replica_file *f, struct err *e)
{
	const struct ltx_header *h;
	int r;

	if (!*dec) {
		struct io_in in = { feed_read, feed };

		if (ltx_dec_begin(dec, in, e) < 0)
			return -1;
	} else {
		r = ltx_dec_next(*dec, e);
		if (r < 0)
			return -1;
		if (!r)
			return err_set(e, ERR_DATA, "empty file");
	}
	h = ltx_dec_header(*dec);
	if (h->min_txid != f->min || h->max_txid != f->max)
		return err_set(e, ERR_DATA, "header is of TXID %016" PRIx64
		    "-%016" PRIx64, h->min_txid, h->max_txid);
	return 0;
}

static int
file_end(struct ltx_dec *dec, struct feed *feed,
    const struct replica_file *f, struct err *e)
{
	unsigned char c;
	ssize_t r;

	if (ltx_dec_offset(dec) != feed->got)
		return err_set(e, ERR_DATA, "bytes after the end of the file");
	r = feed->in.read(feed->in.ctx, &c, 1, e);
	if (r < 0)
		return -1;
	if (r)
		return err_set(e, ERR_DATA, "bytes after the end of the file");
	if (f->size && feed->got != f->size)
		return err_set(e, ERR_DATA, "%" PRIu64 " bytes, the listing "
		    "says %" PRIu64, feed->got, f->size);
	feed->before += feed->got;
	feed->got = 0;
	return 0;
}

static int
name_file(const struct replica_file *f, struct err *e)
{
	char name[LTX_NAME_LEN + 1];

	if (!f)
		return -1;
	ltx_name_fmt(name, f->min, f->max);
	if (f->level == REPLAY_LOCAL)
		return err_in(e, "local file %s", name);
	return err_in(e, "level %u file %s", f->level, name);
}

int
replay(const struct replay_source *src, const struct replay_opt *opt,
    struct apply *a, const struct replica_file **bad, struct err *e)
{
	struct feed feed = { .opt = opt };
	struct ltx_dec *dec = NULL;
	int r = 0;

	*bad = NULL;
	while (!apply_full(a)) {
		r = src->next(src->ctx, bad, &feed.in, e);
		if (r <= 0)
			break;
		if (file_begin(&dec, &feed, *bad, e) < 0
		    || apply_file(a, dec, e) < 0
		    || file_end(dec, &feed, *bad, e) < 0) {
			r = -1;
			break;
		}
	}
	ltx_dec_free(dec);
	return r < 0 ? name_file(*bad, e) : 0;
}
