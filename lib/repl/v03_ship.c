#include "repl/v03_ship.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/when.h"
#include "repl/v03_ship_in.h"
#include "v03/name.h"
#include "v03/pack.h"

#define SMALL (UINT64_C(4) << 20)      /* a database written whole at times */
#define TICK_MS 1100                   /* of the times of stores, and a bit */

int
v03_ship_position(const struct ship *s, uint64_t *index, uint64_t *offset)
{
	if (!s->v03 || !s->v03->have)
		return 0;
	*index = s->v03->pos.wal.index;
	*offset = s->v03->pos.wal.offset;
	return 1;
}

void
v03_ship_free(struct ship *s)
{
	if (s->v03)
		free(s->v03->path);
	free(s->v03);
	s->v03 = NULL;
}

void
v03_ship_lose(struct ship *s, uint64_t floor, const char *why)
{
	struct v03_ship *v = s->v03;

	v->have = v->there = 0;
	v->generation = 0;
	v->why = why;
	if (floor > v->floor)
		v->floor = floor;
	s->cursor = 0;
}

/* ---- the start ---- */

static int
state(struct ship *s, struct err *e)
{
	if (s->v03)
		return 0;
	if (!(s->v03 = calloc(1, sizeof *s->v03)))
		return err_nomem(e);
	s->v03->path = v03_pos_path(s->conf.dir, s->conf.store->url);
	if (s->v03->path)
		return 0;
	v03_ship_free(s);
	return err_nomem(e);
}

/* Is the local file of the last TXID still the one that was shipped? */
static int
ours(const struct ship *s)
{
	const struct v03_pos *p = &s->v03->pos;
	char *path = ship_local_path(s, p->txid);
	struct fence_object o;
	struct ltx_header h;
	struct err ign;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1, r;

	free(path);
	if (fd < 0)
		return 0;
	r = ship_local(fd, &o, &h, &ign) == 0
	    && !memcmp(o.tail, p->tail, sizeof p->tail);
	close(fd);
	return r;
}

static int
resume(struct ship *s, struct store *st, uint64_t local, struct err *e)
{
	struct v03_ship *v = s->v03;

	if (v03_pos_read(v->path, &v->pos, e) < 0) {
		if (e->kind != ERR_NOTFOUND && e->kind != ERR_DATA)
			return -1;
		v03_ship_lose(s, 0, e->kind == ERR_DATA
		    ? "the file with its position is damaged"
		    : "no position of it is kept here");
		err_clear(e);
	} else if (v->pos.txid > local) {
		v03_ship_lose(s, 0, "local files end before its last TXID");
	} else if (!ours(s)) {
		v03_ship_lose(s, 0, "the local file of its last TXID is gone "
		    "or another");
	} else {
		v->have = 1;
		s->cursor = v->pos.txid;
		return v03_ship_check(s, st, e);
	}
	return 0;
}

/* Is the replica there at all? A full dump is too dear to wait for it. */
static int
answers(struct ship *s, struct store *st, struct err *e)
{
	struct v03_name n = { .generation = s->v03->generation,
	    .kind = V03_SNAPSHOT };
	struct store_stat stat;
	char *key;
	int r;

	if (v03_name_key(v03_ship_path(st), &n, &key, e) < 0)
		return -1;
	r = store_head(st, key, &stat, e);
	free(key);
	if (r < 0 && e->kind == ERR_NOTFOUND) {
		err_clear(e);
		r = 0;
	}
	return r;
}

int
v03_ship_probe(struct ship *s, struct store *st, uint64_t local,
    uint64_t *backlog, struct err *e)
{
	if (state(s, e) < 0)
		return -1;
	v03_ship_lose(s, 0, NULL);
	if (resume(s, st, local, e) < 0
	    || (!s->v03->have && answers(s, st, e) < 0))
		return -1;
	s->known = 1;
	s->broken = s->snap = 0;
	*backlog = ship_backlog(s, local);
	return 0;
}

/* ---- a new generation ---- */

enum local { LOCAL_PART, LOCAL_FULL, LOCAL_GONE };

static int
look(struct ship *s, uint64_t n, enum local *is, struct err *e)
{
	char *path = ship_local_path(s, n);
	int r;

	if (!path)
		return err_nomem(e);
	r = ship_damaged(s, path, n, e);
	*is = LOCAL_GONE;
	if (r == 0) {
		r = ship_is_full(path, NULL, e);
		if (r >= 0)
			*is = r ? LOCAL_FULL : LOCAL_PART;
		else if (e->kind == ERR_DATA || e->kind == ERR_NOTFOUND)
			r = 0;
	}
	free(path);
	return r < 0 ? -1 : 0;
}

/* The newest full local file that may begin one, everything after it there
 * as well; 0: none. */
static int
newest_full(struct ship *s, uint64_t upto, uint64_t *n, struct err *e)
{
	enum local is = LOCAL_PART;

	for (*n = upto; *n > s->v03->floor; --*n) {
		if (look(s, *n, &is, e) < 0)
			return -1;
		if (is != LOCAL_PART)
			break;
	}
	if (is != LOCAL_FULL)
		*n = 0;
	err_clear(e);
	return 0;
}

/* The full file at fd as the snapshot of index 0. */
static int
put_snapshot(const struct ship *s, struct store *st, int fd, struct err *e)
{
	const struct v03_wal at = { .generation = s->v03->generation };
	int64_t since = when_mono();
	struct v03_ship_counted all = { .n = 0 };
	struct v03_name name = { .generation = at.generation,
	    .kind = V03_SNAPSHOT };
	struct store_put_opt opt = { .time_ms = -1 };
	struct store_src src = { .fd = -1 };
	struct v03_pack *pack = NULL;
	struct ltx_dec *dec = NULL;
	struct v03_image image;
	char *key;
	int r = -1;

	if (v03_name_key(v03_ship_path(st), &name, &key, e) < 0)
		return -1;
	if (ltx_dec_begin(&dec, io_in_fd(&fd), e) < 0)
		goto out;
	v03_image_init(&image, dec);
	if (v03_pack_begin(&pack, v03_image_in(&image), e) < 0)
		goto out;
	all.in = v03_pack_in(pack);
	src.in = (struct io_in){ v03_ship_count, &all };
	v03_ship_say(s, "write snapshot", &at, 0, 0);
	if ((r = store_put(st, key, &src, &opt, e)) == 0)
		v03_ship_say(s, "snapshot written", &at, since, all.n);
out:
	v03_pack_free(pack);
	ltx_dec_free(dec);
	free(key);
	return r;
}

/* What is put and to be noted: the rest is as pos says. */
static int
note(struct ship *s, struct v03_pos *pos, uint64_t n,
    const struct fence_object *o, const struct ltx_header *h,
    struct ship_result *res, struct err *e)
{
	struct v03_ship *v = s->v03;

	pos->txid = n;
	memcpy(pos->tail, o->tail, sizeof pos->tail);
	pos->head = *h;
	if (v03_pos_write(v->path, pos, e) < 0)
		return -1;
	v->pos = *pos;
	v->there = 0;
	s->cursor = n;
	res->files++;
	res->bytes += o->size;
	res->time_ms = h->time_ms;
	return 0;
}

/* Restores take the generation that was written last, and most stores tell
 * times in seconds: the last segment of the one before has to be of an earlier
 * one. The file with the position was written right after it. */
static void
next_second(const struct ship *s)
{
	struct timespec ts = { 0, 0 };
	struct stat st;
	int64_t ms;

	if (s->conf.store->type == STORE_FILE || stat(s->v03->path, &st) < 0)
		return;
	ms = when_now() - ((int64_t)st.st_mtim.tv_sec * 1000
	    + st.st_mtim.tv_nsec / 1000000);
	if (ms < 0 || ms >= TICK_MS)
		return;
	ts.tv_sec = (TICK_MS - ms) / 1000;
	ts.tv_nsec = (TICK_MS - ms) % 1000 * 1000000;
	nanosleep(&ts, NULL);
}

static void
say_new(const struct ship *s)
{
	const struct v03_ship *v = s->v03;
	char g[17], t[17];

	v03_generation_fmt(g, v->pos.wal.generation);
	hex64_fmt(t, v->pos.txid);
	log_event(s->conf.log, LOG_INFO, "new generation", "db", s->conf.db,
	    "replica", s->conf.store->url, "generation", g, "txid", t,
	    "reason", v->why, NULL);
}

/* A damaged file is no base, whatever else is wrong with the replica. */
static int
begin_with(struct ship *s, struct store *st, uint64_t n,
    struct ship_result *res, struct err *e)
{
	struct v03_ship *v = s->v03;
	struct v03_pos pos = { .wal = { .generation = v->generation } };
	char *path = ship_local_path(s, n);
	struct fence_object o;
	struct ltx_header h;
	int fd, r = -1;

	if (!path)
		return err_nomem(e);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
		err_sys(e, "unable to open %s", path);
		goto out;
	}
	next_second(s);
	if (ship_local(fd, &o, &h, e) == 0)
		r = put_snapshot(s, st, fd, e);
	close(fd);
	if (r < 0 && e->kind == ERR_DATA && ship_verify(path, n,
	    &(struct err){ 0 }) < 0) {
		log_err(s->conf.log, LOG_WARN, e, "damaged level-0 file",
		    "file", path, NULL);
		v->floor = n;
		r = 0;
	} else if (r == 0) {
		pos.wal.page_size = h.page_size;
		r = note(s, &pos, n, &o, &h, res, e);
		v->have = r == 0;
		if (r == 0)
			say_new(s);
	}
out:
	free(path);
	return r;
}

static int
begin(struct ship *s, struct store *st, uint64_t upto,
    struct ship_result *res, struct err *e)
{
	struct v03_ship *v = s->v03;
	uint64_t n;

	if (!v->generation && getrandom(&v->generation, sizeof v->generation,
	    0) != (ssize_t)sizeof v->generation)
		return err_sys(e, "no random bytes");
	if (newest_full(s, upto, &n, e) < 0)
		return -1;
	if (n)
		return begin_with(s, st, n, res, e);
	if (answers(s, st, e) < 0)
		return -1;
	res->dump = 1;
	res->dump_after = upto;
	res->why = v->why ? v->why : "no full local file is left";
	return 0;
}

/* ---- one segment ---- */

/* Nothing can go on after such a file. */
static int
damaged(struct ship *s, uint64_t n, struct err *e)
{
	log_err(s->conf.log, LOG_WARN, e, "damaged level-0 file", "replica",
	    s->conf.store->url, NULL);
	err_clear(e);
	v03_ship_lose(s, n, "a local file is damaged");
	return 1;
}

/* The frame of an LTX file into an unlinked file; *at moves to its end. */
static int
make(struct ship *s, int in, struct v03_wal *at, int *out, uint64_t *size,
    struct err *e)
{
	struct v03_wal_seg *seg = NULL;
	struct v03_pack *pack = NULL;
	struct ltx_dec *dec = NULL;
	unsigned char buf[16384];
	struct io_in src;
	ssize_t n;
	int r = -1;

	*size = 0;
	if ((*out = io_anon(s->conf.dir, e)) < 0)
		return -1;
	if (ltx_dec_begin(&dec, io_in_fd(&in), e) < 0
	    || v03_wal_begin(&seg, at, dec, e) < 0
	    || v03_pack_begin(&pack, v03_wal_in(seg), e) < 0)
		goto out;
	src = v03_pack_in(pack);
	while ((n = src.read(src.ctx, buf, sizeof buf, e)) > 0) {
		if (io_pwriten(*out, buf, (size_t)n, (int64_t)*size, e) < 0)
			goto out;
		*size += (uint64_t)n;
	}
	if (n == 0) {
		*at = v03_wal_end(seg);
		r = 0;
	}
out:
	v03_pack_free(pack);
	v03_wal_free(seg);
	ltx_dec_free(dec);
	if (r < 0)
		close(*out);
	return r;
}

/* Puts the bytes of fd where pos says. 1: something else is there. */
static int
put_segment(struct ship *s, struct store *st, const struct v03_pos *pos,
    int fd, uint64_t size, struct err *e)
{
	struct v03_name name = { .generation = pos->wal.generation,
	    .kind = V03_WAL, .index = pos->wal.index,
	    .offset = pos->wal.offset };
	struct store_src src = { .fd = fd, .len = size };
	struct store_put_opt opt = { .noreplace = s->probed >= 0,
	    .strict = 1, .time_ms = -1 };
	char *key;
	int r;

	if (v03_name_key(v03_ship_path(st), &name, &key, e) < 0)
		return -1;
	r = store_put(st, key, &src, &opt, e);
	if (r < 0 && e->kind == ERR_EXISTS) {
		r = v03_ship_same(st, key, fd, size, e);
		if (r >= 0) {
			err_clear(e);
			r = !r;
		}
	}
	free(key);
	return r;
}

static int
ship_file(struct ship *s, struct store *st, int in, uint64_t n,
    const struct fence_object *o, const struct ltx_header *h,
    struct ship_result *res, struct err *e)
{
	struct v03_ship *v = s->v03;
	struct v03_pos pos = v->pos;
	uint64_t size, limit = WAL_HEADER_SIZE + (uint64_t)s->conf.v03_pages
	    * (WAL_FRAME_HEADER + h->page_size);
	struct v03_wal end;
	int64_t since = when_mono();
	int fd, r;

	if (v->there ? v->there == 2 : v03_pos_rolls(&pos, h, limit))
		v03_pos_roll(&pos);
	if (pos.wal.index > V03_INDEX_MAX) {
		v03_ship_lose(s, 0, "its indexes are used up");
		return 0;
	}
	if (!pos.wal.offset)
		pos.index_ms = h->time_ms;
	end = pos.wal;
	if (make(s, in, &end, &fd, &size, e) < 0) {
		if (e->kind != ERR_DATA)
			return -1;
		damaged(s, n, e);
		return 0;
	}
	v03_ship_say(s, "write wal segment", &pos.wal, 0, 0);
	r = put_segment(s, st, &pos, fd, size, e);
	close(fd);
	if (r < 0)
		return -1;
	if (r) {
		v03_ship_lose(s, 0, "another writer has been in its "
		    "generation");
		return 0;
	}
	v03_ship_say(s, "wal segment written", &pos.wal, since,
	    end.offset - pos.wal.offset);
	pos.any = 1;
	pos.last_index = pos.wal.index;
	pos.last_offset = pos.wal.offset;
	pos.last_size = size;
	pos.wal = end;
	return note(s, &pos, n, o, h, res, e);
}

/* A full copy begins a generation: as a segment it would restore too, with
 * twice the room and time. Small databases are written whole by many a
 * transaction; where one may be that, it is. */
static int
breaks(struct ship *s, const char *path, const struct ltx_header *h,
    struct err *e)
{
	enum v03_pos_goes goes = v03_pos_continues(&s->v03->pos, h);

	if (h->page_size != s->v03->pos.wal.page_size) {
		v03_ship_lose(s, 0, "the page size changed");
		return 1;
	}
	if (goes == V03_POS_ON || (goes == V03_POS_RESTART
	    && (uint64_t)h->commit * h->page_size <= SMALL))
		return 0;
	switch (ship_is_full(path, NULL, e)) {
	case 0:
		return 0;
	case 1:
		v03_ship_lose(s, 0, "a full copy was made");
		return 1;
	default:
		return -1;
	}
}

/* 0 where the file at fd is to be a segment, 1 where it ends the generation. */
static int
fits(struct ship *s, const char *path, int fd, uint64_t n,
    struct fence_object *o, struct ltx_header *h, struct err *e)
{
	int r = ship_local(fd, o, h, e);

	if (r == 0)
		r = breaks(s, path, h, e);
	if (r >= 0 || e->kind != ERR_DATA)
		return r;
	err_in(e, "%s", path);
	return damaged(s, n, e);
}

static int
put_next(struct ship *s, struct store *st, struct ship_result *res,
    struct err *e)
{
	uint64_t n = s->cursor + 1;
	char *path = ship_local_path(s, n);
	struct fence_object o;
	struct ltx_header h;
	int fd = -1, r;

	if (!path)
		return err_nomem(e);
	r = ship_damaged(s, path, n, e);
	if (r == 0 && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		r = errno == ENOENT ? 1 : err_sys(e, "unable to open %s", path);
	if (r > 0) {
		v03_ship_lose(s, n, "local files that it has not got are "
		    "missing");
	} else if (r == 0) {
		r = fits(s, path, fd, n, &o, &h, e);
		if (r == 0)
			r = ship_file(s, st, fd, n, &o, &h, res, e);
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return r < 0 ? -1 : 0;
}

/* What the generation holds cannot be restored: the full copy after it was
 * asked for, and is to begin another one, however well it would continue. */
static void
mended(struct ship *s)
{
	if (s->broken && s->v03->have)
		v03_ship_lose(s, s->cursor, "a full copy was asked for");
	s->broken = 0;
}

int
v03_ship_run(struct ship *s, struct store *st, uint64_t upto,
    unsigned max_files, struct ship_result *res, struct err *e)
{
	struct v03_ship *v = s->v03;

	mended(s);
	if (v->have && when_mono() >= s->check_mono
	    && v03_ship_check(s, st, e) < 0)
		return err_in(e, "ship");
	while (s->cursor < upto && !res->dump) {
		if (res->files >= max_files) {
			res->more = 1;
			break;
		}
		if ((v->have ? put_next(s, st, res, e)
		    : begin(s, st, upto, res, e)) < 0)
			return err_in(e, "ship");
	}
	return 0;
}
