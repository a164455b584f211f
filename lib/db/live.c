#include "db/live.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/crc64.h"
#include "base/path.h"
#include "db/check.h"
#include "db/cut.h"

#define OUT 8192            /* sums written at once */
#define READ (256u << 10)
#define MAP_MEMORY (1u << 20)

struct live {
	struct conn conn, lock;
	char *path;          /* links resolved: -wal and -shm are beside it */
	struct shm_view view;
	int zero;            /* everything is in the database file, and is read
	                        from there: the WAL may be restarted */
};

static int
beside(const char *path, const char *end)
{
	char s[4096];
	struct stat st;

	return snprintf(s, sizeof s, "%s%s", path, end) < (int)sizeof s
	    && !stat(s, &st);
}

int
live_open(struct live **out, const char *path, struct err *e)
{
	struct live *l = calloc(1, sizeof *l);
	struct stat st;

	if (!l || !(l->path = path_real(path))) {
		free(l);
		return err_nomem(e);
	}
	if (stat(l->path, &st) < 0)
		err_sys(e, "stat %s", path);
	else if (!beside(l->path, "-wal") || !beside(l->path, "-shm"))
		err_set(e, ERR_NO, "nobody has %s open", path);
	else if (!conn_open(&l->conn, l->path, e)) {
		*out = l;
		return 0;
	}
	live_free(l);
	return -1;
}

void
live_free(struct live *l)
{
	if (!l)
		return;
	conn_close(&l->conn);
	conn_close(&l->lock);
	free(l->path);
	free(l);
}

int
live_lock(struct live *l, int64_t wait_ms, struct err *e)
{
	if (!l->lock.db && conn_open(&l->lock, l->path, e) < 0)
		return -1;
	return conn_lock(&l->lock, wait_ms, e);
}

void
live_unlock(struct live *l)
{
	if (l->lock.writing)
		conn_unlock(&l->lock);
}

static int
same(const struct shm_view *a, const struct shm_view *b)
{
	return a->mx == b->mx && a->salt1 == b->salt1 && a->salt2 == b->salt2;
}

/* Equal before and after: what is seen is that. And surely either all of it in
 * the database file, or some of it not (backfill only grows): only then does
 * the WAL stay as it is. */
int
live_begin(struct live *l, struct live_view *v, struct err *e)
{
	struct shm_view a, b;

	for (int i = 0; i < 200; i++) {
		int known = !shm_read(conn_shm(&l->conn), &a);

		if (conn_begin(&l->conn, 0, e) < 0) {
			if (e->kind != ERR_BUSY)
				return err_in(e, "%s", l->path);
			usleep(1000);
			continue;
		}
		if (known && !shm_read(conn_shm(&l->conn), &b)
		    && same(&a, &b)) {
			l->zero = a.backfill == a.mx && b.backfill == b.mx;
			if (l->zero || b.backfill < a.mx) {
				l->view = b;
				*v = (struct live_view){ b.mx, b.salt1,
				    b.salt2 };
				return 0;
			}
		}
		conn_end(&l->conn);
		if (known)
			usleep(100);
	}
	return err_set(e, ERR_BUSY, "%s: commits come too fast", l->path);
}

void
live_end(struct live *l)
{
	conn_end(&l->conn);
}

struct sums {
	struct io_out out;
	size_t n;
	uint64_t at[OUT];
};

static int
flush(struct sums *s, struct err *e)
{
	size_t n = s->n;

	s->n = 0;
	return n ? s->out.write(s->out.ctx, s->at, n * sizeof *s->at, e) : 0;
}

static int
put(struct sums *s, uint64_t sum, struct err *e)
{
	s->at[s->n++] = sum;
	return s->n == OUT ? flush(s, e) : 0;
}

static int
walk(struct pages *p, struct sums *s, struct err *e)
{
	const unsigned char *data;
	uint32_t pgno, next = 1;
	int r;

	while ((r = pages_next(p, &pgno, 0, &data, e)) > 0) {
		for (; next < pgno; next++) /* the lock page */
			if (put(s, 0, e) < 0)
				return -1;
		if (put(s, crc64(0, data, p->size), e) < 0)
			return -1;
		next++;
	}
	for (; !r && next <= p->commit; next++)
		r = put(s, 0, e);
	return r;
}

int
live_read(struct live *l, struct io_out out, struct live_sums *done,
    struct err *e)
{
	struct sums *s = malloc(sizeof *s);
	struct frames f;
	struct pages p;
	struct wal_header wal;
	int r;

	if (!s)
		return err_nomem(e);
	s->out = out;
	s->n = 0;
	memset(&f, 0, sizeof f);
	pages_init(&p, &l->conn, &f, MAP_MEMORY, "");
	r = cut_whole(&l->conn, &l->view, l->zero, &f, &p, &wal,
	    &done->page_size, e);
	if (!r)
		r = pages_begin(&p, done->page_size, e);
	if (!r)
		r = walk(&p, s, e);
	if (!r)
		r = flush(s, e);
	done->pages = p.commit;
	if (!r)
		r = check_count(l->conn.db, &done->tables, e);
	frames_free(&f);
	pages_free(&p);
	free(s);
	return r < 0 ? err_in(e, "%s", l->path) : 0;
}

static int
walk_file(int fd, const struct live_sums *d, struct sums *s, struct err *e)
{
	uint32_t lock = ltx_lock_page(d->page_size), n = READ / d->page_size;
	unsigned char *buf = malloc(READ);
	int r = buf ? 0 : err_nomem(e);

	for (uint32_t at = 0; at < d->pages && !r; at += n) {
		if (n > d->pages - at)
			n = d->pages - at;
		r = io_preadn(fd, buf, (size_t)n * d->page_size,
		    (int64_t)at * d->page_size, e);
		for (uint32_t i = 0; i < n && !r; i++)
			r = put(s, at + i + 1 == lock ? 0 : crc64(0,
			    buf + (size_t)i * d->page_size, d->page_size), e);
	}
	free(buf);
	return r ? r : flush(s, e);
}

static int
head_of(int fd, struct live_sums *d, struct err *e)
{
	unsigned char h[100];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat");
	if (io_preadn(fd, h, sizeof h, 0, e) < 0)
		return -1;
	d->page_size = be16_unpack(h + 16);
	if (d->page_size == 1)
		d->page_size = 65536;
	if (memcmp(h, "SQLite format 3", 16)
	    || !ltx_page_size_ok(d->page_size))
		return err_set(e, ERR_DATA, "not a database");
	d->pages = (uint32_t)(st.st_size / d->page_size);
	return 0;
}

int
live_read_file(const char *path, struct io_out out, struct live_sums *d,
    struct err *e)
{
	struct sums *s = malloc(sizeof *s);
	int fd, r = -1;

	if (!s)
		return err_nomem(e);
	s->out = out;
	s->n = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err_sys(e, "open");
	else if (!head_of(fd, d, e) && !walk_file(fd, d, s, e))
		r = check_tables(path, &d->tables, e);
	if (fd >= 0)
		close(fd);
	free(s);
	return r < 0 ? err_in(e, "%s", path) : 0;
}
