#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>
#include "db/check.h"
#include "db/dump.h"
#include "db/pagemap.h"
#include "db/state.h"

static char dir[64];
static struct err err;

static void
begin(void)
{
	strcpy(dir, "/tmp/state-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static void
finish(void)
{
	char cmd[128];

	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

static void
put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

static void
folder_through_links(void **state)
{
	char link[96], want[128];
	struct state_paths p;

	(void)state;
	begin();
	snprintf(link, sizeof link, "%s/link.db", dir);
	snprintf(want, sizeof want, "%s/sub/.a.db-litestream", dir);
	/* to nothing yet, and once more */
	assert_int_equal(symlink("sub/second", link), 0);
	assert_int_equal(state_paths(&p, link, 0, &err), 0);
	assert_non_null(strstr(p.dir, "/sub/.second-litestream"));
	state_paths_free(&p);
	snprintf(link, sizeof link, "%s/sub", dir);
	assert_int_equal(mkdir(link, 0755), 0);
	snprintf(link, sizeof link, "%s/sub/second", dir);
	assert_int_equal(symlink("a.db", link), 0);
	snprintf(link, sizeof link, "%s/link.db", dir);
	assert_int_equal(state_paths(&p, link, 0, &err), 0);
	assert_string_equal(p.dir, want);
	state_paths_free(&p);
	put("sub/a.db", "there now");
	assert_int_equal(state_paths(&p, link, 0, &err), 0);
	assert_string_equal(p.dir, want);
	state_paths_free(&p);
	/* not where the user says it */
	assert_int_equal(state_paths(&p, link, "/m", &err), 0);
	assert_string_equal(p.dir, "/m");
	state_paths_free(&p);
	/* a circle ends */
	snprintf(link, sizeof link, "%s/circle", dir);
	assert_int_equal(symlink("circle", link), 0);
	assert_int_equal(state_paths(&p, link, 0, &err), 0);
	state_paths_free(&p);
	finish();
}

static void
folder_of_a_database(void **state)
{
	struct state_paths p;

	(void)state;
	assert_int_equal(state_paths(&p, "/data/app.db", 0, &err), 0);
	assert_string_equal(p.dir, "/data/.app.db-litestream");
	assert_string_equal(p.ltx0, "/data/.app.db-litestream/ltx/0");
	state_paths_free(&p);
	assert_int_equal(state_paths(&p, "/app.db", "/m", &err), 0);
	assert_string_equal(p.ltx0, "/m/ltx/0");
	state_paths_free(&p);
	state_paths_free(&p);
}

static void
level_0_files_are_counted(void **state)
{
	uint64_t min, max;
	int contig;

	(void)state;
	begin();
	assert_int_equal(state_scan("/nowhere/at/all", &min, &max, &contig,
	    &err), 0);
	assert_int_equal(max, 0);
	put("0000000000000009-0000000000000009.ltx", "");
	put("000000000000000a-000000000000000a.ltx", "");
	put("0000000000000001-000000000000000f.ltx", "");
	put("000000000000000b-000000000000000b.ltx.tmp", "");
	put("000000000000000B-000000000000000B.ltx", "");
	assert_int_equal(state_scan(dir, &min, &max, &contig, &err), 0);
	assert_int_equal(min, 9);
	assert_int_equal(max, 10);
	assert_int_equal(contig, 1);
	put("000000000000000c-000000000000000c.ltx", "");
	assert_int_equal(state_scan(dir, &min, &max, &contig, &err), 0);
	assert_int_equal(contig, 0);
	finish();
}

static void
marker_and_shipped(void **state)
{
	struct state_marker m, n;
	struct state_facts f;
	char path[128];
	FILE *file;
	long at;

	(void)state;
	begin();
	assert_int_equal(state_marker_read(dir, &n, &err), -1);
	assert_int_equal(err.kind, ERR_NOTFOUND);
	memset(&m, 0, sizeof m);
	m.kind = MARKER_RESTORE;
	m.txid = UINT64_MAX;
	memset(&m.facts, 0x5a, sizeof m.facts);
	m.facts.mtime_ns = -5;
	strcpy(m.url, "s3://bucket/a path with blanks");
	assert_int_equal(state_marker_write(dir, &m, &err), 0);
	assert_int_equal(state_marker_read(dir, &n, &err), 0);
	assert_int_equal(n.kind, m.kind);
	assert_int_equal(n.txid, m.txid);
	assert_string_equal(n.url, m.url);
	assert_int_equal(n.facts.page1, m.facts.page1);
	assert_int_equal(n.facts.mtime_ns, -5);
	assert_int_equal(n.facts.btime_ns, m.facts.btime_ns);
	snprintf(path, sizeof path, "%s/marker", dir);
	for (at = 0; at < 60; at += 7) {
		int c;

		file = fopen(path, "r+");
		fseek(file, at, SEEK_SET);
		c = fgetc(file);
		fseek(file, at, SEEK_SET);
		fputc(c ^ 1, file);
		fclose(file);
		assert_int_equal(state_marker_read(dir, &n, &err), -1);
		assert_int_equal(err.kind, ERR_DATA);
		assert_int_equal(state_marker_write(dir, &m, &err), 0);
	}
	assert_int_equal(state_marker_remove(dir, &err), 0);
	assert_int_equal(state_marker_remove(dir, &err), 0);
	assert_int_equal(state_shipped_write(dir, &m.facts, &err), 0);
	assert_int_equal(state_shipped_read(dir, &f, &err), 0);
	assert_int_equal(f.schema_cookie, m.facts.schema_cookie);
	finish();
}

static void
writer_and_lock(void **state)
{
	uint64_t a, b;
	int fd;

	(void)state;
	begin();
	assert_int_equal(state_writer_id(dir, &a, &err), 0);
	assert_int_equal(state_writer_id(dir, &b, &err), 0);
	assert_true(a == b && a);
	fd = state_lock(dir, &err);
	assert_true(fd >= 0);
	assert_int_equal(state_lock(dir, &err), -1);
	assert_int_equal(err.kind, ERR_BUSY);
	close(fd);
	fd = state_lock(dir, &err);
	assert_true(fd >= 0);
	close(fd);
	finish();
}

/* Against a plain array: any order of pages, more pairs than fit. */
static void
page_map_spills_and_merges(void **state)
{
	static uint32_t newest[5001];
	struct pagemap m;
	uint32_t i, pgno, frame, want;

	(void)state;
	srand(1);
	memset(newest, 0, sizeof newest);
	pagemap_init(&m, 1);
	for (i = 1; i <= 40000; i++) {
		pgno = rand() % 3 ? rand() % 5000 + 1 : rand() % 20 + 1;
		newest[pgno] = i;
		assert_int_equal(pagemap_add(&m, pgno, i, &err), 0);
	}
	assert_true(m.runs > 3);
	assert_int_equal(pagemap_sort(&m, &err), 0);
	for (want = 1; want <= 5000; want++) {
		if (!newest[want])
			continue;
		assert_int_equal(pagemap_next(&m, &pgno, &frame, &err), 1);
		assert_int_equal(pgno, want);
		assert_int_equal(frame, newest[want]);
	}
	assert_int_equal(pagemap_next(&m, &pgno, &frame, &err), 0);
	pagemap_free(&m);
	pagemap_free(&m);
}

static void
run(sqlite3 *db, const char *sql)
{
	assert_int_equal(sqlite3_exec(db, sql, 0, 0, 0), SQLITE_OK);
}

static int
discard(void *ctx, const void *buf, size_t len, struct err *e)
{
	(void)buf;
	(void)e;
	*(size_t *)ctx += len;
	return 0;
}

static void
dump_of_a_live_database_in_any_mode(void **state)
{
	static const char *const mode[] = { "delete", "wal" };
	struct ltx_header h;
	size_t i, bytes = 0;
	struct io_out out = { discard, &bytes };
	char path[128], sql[64];
	sqlite3 *db;

	(void)state;
	begin();
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, mode[i]);
		assert_int_equal(dump_db(path, 1, 0, LTX_BLOCK, 0, out, &h,
		    &err), -1);
		assert_int_equal(err.kind, ERR_NOTFOUND);
		sqlite3_open(path, &db);
		snprintf(sql, sizeof sql, "pragma journal_mode=%s", mode[i]);
		run(db, sql);
		run(db, "create table t(x);insert into t values(1)");
		assert_int_equal(dump_db(path, 9, 3, LTX_FRAME, 0, out, &h,
		    &err), 0);
		assert_int_equal(h.commit, 2);
		assert_int_equal(h.min_txid, 1);
		assert_int_equal(h.max_txid, 9);
		assert_int_equal(h.node, 3);
		assert_true(bytes > 100);
		run(db, "insert into t values(2)");
		sqlite3_close(db);
	}
	put("text", "this is no database at all, and long enough to be taken "
	    "for one by its size if nothing else looked at it: not a header");
	snprintf(path, sizeof path, "%s/text", dir);
	assert_int_equal(dump_db(path, 1, 0, LTX_BLOCK, 0, out, &h, &err), -1);
	assert_int_equal(err.kind, ERR_DATA);
	finish();
}

static void
damage_is_found_and_nothing_left_behind(void **state)
{
	char path[128], beside[136];
	sqlite3 *db;
	FILE *f;

	(void)state;
	begin();
	snprintf(path, sizeof path, "%s/a%%20?b#.db", dir);
	sqlite3_open(path, &db);
	run(db, "pragma journal_mode=wal;create table t(x unique);"
	    "insert into t values(1);insert into t values(2)");
	sqlite3_close(db);
	assert_int_equal(check_file(path, CHECK_QUICK, &err), 0);
	assert_int_equal(check_file(path, CHECK_FULL, &err), 0);
	snprintf(beside, sizeof beside, "%s-shm", path);
	assert_int_not_equal(access(beside, F_OK), 0);
	f = fopen(path, "r+");
	fseek(f, 4096, SEEK_SET);
	fputs("garbage in the second page", f);
	fclose(f);
	assert_int_equal(check_file(path, CHECK_NONE, &err), 0);
	assert_int_equal(check_file(path, CHECK_QUICK, &err), -1);
	assert_int_equal(err.kind, ERR_DATA);
	finish();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folder_of_a_database),
		cmocka_unit_test(folder_through_links),
		cmocka_unit_test(level_0_files_are_counted),
		cmocka_unit_test(marker_and_shipped),
		cmocka_unit_test(writer_and_lock),
		cmocka_unit_test(page_map_spills_and_merges),
		cmocka_unit_test(dump_of_a_live_database_in_any_mode),
		cmocka_unit_test(damage_is_found_and_nothing_left_behind),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
