#include "db/tail.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "db/cut.h"
#include "db/pages.h"

static size_t
step_of(const struct ltx_header *h)
{
	return WAL_FRAME_HEADER + (size_t)h->page_size;
}

/* Walks the WAL from its start to the end of the file's range. On 1 the map
 * holds the range's pages and f stands after its last frame, a commit. */
static int
walk(struct tail *t, struct frames *f, struct pages *p, struct err *err)
{
	uint32_t from = (t->header.wal_offset - WAL_HEADER_SIZE)
	    / step_of(&t->header);
	uint32_t end = from + t->header.wal_size / step_of(&t->header);
	const unsigned char *page;
	struct wal_frame fr;
	int r;

	fr.commit = t->header.commit;
	while ((r = frames_next(f, end, &fr, &page, err)) > 0)
		if (f->n > from && pagemap_add(&p->map, fr.pgno, f->n, err))
			return -1;
	return r < 0 ? -1 : f->n == end && fr.commit == t->header.commit;
}

/* Every page of the range equals the file's? The file may hold more (what
 * the WAL did not have). */
static int
equal(struct pages *p, struct ltx_dec *dec, struct tail *t, struct err *err)
{
	const unsigned char *mine, *page;
	uint32_t want = 0, pgno;
	int r, more;

	more = pages_next(p, &want, 0, &page, err);
	while (more >= 0 && (r = ltx_dec_page(dec, &pgno, &mine, err)) > 0) {
		if (pgno == 1) {
			t->have_page1 = 1;
			state_facts_page1(&t->facts, mine,
			    t->header.page_size);
		}
		if (more && want < pgno)
			return 0;
		if (!more || pgno != want)
			continue;
		if (memcmp(mine, page, t->header.page_size))
			return 0;
		more = pages_next(p, &want, 0, &page, err);
	}
	return more < 0 || r < 0 ? -1 : !more;
}

/* Is the file's last frame still where it was, under its salts, and not
 * followed by a frame that continues it? */
static int
was_before(struct tail *t, struct conn *k, const struct wal_header *now,
    struct ltx_dec *dec, struct err *err)
{
	size_t step = step_of(&t->header);
	int64_t end = t->header.wal_offset + t->header.wal_size;
	unsigned char *buf;
	const unsigned char *page;
	struct wal_header old = *now;
	struct wal_frame fr;
	uint32_t pgno, sum[2];
	int64_t size;
	int r, found = 0;

	if (conn_wal_size(k, &size, err) < 0)
		return -1;
	/* A size between is a cut (journal_size_limit): what followed may have
	 * been a frame */
	if (end < WAL_HEADER_SIZE + (int64_t)step
	    || (size != end && size < end + (int64_t)step))
		return 0;
	if (!(buf = calloc(2, step)))
		return err_nomem(err);
	r = conn_read_wal(k, buf, 2 * step, end - step, 0, err);
	wal_frame_unpack(&fr, buf);
	old.salt1 = t->header.salt1;
	old.salt2 = t->header.salt2;
	sum[0] = fr.sum[0];
	sum[1] = fr.sum[1];
	if (r || fr.salt1 != old.salt1 || fr.salt2 != old.salt2
	    || fr.commit != t->header.commit || !fr.commit
	    || wal_frame_ok(&old, buf + step, sum))
		goto end;
	while ((r = ltx_dec_page(dec, &pgno, &page, err)) > 0)
		if (pgno == fr.pgno)
			found = !memcmp(page, buf + WAL_FRAME_HEADER,
			    t->header.page_size);
end:
	free(buf);
	return r < 0 ? -1 : found;
}

static int
drain(struct tail *t, struct ltx_dec *dec, struct err *err)
{
	const unsigned char *page;
	uint32_t pgno;
	int r;

	while ((r = ltx_dec_page(dec, &pgno, &page, err)) > 0)
		if (pgno == 1) {
			t->have_page1 = 1;
			state_facts_page1(&t->facts, page,
			    t->header.page_size);
		}
	return r;
}

static int
compare(struct tail *t, struct ltx_dec *dec, struct holder *h,
    const struct shm_view *v, uint64_t memory, const char *dir, struct err *err)
{
	struct frames f;
	struct pages p;
	struct wal_header now;
	int r = 0;

	t->state = START_TAIL_LOST;
	if (frames_header(&h->conn, &now, err) < 0)
		return err->kind == ERR_NOTFOUND || err->kind == ERR_DATA ? 0
		    : -1;
	if (now.page_size != t->header.page_size || !t->header.salt1
	    || t->header.wal_offset < WAL_HEADER_SIZE)
		return 0;
	memset(&f, 0, sizeof f);
	pages_init(&p, &h->conn, &f, memory, dir);
	if (now.salt1 == t->header.salt1 && now.salt2 == t->header.salt2) {
		if (!(r = frames_begin(&f, &h->conn, &now, 0, 0, err)))
			r = walk(t, &f, &p, err);
		t->n = f.n;
		t->sum[0] = f.sum[0];
		t->sum[1] = f.sum[1];
		/* low: nothing from the database file */
		p.commit = p.low = t->header.commit;
		if (r > 0 && f.n <= v->mx && !(r = pages_begin(&p,
		    now.page_size, err)))
			r = equal(&p, dec, t, err);
		if (r > 0)
			t->state = START_TAIL_HERE;
	} else if (now.salt1 == t->header.salt1 + 1) {
		r = was_before(t, &h->conn, &now, dec, err);
		if (r > 0)
			t->state = START_TAIL_BEFORE;
	}
	frames_free(&f);
	pages_free(&p);
	return r < 0 ? -1 : 0;
}

int
tail_check(struct tail *t, const char *path, struct holder *h,
    const struct shm_view *v, uint64_t memory, const char *dir, struct err *err)
{
	struct ltx_dec *dec = 0;
	int fd, r;

	memset(t, 0, sizeof *t);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err_sys(err, "open %s", path);
		return err->kind == ERR_NOTFOUND ? 0 : -1;
	}
	r = ltx_dec_begin(&dec, io_in_fd(&fd), err);
	if (!r) {
		t->header = *ltx_dec_header(dec);
		r = compare(t, dec, h, v, memory, dir, err);
		/* to the end in any case: only then its checksum is known */
		if (!r)
			r = drain(t, dec, err);
	}
	ltx_dec_free(dec);
	close(fd);
	if (r < 0 && err->kind == ERR_DATA) {
		t->state = START_TAIL_NONE;
		t->have_page1 = 0;
		return 0;
	}
	if (r < 0)
		return err_in(err, "%s", path);
	err_clear(err);
	return 0;
}

int
tail_page1(struct holder *h, const struct shm_view *v,
    struct state_facts *facts, struct err *err)
{
	unsigned char *buf;
	const unsigned char *page;
	struct wal_header head;
	struct wal_frame fr;
	struct frames f;
	uint32_t size, pages;
	int r = 0;

	if (cut_size(&h->conn, v, h->zero, &size, &pages, err) < 0)
		return -1;
	if (!(buf = malloc(size)))
		return err_nomem(err);
	r = conn_read_db(&h->conn, buf, size, 0, 0, err);
	if (!r && v->mx && !h->zero
	    && !(r = frames_header(&h->conn, &head, err))) {
		r = frames_begin(&f, &h->conn, &head, 0, 0, err);
		while (!r && frames_next(&f, v->mx, &fr, &page, err) > 0)
			if (fr.pgno == 1)
				memcpy(buf, page, size);
		frames_free(&f);
	}
	if (!r)
		state_facts_page1(facts, buf, size);
	free(buf);
	return r;
}
