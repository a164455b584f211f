#include "repl/delta.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/path.h"
#include "base/sa.h"
#include "db/state.h"
#include "ltx/ltx.h"
#include "repl/dblock.h"

#define COPY (256 * 1024)

/* Bytes in PATH and tail, 0 if there is none. */
static int
size_of(const char *path, const char *tail, uint64_t *size, struct err *e)
{
	stralloc s = STRALLOC_ZERO;
	struct stat st;

	*size = 0;
	if (!stralloc_cats(&s, path) || !stralloc_cats(&s, tail)
	    || !stralloc_0(&s)) {
		stralloc_free(&s);
		return err_nomem(e);
	}
	if (stat(s.s, &st) == 0)
		*size = (uint64_t)st.st_size;
	stralloc_free(&s);
	return 0;
}

static int
whole(const char *path, struct err *e)
{
	uint64_t size;

	if (size_of(path, "-wal", &size, e) < 0)
		return -1;
	if (size)
		return err_set(e, ERR_CONF, "its -wal may hold what the file "
		    "lacks: sqlite3 %s 'PRAGMA wal_checkpoint(TRUNCATE)' first, "
		    "or restore without --delta", path);
	if (size_of(path, "-journal", &size, e) < 0)
		return -1;
	return !size ? 0 : err_set(e, ERR_CONF, "a write to it is not "
	    "finished, or was interrupted: there is a -journal");
}

static int
mtime(int fd, int64_t *ns, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat");
	*ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return 0;
}

/* 1: NAME-follow tells. */
static int
by_position(struct delta *d, uint64_t txid, struct err *e)
{
	struct standby_pos pos;
	struct standby_at now = d->at;
	const struct standby_at *at;

	if (standby_pos_read(d->path, &pos, e) < 0)
		return e->kind == ERR_NOTFOUND || e->kind == ERR_DATA ? 0 : -1;
	at = pos.to.txid && pos.to.page1 == now.page1 ? &pos.to : &pos.at;
	if ((txid && at->txid != txid) || !at->sum)
		return 0;
	if (at->page1 != now.page1 || at->pages != now.pages)
		return err_set(e, ERR_DATA, "it was written to since TXID %016"
		    PRIx64 ": restore without --delta", at->txid);
	d->at = *at;
	d->proof = DELTA_SUM;
	return 1;
}

/* 1: the marker of its state folder does. */
static int
by_marker(struct delta *d, uint64_t txid, struct err *e)
{
	struct state_paths paths;
	struct state_marker m;
	struct state_facts f;
	int r;

	if (state_paths(&paths, d->path, NULL, e) < 0)
		return -1;
	r = state_marker_read(paths.dir, &m, e);
	state_paths_free(&paths);
	if (r < 0)
		return e->kind == ERR_NOTFOUND || e->kind == ERR_DATA ? 0 : -1;
	if (m.kind == MARKER_STRANGE || (txid && m.txid != txid))
		return 0;
	if (state_facts_read(d->path, &f, e) < 0)
		return -1;
	if (f.ino != m.facts.ino || f.size != m.facts.size
	    || f.mtime_ns != m.facts.mtime_ns || f.page1 != m.facts.page1)
		return 0;
	d->at.txid = m.txid;
	d->at.level = 0xff;
	d->at.has_orig = 1;
	d->proof = DELTA_FACTS;
	return 1;
}

static int
by_claim(struct delta *d, uint64_t txid, struct err *e)
{
	if (!txid && standby_txid_read(d->path, &txid, e) < 0)
		return e->kind != ERR_NOTFOUND ? -1 : err_set(e, ERR_CONF,
		    "nothing tells which state it is: there is no %s-txid, and "
		    "no marker of its last restore or stop; give it by "
		    "--delta-txid TXID", d->path);
	d->at.txid = txid;
	d->at.level = 0xff;
	d->at.has_orig = d->at.orig[0] != 1;
	d->proof = DELTA_PAGES;
	return 0;
}

static int
open_it(struct delta *d, uint64_t txid, struct err *e)
{
	int r;

	d->fd = open(d->path, O_RDONLY | O_CLOEXEC);
	if (d->fd < 0) {
		err_sys(e, "open");
		if (e->kind == ERR_NOTFOUND) /* not an empty replica */
			e->kind = ERR_CONF;
		return -1;
	}
	/* nobody is in the middle of a write; later ones show in the mtime */
	if (dblock_set(d->fd, DBLOCK_SHARED, e) < 0
	    || mtime(d->fd, &d->mtime_ns, e) < 0
	    || dblock_set(d->fd, DBLOCK_NONE, e) < 0 || whole(d->path, e) < 0
	    || standby_look(d->fd, &d->at, e) < 0)
		return -1;
	r = by_position(d, txid, e);
	if (!r)
		r = by_marker(d, txid, e);
	return r ? r : by_claim(d, txid, e);
}

int
delta_open(struct delta *d, const char *path, uint64_t txid, struct err *e)
{
	memset(d, 0, sizeof *d);
	d->fd = -1;
	d->path = path_follow(path); /* its -wal is beside the file itself */
	if (!d->path)
		return err_nomem(e);
	if (open_it(d, txid, e) >= 0)
		return 0;
	delta_close(d);
	return err_in(e, "older copy %s", path);
}

void
delta_close(struct delta *d)
{
	if (d->path && d->fd >= 0)
		close(d->fd);
	free(d->path);
	memset(d, 0, sizeof *d);
	d->fd = -1;
}

int
delta_check(const struct delta *d, struct store *st, const struct listing *l,
    const struct log *log, struct err *e)
{
	int r = standby_of(st, l, d->fd, &d->at, e);

	if (!r && d->proof == DELTA_PAGES)
		r = err_set(e, ERR_CONF, "no file of the replica ends at TXID "
		    "%016" PRIx64 ": that it is that state cannot be checked; "
		    "restore without --delta", d->at.txid);
	else if (!r)
		log_event(log, LOG_WARN, "no file of the replica ends at the "
		    "older copy's TXID any more: that it is of this replica "
		    "cannot be checked", "file", d->path, "replica",
		    store_conf(st)->url, NULL);
	return r < 0 ? err_in(e, "older copy %s", d->path) : 0;
}

static int
copy_bytes(int from, int to, uint64_t size, struct err *e)
{
	unsigned char *buf;
	uint64_t off = 0;
	int r = 0;

	if (ftruncate(to, 0) < 0)
		return err_sys(e, "truncate");
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	for (off_t a = 0, b = 0; off < size; off = (uint64_t)b) {
		ssize_t n = copy_file_range(from, &a, to, &b, size - off, 0);

		if (n <= 0)
			break;
	}
	buf = malloc(COPY);
	if (!buf)
		return err_nomem(e);
	while (!r && off < size) {
		size_t n = size - off < COPY ? (size_t)(size - off) : COPY;

		r = io_preadn(from, buf, n, (int64_t)off, e);
		if (!r)
			r = io_pwriten(to, buf, n, (int64_t)off, e);
		off += n;
	}
	free(buf);
	return r;
}

/* Page 1 as in the replica; of Litestream's standby only that it is a WAL
 * database is known. */
static int
page1_back(const struct delta *d, int fd, struct err *e)
{
	unsigned char page[100];

	if (io_preadn(fd, page, sizeof page, 0, e) < 0)
		return -1;
	if (d->proof == DELTA_SUM && d->at.has_orig)
		standby_page1_back(page, d->at.orig);
	else if (page[18] == 1)
		page[18] = page[19] = 2;
	return io_pwriten(fd, page, sizeof page, 0, e);
}

int
delta_copy(const struct delta *d, int fd, struct err *e)
{
	uint64_t size = (uint64_t)d->at.pages * d->at.page_size, sum;
	int64_t now;

	if (copy_bytes(d->fd, fd, size, e) < 0 || mtime(d->fd, &now, e) < 0)
		return err_in(e, "copy %s", d->path);
	if (now != d->mtime_ns)
		return err_set(e, ERR_CONF, "older copy %s is being written to",
		    d->path);
	if (d->proof == DELTA_SUM) {
		if (standby_sum(fd, &d->at, &sum, e) < 0)
			return -1;
		if (sum != d->at.sum)
			return err_set(e, ERR_CONF, "older copy %s is not what "
			    "it was at TXID %016" PRIx64 ": it was written to, or "
			    "is damaged; restore without --delta", d->path,
			    d->at.txid);
	}
	return page1_back(d, fd, e);
}
