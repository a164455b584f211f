#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/path.h"
#include "base/when.h"
#include "db/cut.h"
#include "db/hop.h"
#include "db/kin.h"
#include "db/start.h"
#include "db/tail.h"

#define OPEN_WAIT_MS 1000

static int
remove_temps(struct capture *c, struct err *err)
{
	DIR *d = opendir(c->paths.ltx0);
	struct dirent *e;

	if (!d)
		return err_sys(err, "open %s", c->paths.ltx0);
	while ((e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (n > 4 && !strcmp(e->d_name + n - 4, ".tmp"))
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
	return 0;
}

static int
prepare(struct capture *c, struct err *err)
{
	if (c->prepared)
		return 0;
	if (io_mkdirs(c->paths.ltx0, &c->conf.perm, err) < 0
	    || state_writer_id(c->paths.dir, &c->writer, err) < 0
	    || remove_temps(c, err) < 0) {
		return err->kind == ERR_DENIED ? state_denied(err)
		    : err_in(err, "state folder");
	}
	c->prepared = 1;
	return 0;
}

static void
find_marker(struct capture *c, const struct state_facts *now)
{
	struct state_marker m;
	struct err err;

	if (!state_marker_read(c->paths.dir, &m, &err)) {
		if (m.kind == MARKER_STRANGE) {
			c->strange = 1; /* and stays until that is over */
			return;
		}
		c->marker = m;
		/* The restored file, if it went on before we came: that it is
		 * the one outlives the marker */
		if (m.kind == MARKER_RESTORE && m.txid >= c->remote_max
		    && state_shipped_write(c->paths.dir, &m.facts, &err) < 0)
			log_err(c->conf.log, LOG_WARN, &err, "unable to note "
			    "the state", "db", c->given, (char *)0);
	} else if (err.kind != ERR_NOTFOUND)
		log_err(c->conf.log, LOG_WARN, &err, "marker ignored", "db",
		    c->given, (char *)0);
	if (state_marker_remove(c->paths.dir, &err) < 0)
		log_err(c->conf.log, LOG_WARN, &err, "marker stays", "db",
		    c->given, (char *)0);
	/* Not the inode: it may have been copied as it is, to a new volume */
	if (c->marker.kind && (c->marker.facts.size != now->size
	    || c->marker.facts.mtime_ns != now->mtime_ns
	    || c->marker.facts.page1 != now->page1))
		c->marker.kind = 0;
}

static int
local_path(struct capture *c, uint64_t txid, char *path, size_t len)
{
	char name[LTX_NAME_LEN + 1];

	ltx_name_fmt(name, txid, txid);
	return snprintf(path, len, "%s/%s", c->paths.ltx0, name) < (int)len
	    ? 0 : -1;
}

/* The newest local file that is whole, else the replica's if that is newer. */
static int
find_tail(struct capture *c, struct holder *h, struct start_in *in,
    struct tail *t, struct err *err)
{
	uint64_t min, mem = c->conf.memory_bytes;
	char path[4096];
	int contig;

	memset(t, 0, sizeof *t);
	for (;;) {
		if (state_scan(c->paths.ltx0, &min, &in->local, &contig,
		    err) < 0)
			return -1;
		if (!in->local || in->local < in->remote)
			break;
		if (local_path(c, in->local, path, sizeof path) < 0)
			return err_set(err, ERR_CONF, "path too long");
		if (tail_check(t, path, h, &c->view, mem, c->paths.dir,
		    err) < 0)
			return -1;
		if (t->state != START_TAIL_NONE)
			break;
		log_err(c->conf.log, LOG_WARN, err, "damaged level-0 file "
		    "removed", "db", c->given, "file", path, (char *)0);
		if (unlink(path) < 0)
			return err_sys(err, "remove %s", path);
	}
	in->tail_txid = in->local;
	if (in->remote > in->local && c->last_l0) {
		if (tail_check(t, c->last_l0, h, &c->view, mem, c->paths.dir,
		    err) < 0)
			return -1;
		in->tail_txid = in->remote;
	}
	in->tail = t->state;
	return 0;
}

/* Does what the pages say change the decision? */
static int
find_kin(struct capture *c, struct holder *h, struct start_in *in,
    struct start_out *out, struct err *err)
{
	const char *path = c->last_l0;
	char local[4096];

	in->kin = -1;
	start_decide(in, out);
	if (out->action != START_HOLD || in->gone)
		return 0;
	if (in->local) {
		if (local_path(c, in->local, local, sizeof local) < 0)
			return err_set(err, ERR_CONF, "path too long");
		path = local;
	}
	in->kin = 0;
	if (path && kin_check(path, h, &c->view, c->conf.memory_bytes,
	    c->paths.dir, &in->kin, err) < 0)
		return -1;
	start_decide(in, out);
	return 0;
}

static void
find_shipped(struct capture *c, const struct tail *t, struct start_in *in)
{
	struct err err;

	in->have_shipped = 1;
	if (!state_shipped_read(c->paths.dir, &in->shipped, &err)) {
		c->shipped = in->shipped;
		return;
	}
	/* The state folder went away under us, not what we know */
	if (c->shipped.ino)
		in->shipped = c->shipped;
	else if (t->have_page1)
		in->shipped = t->facts;
	else if (c->replica.page_size)
		in->shipped = c->replica;
	else
		in->have_shipped = 0;
}

static void
set_position(struct capture *c, struct holder *h, const struct start_out *o,
    const struct tail *t)
{
	struct position *p = &c->pos;

	memset(p, 0, sizeof *p);
	p->txid = o->txid;
	p->salt1 = c->view.salt1;
	p->salt2 = c->view.salt2;
	if (o->action == START_AFTER_TAIL) {
		p->n = t->n;
		p->sum[0] = t->sum[0];
		p->sum[1] = t->sum[1];
	}
	p->pages = t->state != START_TAIL_NONE ? t->header.commit
	    : c->facts.page_size ? c->facts.size / c->facts.page_size : 0;
	c->wal.page_size = 0;
	c->clean = h->zero || !c->view.mx;
	if (c->view.mx > p->n)
		c->clean = 0;
}

static void
tell(struct capture *c, const struct start_out *o)
{
	static const char *const what[] = {
		"capture goes on", "capture goes on", "full copy"
	};
	char txid[24];

	snprintf(txid, sizeof txid, "%016" PRIx64, o->txid);
	log_event(c->conf.log, c->strange ? LOG_WARN : LOG_INFO,
	    what[o->action], "db", c->given, "txid", txid, "reason",
	    o->reason, (char *)0);
}

static int
hold(struct capture *c, const struct start_out *o, struct err *err)
{
	snprintf(c->hold, sizeof c->hold, "not a continuation of what was "
	    "shipped: %s; bring the shipped one back with ls-restore, or "
	    "accept this one with --accept-replacement or "
	    "LS_ACCEPT_REPLACEMENT=1", o->reason);
	capture_close(c);
	if (state_facts_stat(c->path, &c->held, err) < 0)
		memset(&c->held, 0, sizeof c->held);
	c->state = CAPTURE_HELD;
	return 0;
}

/* What goes on from the replica's last file keeps it: without a file of our
 * own, the next start could not go on while no replica answers. */
static int
keep_tail(struct capture *c, const struct start_in *in,
    const struct start_out *o, struct err *err)
{
	char path[4096];

	if ((in->tail != START_TAIL_HERE && in->tail != START_TAIL_BEFORE)
	    || in->tail_txid <= in->local || o->txid != in->tail_txid)
		return 0;
	if (local_path(c, o->txid, path, sizeof path) < 0)
		return err_set(err, ERR_CONF, "path too long");
	if (io_sync_file(c->last_l0, err) < 0)
		return -1;
	if (rename(c->last_l0, path) < 0)
		return err_sys(err, "rename %s to %s", c->last_l0, path);
	return io_sync_dir(c->paths.ltx0, err);
}

static int
act(struct capture *c, struct holder *h, const struct start_out *o,
    const struct tail *t, struct err *err)
{
	if (o->action == START_HOLD)
		return hold(c, o, err); /* said by who asks capture_hold_reason */
	tell(c, o);
	if (o->action == START_DUMP) {
		if (cut_dump(c, h, o->txid, err) < 0)
			return -1;
		if (c->res) {
			c->res->gap_from = o->gap;
			c->res->replaces = o->accepted;
		}
	} else {
		set_position(c, h, o, t);
		/* On slot 0 the frames found may go at any time */
		if (h->zero && c->view.mx > c->pos.n
		    && cut_upto(c, &c->view, err) < 0)
			return -1;
		c->clean = h->zero || !c->view.mx;
	}
	c->state = CAPTURE_RUNNING;
	if (c->strange && state_marker_remove(c->paths.dir, err) < 0)
		log_err(c->conf.log, LOG_WARN, err, "marker stays", "db",
		    c->given, (char *)0);
	c->gone = c->strange = 0;
	c->hold[0] = 0;
	c->marker.kind = 0;
	c->dirty_since = c->view.backfill < c->view.mx ? when_mono() : -1;
	c->shipped = c->facts;
	return state_shipped_write(c->paths.dir, &c->shipped, err);
}

static int
judge(struct capture *c, struct err *err)
{
	struct holder *h = c->h + c->cur;
	struct start_in in;
	struct start_out out;
	struct tail tail;

	memset(&in, 0, sizeof in);
	/* What was captured in this life counts even if its files are gone */
	in.remote = c->remote_max > c->pos.txid ? c->remote_max : c->pos.txid;
	in.gone = c->gone;
	in.strange = c->strange;
	in.accept = c->conf.accept_replacement;
	in.marker = c->marker.kind;
	in.marker_txid = c->marker.txid;
	if (find_tail(c, h, &in, &tail, err) < 0)
		return -1;
	if (tail_page1(h, &c->view, &c->facts, err) < 0)
		return -1;
	find_shipped(c, &tail, &in);
	in.now = c->facts;
	/* A full copy of an empty WAL: nothing of it is there to compare */
	if (in.tail == START_TAIL_HERE && !tail.n && !(in.shipped.ino
	    && start_same_file(&in.shipped, &in.now)
	    && (c->view.mx || in.shipped.page1 == in.now.page1)))
		in.tail = START_TAIL_LOST;
	if (find_kin(c, h, &in, &out, err) < 0
	    || keep_tail(c, &in, &out, err) < 0)
		return -1;
	return act(c, h, &out, &tail, err);
}

static int
attach(struct capture *c, int is_wal, struct err *err)
{
	struct holder *h = c->h + c->cur;
	char shm[4096];
	struct stat st;

	if (!is_wal) {
		if (conn_set_wal(&h->conn, OPEN_WAIT_MS, err) < 0)
			return -1;
		log_event(c->conf.log, LOG_INFO, "switched to WAL mode", "db",
		    c->given, (char *)0);
	}
	if (hop_settle(c, h, err) < 0)
		return -1;
	c->shm_ino = 0;
	if (snprintf(shm, sizeof shm, "%s-shm", c->path) < (int)sizeof shm
	    && !stat(shm, &st))
		c->shm_ino = st.st_ino;
	return 0;
}

static int
still_held(struct capture *c, const struct state_facts *now)
{
	struct stat st;
	char path[4096];

	if (c->state != CAPTURE_HELD || now->ino != c->held.ino
	    || now->btime_ns != c->held.btime_ns)
		return 0;
	/* The same file, unless a restore wrote into it */
	return snprintf(path, sizeof path, "%s/marker", c->paths.dir)
	    < (int)sizeof path && stat(path, &st) < 0;
}

/* The marker was read before the WAL was held: what was checkpointed between
 * would be missed. */
static void
marker_still_true(struct capture *c, const struct state_facts *was)
{
	struct state_facts now;
	struct err err;

	if (state_facts_stat(c->path, &now, &err) < 0 || now.dev != was->dev
	    || now.ino != was->ino || now.size != was->size
	    || now.mtime_ns != was->mtime_ns)
		c->marker.kind = 0;
}

static int
begin(struct capture *c, struct err *err)
{
	struct conn *k = &c->h[c->cur].conn;
	unsigned char head[100];
	struct state_facts now;

	if (conn_open(k, c->path, err) < 0
	    || capture_facts(c, k, head, &now, err) < 0)
		return -1;
	if (memcmp(head, "SQLite format 3", 16))
		return err_set(err, ERR_DATA, "%s is not a SQLite database, "
		    "or an encrypted one; take it out of the configuration",
		    c->path);
	if (prepare(c, err) < 0)
		return -1;
	find_marker(c, &now);
	c->facts = now;
	if (attach(c, head[18] == 2, err) < 0)
		return -1;
	marker_still_true(c, &now);
	return judge(c, err);
}

int
start_do(struct capture *c, struct err *err)
{
	struct state_facts now;
	char *real = path_real(c->given);

	if (!real)
		return err_nomem(err);
	free(c->path);
	c->path = real;
	if (state_facts_stat(c->path, &now, err) < 0) {
		if (err->kind != ERR_NOTFOUND)
			return -1;
		c->state = CAPTURE_WAITING;
		return 0;
	}
	if (still_held(c, &now))
		return 0;
	/* A transaction of ours on a 0-page database would fix its page size
	 * and auto_vacuum: not before it has its first page */
	if (!now.size) {
		c->state = CAPTURE_WAITING;
		return 0;
	}
	if (begin(c, err) < 0) {
		struct err first = *err;

		capture_close(c);
		/* closed, though all but the last write may have gone well */
		c->state = CAPTURE_FAILED;
		*err = first;
		return -1;
	}
	return 0;
}
