#include "repl/standby.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/crc64.h"
#include "base/hex.h"
#include "base/sa.h"
#include "ltx/ltx.h"

#define HEAD "ls-s6 position 1\n"
#define TEXT_MAX 1024
#define CHUNK 65536

static const unsigned char at_byte[STANDBY_ORIG] = { 18, 19, 24, 25, 26, 27 };

static int
beside(stralloc *s, const char *db, const char *tail, struct err *e)
{
	return stralloc_cats(s, db) && stralloc_cats(s, tail) && stralloc_0(s)
	    ? 0 : err_nomem(e);
}

/* All of a small file, and a NUL. */
static int
slurp(const char *path, char *buf, size_t max, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return err_sys(e, "open %s", path);
	n = read(fd, buf, max - 1);
	close(fd);
	if (n < 0)
		return err_sys(e, "read %s", path);
	buf[n] = 0;
	return 0;
}

static int
at_fmt(char *s, size_t n, const char *word, const struct standby_at *a)
{
	char orig[2 * STANDBY_ORIG + 1] = "-";

	if (a->has_orig)
		hex_fmt(orig, a->orig, STANDBY_ORIG);
	return snprintf(s, n, "%s %016" PRIx64 " %" PRIu32 " %" PRIu32 " %016"
	    PRIx64 " %016" PRIx64 " %s %u %016" PRIx64 " %016" PRIx64 "\n", word,
	    a->txid, a->pages, a->page_size, a->page1, a->sum, orig, a->level,
	    a->min, a->check);
}

/* Behind the word. */
static int
at_scan(const char *s, struct standby_at *a)
{
	char orig[2 * STANDBY_ORIG + 1];
	unsigned level;

	if (sscanf(s, "%" SCNx64 " %" SCNu32 " %" SCNu32 " %" SCNx64 " %" SCNx64
	    " %12s %u %" SCNx64 " %" SCNx64, &a->txid, &a->pages,
	    &a->page_size, &a->page1, &a->sum, orig, &level, &a->min,
	    &a->check) != 9 || !a->txid || !ltx_page_size_ok(a->page_size))
		return -1;
	a->level = (uint8_t)level;
	a->has_orig = strcmp(orig, "-") != 0;
	return a->has_orig ? hex_scan(a->orig, orig, STANDBY_ORIG) : 0;
}

static int
pos_scan(char *text, struct standby_pos *p)
{
	char *crc = strstr(text, "crc "), *line;
	uint64_t v;

	memset(p, 0, sizeof *p);
	if (strncmp(text, HEAD, sizeof HEAD - 1) || !crc
	    || hex64_scan(crc + 4, &v) < 0
	    || v != crc64(0, text, (size_t)(crc - text)))
		return -1;
	line = strstr(text, "\nat ");
	if (!line || at_scan(line + 4, &p->at) < 0)
		return -1;
	line = strstr(text, "\nto ");
	if (!line)
		return 0;
	if (at_scan(line + 4, &p->to) < 0)
		return -1;
	line = strstr(line, "\njournal ");
	return line && sscanf(line + 9, "%" SCNx32, &p->nonce) == 1 ? 0 : -1;
}

int
standby_pos_read(const char *db, struct standby_pos *p, struct err *e)
{
	stralloc path = STRALLOC_ZERO;
	char text[TEXT_MAX];
	int r = beside(&path, db, "-follow", e);

	if (!r)
		r = slurp(path.s, text, sizeof text, e);
	if (!r && pos_scan(text, p) < 0)
		r = err_set(e, ERR_DATA, "%s is damaged", path.s);
	stralloc_free(&path);
	return r;
}

int
standby_pos_write(const char *db, const struct standby_pos *p,
    const struct io_perm *perm, struct err *e)
{
	stralloc path = STRALLOC_ZERO;
	char text[TEXT_MAX];
	size_t k;
	int r;

	strcpy(text, HEAD);
	k = strlen(text);
	k += (size_t)at_fmt(text + k, sizeof text - k, "at", &p->at);
	if (p->to.txid) {
		k += (size_t)at_fmt(text + k, sizeof text - k, "to", &p->to);
		k += (size_t)snprintf(text + k, sizeof text - k, "journal %08"
		    PRIx32 "\n", p->nonce);
	}
	snprintf(text + k, sizeof text - k, "crc %016" PRIx64 "\n",
	    crc64(0, text, k));
	r = beside(&path, db, "-follow", e);
	if (!r)
		r = io_write_file(path.s, text, strlen(text), perm, e);
	stralloc_free(&path);
	return r;
}

int
standby_txid_read(const char *db, uint64_t *txid, struct err *e)
{
	stralloc path = STRALLOC_ZERO;
	char text[32];
	int r = beside(&path, db, "-txid", e);

	if (!r)
		r = slurp(path.s, text, sizeof text, e);
	if (!r && (hex64_scan(text, txid) < 0 || !*txid
	    || strspn(text + 16, " \r\n") != strlen(text + 16)))
		r = err_set(e, ERR_DATA, "%s is not a TXID", path.s);
	stralloc_free(&path);
	return r;
}

int
standby_txid_write(const char *db, uint64_t txid, const struct io_perm *perm,
    struct err *e)
{
	stralloc path = STRALLOC_ZERO;
	char text[18];
	int r = beside(&path, db, "-txid", e);

	hex64_fmt(text, txid);
	text[16] = '\n';
	if (!r)
		r = io_write_file(path.s, text, 17, perm, e);
	stralloc_free(&path);
	return r;
}

int
standby_txid_remove(const char *db, struct err *e)
{
	stralloc path = STRALLOC_ZERO;
	int r = beside(&path, db, "-txid", e);

	if (!r && unlink(path.s) < 0 && errno != ENOENT)
		r = err_sys(e, "remove %s", path.s);
	stralloc_free(&path);
	return r;
}

int
standby_look(int fd, struct standby_at *a, struct err *e)
{
	unsigned char *p;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat");
	if (st.st_size < 512)
		return err_set(e, ERR_DATA, "not a database");
	p = malloc(LTX_PAGE_MAX);
	if (!p)
		return err_nomem(e);
	r = io_preadn(fd, p, 100, 0, e);
	a->page_size = be16_unpack(p + 16);
	if (a->page_size == 1)
		a->page_size = 65536;
	if (!r && (memcmp(p, "SQLite format 3", 16)
	    || !ltx_page_size_ok(a->page_size)
	    || st.st_size % a->page_size))
		r = err_set(e, ERR_DATA, "not a database, or not a whole one");
	if (!r)
		r = io_preadn(fd, p, a->page_size, 0, e);
	if (!r) {
		a->pages = (uint32_t)(st.st_size / a->page_size);
		a->page1 = crc64(0, p, a->page_size);
		for (int i = 0; i < STANDBY_ORIG; i++)
			a->orig[i] = p[at_byte[i]];
	}
	free(p);
	return r;
}

int
standby_sum(int fd, const struct standby_at *a, uint64_t *sum, struct err *e)
{
	uint32_t lock = ltx_lock_page(a->page_size), per = CHUNK / a->page_size;
	unsigned char *buf = malloc(CHUNK);
	int r = 0;

	*sum = 0;
	if (!buf)
		return err_nomem(e);
	for (uint64_t p = 1; !r && p <= a->pages; p += per) {
		uint32_t n = a->pages - p + 1 < per ? (uint32_t)(a->pages - p + 1)
		    : per;

		r = io_preadn(fd, buf, (size_t)n * a->page_size,
		    (int64_t)(p - 1) * a->page_size, e);
		for (uint32_t i = 0; !r && i < n; i++)
			if (p + i != lock)
				*sum ^= ltx_page_checksum((uint32_t)p + i, buf
				    + (size_t)i * a->page_size, a->page_size);
	}
	free(buf);
	*sum |= LTX_CHECKSUM_FLAG;
	return r;
}

void
standby_page1(unsigned char *page, uint32_t counter,
    unsigned char orig[STANDBY_ORIG])
{
	for (int i = 0; i < STANDBY_ORIG; i++)
		orig[i] = page[at_byte[i]];
	page[18] = page[19] = 1;
	be32_pack(page + 24, counter);
}

void
standby_page1_back(unsigned char *page,
    const unsigned char orig[STANDBY_ORIG])
{
	for (int i = 0; i < STANDBY_ORIG; i++)
		page[at_byte[i]] = orig[i];
}

int
standby_mask(int fd, struct standby_at *a, struct err *e)
{
	unsigned char page[LTX_PAGE_MAX];
	uint32_t old;

	if (io_preadn(fd, page, a->page_size, 0, e) < 0)
		return -1;
	old = be32_unpack(page + 24);
	standby_page1(page, old + 1, a->orig);
	a->has_orig = 1;
	a->page1 = crc64(0, page, a->page_size);
	return io_pwriten(fd, page, 100, 0, e);
}
