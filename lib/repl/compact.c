#include "repl/compact.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/spill.h"

/* An input: a listed file, or what a group of them was merged to. */
struct part {
	const struct replica_file *f;
	int fd; /* >= 0: the merged group, to be read from the start */
	unsigned rank; /* how often its bytes were merged */
};

struct open_part {
	struct store_get *get;
	int fd;          /* local file; -1 */
	struct io_in in;
	struct ltx_dec *dec;
};

static int
open_local(const char *ltx0, const struct replica_file *f)
{
	struct err ignored;
	struct stat st;
	int fd;

	if (!ltx0 || f->level)
		return -1;
	fd = listing_open_local(ltx0, f->min, f->max, &ignored);
	if (fd >= 0 && (fstat(fd, &st) < 0 || (uint64_t)st.st_size != f->size)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

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

	if (!p->f)
		return err_in(e, "merged group");
	ltx_name_fmt(name, p->f->min, p->f->max);
	return err_in(e, "level %u file %s", p->f->level, name);
}

/* The merged group's descriptor goes over to the open part. */
static int
part_open(struct open_part *o, struct part *p, struct store *st,
    const struct compact_opt *opt, struct err *e)
{
	o->fd = p->f ? open_local(opt->ltx0, p->f) : p->fd;
	p->fd = -1;
	if (o->fd >= 0) {
		if (!p->f && lseek(o->fd, 0, SEEK_SET) < 0)
			return err_sys(e, "rewind");
		o->in = io_in_fd(&o->fd);
	} else {
		if (listing_get(st, p->f, 0, 0, &o->get, e) < 0)
			return name_part(p, e);
		o->in = store_get_in(o->get);
	}
	if (ltx_dec_begin(&o->dec, o->in, e) < 0)
		return name_part(p, e);
	return 0;
}

static int
write_pages(struct ltx_merge *m, int whole, const struct compact_opt *opt,
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
	if (whole)
		done->header.min_txid = 1;
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

/* At most COMPACT_FAN parts into one file. */
static int
merge_group(struct part *p, size_t n, struct store *st,
    const struct compact_opt *opt, struct io_out out,
    struct compact_done *done, struct err *e)
{
	struct open_part o[COMPACT_FAN];
	struct ltx_dec *dec[COMPACT_FAN];
	struct ltx_merge *m = NULL;
	int r = 0;

	memset(o, 0, sizeof o);
	for (size_t i = 0; i < COMPACT_FAN; i++)
		o[i].fd = -1;
	for (size_t i = 0; i < n && !r; i++) {
		r = part_open(&o[i], &p[i], st, opt, e);
		dec[i] = o[i].dec;
	}
	if (!r)
		r = ltx_merge_begin(&m, dec, n, e);
	if (!r)
		r = write_pages(m, p->f && p->f->full, opt, out, done, e);
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
	if (merge_group(group, k, st, opt, io_out_fd(&fd), &done, e) < 0) {
		close(fd);
		return -1;
	}
	*group = (struct part){ NULL, fd, rank };
	*n -= k - 1;
	return 0;
}

/* As soon as there are enough of a rank they are folded: however many files
 * there are, few groups are open, the later the smaller. The oldest part,
 * which is as a rule the snapshot and the largest, is copied only in the
 * last merge. */
static int
reduce(struct part *p, size_t *left, struct store *st,
    const struct replica_file *const *files, size_t n,
    const struct compact_opt *opt, struct err *e)
{
	size_t k;

	for (size_t i = 0; i < n; i++) {
		p[(*left)++] = (struct part){ files[i], -1, 0 };
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

int
compact_merge(struct store *st, const struct replica_file *const *files,
    size_t n, const struct compact_opt *opt, struct io_out out,
    struct compact_done *done, struct err *e)
{
	struct part *p = calloc(n ? n : 1, sizeof *p);
	size_t left = 0;
	int r;

	if (!p)
		return err_nomem(e);
	r = reduce(p, &left, st, files, n, opt, e);
	if (!r)
		r = n ? merge_group(p, left, st, opt, out, done, e)
		    : err_set(e, ERR_BUG, "nothing to merge");
	for (size_t i = 0; i < left; i++)
		if (p[i].fd >= 0)
			close(p[i].fd);
	free(p);
	return r;
}
