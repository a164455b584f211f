#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <unistd.h>
#include "base/bytes.h"
#include "wal/wal.h"

/* A WAL as SQLite writes it is the oracle; the image of the other byte order
 * is the same frames with their sums made anew. */

static unsigned char *
real_wal(uint32_t page_size, size_t *len)
{
	char dir[] = "/tmp/wal-XXXXXX", path[64], sql[256], *msg = 0;
	unsigned char *p;
	sqlite3 *db;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/a", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(sql, sizeof sql, "pragma page_size=%u;pragma journal_mode=wal;"
	    "create table t(x);insert into t values(randomblob(9000));"
	    "insert into t values(randomblob(70000));"
	    "delete from t where rowid=1", page_size);
	assert_int_equal(sqlite3_exec(db, sql, 0, 0, &msg), SQLITE_OK);
	snprintf(path, sizeof path, "%s/a-wal", dir);
	f = fopen(path, "rb");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*len = ftell(f);
	rewind(f);
	p = malloc(*len);
	assert_int_equal(fread(p, 1, *len, f), *len);
	fclose(f);
	sqlite3_close(db);
	snprintf(path, sizeof path, "%s/a", dir);
	unlink(path);
	rmdir(dir);
	return p;
}

static void
other_order(unsigned char *p, size_t len)
{
	struct wal_header h;
	struct err err;
	size_t step, at;
	uint32_t sum[2];

	assert_int_equal(wal_header_unpack(&h, p, &err), 0);
	h.magic ^= 1;
	wal_header_pack(p, &h);
	sum[0] = h.sum[0];
	sum[1] = h.sum[1];
	step = WAL_FRAME_HEADER + h.page_size;
	for (at = WAL_HEADER_SIZE; at + step <= len; at += step) {
		wal_sum(h.magic & 1, p + at, 8, sum);
		wal_sum(h.magic & 1, p + at + WAL_FRAME_HEADER, h.page_size,
		    sum);
		be32_pack(p + at + 16, sum[0]);
		be32_pack(p + at + 20, sum[1]);
	}
}

static unsigned
walk(const unsigned char *p, size_t len, uint32_t *commit)
{
	struct wal_header h;
	struct wal_frame f;
	struct err err;
	uint32_t sum[2];
	unsigned n = 0;

	if (wal_header_unpack(&h, p, &err) < 0)
		return 0;
	sum[0] = h.sum[0];
	sum[1] = h.sum[1];
	for (;;) {
		int64_t at = wal_frame_offset(n + 1, h.page_size);

		if (at + WAL_FRAME_HEADER + h.page_size > (int64_t)len
		    || !wal_frame_ok(&h, p + at, sum))
			return n;
		wal_frame_unpack(&f, p + at);
		if (f.commit)
			*commit = f.commit;
		n++;
	}
}

static void
whole_wal_of_every_page_size_in_both_orders(void **state)
{
	uint32_t size, commit;

	(void)state;
	for (size = 512; size <= 65536; size *= 2) {
		size_t len;
		unsigned char *p = real_wal(size, &len);
		unsigned n = (len - WAL_HEADER_SIZE)
		    / (WAL_FRAME_HEADER + size);

		commit = 0;
		assert_int_equal(be32_unpack(p + 8), size);
		assert_int_equal(walk(p, len, &commit), n);
		assert_true(commit > 1);
		other_order(p, len);
		assert_int_equal(walk(p, len, &commit), n);
		free(p);
	}
}

static void
every_changed_byte_ends_the_chain_there(void **state)
{
	size_t len, at;
	uint32_t commit = 0;
	unsigned char *p = real_wal(1024, &len);
	size_t step = WAL_FRAME_HEADER + 1024;

	(void)state;
	for (at = 0; at < len; at += at < 60 ? 1 : 37) {
		unsigned want = at < WAL_HEADER_SIZE ? 0
		    : (at - WAL_HEADER_SIZE) / step;

		p[at] ^= 0x40;
		assert_int_equal(walk(p, len, &commit), want);
		p[at] ^= 0x40;
	}
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_wal_of_every_page_size_in_both_orders),
		cmocka_unit_test(every_changed_byte_ends_the_chain_there),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
