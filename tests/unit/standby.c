#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ltx/ltx.h"
#include "repl/dblock.h"
#include "repl/standby.h"

/* A standby that dies, or whose disk fails, at every single call that changes
 * something: whoever reads it then through SQLite sees the state before or
 * the one after, or is told that a write was interrupted. */

static char dir[64], db[96], at1[96], at2[96];
static struct err err;

/* ---- calls that count ---- */

static unsigned fuse;      /* the how-manieth is the last */
static int fails;          /* it fails instead, and those after it */

static int
burnt(void)
{
	if (!fuse || --fuse)
		return 0;
	if (!fails)
		_exit(77);
	fuse = fails > 1;
	errno = EIO;
	return 1;
}

ssize_t
pwrite(int fd, const void *buf, size_t n, off_t off)
{
	/* half of it may have been written */
	if (fuse == 1 && n > 1)
		syscall(SYS_pwrite64, fd, buf, n / 2, off);
	return burnt() ? -1 : syscall(SYS_pwrite64, fd, buf, n, off);
}

int
fsync(int fd)
{
	return burnt() ? -1 : (int)syscall(SYS_fsync, fd);
}

int
ftruncate(int fd, off_t len)
{
	return burnt() ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int
unlink(const char *path)
{
	return burnt() ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int
rename(const char *a, const char *b)
{
	return burnt() ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD,
	    b, 0);
}

int
renameat2(int ad, const char *a, int bd, const char *b, unsigned flags)
{
	return burnt() ? -1 : (int)syscall(SYS_renameat2, ad, a, bd, b, flags);
}

/* ---- databases and LTX files ---- */

static void
sql(const char *path, const char *text)
{
	sqlite3 *d;

	assert_int_equal(sqlite3_open(path, &d), SQLITE_OK);
	assert_int_equal(sqlite3_exec(d, text, 0, 0, 0), SQLITE_OK);
	sqlite3_close(d);
}

static void
copy(const char *from, const char *to)
{
	static char buf[1 << 20];
	int a = open(from, O_RDONLY), b = open(to, O_RDWR | O_CREAT | O_TRUNC,
	    0644);
	ssize_t n;

	assert_true(a >= 0 && b >= 0);
	while ((n = read(a, buf, sizeof buf)) > 0)
		assert_int_equal(write(b, buf, (size_t)n), n);
	close(a);
	close(b);
}

/* Rows that all have the same k. */
static void
make(const char *path, int k, int rows, int width)
{
	char text[400];

	unlink(path);
	snprintf(text, sizeof text, "PRAGMA page_size=1024; CREATE TABLE t(k, v);"
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
	    "WHERE i < %d) INSERT INTO t SELECT %d, randomblob(%d) FROM n",
	    rows, k, width);
	sql(path, text);
}

static unsigned char *
slurp(const char *path, size_t *n)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	unsigned char *p;

	assert_true(fd >= 0 && !fstat(fd, &st));
	*n = (size_t)st.st_size;
	p = malloc(*n);
	assert_int_equal(read(fd, p, *n), *n);
	close(fd);
	return p;
}

/* The LTX file that leads from a to b, TXID n-n, in PATH. */
static void
ltx(const char *path, uint64_t n, const char *a, const char *b, int page1)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	size_t an, bn;
	unsigned char *pa = slurp(a, &an), *pb = slurp(b, &bn);
	struct ltx_header h = { .flags = LTX_FLAG_NOCHECKSUM, .page_size = 1024,
	    .commit = (uint32_t)(bn / 1024), .min_txid = n, .max_txid = n,
	    .time_ms = 1700000000000 };
	struct ltx_enc *e;

	assert_true(fd >= 0);
	assert_int_equal(ltx_enc_begin(&e, &h, LTX_BLOCK, io_out_fd(&fd), NULL,
	    &err), 0);
	for (size_t i = 0; i < bn / 1024; i++) {
		unsigned char *p = pb + i * 1024;

		if (i ? (i + 1) * 1024 <= an && !memcmp(p, pa + i * 1024, 1024)
		    : !page1)
			continue;
		if (!i) /* as a database in WAL mode */
			p[18] = p[19] = 2;
		assert_int_equal(ltx_enc_page(e, (uint32_t)i + 1, p, &err), 0);
	}
	assert_int_equal(ltx_enc_end(e, 0, &err), 0);
	ltx_enc_free(e);
	close(fd);
	free(pa);
	free(pb);
}

/* What a reader sees: k, or -1 where a write was interrupted. */
static int
seen(int flags)
{
	sqlite3_stmt *st;
	sqlite3 *d;
	int k, rc;

	assert_int_equal(sqlite3_open_v2(db, &d, flags, 0), SQLITE_OK);
	rc = sqlite3_prepare_v2(d, "SELECT min(k), max(k), (SELECT * FROM "
	    "pragma_integrity_check) FROM t", -1, &st, 0);
	if (!rc)
		rc = sqlite3_step(st);
	if (rc != SQLITE_ROW) {
		assert_int_equal(flags, SQLITE_OPEN_READONLY);
		assert_int_equal(sqlite3_extended_errcode(d),
		    SQLITE_READONLY_ROLLBACK);
		k = -1;
	} else {
		k = sqlite3_column_int(st, 0);
		assert_int_equal(k, sqlite3_column_int(st, 1));
		assert_string_equal(sqlite3_column_text(st, 2), "ok");
	}
	sqlite3_finalize(st);
	sqlite3_close(d);
	return k;
}

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ls-standby.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(db, sizeof db, "%s/s.db", dir);
	snprintf(at1, sizeof at1, "%s/1", dir);
	snprintf(at2, sizeof at2, "%s/2", dir);
	return 0;
}

static int
teardown(void **state)
{
	char path[400];
	struct dirent *de;
	DIR *d = opendir(dir);

	(void)state;
	while (d && (de = readdir(d))) {
		snprintf(path, sizeof path, "%s/%s", dir, de->d_name);
		unlink(path);
	}
	closedir(d);
	return rmdir(dir);
}

/* The standby of TXID 1, whole. */
static void
begin(void)
{
	struct standby_pos pos = { .nonce = 0 };
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s-journal", db);
	unlink(path);
	copy(at1, db);
	fd = open(db, O_RDWR);
	assert_int_equal(standby_look(fd, &pos.at, &err), 0);
	pos.at.txid = 1;
	pos.at.level = 0xff;
	assert_int_equal(standby_mask(fd, &pos.at, &err), 0);
	assert_int_equal(standby_sum(fd, &pos.at, &pos.at.sum, &err), 0);
	close(fd);
	assert_int_equal(standby_pos_write(db, &pos, NULL, &err), 0);
	assert_int_equal(standby_txid_write(db, 1, NULL, &err), 0);
}

static int
apply(struct standby *s)
{
	struct replica_file f = { .min = 2, .max = 2 };
	struct standby_batch *b;
	char path[128];
	int fd, r;

	snprintf(path, sizeof path, "%s/2.ltx", dir);
	fd = open(path, O_RDONLY);
	r = standby_batch_begin(&b, s, &err);
	if (!r) {
		r = standby_batch_add(b, &f, io_in_fd(&fd), &err);
		if (!r)
			r = standby_apply(s, b, &err);
		standby_batch_free(b);
	}
	close(fd);
	return r;
}

/* A child whose fuse burns at call n: its exit code. */
static int
child(unsigned n, int failing)
{
	struct standby *s;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		fuse = n;
		fails = failing;
		if (standby_open(&s, db, NULL, &err) < 0)
			_exit(2);
		_exit(apply(s) < 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* As the state 2 would be in a standby. */
static void
is_state2(const struct standby *s)
{
	size_t an, bn;
	unsigned char *a = slurp(db, &an), *b = slurp(at2, &bn);
	const struct standby_at *at = standby_at(s);
	uint64_t sum;

	assert_int_equal(at->txid, 2);
	assert_int_equal(an, bn);
	assert_int_equal(standby_sum(standby_fd(s), at, &sum, &err), 0);
	assert_true(sum == at->sum);
	assert_int_equal(a[18], 1);
	assert_int_equal(a[19], 1);
	standby_page1_back(a, at->orig);
	b[18] = b[19] = a[18];
	memcpy(b + 24, a + 24, 4);
	assert_memory_equal(a, b, an);
	free(a);
	free(b);
}

static void
put_right(unsigned n)
{
	struct standby *s;
	uint64_t txid;
	int k = seen(SQLITE_OPEN_READONLY);

	assert_true(k == -1 || k == 1 || k == 2);
	if (n % 2) { /* a reader that may write, first */
		k = seen(SQLITE_OPEN_READWRITE);
		assert_true(k == 1 || k == 2);
	}
	assert_int_equal(standby_open(&s, db, NULL, &err), 0);
	k = seen(SQLITE_OPEN_READONLY);
	assert_int_equal(standby_at(s)->txid, k);
	assert_int_equal(standby_txid_read(db, &txid, &err), 0);
	assert_int_equal(txid, k);
	if (k == 1)
		assert_int_equal(apply(s), 0);
	assert_int_equal(seen(SQLITE_OPEN_READONLY), 2);
	is_state2(s);
	standby_close(s);
}

static void
each_call(int rows1, int rows2, int page1, int failing)
{
	char path[128];
	unsigned n, interrupted = 0;
	int rc = 1;

	make(at1, 1, rows1, 300);
	make(at2, 2, rows2, 300);
	snprintf(path, sizeof path, "%s/2.ltx", dir);
	ltx(path, 2, at1, at2, page1);
	for (n = 1; rc; n++) {
		begin();
		rc = child(n, failing);
		assert_true(rc == 0 || rc == (failing ? 1 : 77)
		    || (failing && rc == 2));
		interrupted += seen(SQLITE_OPEN_READONLY) == -1;
		put_right(n);
		assert_true(n < 2000);
	}
	/* each one was met, also those in the middle */
	assert_in_range(n, 20, 2000);
	if (failing != 1)
		assert_true(interrupted > 3);
	else /* what failed was undone at once */
		assert_true(interrupted <= 1);
}

static void
killed_while_it_grows(void **state)
{
	(void)state;
	each_call(30, 60, 1, 0);
}

static void
killed_while_it_shrinks(void **state)
{
	(void)state;
	each_call(60, 20, 1, 0);
}

static void
one_call_fails(void **state)
{
	(void)state;
	each_call(30, 60, 1, 1);
	each_call(60, 20, 1, 1);
}

static void
all_calls_fail_from_one_on(void **state)
{
	(void)state;
	each_call(30, 60, 1, 2);
}

/* A file without page 1: readers have to notice all the same. */
static void
without_page_1(void **state)
{
	sqlite3_stmt *st;
	struct standby *s;
	char path[128];
	sqlite3 *d;

	(void)state;
	make(at1, 1, 30, 300);
	copy(at1, at2);
	sql(at2, "UPDATE t SET k = 2");
	snprintf(path, sizeof path, "%s/2.ltx", dir);
	ltx(path, 2, at1, at2, 0);
	begin();
	assert_int_equal(sqlite3_open_v2(db, &d, SQLITE_OPEN_READONLY, 0), 0);
	for (int k = 1; k <= 2; k++) {
		assert_int_equal(sqlite3_prepare_v2(d, "SELECT min(k) FROM t", -1,
		    &st, 0), SQLITE_OK);
		assert_int_equal(sqlite3_step(st), SQLITE_ROW);
		assert_int_equal(sqlite3_column_int(st, 0), k);
		sqlite3_finalize(st);
		if (k == 2)
			break;
		assert_int_equal(standby_open(&s, db, NULL, &err), 0);
		assert_int_equal(apply(s), 0);
		/* kept from before: what the replica has there */
		assert_true(standby_at(s)->has_orig);
		standby_close(s);
	}
	sqlite3_close(d);
}

/* Somebody wrote to it: nothing is applied on top. */
static void
written_to(void **state)
{
	struct standby *s;
	char path[128];

	(void)state;
	make(at1, 1, 30, 300);
	make(at2, 2, 60, 300);
	snprintf(path, sizeof path, "%s/2.ltx", dir);
	ltx(path, 2, at1, at2, 1);
	begin();
	assert_int_equal(standby_open(&s, db, NULL, &err), 0);
	sql(db, "INSERT INTO t VALUES(1, 'mine')");
	assert_int_equal(apply(s), -1);
	assert_int_equal(err.kind, ERR_CONF);
	assert_non_null(strstr(err.msg, "written to since TXID 0000000000000001"));
	standby_close(s);
	assert_int_equal(standby_open(&s, db, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_DATA);
	assert_int_equal(seen(SQLITE_OPEN_READONLY), 1);
	/* in WAL mode */
	begin();
	sql(db, "PRAGMA journal_mode=wal; INSERT INTO t VALUES(1, 'mine')");
	assert_int_equal(standby_open(&s, db, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_DATA);
}

static void
one_at_a_time(void **state)
{
	struct standby *a, *b;

	(void)state;
	make(at1, 1, 30, 300);
	begin();
	assert_int_equal(standby_open(&a, db, NULL, &err), 0);
	assert_int_equal(standby_open(&b, db, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_BUSY);
	/* readers do not see that lock */
	assert_int_equal(seen(SQLITE_OPEN_READONLY), 1);
	standby_close(a);
	assert_int_equal(standby_open(&b, db, NULL, &err), 0);
	standby_close(b);
}

/* Litestream's standby, without a position of ours, and one that Litestream
 * has taken further. */
static void
of_litestream(void **state)
{
	struct standby *s;
	char path[128];

	(void)state;
	make(at1, 1, 30, 300);
	begin();
	snprintf(path, sizeof path, "%s-follow", db);
	unlink(path);
	assert_int_equal(standby_open(&s, db, NULL, &err), 0);
	assert_int_equal(standby_at(s)->txid, 1);
	assert_int_equal(standby_at(s)->level, 0xff);
	assert_true(!standby_at(s)->sum);
	standby_close(s);
	begin();
	assert_int_equal(standby_txid_write(db, 9, NULL, &err), 0);
	assert_int_equal(standby_open(&s, db, NULL, &err), 0);
	assert_int_equal(standby_at(s)->txid, 9);
	standby_close(s);
	snprintf(path, sizeof path, "%s-follow", db);
	unlink(path);
	snprintf(path, sizeof path, "%s-txid", db);
	assert_int_equal(io_write_file(path, "12\n", 3, NULL, &err), 0);
	assert_int_equal(standby_open(&s, db, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_DATA);
	unlink(path);
	assert_int_equal(standby_open(&s, db, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_CONF);
	/* a position file that was damaged says nothing */
	begin();
	snprintf(path, sizeof path, "%s-follow", db);
	assert_int_equal(io_write_file(path, "ls-s6 position 1\nat 1\n", 22,
	    NULL, &err), 0);
	assert_int_equal(standby_open(&s, db, NULL, &err), 0);
	assert_int_equal(standby_at(s)->level, 0xff);
	standby_close(s);
}

/* A file may say what it wants: no memory is touched for that. */
static void
says_that_it_is_huge(void **state)
{
	struct ltx_header h = { .flags = LTX_FLAG_NOCHECKSUM, .page_size = 1024,
	    .commit = 0xfffffffe, .min_txid = 2, .max_txid = 2 };
	static const unsigned char page[1024];
	struct rusage was, is;
	struct standby *s;
	struct ltx_enc *enc;
	char path[128];
	int fd;

	(void)state;
	make(at1, 1, 20, 100);
	begin();
	snprintf(path, sizeof path, "%s/2.ltx", dir);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	assert_int_equal(ltx_enc_begin(&enc, &h, LTX_BLOCK, io_out_fd(&fd), NULL,
	    &err), 0);
	assert_int_equal(ltx_enc_page(enc, 2, page, &err), 0);
	assert_int_equal(ltx_enc_end(enc, 0, &err), 0);
	ltx_enc_free(enc);
	close(fd);
	assert_int_equal(standby_open(&s, db, NULL, &err), 0);
	getrusage(RUSAGE_SELF, &was);
	assert_int_equal(apply(s), -1);
	assert_int_equal(err.kind, ERR_DATA);
	getrusage(RUSAGE_SELF, &is);
	assert_true(is.ru_maxrss - was.ru_maxrss < 256 * 1024); /* KB */
	assert_int_equal(standby_at(s)->txid, 1);
	standby_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(killed_while_it_grows),
		T(killed_while_it_shrinks),
		T(one_call_fails),
		T(all_calls_fail_from_one_on),
		T(without_page_1),
		T(written_to),
		T(one_at_a_time),
		T(of_litestream),
		T(says_that_it_is_huge),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
