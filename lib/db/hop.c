#include "db/hop.h"

#include <string.h>
#include <unistd.h>
#include "base/when.h"
#include "db/cut.h"
#include "db/watch.h"

#define QUIET_MS 1000 /* after the last write, and it is no half of a copy */
#define SETTLE_MS 300 /* a database being made looks as in exclusive mode */

static struct holder *
current(struct capture *c)
{
	return c->h + c->cur;
}

static struct holder *
other(struct capture *c)
{
	return c->h + !c->cur;
}

static int
same_salts(const struct shm_view *v, uint32_t salt1, uint32_t salt2)
{
	return v->salt1 == salt1 && v->salt2 == salt2;
}

static int
view_of(struct conn *conn, struct shm_view *v)
{
	return shm_read(conn_shm(conn), v);
}

#ifdef CAPTURE_TEST_SCAN
/* For a test that must fail: what is committed by the WAL file alone. */
static int
seen(struct capture *c, struct err *err)
{
	struct frames f;
	struct wal_header h;
	struct wal_frame fr;
	const unsigned char *page;
	struct shm_view *v = &c->view;
	int r;

	if (frames_header(&current(c)->conn, &h, err) < 0)
		return 0;
	v->mx = h.salt1 == c->pos.salt1 && h.salt2 == c->pos.salt2
	    ? c->pos.n : 0;
	if (frames_begin(&f, &current(c)->conn, &h, v->mx, c->pos.sum, err))
		return -1;
	v->salt1 = h.salt1;
	v->salt2 = h.salt2;
	v->sum[0] = c->pos.sum[0];
	v->sum[1] = c->pos.sum[1];
	while ((r = frames_next(&f, UINT32_MAX, &fr, &page, err)) > 0)
		if (fr.commit) {
			v->mx = f.n;
			v->pages = fr.commit;
			v->sum[0] = f.sum[0];
			v->sum[1] = f.sum[1];
		}
	frames_free(&f);
	return r;
}
#else
static int
seen(struct capture *c, struct err *err)
{
	(void)c;
	(void)err;
	return 0;
}
#endif

/* For a test that must fail: nothing is held. */
static void
let_go(struct holder *h)
{
#ifdef CAPTURE_TEST_NO_HOP
	conn_end(&h->conn);
#else
	(void)h;
#endif
}

int
hop_view(struct capture *c, struct err *err)
{
	struct conn *k = &other(c)->conn;
	int i, mend = !k->reading;

	if (!view_of(&current(c)->conn, &c->view))
		return seen(c, err);
	/* A writer died between the copies: a reader that begins mends them.
	 * Not the one that reads already: it is about to be the one that holds,
	 * and must not let go for a moment */
	if (mend && hop_other(c, err) < 0)
		return -1;
	for (i = 0; i < 20; i++) {
		if (mend && !conn_begin(k, 0, err))
			conn_end(k);
		if (!view_of(&current(c)->conn, &c->view))
			return seen(c, err);
		usleep(1000);
	}
	return err_set(err, ERR_BUSY, "the wal-index does not settle");
}

void
hop_follow(struct capture *c)
{
	struct shm_view *v = &c->view;
	int same = same_salts(v, c->pos.salt1, c->pos.salt2);

	if (same && v->mx >= c->pos.n) {
		if (v->mx > c->pos.n)
			c->clean = 0;
		return;
	}
	if (!c->clean) {
		c->lost = same ? "the WAL became shorter while it was held"
		    : "the WAL was restarted while it was held";
		return;
	}
	/* All of the old one is in files, and slot 0 allowed one restart */
	c->pos.salt1 = v->salt1;
	c->pos.salt2 = v->salt2;
	c->pos.n = 0;
	c->wal.page_size = 0;
	if (v->mx)
		c->clean = 0;
}

int
hop_other(struct capture *c, struct err *err)
{
	struct conn *k = &other(c)->conn;

	c->last_use = when_mono();
	if (k->db)
		return 0;
	if (conn_open(k, c->path, err) < 0)
		return -1;
	/* Another file by that name is another database, whose WAL would be
	 * taken for a restarted one of ours */
	if (conn_moved(&current(c)->conn)) {
		conn_close(k);
		return err_set(err, ERR_BUSY, "%s was replaced", c->path);
	}
	/* The first transaction attaches the WAL */
	if (conn_begin(k, 0, err) < 0) {
		conn_close(k);
		return -1;
	}
	conn_end(k);
	return 0;
}

static void
note(struct holder *h, const struct shm_view *before,
    const struct shm_view *v, int zero)
{
	h->low = same_salts(before, v->salt1, v->salt2) ? before->mx : 0;
	h->salt1 = v->salt1;
	h->salt2 = v->salt2;
	h->mark = v->mx;
	h->zero = zero;
	let_go(h);
}

static int
file_of(struct capture *c, struct state_facts *f)
{
	struct err err;

	/* a dump, which has no path here, does not live to see it change */
	return !c->path || state_facts_stat(c->path, f, &err) < 0
	    || f->ino != c->facts.ino || f->dev != c->facts.dev ? -1 : 0;
}

static void
note_file(struct capture *c, struct holder *h)
{
	struct state_facts f;

	if (h->zero && !file_of(c, &f)) {
		h->mtime_ns = f.mtime_ns;
		h->size = f.size;
	} else {
		h->mtime_ns = 0;
	}
}

/* It outlives this process: nothing else says so where the WAL stays. */
static void
note_strange(struct capture *c, const struct state_facts *now)
{
	struct state_marker m = { .kind = MARKER_STRANGE, .txid = c->pos.txid,
	    .facts = *now };
	struct err err;

	if (!c->strange && state_marker_write(c->paths.dir, &m, &err) < 0)
		log_err(c->conf.log, LOG_WARN, &err, "unable to note the state",
		    "db", c->given, (char *)0);
	c->strange = 1;
}

int
hop_strange(struct capture *c, struct err *err)
{
	struct holder *h = current(c);
	struct state_facts now;
	int64_t age;

	if (c->lost || !h->zero || !h->mtime_ns || file_of(c, &now) < 0
	    || (now.mtime_ns == h->mtime_ns && now.size == h->size)
	    || !watch_tells(c->path)) /* nor is the time of it to be trusted */
		return 0;
	note_strange(c, &now);
	age = when_now() - now.mtime_ns / 1000000;
	if (age >= 0 && age < QUIET_MS)
		return err_set(err, ERR_BUSY, "the database file is written to "
		    "by something that is not SQLite");
	return 1;
}

static void
switch_readers(struct capture *c)
{
	conn_end(&current(c)->conn);
	c->cur = !c->cur;
	c->last_hop = when_mono();
}

int
hop_settle(struct capture *c, struct holder *h, struct err *err)
{
	int64_t until = when_mono() + SETTLE_MS;
	struct shm_view a, b;
	int i, zero;

	for (i = 0; i < 1000; i++) {
		int known = !view_of(&h->conn, &a);

		if (conn_begin(&h->conn, 0, err) < 0) {
			if (err->kind == ERR_CONF ? when_mono() >= until
			    : err->kind != ERR_BUSY || i > 50)
				return -1;
			usleep(err->kind == ERR_CONF ? 10000 : 1000);
			continue;
		}
		if (known && !view_of(&h->conn, &b)
		    && same_salts(&b, a.salt1, a.salt2)) {
			zero = a.mx == b.mx && a.backfill == a.mx
			    && b.backfill == b.mx;
			/* backfill only grows: not all was copied when it
			 * began, so it is not on slot 0 */
			if (zero || b.backfill < a.mx) {
				c->view = b;
				/* at a start nobody waits for us yet */
				note(h, &a, &b, zero ? HOP_SURE : 0);
				note_file(c, h);
				return 0;
			}
		}
		conn_end(&h->conn);
	}
	return err_set(err, ERR_BUSY, "the wal-index does not settle");
}

int
hop_light(struct capture *c, struct err *err)
{
	struct holder *h = current(c);
	struct shm_view before = c->view;

	/* Past the mark nobody copies: as long as frames lie there, a new
	 * reader cannot get slot 0 */
	if (c->clean || !before.mx || (same_salts(&before, h->salt1, h->salt2)
	    && before.mx <= h->mark))
		return 0;
	if (hop_other(c, err) < 0 || conn_begin(&other(c)->conn, 0, err) < 0)
		return err->kind == ERR_BUSY ? 0 : -1;
	if (hop_view(c, err) < 0) {
		conn_end(&other(c)->conn);
		return -1;
	}
	note(other(c), &before, &c->view, 0);
	switch_readers(c);
	hop_follow(c);
	return 0;
}

int
hop_full(struct capture *c, struct err *err)
{
	struct shm_view before = c->view;
	int zero;

	if (hop_other(c, err) < 0 || conn_begin(&other(c)->conn, 0, err) < 0)
		return -1;
	if (hop_view(c, err) < 0)
		goto keep;
	hop_follow(c);
	if (c->lost || cut_upto(c, &c->view, err) < 0 || cut_sync(c, err) < 0)
		goto keep;
	zero = same_salts(&c->view, before.salt1, before.salt2)
	    && before.mx == c->view.mx && before.backfill == before.mx
	    && c->view.backfill == c->view.mx;
	/* The checkpoint that completed may not have let go of slot 0 yet:
	 * again, after longer and longer pauses, until that is sure */
	if (zero && current(c)->zero && current(c)->mark == c->view.mx)
		zero = current(c)->zero + 1;
	note(other(c), &before, &c->view, zero);
	note_file(c, other(c));
	switch_readers(c);
	c->clean = 1;
	return 0;
keep:
	conn_end(&other(c)->conn);
	return c->lost ? 0 : -1;
}

int
hop_wanted(const struct capture *c)
{
	const struct holder *h = c->h + c->cur;
	const struct shm_view *v = &c->view;

	if (v->backfill != v->mx)
		return 0;
	if (!v->mx)
		return !c->clean;
	return !(c->clean && h->zero >= HOP_SURE && h->mark == v->mx
	    && same_salts(v, h->salt1, h->salt2));
}
