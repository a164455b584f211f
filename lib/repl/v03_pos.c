#include "repl/v03_pos.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crc64.h"
#include "base/hex.h"
#include "crypt/sha256.h"

#define HEAD "v0.3 position 1\n"

/* ---- text ---- */

static const char *const names[] = {
	"generation", "index", "offset", "page-size", "sum", "txid", "tail-1",
	"tail-2", "salts", "wal-offset", "wal-size", "time", "index-time",
	"any", "last-index", "last-offset", "last-size"
};
#define N (sizeof names / sizeof *names)

static void
values(uint64_t v[N], const struct v03_pos *p)
{
	const uint64_t a[N] = {
		p->wal.generation, p->wal.index, p->wal.offset,
		p->wal.page_size, (uint64_t)p->wal.sum[0] << 32 | p->wal.sum[1],
		p->txid, be64_unpack(p->tail), be64_unpack(p->tail + 8),
		(uint64_t)p->head.salt1 << 32 | p->head.salt2,
		(uint64_t)p->head.wal_offset, (uint64_t)p->head.wal_size,
		(uint64_t)p->head.time_ms, (uint64_t)p->index_ms,
		p->any != 0, p->last_index, p->last_offset, p->last_size
	};

	memcpy(v, a, sizeof a);
}

static void
from_values(struct v03_pos *p, const uint64_t v[N])
{
	memset(p, 0, sizeof *p);
	p->wal.generation = v[0];
	p->wal.index = (uint32_t)v[1];
	p->wal.offset = v[2];
	p->wal.page_size = (uint32_t)v[3];
	p->wal.sum[0] = (uint32_t)(v[4] >> 32);
	p->wal.sum[1] = (uint32_t)v[4];
	p->txid = v[5];
	be64_pack(p->tail, v[6]);
	be64_pack(p->tail + 8, v[7]);
	p->head.salt1 = (uint32_t)(v[8] >> 32);
	p->head.salt2 = (uint32_t)v[8];
	p->head.wal_offset = (int64_t)v[9];
	p->head.wal_size = (int64_t)v[10];
	p->head.time_ms = (int64_t)v[11];
	p->head.page_size = p->wal.page_size;
	p->index_ms = (int64_t)v[12];
	p->any = v[13] != 0;
	p->last_index = (uint32_t)v[14];
	p->last_offset = v[15];
	p->last_size = v[16];
}

size_t
v03_pos_fmt(char s[V03_POS_FMT], const struct v03_pos *p)
{
	uint64_t v[N];
	char t[17];
	size_t n;

	values(v, p);
	n = (size_t)snprintf(s, V03_POS_FMT, "%s", HEAD);
	for (size_t i = 0; i < N; i++) {
		hex64_fmt(t, v[i]);
		n += (size_t)snprintf(s + n, V03_POS_FMT - n, "%s %s\n",
		    names[i], t);
	}
	hex64_fmt(t, crc64(0, s, n));
	return n + (size_t)snprintf(s + n, V03_POS_FMT - n, "crc %s\n", t);
}

static int
line(const char *s, size_t len, size_t *at, const char *name, uint64_t *v)
{
	size_t n = strlen(name);

	if (len - *at < n + 18 || memcmp(s + *at, name, n)
	    || s[*at + n] != ' ' || hex64_scan(s + *at + n + 1, v) < 0
	    || s[*at + n + 17] != '\n')
		return -1;
	*at += n + 18;
	return 0;
}

int
v03_pos_scan(struct v03_pos *p, const char *s, size_t len)
{
	size_t at = strlen(HEAD), end;
	uint64_t v[N], crc;

	if (len < at || memcmp(s, HEAD, at))
		return -1;
	for (size_t i = 0; i < N; i++)
		if (line(s, len, &at, names[i], &v[i]) < 0)
			return -1;
	end = at;
	if (line(s, len, &at, "crc", &crc) < 0 || at != len
	    || crc != crc64(0, s, end))
		return -1;
	from_values(p, v);
	return ltx_page_size_ok(p->wal.page_size) ? 0 : -1;
}

/* ---- the file ---- */

char *
v03_pos_path(const char *dir, const char *url)
{
	unsigned char sum[SHA256_LEN];
	size_t len = strlen(dir) + 32;
	char *p = malloc(len), t[17];

	sha256_of(url, strlen(url), sum);
	hex_fmt(t, sum, 8);
	if (p)
		snprintf(p, len, "%s/v03-%s", dir, t);
	return p;
}

int
v03_pos_read(const char *path, struct v03_pos *p, struct err *e)
{
	char s[V03_POS_FMT + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return err_sys(e, "unable to open %s", path);
	n = read(fd, s, sizeof s);
	if (n < 0)
		err_sys(e, "unable to read %s", path);
	close(fd);
	if (n < 0)
		return -1;
	if (v03_pos_scan(p, s, (size_t)n) < 0)
		return err_set(e, ERR_DATA, "%s is damaged", path);
	return 0;
}

int
v03_pos_write(const char *path, const struct v03_pos *p, struct err *e)
{
	char s[V03_POS_FMT];
	size_t n = v03_pos_fmt(s, p);

	return io_write_file(path, s, n, NULL, e);
}

/* ---- decisions ---- */

enum v03_pos_goes
v03_pos_continues(const struct v03_pos *p, const struct ltx_header *h)
{
	const struct ltx_header *o = &p->head;

	if (h->page_size != p->wal.page_size)
		return V03_POS_APART;
	if (h->salt1 == o->salt1 && h->salt2 == o->salt2)
		return h->wal_offset == o->wal_offset + o->wal_size
		    ? V03_POS_ON : V03_POS_APART;
	return h->wal_offset == WAL_HEADER_SIZE && h->salt1 == o->salt1 + 1
	    ? V03_POS_RESTART : V03_POS_APART;
}

int
v03_pos_rolls(const struct v03_pos *p, const struct ltx_header *h,
    uint64_t limit)
{
	if (limit > V03_POS_INDEX_MAX)
		limit = V03_POS_INDEX_MAX;
	return p->wal.offset && (p->wal.offset >= limit
	    || h->time_ms - p->index_ms >= V03_POS_INDEX_MS);
}

void
v03_pos_roll(struct v03_pos *p)
{
	p->wal.index++;
	p->wal.offset = 0;
	p->wal.sum[0] = p->wal.sum[1] = 0;
}

enum v03_pos_is
v03_pos_judge(const struct v03_pos *p, int any, uint64_t index,
    uint64_t offset, uint64_t size)
{
	if (!any)
		return p->any ? V03_POS_OTHER : V03_POS_LAST;
	if (p->any && index == p->last_index && offset == p->last_offset
	    && size == p->last_size)
		return V03_POS_LAST;
	if (index == p->wal.index && offset == p->wal.offset)
		return V03_POS_NEXT;
	if (p->wal.offset && index == (uint64_t)p->wal.index + 1 && !offset)
		return V03_POS_ROLLED;
	return V03_POS_OTHER;
}
