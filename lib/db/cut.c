#include "db/cut.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/bytes.h"
#include "base/when.h"
#include "db/pages.h"

static int
file_path(const struct capture *c, uint64_t txid, char *path, size_t len,
    struct err *err)
{
	char name[LTX_NAME_LEN + 1];

	ltx_name_fmt(name, txid, txid);
	if ((size_t)snprintf(path, len, "%s/%s", c->paths.ltx0, name) >= len)
		return err_set(err, ERR_CONF, "path too long: %s",
		    c->paths.ltx0);
	return 0;
}

/* Reads frames up to v->mx, or up to the first commit past the limit of one
 * file, into the map. */
static int
collect(struct capture *c, struct frames *f, const struct shm_view *v,
    struct pages *p, struct err *err)
{
	uint64_t bytes = 0, limit = c->conf.max_sync_wal_bytes;
	const unsigned char *page;
	struct wal_frame fr;
	int r;

	p->low = c->pos.pages;
	while ((r = frames_next(f, v->mx, &fr, &page, err)) > 0) {
		if (pagemap_add(&p->map, fr.pgno, f->n, err) < 0)
			return -1;
		bytes += WAL_FRAME_HEADER + f->header.page_size;
		if (!fr.commit)
			continue;
		p->commit = fr.commit;
		if (fr.commit < p->low)
			p->low = fr.commit;
		if (limit && bytes >= limit)
			return 0;
	}
	if (r < 0)
		return -1;
	if (f->n < v->mx)
		return err_set(err, ERR_DATA, "frame %u of %u committed ones "
		    "does not continue the WAL", f->n + 1, v->mx);
	if (f->sum[0] != v->sum[0] || f->sum[1] != v->sum[1])
		return err_set(err, ERR_DATA, "frame %u of the WAL is not the "
		    "one the wal-index knows", f->n);
	return 0;
}

static int
out_write(void *ctx, const void *buf, size_t len, struct err *err)
{
	struct io_temp *t = ctx;
	struct io_out out = io_out_fd(&t->fd);

	if (out.write(out.ctx, buf, len, err) < 0)
		return err_in(err, "%s", t->temp);
	return 0;
}

static int
publish(struct capture *c, struct io_temp *t, uint64_t txid, uint64_t size,
    struct err *err)
{
	if (io_temp_publish(t, -1, err) < 0)
		return -1;
	if (!c->unsynced)
		c->unsynced = txid;
	c->pos.txid = txid;
	c->last_cut = when_mono();
	if (c->res) {
		c->res->new_files++;
		c->res->new_bytes += size;
	}
	return 0;
}

/* What a replaced database will be told by, when it changes. */
static void
note_facts(struct capture *c, const struct pages *p)
{
	if (!p->facts.page_size)
		return;
	c->facts.page1 = p->facts.page1;
	c->facts.change_counter = p->facts.change_counter;
	c->facts.schema_cookie = p->facts.schema_cookie;
}

void
cut_note(struct capture *c)
{
	struct err err;

	if (c->facts.change_counter == c->shipped.change_counter
	    && c->facts.schema_cookie == c->shipped.schema_cookie)
		return;
	c->shipped = c->facts;
	if (state_shipped_write(c->paths.dir, &c->shipped, &err) < 0)
		log_err(c->conf.log, LOG_WARN, &err, "unable to note the state",
		    "db", c->given, (char *)0);
}

static int
one_file(struct capture *c, struct frames *f, const struct shm_view *v,
    struct err *err)
{
	struct ltx_header h;
	struct pages p;
	struct io_temp t = { -1, 0, 0, 0 };
	struct io_out out = { out_write, &t };
	char path[4096];
	uint64_t size, txid = c->pos.txid + 1;
	uint32_t from = f->n;
	int r = -1;

	pages_init(&p, f->conn, f, c->conf.memory_bytes, c->paths.dir);
	if (collect(c, f, v, &p, err) < 0
	    || file_path(c, txid, path, sizeof path, err) < 0
	    || io_temp_begin(&t, path, 0, &c->conf.perm, err) < 0)
		goto end;
	memset(&h, 0, sizeof h);
	h.flags = LTX_FLAG_NOCHECKSUM;
	h.page_size = f->header.page_size;
	h.commit = p.commit;
	h.min_txid = h.max_txid = txid;
	h.time_ms = when_now();
	h.wal_offset = wal_frame_offset(from + 1, h.page_size);
	h.wal_size = wal_frame_offset(f->n + 1, h.page_size) - h.wal_offset;
	c->stats.captured += (uint64_t)h.wal_size;
	h.salt1 = f->header.salt1;
	h.salt2 = f->header.salt2;
	h.node = c->writer;
	if (pages_encode(&p, &h, c->conf.encoding, out, &size, err) < 0
	    || publish(c, &t, txid, size, err) < 0)
		goto end;
	c->pos.n = f->n;
	c->pos.sum[0] = f->sum[0];
	c->pos.sum[1] = f->sum[1];
	c->pos.pages = p.commit;
	note_facts(c, &p);
	r = 0;
end:
	io_temp_abort(&t);
	pages_free(&p);
	return r;
}

int
cut_upto(struct capture *c, const struct shm_view *v, struct err *err)
{
	struct conn *k = &c->h[c->cur].conn;
	struct frames f;
	int r = 0;

	if (c->pos.n >= v->mx)
		return 0;
	if (!c->wal.page_size && frames_header(k, &c->wal, err) < 0)
		return -1;
	if (c->wal.salt1 != c->pos.salt1 || c->wal.salt2 != c->pos.salt2) {
		c->wal.page_size = 0;
		return err_set(err, ERR_DATA, "the header of the WAL is not of "
		    "its wal-index");
	}
	if (frames_begin(&f, k, &c->wal, c->pos.n, c->pos.sum, err) < 0)
		return -1;
	while (!r && c->pos.n < v->mx)
		r = one_file(c, &f, v, err);
	frames_free(&f);
	/* Syncs: not while writers are kept out */
	if (!c->barrier.writing)
		cut_note(c);
	return r;
}

int
cut_sync(struct capture *c, struct err *err)
{
	char path[4096];

	if (!c->unsynced)
		return 0;
	for (; c->unsynced <= c->pos.txid; c->unsynced++) {
		if (file_path(c, c->unsynced, path, sizeof path, err) < 0)
			return -1;
		/* What every replica has may have been removed meanwhile */
		if (io_sync_file(path, err) < 0 && err->kind != ERR_NOTFOUND)
			return -1;
	}
	if (io_sync_dir(c->paths.ltx0, err) < 0)
		return -1;
	c->unsynced = 0;
	return 0;
}

int
cut_size(struct conn *k, const struct shm_view *v, int all_copied,
    uint32_t *page_size, uint32_t *pages, struct err *err)
{
	unsigned char head[100];
	int64_t size;

	*page_size = v->page_size;
	*pages = v->pages;
	if (v->mx && !all_copied)
		return 0;
	if (conn_read_db(k, head, sizeof head, 0, 0, err) < 0
	    || conn_db_size(k, &size, err) < 0)
		return -1;
	*page_size = be16_unpack(head + 16);
	if (*page_size == 1)
		*page_size = 65536;
	if (!ltx_page_size_ok(*page_size))
		return err_set(err, ERR_DATA, "not a database");
	*pages = size / *page_size;
	return 0;
}

/* Which frame has the newest version of each page. */
static int
map_all(struct frames *f, struct pages *p, uint32_t mx, struct err *err)
{
	const unsigned char *page;
	struct wal_frame fr;
	int r;

	while ((r = frames_next(f, mx, &fr, &page, err)) > 0)
		if (pagemap_add(&p->map, fr.pgno, f->n, err) < 0)
			return -1;
	if (r < 0)
		return -1;
	return f->n >= mx ? 0 : err_set(err, ERR_DATA, "frame %u of %u does "
	    "not continue the WAL", f->n + 1, mx);
}

int
cut_whole(struct conn *k, const struct shm_view *v, int all_copied,
    struct frames *f, struct pages *p, struct wal_header *wal, uint32_t *size,
    struct err *err)
{
	if (cut_size(k, v, all_copied, size, &p->commit, err) < 0)
		return -1;
	if (frames_header(k, wal, err) < 0) {
		if (v->mx || (err->kind != ERR_NOTFOUND
		    && err->kind != ERR_DATA))
			return -1;
		wal->salt1 = wal->salt2 = 0;
	}
	p->low = 0;
	if (!v->mx || all_copied)
		return 0;
	if (frames_begin(f, k, wal, 0, 0, err) < 0)
		return -1;
	return map_all(f, p, v->mx, err);
}

int
cut_dump_to(struct conn *k, const struct shm_view *v, int all_copied,
    struct ltx_header *h, enum ltx_encoding encoding, uint64_t memory,
    const char *dir, struct io_out out, uint32_t sum[2], struct err *err)
{
	struct frames f;
	struct pages p;
	struct wal_header wal;
	uint64_t size;
	int r;

	memset(&f, 0, sizeof f);
	pages_init(&p, k, &f, memory, dir);
	r = cut_whole(k, v, all_copied, &f, &p, &wal, &h->page_size, err);
	if (!r) {
		h->commit = p.commit;
		h->wal_offset = WAL_HEADER_SIZE;
		h->wal_size = (int64_t)v->mx
		    * (WAL_FRAME_HEADER + h->page_size);
		h->salt1 = wal.salt1;
		h->salt2 = wal.salt2;
		sum[0] = v->sum[0];
		sum[1] = v->sum[1];
		r = pages_encode(&p, h, encoding, out, &size, err);
	}
	frames_free(&f);
	pages_free(&p);
	return r;
}

int
cut_dump(struct capture *c, struct holder *h, uint64_t txid, struct err *err)
{
	struct io_temp t = { -1, 0, 0, 0 };
	struct io_out out = { out_write, &t };
	struct ltx_header head;
	struct position pos = c->pos;
	struct stat st;
	uint64_t room, need;
	uint32_t page_size, pages;
	char path[4096];
	int r = -1;

	if (cut_size(&h->conn, &c->view, h->zero, &page_size, &pages, err)
	    < 0
	    || file_path(c, txid, path, sizeof path, err) < 0
	    || io_free_bytes(c->paths.ltx0, &room, err) < 0)
		return -1;
	need = (uint64_t)pages * page_size;
	if (room < need)
		return err_set(err, ERR_FULL, "a full copy may need %llu bytes "
		    "in %s, where %llu are free", (unsigned long long)need,
		    c->paths.ltx0, (unsigned long long)room);
	memset(&head, 0, sizeof head);
	head.flags = LTX_FLAG_NOCHECKSUM;
	head.min_txid = head.max_txid = txid;
	head.time_ms = when_now();
	head.node = c->writer;
	if (io_temp_begin(&t, path, 0, &c->conf.perm, err) < 0)
		return -1;
	pos.salt1 = c->view.salt1;
	pos.salt2 = c->view.salt2;
	pos.n = c->view.mx;
	pos.pages = pages;
	if (!cut_dump_to(&h->conn, &c->view, h->zero, &head, c->conf.encoding,
	    c->conf.memory_bytes, c->paths.dir, out, pos.sum, err)
	    && !fstat(t.fd, &st) && !publish(c, &t, txid, st.st_size, err)) {
		pos.txid = txid;
		c->pos = pos;
		c->wal.page_size = 0;
		c->clean = h->zero != 0;
		r = 0;
	}
	io_temp_abort(&t);
	return r;
}
