#include "repl/compact.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/spill.h"
#include "repl/compact_put.h"

/* An input: a listed file, one of elsewhere, or what a group of them was
 * merged to. */
struct part {
	const struct replica_file *f;
	const struct compact_file *file;
	int fd; /* >= 0: the merged group, to be read from the start */
	unsigned rank; /* how often its bytes were merged */
};

struct open_part {
	struct store_get *get;
	int fd;          /* local file; -1 */
	int at_fd;       /* borrowed, read from at on */
	int64_t at;
	struct io_in in;
	struct ltx_dec *dec;
};

static void
part_close(struct open_part *o)
{
	ltx_dec_free(o->dec);
	if (o->get)
		store_get_close(o->get);
	if (o->fd >= 0)
		close(o->fd);
	o->dec = NULL;
	o->get = NULL;
	o->fd = -1;
}

static int
name_part(const struct part *p, struct err *e)
{
	char name[LTX_NAME_LEN + 1];

	if (p->file)
		return err_in(e, "%s", p->file->path ? p->file->path
		    : "standard input");
	if (!p->f)
		return err_in(e, "merged group");
	ltx_name_fmt(name, p->f->min, p->f->max);
	return err_in(e, "level %u file %s", p->f->level, name);
}

static ssize_t
read_at(void *ctx, void *buf, size_t len, struct err *e)
{
	struct open_part *o = ctx;
	ssize_t r;

	do
		r = pread(o->at_fd, buf, len, o->at);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(e, "read");
	o->at += r;
	return r;
}

static int
open_file(struct open_part *o, const struct compact_file *f, struct err *e)
{
	if (f->path) {
		if ((o->fd = open(f->path, O_RDONLY | O_CLOEXEC)) < 0)
			return err_sys(e, "open");
		o->in = io_in_fd(&o->fd);
	} else {
		o->at_fd = f->fd;
		o->at = f->off;
		o->in = (struct io_in){ read_at, o };
	}
	return 0;
}

/* Is it what it is called? Not where it was replaced by another meanwhile. */
static int
same_txids(const struct part *p, const struct ltx_header *h, struct err *e)
{
	uint64_t min = p->f ? p->f->min : p->file ? p->file->min : h->min_txid;
	uint64_t max = p->f ? p->f->max : p->file ? p->file->max : h->max_txid;

	if (h->min_txid == min && h->max_txid == max)
		return 0;
	return err_set(e, ERR_DATA, "it holds TXIDs %016" PRIx64 "-%016" PRIx64,
	    h->min_txid, h->max_txid);
}

/* The merged group's descriptor goes over to the open part. */
static int
part_open(struct open_part *o, struct part *p, struct store *st,
    const struct compact_opt *opt, struct err *e)
{
	o->fd = p->f ? compact_put_local(opt->ltx0, p->f) : p->fd;
	p->fd = -1;
	if (p->file) {
		if (open_file(o, p->file, e) < 0)
			return name_part(p, e);
	} else if (o->fd >= 0) {
		if (!p->f && lseek(o->fd, 0, SEEK_SET) < 0)
			return err_sys(e, "rewind");
		o->in = io_in_fd(&o->fd);
	} else {
		if (listing_get(st, p->f, 0, 0, &o->get, e) < 0)
			return name_part(p, e);
		o->in = store_get_in(o->get);
	}
	if (ltx_dec_begin(&o->dec, o->in, e) < 0
	    || same_txids(p, ltx_dec_header(o->dec), e) < 0)
		return name_part(p, e);
	return 0;
}

/* min: first TXID of the result, 0: that of the inputs. */
static int
write_pages(struct ltx_merge *m, uint64_t min, const struct compact_opt *opt,
    struct io_out out, struct compact_done *done, struct err *e)
{
	struct ltx_payload payload;
	const unsigned char *data;
	struct ltx_enc *enc;
	struct spill sp;
	struct ltx_spill ls;
	uint32_t pgno;
	int r;

	spill_init(&sp, opt->tmp);
	ls = (struct ltx_spill){ spill_out(&sp), spill_in(&sp), spill_rewind,
	    &sp };
	done->header = *ltx_merge_header(m);
	if (min)
		done->header.min_txid = min;
	r = ltx_enc_begin(&enc, &done->header, opt->encoding, out, &ls, e);
	if (!r) {
		while ((r = ltx_merge_page(m, &pgno, &data, &payload, e)) > 0)
			if (ltx_enc_page_reuse(enc, pgno, data, &payload, e) < 0) {
				r = -1;
				break;
			}
		if (!r)
			r = ltx_enc_end(enc, 0, e);
		done->size = ltx_enc_size(enc);
		ltx_enc_free(enc);
	}
	spill_free(&sp);
	return r;
}

/* A file goes on behind its end where it is not what it seems. */
static int
ends(const struct open_part *o, const struct part *p, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (o[i].at_fd < 0 && ltx_dec_eof(o[i].dec, e) < 0)
			return name_part(&p[i], e);
	return 0;
}

/* At most COMPACT_FAN parts into one file, which is the result itself if they
 * are all that is left. */
static int
merge_group(struct part *p, size_t n, int last, struct store *st,
    const struct compact_opt *opt, struct io_out out,
    struct compact_done *done, struct err *e)
{
	struct open_part o[COMPACT_FAN];
	struct ltx_dec *dec[COMPACT_FAN];
	struct ltx_merge *m = NULL;
	uint64_t min = p->f && p->f->full ? 1 : 0;
	int r = 0;

	memset(o, 0, sizeof o);
	for (size_t i = 0; i < COMPACT_FAN; i++)
		o[i].fd = o[i].at_fd = -1;
	if (last && opt->min)
		min = opt->min;
	for (size_t i = 0; i < n && !r; i++) {
		r = part_open(&o[i], &p[i], st, opt, e);
		dec[i] = o[i].dec;
	}
	if (!r)
		r = ltx_merge_begin(&m, dec, n, e);
	if (!r && min)
		ltx_merge_from(m, 0);
	else if (!r && last && opt->pages)
		ltx_merge_from(m, opt->pages);
	if (!r)
		r = write_pages(m, min, opt, out, done, e);
	if (!r)
		r = ends(o, p, n, e);
	if (m)
		ltx_merge_free(m);
	for (size_t i = 0; i < n; i++)
		part_close(&o[i]);
	return r;
}

/* The last k parts become one. */
static int
fold(struct part *p, size_t *n, size_t k, struct store *st,
    const struct compact_opt *opt, struct err *e)
{
	struct part *group = p + *n - k;
	unsigned rank = group->rank + 1;
	struct compact_done done;
	int fd = io_anon(opt->tmp, e);

	if (fd < 0)
		return -1;
	if (merge_group(group, k, 0, st, opt, io_out_fd(&fd), &done, e) < 0) {
		close(fd);
		return -1;
	}
	*group = (struct part){ NULL, NULL, fd, rank };
	*n -= k - 1;
	return 0;
}

/* As soon as there are enough of a rank they are folded: however many files
 * there are, few groups are open, the later the smaller. The oldest part,
 * which is as a rule the snapshot and the largest, is copied only in the
 * last merge. In place: a part is moved down before its place is taken. */
static int
reduce(struct part *p, size_t n, size_t *left, struct store *st,
    const struct compact_opt *opt, struct err *e)
{
	size_t k;

	for (size_t i = 0; i < n; i++) {
		struct part next = p[i];

		p[i].fd = -1;
		p[(*left)++] = next;
		while (*left > COMPACT_FAN && p[*left - COMPACT_FAN].rank
		    == p[*left - 1].rank)
			if (fold(p, left, COMPACT_FAN, st, opt, e) < 0)
				return -1;
	}
	while (*left > COMPACT_FAN) {
		k = *left - COMPACT_FAN + 1;
		if (fold(p, left, k < COMPACT_FAN ? k : COMPACT_FAN, st, opt,
		    e) < 0)
			return -1;
	}
	return 0;
}

/* Takes p over. */
static int
merge_parts(struct part *p, size_t n, struct store *st,
    const struct compact_opt *opt, struct io_out out,
    struct compact_done *done, struct err *e)
{
	size_t left = 0;
	int r;

	r = reduce(p, n, &left, st, opt, e);
	if (!r)
		r = n ? merge_group(p, left, 1, st, opt, out, done, e)
		    : err_set(e, ERR_BUG, "nothing to merge");
	for (size_t i = 0; i < left; i++)
		if (p[i].fd >= 0)
			close(p[i].fd);
	free(p);
	return r;
}

int
compact_merge(struct store *st, const struct replica_file *const *files,
    size_t n, const struct compact_opt *opt, struct io_out out,
    struct compact_done *done, struct err *e)
{
	struct part *p = calloc(n ? n : 1, sizeof *p);

	if (!p)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++)
		p[i] = (struct part){ files[i], NULL, -1, 0 };
	return merge_parts(p, n, st, opt, out, done, e);
}

int
compact_merge_files(const struct compact_file *files, size_t n,
    const struct compact_opt *opt, struct io_out out,
    struct compact_done *done, struct err *e)
{
	struct part *p = calloc(n ? n : 1, sizeof *p);

	if (!p)
		return err_nomem(e);
	for (size_t i = 0; i < n; i++)
		p[i] = (struct part){ NULL, &files[i], -1, 0 };
	return merge_parts(p, n, NULL, opt, out, done, e);
}
