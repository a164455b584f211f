#include "repl/standby_in.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/path.h"
#include "base/sa.h"
#include "repl/dblock.h"

#define WAY_OUT "move it away, and what is beside it, and start again: it is " \
	"restored anew"

const struct standby_at *
standby_at(const struct standby *s)
{
	return &s->pos.at;
}

int
standby_fd(const struct standby *s)
{
	return s->fd;
}

void
standby_close(struct standby *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s);
}

/* Size of PATH and tail, 0 if there is none. */
static int
beside_size(const char *path, const char *tail, uint64_t *size,
    struct err *e)
{
	stralloc s = STRALLOC_ZERO;
	struct stat st;
	int r = 0;

	*size = 0;
	if (!stralloc_cats(&s, path) || !stralloc_cats(&s, tail)
	    || !stralloc_0(&s))
		r = err_nomem(e);
	else if (stat(s.s, &st) == 0)
		*size = (uint64_t)st.st_size;
	else if (errno != ENOENT)
		r = err_sys(e, "stat %s", s.s);
	stralloc_free(&s);
	return r;
}

/* A name beside the database that a killed one was about to rename. */
static int
is_temp(const char *end)
{
	return !strncmp(end, "-journal.ls-restore.", 20)
	    || ((!strncmp(end, "-txid.tmp", 9) || !strncmp(end, "-follow.tmp",
	    11)) && strlen(strrchr(end, '.')) == 20);
}


static void
sweep(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1)
	    : strdup(".");
	size_t n = strlen(base);
	struct dirent *de;
	DIR *d = dir ? opendir(dir) : NULL;

	while (d && (de = readdir(d)))
		if (!strncmp(de->d_name, base, n) && is_temp(de->d_name + n))
			unlinkat(dirfd(d), de->d_name, 0);
	if (d)
		closedir(d);
	free(dir);
}

/* Where it stands if nobody but Litestream has told: the TXID alone. */
static int
adopt(struct standby *s, uint64_t txid, struct err *e)
{
	struct standby_at *at = &s->pos.at;
	uint64_t size;

	if (beside_size(s->path, "-journal", &size, e) < 0)
		return -1;
	if (size)
		return err_set(e, ERR_DATA, "there is a %s-journal, but nothing "
		    "of what it undoes is known; " WAY_OUT, s->path);
	memset(&s->pos, 0, sizeof s->pos);
	if (standby_look(s->fd, at, e) < 0)
		return -1;
	at->txid = txid;
	at->level = 0xff;
	log_event(s->log, LOG_INFO, "a standby of Litestream, taken over", "db",
	    s->path, NULL);
	return 0;
}

static int
stands(const struct standby_at *a, const struct standby_at *now)
{
	return a->txid && a->page1 == now->page1 && a->pages == now->pages
	    && a->page_size == now->page_size;
}

/* Which of the two the file is, once no journal is left. */
static int
judge(struct standby *s, struct err *e)
{
	struct standby_pos *p = &s->pos;
	struct standby_at now;
	uint64_t sum;

	if (standby_look(s->fd, &now, e) < 0)
		return -1;
	if (stands(&p->to, &now))
		p->at = p->to;
	else if (!stands(&p->at, &now))
		return err_set(e, ERR_DATA, "it was written to since TXID %016"
		    PRIx64 ": what follows would not fit; " WAY_OUT, p->at.txid);
	p->to.txid = 0;
	/* not yet a standby but a database that WAL readers may have
	 * changed without a trace in page 1 */
	if (now.orig[0] == 1 || !p->at.sum)
		return 0;
	if (standby_sum(s->fd, &p->at, &sum, e) < 0)
		return -1;
	return sum == p->at.sum ? 0 : err_set(e, ERR_DATA, "it was written to "
	    "since TXID %016" PRIx64 ": what follows would not fit; " WAY_OUT,
	    p->at.txid);
}

int
standby_put_right(struct standby *s, struct err *e)
{
	int r = standby_journal_back(s->path, s->fd, s->pos.to.txid ? s->pos.nonce
	    : 0, e);
	if (r > 0)
		log_event(s->log, LOG_INFO, "an apply that was interrupted is "
		    "undone", "db", s->path, NULL);
	return r < 0 ? -1 : judge(s, e);
}

/* Where nothing was interrupted no reader is waited for. */
static int
put_right(struct standby *s, struct err *e)
{
	uint64_t size;
	int r;

	if (beside_size(s->path, "-journal", &size, e) < 0)
		return -1;
	if (!size)
		return judge(s, e);
	if (dblock_wait(s->fd, STANDBY_WAIT_MS, s->log, s->path, e) < 0)
		return -1;
	r = standby_put_right(s, e);
	dblock_set(s->fd, DBLOCK_NONE, &(struct err){ 0 });
	return r;
}

static int
position(struct standby *s, struct err *e)
{
	uint64_t txid = 0;
	int have;

	if (standby_txid_read(s->path, &txid, e) < 0
	    && e->kind != ERR_NOTFOUND)
		return -1;
	have = standby_pos_read(s->path, &s->pos, e) == 0;
	if (!have && (e->kind != ERR_NOTFOUND && e->kind != ERR_DATA))
		return -1;
	if (!have && !txid)
		return err_set(e, ERR_CONF, "it exists, but no %s-txid tells its "
		    "position: not a standby, and not overwritten", s->path);
	/* an older TXID than ours is what a kill left; another one is
	 * Litestream's, which went on */
	if (have && (!txid || txid == s->pos.at.txid
	    || txid == s->pos.to.txid))
		return put_right(s, e);
	return adopt(s, txid, e);
}

static int
open_file(struct standby *s, struct err *e)
{
	struct stat st;
	uint64_t wal;

	s->fd = open(s->path, O_RDWR | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st) < 0)
		return err_sys(e, "open");
	if (dblock_own(s->fd, e) < 0)
		return e->kind == ERR_BUSY ? err_set(e, ERR_BUSY, "another "
		    "process applies to it") : -1;
	s->perm = (struct io_perm){ st.st_uid, st.st_gid, st.st_mode & 0777, 0 };
	if (geteuid())
		s->perm.uid = (uid_t)-1, s->perm.gid = (gid_t)-1;
	if (beside_size(s->path, "-wal", &wal, e) < 0)
		return -1;
	if (wal)
		return err_set(e, ERR_DATA, "it was written to: there is a "
		    "%s-wal; " WAY_OUT, s->path);
	sweep(s->path);
	return 0;
}

int
standby_open(struct standby **out, const char *path, const struct log *log,
    struct err *e)
{
	struct standby *s = calloc(1, sizeof *s);

	/* links resolved: SQLite looks for the journal beside the file itself */
	if (!s || !(s->path = path_follow(path))) {
		free(s);
		return err_nomem(e);
	}
	s->fd = -1;
	s->log = log;
	if (open_file(s, e) < 0 || position(s, e) < 0
	    || standby_txid_write(s->path, s->pos.at.txid, &s->perm, e) < 0) {
		standby_close(s);
		return err_in(e, "standby %s", path);
	}
	*out = s;
	return 0;
}
