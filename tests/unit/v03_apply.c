#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "repl/v03_apply.h"
#include "wal/wal.h"

#define PAGE 512
#define FRAME (PAGE + WAL_FRAME_HEADER)

struct mem {
	unsigned char p[40000];
	size_t n, at;
};

static ssize_t
mem_read(void *ctx, void *buf, size_t n, struct err *e)
{
	struct mem *m = ctx;

	(void)e;
	if (n > 333)
		n = 333;
	if (n > m->n - m->at)
		n = m->n - m->at;
	memcpy(buf, m->p + m->at, n);
	m->at += n;
	return (ssize_t)n;
}

/* A page of a number, written by a version; page 1 is a database's. */
static void
page(unsigned char *p, uint32_t pgno, int version)
{
	memset(p, (int)(16 * version + (int)pgno), PAGE);
	if (pgno == 1) {
		memcpy(p, "SQLite format 3", 16);
		be16_pack(p + 16, PAGE);
	}
}

static void
snapshot(struct mem *m, uint32_t pages)
{
	m->n = m->at = 0;
	for (uint32_t i = 1; i <= pages; i++, m->n += PAGE)
		page(m->p + m->n, i, 0);
}

/* A log that is written a segment at a time. */
struct log_of {
	struct wal_header h;
	uint32_t sum[2];
	uint64_t offset;
};

static void
begin(struct log_of *l, struct mem *m, uint32_t salt)
{
	memset(l, 0, sizeof *l);
	l->h = (struct wal_header){ 0x377f0682, 3007000, PAGE, 0, salt, 77,
		{ 0, 0 } };
	m->n = WAL_HEADER_SIZE;
	m->at = 0;
	wal_header_pack(m->p, &l->h);
	memcpy(l->sum, l->h.sum, sizeof l->sum);
	l->offset = WAL_HEADER_SIZE;
}

static void
frame(struct log_of *l, struct mem *m, uint32_t pgno, int version,
    uint32_t commit)
{
	unsigned char *p = m->p + m->n;

	be32_pack(p, pgno);
	be32_pack(p + 4, commit);
	be32_pack(p + 8, l->h.salt1);
	be32_pack(p + 12, l->h.salt2);
	page(p + WAL_FRAME_HEADER, pgno, version);
	wal_sum(0, p, 8, l->sum);
	wal_sum(0, p + WAL_FRAME_HEADER, PAGE, l->sum);
	be32_pack(p + 16, l->sum[0]);
	be32_pack(p + 20, l->sum[1]);
	m->n += FRAME;
	l->offset += FRAME;
}

struct rig {
	int fd;
	struct v03_apply *a;
	struct apply_done done;
	struct err e;
};

static void
up(struct rig *r, uint32_t pages)
{
	static struct mem m;
	const struct v03_name n = { 7, 2, 0, V03_SNAPSHOT, 0, 0 };

	memset(r, 0, sizeof *r);
	r->fd = io_anon("", &r->e);
	assert_true(r->fd >= 0);
	assert_int_equal(v03_apply_begin(&r->a, r->fd, &r->e), 0);
	snapshot(&m, pages);
	assert_int_equal(v03_apply_snapshot(r->a, &n,
	    (struct io_in){ mem_read, &m }, &r->e), 0);
}

static void
down(struct rig *r)
{
	v03_apply_free(r->a);
	close(r->fd);
}

static int
wal(struct rig *r, uint64_t index, uint64_t offset, struct mem *m)
{
	const struct v03_name n = { 7, index, offset, V03_WAL, 0, 0 };

	m->at = 0;
	return v03_apply_wal(r->a, &n, (struct io_in){ mem_read, m }, &r->e);
}

static void
is_page(struct rig *r, uint32_t pgno, int version)
{
	unsigned char want[PAGE], got[PAGE];

	page(want, pgno, version);
	if (version < 0)
		memset(want, 0, PAGE);
	assert_int_equal(pread(r->fd, got, PAGE, (pgno - 1) * PAGE), PAGE);
	assert_memory_equal(got, want, PAGE);
}

static void
logs_are_applied_one_after_the_other(void **state)
{
	static struct mem m;
	struct log_of l;
	struct rig r;
	uint64_t at;

	(void)state;
	up(&r, 4);
	begin(&l, &m, 1);
	frame(&l, &m, 2, 1, 0);
	frame(&l, &m, 2, 2, 4);
	assert_int_equal(wal(&r, 2, 0, &m), 0);
	m.n = 0;
	at = l.offset;
	frame(&l, &m, 6, 3, 6); /* 5 was free, and is in no frame */
	frame(&l, &m, 1, 4, 6);
	assert_int_equal(wal(&r, 2, at, &m), 0);
	/* the next log is for a database that shrank, and grew again */
	begin(&l, &m, 9);
	frame(&l, &m, 1, 5, 2);
	assert_int_equal(wal(&r, 3, 0, &m), 0);
	begin(&l, &m, 10); /* a header alone */
	assert_int_equal(wal(&r, 4, 0, &m), 0);
	begin(&l, &m, 11);
	frame(&l, &m, 4, 6, 4);
	assert_int_equal(wal(&r, 5, 0, &m), 0);
	assert_int_equal(v03_apply_end(r.a, &r.done, &r.e), 0);
	assert_int_equal(r.done.pages, 4);
	assert_int_equal(r.done.page_size, PAGE);
	assert_int_equal(r.done.files, 6);
	is_page(&r, 1, 5);
	is_page(&r, 2, 2);
	is_page(&r, 3, -1); /* it went with the log before */
	is_page(&r, 4, 6);
	assert_int_equal(lseek(r.fd, 0, SEEK_END), 4 * PAGE);
	down(&r);
}

static void
an_empty_snapshot_needs_a_log(void **state)
{
	static struct mem m;
	struct log_of l;
	struct rig r;

	(void)state;
	up(&r, 0);
	assert_int_equal(v03_apply_end(r.a, &r.done, &r.e), -1);
	down(&r);
	up(&r, 0);
	begin(&l, &m, 1);
	frame(&l, &m, 1, 1, 1);
	assert_int_equal(wal(&r, 2, 0, &m), 0);
	assert_int_equal(v03_apply_end(r.a, &r.done, &r.e), 0);
	assert_int_equal(r.done.pages, 1);
	down(&r);
	/* and one that is no database */
	up(&r, 0);
	begin(&l, &m, 1);
	frame(&l, &m, 2, 1, 2);
	assert_int_equal(wal(&r, 2, 0, &m), 0);
	assert_int_equal(v03_apply_end(r.a, &r.done, &r.e), -1);
	assert_int_equal(r.e.kind, ERR_DATA);
	down(&r);
}

/* The segment after one good one, and what is said of it. */
static void
second(uint64_t index, uint64_t offset, struct mem *m, const char *says)
{
	static struct mem first;
	struct log_of l;
	struct rig r;

	up(&r, 3);
	begin(&l, &first, 1);
	frame(&l, &first, 2, 1, 3);
	assert_int_equal(wal(&r, 2, 0, &first), 0);
	assert_int_equal(wal(&r, index, offset, m), says ? -1 : 0);
	if (says) {
		assert_int_equal(r.e.kind, ERR_DATA);
		assert_non_null(strstr(r.e.msg, says));
	}
	down(&r);
}

static void
what_does_not_follow_is_named(void **state)
{
	static struct mem m;
	const uint64_t at = WAL_HEADER_SIZE + FRAME;
	struct log_of l;

	(void)state;
	/* the log of second(), gone on */
	begin(&l, &m, 1);
	frame(&l, &m, 2, 1, 3);
	m.n = 0;
	frame(&l, &m, 3, 2, 3);
	second(2, at, &m, NULL);
	second(2, at + FRAME, &m, "wal/00000002_00000238.wal.lz4 is missing");
	second(2, 0, &m, "wal/00000002_00000238.wal.lz4 is missing");
	second(4, 0, &m, "wal/00000003_00000000.wal.lz4 is missing");
	second(3, 32, &m, "wal/00000003_00000000.wal.lz4 is missing");
	second(3, 0, &m, "no header of a WAL");
	m.n--;
	second(2, at, &m, "it ends inside a frame");
	m.n = 9;
	second(2, at, &m, "it ends inside a frame");
	second(3, 0, &m, "shorter than the header");
	for (size_t i = 0; i < FRAME; i += 37) { /* changed */
		begin(&l, &m, 1);
		frame(&l, &m, 2, 1, 3);
		m.n = 0;
		frame(&l, &m, 3, 2, 3);
		m.p[i] ^= 4;
		second(2, at, &m, "not the one that comes next");
	}
	begin(&l, &m, 1);
	frame(&l, &m, 2, 1, 3);
	m.n = 0;
	frame(&l, &m, 3, 2, 0);
	second(2, at, &m, "it ends inside a transaction");
	begin(&l, &m, 5);
	l.h.page_size = 1024;
	wal_header_pack(m.p, &l.h);
	second(3, 0, &m, "its page size is not that of the database");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_are_applied_one_after_the_other),
		cmocka_unit_test(an_empty_snapshot_needs_a_log),
		cmocka_unit_test(what_does_not_follow_is_named),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
