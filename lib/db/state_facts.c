#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/crc64.h"
#include "db/state.h"

static int64_t
nanos(struct statx_timestamp t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int
state_facts_stat(const char *db, struct state_facts *f, struct err *err)
{
	struct statx st;
	size_t n = strlen(db);
	char *wal;

	memset(f, 0, sizeof *f);
	if (statx(AT_FDCWD, db, 0, STATX_BASIC_STATS | STATX_BTIME, &st) < 0) {
		err_sys(err, "stat %s", db);
		if (err->sys == ELOOP)
			err->kind = ERR_CONF;
		return -1;
	}
	if (!S_ISREG(st.stx_mode))
		return err_set(err, ERR_CONF, "%s is not a file", db);
	f->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	f->ino = st.stx_ino;
	f->size = st.stx_size;
	f->mtime_ns = nanos(st.stx_mtime);
	if (st.stx_mask & STATX_BTIME)
		f->btime_ns = nanos(st.stx_btime);
	wal = malloc(n + 5);
	if (!wal)
		return err_nomem(err);
	memcpy(wal, db, n);
	memcpy(wal + n, "-wal", 5);
	if (!statx(AT_FDCWD, wal, 0, STATX_BASIC_STATS, &st)) {
		f->wal_ino = st.stx_ino;
		f->wal_size = st.stx_size;
		f->wal_mtime_ns = nanos(st.stx_mtime);
	}
	free(wal);
	return 0;
}

void
state_facts_page1(struct state_facts *f, const unsigned char *p, size_t n)
{
	uint32_t size = be16_unpack(p + 16);

	f->page_size = size == 1 ? 65536 : size;
	f->change_counter = be32_unpack(p + 24);
	f->schema_cookie = be32_unpack(p + 40);
	f->page1 = crc64(0, p, n);
}

uint32_t
state_facts_page_size(const struct state_facts *f, const unsigned char *head)
{
	uint32_t size = be16_unpack(head + 16);

	size = size == 1 ? 65536 : size;
	return size < 512 || size > f->size ? 100 : size;
}

int
state_facts_read(const char *db, struct state_facts *f, struct err *err)
{
	unsigned char *p;
	uint32_t size;
	int fd, r = -1;

	if (state_facts_stat(db, f, err) < 0)
		return -1;
	if (f->size < 100)
		return 0;
	p = malloc(65536);
	if (!p)
		return err_nomem(err);
	fd = open(db, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err_sys(err, "open %s", db);
	} else if (!io_preadn(fd, p, 100, 0, err)) {
		size = state_facts_page_size(f, p);
		r = io_preadn(fd, p, size, 0, err);
		if (!r)
			state_facts_page1(f, p, size);
	}
	if (fd >= 0)
		close(fd);
	free(p);
	return r;
}
