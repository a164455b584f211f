#include "repl/verify_snap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/hex.h"
#include "base/when.h"
#include "db/live.h"
#include "db/state.h"
#include "ltx/ltx.h"
#include "repl/control.h"
#include "wal/wal.h"

#define TRIES 12
#define LOCK_FROM 6      /* tries without the write lock */
#define LOCK_MS 300
#define NAP_MS 200

/* One hunt for a moment that is known to be of one TXID. */
struct hunt {
	const struct verify_where *w;
	struct state_paths paths;
	struct verify_position *pos;
	struct live *live;
	int walship;             /* 0: it does not have this database */
	int asked;               /* it captured, the last time */
	struct verify_snap *snap; /* NULL: only the position is asked for */
};

static void
nap(int64_t ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static void
why(struct hunt *h, const char *text)
{
	snprintf(h->pos->why, sizeof h->pos->why, "%s", text);
}

/* ---- ls-walship ---- */

static void
answer(void *ctx, const char *json)
{
	const char *p = strstr(json, "\"txid\":\"");

	if (p)
		hex64_scan(p + 8, ctx);
}

static int
ask(const struct verify_where *w, const char *mode, uint64_t *txid,
    struct err *e)
{
	char line[CONTROL_LINE];
	int n = snprintf(line, sizeof line, "sync\t%s\t%s\t%" PRId64, w->db,
	    mode, (w->wait_ms + 999) / 1000);

	*txid = 0;
	if (n < 0 || (size_t)n >= sizeof line || strchr(line, '\n'))
		return err_set(e, ERR_CONF, "%s: not a path ls-walship can "
		    "have", w->db);
	return control_request(w->socket, line, w->wait_ms + 2000, answer,
	    txid, e);
}

int
verify_ship(const struct verify_where *w, struct err *e)
{
	uint64_t txid;

	return ask(w, "all", &txid, e);
}

/* 1: everything committed by now is in files up to *txid; 0: not. */
static int
capture(struct hunt *h, uint64_t *txid)
{
	struct err e = { 0 };

	h->asked = 0;
	if (!h->walship)
		return 0;
	if (ask(h->w, "local", txid, &e) == 0) {
		h->asked = h->pos->asked = 1;
		return *txid != 0;
	}
	/* nobody there, or it has other databases: another writer may be */
	if (e.kind == ERR_NOTFOUND || e.sys == ENOENT
	    || e.sys == ECONNREFUSED)
		h->walship = 0;
	why(h, e.msg);
	return 0;
}

/* ---- the local level 0 ---- */

/* Its newest file's header. 1, 0: there is none. */
static int
tail(struct hunt *h, struct ltx_header *head, struct err *e)
{
	unsigned char b[LTX_HEADER_SIZE];
	uint64_t min, max;
	int contig, fd, r;

	if (state_scan(h->paths.ltx0, &min, &max, &contig, e) < 0)
		return -1;
	if (!max)
		return 0;
	fd = listing_open_local(h->paths.ltx0, max, max, e);
	if (fd < 0)
		return -1;
	r = io_preadn(fd, b, sizeof b, 0, e);
	close(fd);
	if (r < 0 || ltx_header_unpack(head, b, e) < 0)
		return err_in(e, "newest file of %s", h->paths.ltx0);
	h->pos->local = max;
	h->pos->time_ms = head->time_ms;
	return 1;
}

/* Does the file end where the database does? */
static int
ends_there(const struct ltx_header *head, const struct live_view *v)
{
	return v->frames && head->wal_size && head->salt1 == v->salt1
	    && head->salt2 == v->salt2
	    && head->wal_offset + head->wal_size
	    == wal_frame_offset(v->frames + 1, head->page_size);
}

/* ---- the hunt ---- */

static int
take(struct hunt *h, uint64_t txid, struct err *e)
{
	struct verify_snap *s = h->snap;
	struct live_sums sums = { 0 };

	h->pos->exact = 1;
	h->pos->local = txid;
	if (!s)
		return 0;
	s->txid = txid;
	s->time_ms = h->pos->time_ms;
	if (live_read(h->live, spill_out(&s->sums), &sums, e) < 0)
		return -1;
	s->page_size = sums.page_size;
	s->pages = sums.pages;
	s->tables = sums.tables;
	return 0;
}

/* A read transaction has begun, after everything up to before was captured
 * (0: nobody knows). 1: it is of one TXID, and taken; 0: not known; -1. */
static int
judge(struct hunt *h, const struct live_view *v, uint64_t before,
    struct err *e)
{
	struct ltx_header head;
	uint64_t after;
	int r = tail(h, &head, e);

	if (r < 0)
		return -1;
	if (r && ends_there(&head, v))
		return take(h, head.max_txid, e) < 0 ? -1 : 1;
	/* what it sees was committed before the second capture and, if that
	 * brought nothing, captured by the first */
	if (before && capture(h, &after) && after == before && r
	    && head.max_txid == before)
		return take(h, before, e) < 0 ? -1 : 1;
	if (!before && h->walship)
		return 0;
	why(h, !r ? "there is no local level-0 file to tell the TXID by"
	    : h->walship ? "commits come faster than they are captured"
	    : "there are commits that nobody has captured");
	return 0;
}

/* 1: taken; 0: not this time; -1. */
static int
attempt(struct hunt *h, int lock, struct err *e)
{
	struct live_view v;
	uint64_t before = 0;
	int r = 0;

	/* who asks first: its capture opens the database where nobody has */
	capture(h, &before);
	if (!h->live && live_open(&h->live, h->w->db, e) < 0)
		return -1;
	if (lock && h->walship) {
		if (live_lock(h->live, LOCK_MS, e) < 0)
			return e->kind == ERR_BUSY ? 0 : -1;
		if (!capture(h, &before))
			before = 0;
	}
	r = live_begin(h->live, &v, e);
	if (!r) {
		r = judge(h, &v, before, e);
		live_end(h->live);
	} else if (e->kind == ERR_BUSY) {
		why(h, e->msg);
		r = 0;
	}
	live_unlock(h->live);
	return r;
}

/* A clean stop takes the -wal away, with all of it copied. */
static int
facts_same(const struct state_facts *was, const struct state_facts *now)
{
	return was->ino == now->ino && was->size == now->size
	    && was->mtime_ns == now->mtime_ns && was->page1 == now->page1
	    && !now->wal_size;
}

/* Nobody has it open: ls-walship or a restore may have left a note of which
 * TXID the file is. */
static int
by_marker(struct hunt *h, struct err *e)
{
	struct verify_snap *s = h->snap;
	struct live_sums sums = { 0 };
	struct state_facts now;
	struct state_marker m;

	if (state_marker_read(h->paths.dir, &m, e) < 0
	    || m.kind == MARKER_STRANGE) {
		why(h, "nobody has the database open, and nothing tells which "
		    "TXID it is at");
		return 1;
	}
	if (state_facts_read(h->w->db, &now, e) < 0)
		return -1;
	if (!facts_same(&m.facts, &now)) {
		why(h, "the database was written to after replication ended");
		return 1;
	}
	h->pos->exact = 1;
	h->pos->local = m.txid;
	if (!s)
		return 0;
	s->txid = m.txid;
	s->time_ms = h->pos->time_ms;
	if (live_read_file(h->w->db, spill_out(&s->sums), &sums, e) < 0
	    || state_facts_read(h->w->db, &now, e) < 0)
		return -1;
	s->page_size = sums.page_size;
	s->pages = sums.pages;
	s->tables = sums.tables;
	if (facts_same(&m.facts, &now))
		return 0;
	why(h, "the database was written to meanwhile");
	return 1;
}

static int
hunt(struct hunt *h, struct err *e)
{
	int64_t until = when_mono() + h->w->wait_ms;
	struct ltx_header head;
	int r = 0;

	if (tail(h, &head, e) < 0)
		return -1;
	for (int i = 0; !r; i++) {
		/* a position is what it is: only a snapshot is waited for */
		if (i == TRIES ? h->walship : i && !h->asked
		    && (!h->snap || when_mono() >= until))
			return 1;
		if (i && !h->asked)
			nap(NAP_MS);
		r = attempt(h, i >= LOCK_FROM, e);
	}
	if (r < 0 && !h->live && e->kind == ERR_NO)
		return by_marker(h, e);
	if (r < 0 && !h->live && e->kind == ERR_NOTFOUND) {
		why(h, "there is no live database");
		return 1;
	}
	return r < 0 ? -1 : 0;
}

static int
run(struct verify_snap *s, const struct verify_where *w,
    struct verify_position *pos, struct err *e)
{
	struct hunt h = { .w = w, .pos = pos, .walship = 1, .snap = s };
	int r;

	memset(pos, 0, sizeof *pos);
	if (state_paths(&h.paths, w->db, w->meta, e) < 0)
		return -1;
	r = hunt(&h, e);
	live_free(h.live);
	state_paths_free(&h.paths);
	return r;
}

int
verify_snap(struct verify_snap *s, const struct verify_where *w,
    struct verify_position *pos, struct err *e)
{
	int r;

	memset(s, 0, sizeof *s);
	spill_init(&s->sums, "");
	s->tables = -1;
	r = run(s, w, pos, e);
	if (r)
		verify_snap_free(s);
	return r;
}

void
verify_snap_free(struct verify_snap *s)
{
	if (s->pages || s->sums.dir)
		spill_free(&s->sums);
	memset(s, 0, sizeof *s);
}

int
verify_position(const struct verify_where *w, struct verify_position *pos,
    struct err *e)
{
	return run(NULL, w, pos, e) < 0 ? -1 : 0;
}
