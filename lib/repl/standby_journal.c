#include "repl/standby.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/sa.h"
#include "ltx/ltx.h"

/* The rollback journal of SQLite (its file format, section 3): a header padded
 * to the sector size: magic, number of records, nonce of the checksums, pages
 * the database had, sector size, page size; then records of page number, page
 * and checksum. It appears whole, by a rename, so the number is right from
 * the start. */

#define SECTOR 512
#define HEADER 28
#define BUF (256u * 1024)
#define TEMP_MARK ".ls-restore."

static const unsigned char magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1,
	0x63, 0xd7 };

/* Every 200th byte, from 200 before the end down. */
static uint32_t
checksum(uint32_t nonce, const unsigned char *page, uint32_t size)
{
	for (int64_t i = (int64_t)size - 200; i > 0; i -= 200)
		nonce += page[i];
	return nonce;
}

static char *
name(const char *db, struct err *e)
{
	size_t n = strlen(db);
	char *s = malloc(n + sizeof "-journal");

	if (!s) {
		err_nomem(e);
		return NULL;
	}
	memcpy(s, db, n);
	strcpy(s + n, "-journal");
	return s;
}

int
standby_journal_begin(struct standby_journal *j, const char *db,
    const struct standby_at *at, const struct io_perm *perm, struct err *e)
{
	memset(j, 0, sizeof *j);
	j->path = name(db, e);
	j->buf = malloc(BUF);
	if (!j->path || !j->buf) {
		standby_journal_free(j);
		return err_nomem(e);
	}
	if (io_temp_unique(&j->temp, j->path, TEMP_MARK, perm, e) < 0) {
		standby_journal_free(j);
		return -1;
	}
	if (getrandom(&j->nonce, sizeof j->nonce, 0) != sizeof j->nonce) {
		err_sys(e, "get random bytes");
		standby_journal_free(j);
		return -1;
	}
	j->page_size = at->page_size;
	memset(j->buf, 0, SECTOR);
	memcpy(j->buf, magic, sizeof magic);
	be32_pack(j->buf + 12, j->nonce);
	be32_pack(j->buf + 16, at->pages);
	be32_pack(j->buf + 20, SECTOR);
	be32_pack(j->buf + 24, at->page_size);
	j->len = SECTOR;
	return 0;
}

static int
flush(struct standby_journal *j, struct err *e)
{
	if (io_pwriten(j->temp.fd, j->buf, j->len, j->end, e) < 0)
		return -1;
	j->end += (int64_t)j->len;
	j->len = 0;
	return 0;
}

int
standby_journal_add(struct standby_journal *j, uint32_t pgno,
    const unsigned char *page, struct err *e)
{
	unsigned char *p;

	if (j->len + j->page_size + 8 > BUF && flush(j, e) < 0)
		return -1;
	p = j->buf + j->len;
	be32_pack(p, pgno);
	memcpy(p + 4, page, j->page_size);
	be32_pack(p + 4 + j->page_size, checksum(j->nonce, page, j->page_size));
	j->len += j->page_size + 8;
	j->records++;
	return 0;
}

int
standby_journal_sync(struct standby_journal *j, struct err *e)
{
	unsigned char n[4];
	int r;

	be32_pack(n, j->records);
	if (flush(j, e) < 0 || io_pwriten(j->temp.fd, n, 4, 8, e) < 0)
		return -1;
	do
		r = fsync(j->temp.fd);
	while (r < 0 && errno == EINTR);
	return r < 0 ? err_sys(e, "sync %s", j->temp.temp) : 0;
}

int
standby_journal_publish(struct standby_journal *j, struct err *e)
{
	return io_temp_commit(&j->temp, 1, -1, e);
}

static int
folder_sync(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir = !slash ? strdup(".") : slash == path ? strdup("/")
	    : strndup(path, (size_t)(slash - path));
	int r = dir ? io_sync_dir(dir, e) : err_nomem(e);

	free(dir);
	return r;
}

int
standby_journal_end(const char *db, struct err *e)
{
	char *path = name(db, e);
	int r;

	if (!path)
		return -1;
	r = unlink(path) < 0 && errno != ENOENT
	    ? err_sys(e, "remove %s", path) : folder_sync(path, e);
	free(path);
	return r;
}

void
standby_journal_free(struct standby_journal *j)
{
	io_temp_abort(&j->temp);
	free(j->path);
	free(j->buf);
	memset(j, 0, sizeof *j);
}

/* All records, into db, then its old size. */
static int
play(int from, int db, const unsigned char *head, struct err *e)
{
	uint32_t n = be32_unpack(head + 8), nonce = be32_unpack(head + 12);
	uint32_t pages = be32_unpack(head + 16), size = be32_unpack(head + 24);
	int64_t off = be32_unpack(head + 20);
	unsigned char *rec = malloc((size_t)size + 8);
	int r = 0;

	if (!rec)
		return err_nomem(e);
	for (uint32_t i = 0; !r && i < n; i++, off += size + 8) {
		uint32_t pgno;

		r = io_preadn(from, rec, (size_t)size + 8, off, e);
		if (r)
			break;
		pgno = be32_unpack(rec);
		if (!pgno || pgno > pages || be32_unpack(rec + 4 + size)
		    != checksum(nonce, rec + 4, size))
			r = err_set(e, ERR_DATA, "damaged record");
		else
			r = io_pwriten(db, rec + 4, size, (int64_t)(pgno - 1)
			    * size, e);
	}
	free(rec);
	if (!r && ftruncate(db, (off_t)pages * size) < 0)
		r = err_sys(e, "set size");
	if (!r && fsync(db) < 0)
		r = err_sys(e, "sync");
	return r;
}

/* 1: ours, and played back; 0: nothing in it; -1. */
static int
back(int fd, int db, uint32_t nonce, struct err *e)
{
	unsigned char head[HEADER] = { 0 };
	ssize_t n = pread(fd, head, sizeof head, 0);

	if (n < 0)
		return err_sys(e, "read");
	if (n < HEADER || !head[0])
		return 0;
	if (memcmp(head, magic, sizeof magic) || !nonce
	    || be32_unpack(head + 12) != nonce
	    || !ltx_page_size_ok(be32_unpack(head + 24)))
		return err_set(e, ERR_DATA, "a journal of somebody else, who "
		    "has written to the database");
	return play(fd, db, head, e) < 0 ? -1 : 1;
}

int
standby_journal_back(const char *db, int fd, uint32_t nonce, struct err *e)
{
	char *path = name(db, e);
	int from, r;

	if (!path)
		return -1;
	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0) {
		r = errno == ENOENT ? 0 : err_sys(e, "open %s", path);
		free(path);
		return r;
	}
	r = back(from, fd, nonce, e);
	close(from);
	if (r < 0)
		err_in(e, "%s", path);
	else if (standby_journal_end(db, e) < 0)
		r = -1;
	free(path);
	return r;
}
