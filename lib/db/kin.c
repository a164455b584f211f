#include "db/kin.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "db/cut.h"
#include "db/pages.h"

/* Rows appended leave almost all of a page alone; rows that only look alike
 * (small numbers) differ in more than that. Less than that many bytes say
 * nothing. */
#define PART 16
#define LEAST 256

struct sum {
	uint32_t pages;    /* in the file, but for page 1 */
	uint32_t equal;    /* of them */
	uint32_t kept;     /* equal or almost */
	uint64_t bytes;    /* not zero, and the same, in those kept */
	int first_differs; /* page 1 is there, and another one */
};

static void
weigh(struct sum *s, uint32_t pgno, const unsigned char *was,
    const unsigned char *now, uint32_t size)
{
	uint32_t i, all = 0, same = 0;
	int equal = now && !memcmp(was, now, size);

	if (pgno == 1) {
		s->first_differs = !equal;
		return;
	}
	s->pages++;
	s->equal += equal;
	if (!now)
		return;
	for (i = 0; i < size; i++)
		if (was[i]) {
			all++;
			same += was[i] == now[i];
		}
	if (!equal && (all < LEAST || same < all - all / PART))
		return;
	s->kept++;
	s->bytes += same;
}

static int
compare(struct sum *s, struct ltx_dec *dec, struct pages *p, struct err *err)
{
	const unsigned char *was, *now;
	uint32_t pgno, at = 0;
	int r = 0, more = pages_next(p, &at, 0, &now, err);

	while (more >= 0 && (r = ltx_dec_page(dec, &pgno, &was, err)) > 0) {
		while (more > 0 && at < pgno)
			more = pages_next(p, &at, 0, &now, err);
		if (more >= 0)
			weigh(s, pgno, was, more && at == pgno ? now : 0,
			    p->size);
	}
	return more < 0 || r < 0 ? -1 : 0;
}

/* All pages of the database as h sees it. */
static int
pages_of(struct pages *p, struct frames *f, struct holder *h,
    const struct shm_view *v, uint32_t size, struct err *err)
{
	struct wal_header wal;
	struct wal_frame fr;
	const unsigned char *page;
	int r;

	if (!v->mx || h->zero)
		return pages_begin(p, size, err);
	if (frames_header(&h->conn, &wal, err) < 0
	    || frames_begin(f, &h->conn, &wal, 0, 0, err) < 0)
		return -1;
	while ((r = frames_next(f, v->mx, &fr, &page, err)) > 0)
		if (pagemap_add(&p->map, fr.pgno, f->n, err) < 0)
			return -1;
	return r < 0 ? -1 : pages_begin(p, size, err);
}

static int
judge(struct ltx_dec *dec, struct holder *h, const struct shm_view *v,
    uint64_t memory, const char *dir, int *kin, struct err *err)
{
	struct frames f;
	struct pages p;
	struct sum s;
	uint32_t size;
	int r;

	memset(&f, 0, sizeof f);
	memset(&s, 0, sizeof s);
	pages_init(&p, &h->conn, &f, memory, dir);
	r = cut_size(&h->conn, v, h->zero, &size, &p.commit, err);
	if (!r && size == ltx_dec_header(dec)->page_size) {
		r = pages_of(&p, &f, h, v, size, err);
		if (!r)
			r = compare(&s, dec, &p, err);
	}
	*kin = s.pages && ((s.equal == s.pages && !s.first_differs)
	    || (s.kept * 2 > s.pages && s.bytes >= LEAST)) ? 1 : -1;
	frames_free(&f);
	pages_free(&p);
	return r;
}

int
kin_check(const char *path, struct holder *h, const struct shm_view *v,
    uint64_t memory, const char *dir, int *kin, struct err *err)
{
	struct ltx_dec *dec = 0;
	int r, fd = open(path, O_RDONLY | O_CLOEXEC);

	*kin = 0;
	if (fd < 0) {
		err_sys(err, "open %s", path);
		return err->kind == ERR_NOTFOUND ? 0 : -1;
	}
	r = ltx_dec_begin(&dec, io_in_fd(&fd), err);
	if (!r)
		r = judge(dec, h, v, memory, dir, kin, err);
	ltx_dec_free(dec);
	close(fd);
	if (r < 0) {
		*kin = 0;
		return err->kind == ERR_DATA ? 0 : err_in(err, "%s", path);
	}
	return 0;
}
