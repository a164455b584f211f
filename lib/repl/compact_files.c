#include "repl/compact.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"

/* LTX files by name: what they are is in their headers. */

struct files {
	struct compact_file *f;
	size_t n, a;
	int spool;  /* what came by standard input, -1 */
};

static int
add(struct files *s, const char *path, int64_t off,
    const struct ltx_header *h, struct err *e)
{
	struct compact_file *v = array_room(s->f, s->n, &s->a, sizeof *v);

	if (!v)
		return err_nomem(e);
	s->f = v;
	s->f[s->n++] = (struct compact_file){ path, s->spool, off,
	    h->min_txid, h->max_txid };
	return 0;
}

static int
named(struct files *s, const char *path, struct err *e)
{
	unsigned char b[LTX_HEADER_SIZE];
	struct ltx_header h;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return err_sys(e, "open");
	r = io_readn(io_in_fd(&fd), b, sizeof b, e);
	close(fd);
	if (!r)
		r = ltx_header_unpack(&h, b, e);
	return r ? -1 : add(s, path, 0, &h, e);
}

/* What is read goes into the spool too. */
static ssize_t
tee_read(void *ctx, void *buf, size_t len, struct err *e)
{
	int *spool = ctx, in = 0;
	ssize_t r = io_in_fd(&in).read(&in, buf, len, e);

	if (r > 0 && io_out_fd(spool).write(spool, buf, (size_t)r, e) < 0)
		return -1;
	return r;
}

/* Where each ends is known when it was read. */
static int
input(struct files *s, const char *tmp, struct err *e)
{
	struct ltx_dec *dec;
	const unsigned char *data;
	uint32_t pgno;
	int64_t off = 0;
	int r;

	if (s->spool >= 0)
		return err_set(e, ERR_USAGE, "it is given twice");
	if ((s->spool = io_anon(tmp, e)) < 0)
		return -1;
	if (ltx_dec_begin(&dec, (struct io_in){ tee_read, &s->spool }, e) < 0)
		return -1;
	do {
		r = add(s, NULL, off, ltx_dec_header(dec), e);
		while (!r && (r = ltx_dec_page(dec, &pgno, &data, e)) > 0)
			r = 0;
		if (!r) {
			off += (int64_t)ltx_dec_offset(dec);
			r = ltx_dec_next(dec, e);
		}
	} while (r > 0);
	ltx_dec_free(dec);
	return r;
}

static int
cmp_file(const void *pa, const void *pb)
{
	const struct compact_file *a = pa, *b = pb;

	if (a->min != b->min)
		return a->min < b->min ? -1 : 1;
	return a->max > b->max ? -1 : a->max < b->max;
}

/* Those that another one covers say nothing more. */
static void
sort(struct files *s)
{
	size_t n = 0;

	if (s->n)
		qsort(s->f, s->n, sizeof *s->f, cmp_file);
	for (size_t i = 0; i < s->n; i++)
		if (!n || s->f[i].max > s->f[n - 1].max)
			s->f[n++] = s->f[i];
	s->n = n;
}

int
compact_files(const char *const *paths, size_t n,
    const struct compact_opt *opt, struct io_out out,
    struct compact_done *done, struct err *e)
{
	struct files s = { .spool = -1 };
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		int std = !strcmp(paths[i], "-");

		r = std ? input(&s, opt->tmp, e) : named(&s, paths[i], e);
		if (r)
			err_in(e, "%s", std ? "standard input" : paths[i]);
	}
	if (!r) {
		sort(&s);
		r = compact_merge_files(s.f, s.n, opt, out, done, e);
	}
	free(s.f);
	if (s.spool >= 0)
		close(s.spool);
	return r ? -1 : 0;
}
