#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ltx_mem.h"
#include "repl/restore.h"

#define PS 512
#define PAGES 48
#define TXIDS 24

/* A random history of a small database that grows and shrinks: after TXID t
 * it has commit[t] pages, and page p holds version wrote[t][p]. */
static struct {
	uint32_t commit[TXIDS + 1];
	uint32_t wrote[TXIDS + 1][PAGES + 1];
} past;

static char dir[64];
static uint32_t seed;
static uint64_t node;   /* of files put */
static uint32_t salt;   /* of their WAL, which they begin */

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void
make_past(void)
{
	for (uint32_t t = 1; t <= TXIDS; t++) {
		uint32_t was = past.commit[t - 1];
		uint32_t now = rnd(3) && was ? was : 1 + rnd(PAGES);

		past.commit[t] = now;
		memcpy(past.wrote[t], past.wrote[t - 1], sizeof past.wrote[t]);
		for (uint32_t p = 1; p <= now; p++)
			if (p > was || !rnd(6))
				past.wrote[t][p] = t;
	}
}

static void
path_of(char s[160], unsigned level, uint32_t min, uint32_t max)
{
	char name[LTX_NAME_LEN + 1];

	ltx_name_fmt(name, min, max);
	if (level == 99)
		snprintf(s, 160, "%s/local/%s", dir, name);
	else
		snprintf(s, 160, "%s/ltx/%u/%s", dir, level, name);
}

static void
put_bytes(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

/* The file that TXIDs min to max come to. */
static void
put_file(unsigned level, uint32_t min, uint32_t max)
{
	struct ltx_header h = mem_header(PS, past.commit[max], min, max);
	unsigned char page[PS];
	struct mem m = mem_new();
	struct ltx_enc *enc;
	struct err e = { 0 };
	char path[160];

	h.node = node;
	h.salt1 = salt;
	h.wal_offset = salt ? 32 : 0;
	h.wal_size = salt ? 100 : 0;
	assert_int_equal(ltx_enc_begin(&enc, &h, rnd(2) ? LTX_BLOCK : LTX_FRAME,
	    mem_out(&m), NULL, &e), 0);
	for (uint32_t p = 1; p <= h.commit; p++)
		if (past.wrote[max][p] >= min) {
			mem_page(page, PS, p, past.wrote[max][p]);
			assert_int_equal(ltx_enc_page(enc, p, page, &e), 0);
		}
	assert_int_equal(ltx_enc_end(enc, 0, &e), 0);
	ltx_enc_free(enc);
	path_of(path, level, min, max);
	put_bytes(path, m.p, m.len);
	mem_free(&m);
}

static struct store *
open_store(struct store_conf *conf)
{
	struct store *st;
	struct err e = { 0 };

	store_conf_init(conf);
	conf->type = STORE_FILE;
	conf->path = strdup(dir);
	conf->url = strdup("file://test");
	assert_int_equal(store_open(&st, conf, &e), 0);
	return st;
}

static void
check_state(int fd, const struct apply_done *d, uint32_t t)
{
	unsigned char want[PS], got[PS];
	struct stat st;

	assert_int_equal(d->txid, t);
	assert_int_equal(d->pages, past.commit[t]);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, (off_t)past.commit[t] * PS);
	for (uint32_t p = 1; p <= past.commit[t]; p++) {
		mem_page(want, PS, p, past.wrote[t][p]);
		assert_int_equal(pread(fd, got, PS, (off_t)(p - 1) * PS), PS);
		assert_memory_equal(got, want, PS);
	}
}

static struct log *says; /* where restores log, NULL: nowhere */

/* Restores TXID t (0: the latest); the TXID reached, or 0 with the error. */
static uint32_t
restore_to(uint32_t t, const char *ltx0, struct err *e)
{
	struct restore_opt opt = { .target = { t, -1 }, .ltx0 = ltx0,
	    .parallel = 1 + rnd(9), .log = says };
	struct store_conf conf;
	struct store *st = open_store(&conf);
	struct listing l = { 0 };
	struct restore_plan p;
	struct apply_done d = { 0 };
	int fd = io_anon(dir, e), r;

	assert_int_equal(listing_read(st, LISTING_ALL, &l, e), 0);
	r = restore_plan(&p, st, &l, &opt, e);
	if (!r) {
		r = restore_run(&p, st, &opt, fd, &d, e);
		restore_plan_free(&p);
	}
	if (!r)
		check_state(fd, &d, (uint32_t)d.txid);
	close(fd);
	store_close(st);
	store_conf_free(&conf);
	return r ? 0 : (uint32_t)d.txid;
}

static int
new_dir(void **state)
{
	char s[128];

	(void)state;
	snprintf(dir, sizeof dir, "/tmp/ls-restore.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(s, sizeof s, "%s/local", dir);
	mkdir(s, 0777);
	snprintf(s, sizeof s, "%s/ltx", dir);
	mkdir(s, 0777);
	for (unsigned i = 0; i < 10; i++) {
		snprintf(s, sizeof s, "%s/ltx/%u", dir, i);
		mkdir(s, 0777);
	}
	return 0;
}

static int
drop_dir(void **state)
{
	char s[128];

	(void)state;
	snprintf(s, sizeof s, "rm -rf '%s'", dir);
	return system(s);
}

/* Every TXID a plan exists for, out of random files of random levels. */
static void
every_state_of_random_replicas(void **state)
{
	unsigned restored = 0;

	for (unsigned round = 0; round < 30; round++) {
		struct err e = { 0 };

		seed = 77 + round;
		make_past();
		for (uint32_t t = 1; t <= TXIDS; t++)
			if (rnd(8))
				put_file(0, t, t);
		for (unsigned i = 0; i < 12; i++) {
			uint32_t min = 1 + rnd(TXIDS);

			put_file(1 + rnd(8), min, min + rnd(TXIDS - min + 1));
		}
		put_file(9, 1, 1 + rnd(TXIDS));
		for (uint32_t t = 1; t <= TXIDS; t++) {
			uint32_t got = restore_to(t, NULL, &e);

			assert_true(got == t || (!got && e.kind != ERR_BUG));
			restored += !!got;
		}
		drop_dir(state);
		new_dir(state);
	}
	assert_true(restored > 30 * TXIDS / 2);
}

static void
flip(unsigned level, uint32_t min, uint32_t max, long at)
{
	char path[160];
	unsigned char c;
	int fd;
	struct stat st;

	path_of(path, level, min, max);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0 && !fstat(fd, &st));
	if (at < 0)
		at += st.st_size;
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 0x10;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

static void
a_damaged_file_is_gone_around_or_named(void **state)
{
	struct err e = { 0 };

	(void)state;
	seed = 5;
	make_past();
	for (uint32_t t = 1; t <= 12; t++)
		put_file(0, t, t);
	put_file(1, 1, 4);
	put_file(1, 5, 8);
	put_file(9, 1, 8);
	flip(9, 1, 8, 300);
	flip(1, 5, 8, -3);
	assert_int_equal(restore_to(0, NULL, &e), 12); /* 1-4, then level 0 */
	flip(0, 6, 6, 120);
	assert_int_equal(restore_to(0, NULL, &e), 0);
	assert_int_equal(e.kind, ERR_DATA);
	assert_non_null(strstr(e.msg,
	    "level 0 file 0000000000000006-0000000000000006.ltx: byte "));
	assert_non_null(strstr(e.msg, "gap: TXID 0000000000000006 to "
	    "0000000000000006 are missing; what can still be restored ends at "
	    "--txid 0000000000000005"));
	assert_int_equal(restore_to(5, NULL, &e), 5);
}

/* Between plan and reading, compaction replaces files, or the newest are
 * gone for good. */
static void
vanished_files_make_a_new_plan(void **state)
{
	struct restore_opt opt = { .target = { 0, -1 } };
	struct store_conf conf;
	struct store *st = open_store(&conf);
	struct listing l = { 0 };
	struct restore_plan p;
	struct apply_done d;
	struct err e = { 0 };
	char path[160];
	int fd = io_anon(dir, &e);

	(void)state;
	seed = 7;
	make_past();
	for (uint32_t t = 1; t <= 6; t++)
		put_file(0, t, t);
	assert_int_equal(listing_read(st, LISTING_ALL, &l, &e), 0);
	assert_int_equal(restore_plan(&p, st, &l, &opt, &e), 0);
	assert_int_equal(p.plan.n, 6);
	for (uint32_t t = 1; t <= 5; t++) {
		path_of(path, 0, t, t);
		unlink(path);
	}
	put_file(2, 1, 5);
	assert_int_equal(restore_run(&p, st, &opt, fd, &d, &e), 0);
	assert_int_equal(p.plan.n, 2);
	check_state(fd, &d, 6);
	path_of(path, 2, 1, 5);
	unlink(path);
	assert_int_equal(restore_run(&p, st, &opt, fd, &d, &e), -1);
	assert_int_equal(e.kind, ERR_DATA); /* a gap, never "nothing" */
	path_of(path, 0, 6, 6);
	unlink(path);
	put_file(2, 1, 5);
	assert_int_equal(listing_read(st, LISTING_ALL, &p.listing, &e), 0);
	restore_plan_free(&p);
	assert_int_equal(listing_read(st, LISTING_ALL, &l, &e), 0);
	assert_int_equal(restore_plan(&p, st, &l, &opt, &e), 0);
	path_of(path, 2, 1, 5);
	unlink(path);
	assert_int_equal(restore_run(&p, st, &opt, fd, &d, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP); /* all gone: not "nothing" either */
	restore_plan_free(&p);
	close(fd);
	store_close(st);
	store_conf_free(&conf);
}

static void
truncated_empty_and_swapped_files_are_damage(void **state)
{
	struct err e = { 0 };
	char path[160], other[160];

	(void)state;
	seed = 6;
	make_past();
	for (uint32_t t = 1; t <= 4; t++)
		put_file(0, t, t);
	path_of(path, 0, 3, 3);
	path_of(other, 0, 4, 4);
	assert_int_equal(truncate(path, 90), 0);
	assert_int_equal(restore_to(0, NULL, &e), 0);
	assert_non_null(strstr(e.msg, "0000000000000003-0000000000000003.ltx"));
	assert_int_equal(e.kind, ERR_DATA);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(restore_to(0, NULL, &e), 0);
	assert_non_null(strstr(e.msg, "0000000000000003-0000000000000003.ltx"));
	assert_int_equal(e.kind, ERR_DATA);
	unlink(path);
	assert_int_equal(link(other, path), 0);
	assert_int_equal(restore_to(0, NULL, &e), 0);
	assert_non_null(strstr(e.msg, "header is of TXID 0000000000000004"));
	unlink(path);
	put_file(0, 3, 3);
	assert_int_equal(restore_to(0, NULL, &e), 4);
	put_bytes(path, "LTX1", 4);
	put_file(0, 3, 3);
	{
		int fd = open(path, O_WRONLY | O_APPEND);

		assert_int_equal(write(fd, "x", 1), 1);
		close(fd);
	}
	assert_int_equal(restore_to(0, NULL, &e), 0);
	assert_non_null(strstr(e.msg, "bytes after the end of the file"));
}

static void
local_files_go_further_than_the_replica(void **state)
{
	char ltx0[100], path[160];
	struct err e = { 0 };

	(void)state;
	seed = 8;
	make_past();
	snprintf(ltx0, sizeof ltx0, "%s/local", dir);
	for (uint32_t t = 1; t <= 5; t++)
		put_file(0, t, t);
	for (uint32_t t = 6; t <= 9; t++)
		put_file(99, t, t);
	put_file(99, 11, 11);
	assert_int_equal(restore_to(0, NULL, &e), 5);
	assert_int_equal(restore_to(0, ltx0, &e), 9);
	assert_int_equal(restore_to(4, ltx0, &e), 4);
	/* the same file in both, byte for byte */
	{
		char a[160], b[400];

		path_of(path, 99, 5, 5);
		path_of(a, 0, 5, 5);
		snprintf(b, sizeof b, "cp %s %s", a, path);
		assert_int_equal(system(b), 0);
	}
	assert_int_equal(restore_to(0, ltx0, &e), 9);
	/* not the same: another history */
	flip(99, 5, 5, -1);
	assert_int_equal(restore_to(0, ltx0, &e), 5);
	unlink(path);
	/* a damaged one ends the tail */
	flip(99, 8, 8, 150);
	assert_int_equal(restore_to(0, ltx0, &e), 7);
	/* nothing at all but local files from TXID 1 on */
	for (uint32_t t = 1; t <= 5; t++) {
		path_of(path, 0, t, t);
		unlink(path);
		put_file(99, t, t);
	}
	assert_int_equal(restore_to(0, ltx0, &e), 7);
	assert_int_equal(restore_to(0, NULL, &e), 0);
	assert_int_equal(e.kind, ERR_NOTFOUND);
}

static void
a_time_is_found_in_the_headers(void **state)
{
	struct restore_opt opt = { .target = { 0, 3500 } };
	struct store_conf conf;
	struct store *st;
	struct listing l = { 0 };
	struct restore_plan p;
	struct err e = { 0 };

	(void)state;
	seed = 9;
	make_past();
	for (uint32_t t = 9; t; t--) /* so that mtimes say nothing */
		put_file(0, t, t);
	st = open_store(&conf);
	assert_int_equal(listing_read(st, LISTING_ALL, &l, &e), 0);
	assert_int_equal(restore_plan(&p, st, &l, &opt, &e), 0);
	assert_int_equal(p.txid, 3); /* of time 3000 */
	restore_plan_free(&p);
	store_close(st);
	store_conf_free(&conf);
}

static void
streams_in_any_order(void **state)
{
	static const uint32_t order[][2] = {
		{ 5, 5 }, { 2, 3 }, { 1, 1 }, { 6, 9 }, { 4, 4 }, { 3, 4 }
	};
	struct restore_opt opt = { .target = { 0, -1 } };
	struct mem all = mem_new();
	struct apply_done d;
	struct err e = { 0 };
	int fd;

	(void)state;
	seed = 10;
	make_past();
	for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
		unsigned char buf[PAGES * (PS + 64)];
		char path[160];
		ssize_t n;

		put_file(1, order[i][0], order[i][1]);
		path_of(path, 1, order[i][0], order[i][1]);
		fd = open(path, O_RDONLY);
		n = read(fd, buf, sizeof buf);
		assert_true(n > 0);
		close(fd);
		assert_int_equal(mem_write(&all, buf, (size_t)n, &e), 0);
	}
	fd = io_anon(dir, &e);
	all.chunk = 333;
	assert_int_equal(restore_stream(mem_in(&all), dir, &opt, fd, &d, &e), 0);
	check_state(fd, &d, 9);
	opt.target.time_ms = 4999;
	assert_int_equal(restore_stream(mem_in(&all), dir, &opt, fd, &d, &e), 0);
	check_state(fd, &d, 4);
	all.len -= 5;
	assert_int_equal(restore_stream(mem_in(&all), dir, &opt, fd, &d, &e), -1);
	assert_non_null(strstr(e.msg, "standard input: file 6,"));
	all.len = 0;
	assert_int_equal(restore_stream(mem_in(&all), dir, &opt, fd, &d, &e), -1);
	assert_int_equal(e.kind, ERR_DATA);
	close(fd);
	mem_free(&all);
}

/* A writer that lost its place puts a full copy n-n after a gap. */
static void
a_full_copy_in_level_0_is_a_beginning(void **state)
{
	struct log log = { .level = LOG_INFO, .prog = "test" };
	struct err e = { 0 };
	uint32_t was;

	(void)state;
	seed = 11;
	make_past();
	put_file(0, 1, 1);
	put_file(0, 2, 2);
	put_file(0, 9, 9);
	put_file(0, 10, 10);
	assert_int_equal(restore_to(0, NULL, &e), 0);
	assert_int_equal(e.kind, ERR_DATA);
	assert_non_null(strstr(e.msg, "gap: TXID 0000000000000003 to "
	    "0000000000000008"));
	/* as if every page was written by TXID 6 and later */
	was = past.commit[6];
	for (uint32_t t = 6; t <= TXIDS; t++)
		for (uint32_t p = 1; p <= past.commit[t]; p++)
			if (past.wrote[t][p] < 6)
				past.wrote[t][p] = 6;
	put_file(0, 6, 6);
	put_file(0, 7, 7);
	put_file(0, 8, 8);
	put_file(0, 9, 9);
	assert_true(was == past.commit[6]);
	assert_int_equal(restore_to(0, NULL, &e), 10);
	assert_int_equal(restore_to(7, NULL, &e), 7);
	assert_int_equal(restore_to(2, NULL, &e), 2);
	assert_int_equal(restore_to(4, NULL, &e), 0);
	assert_int_equal(e.kind, ERR_DATA);
	/* said where it was of use, and only there */
	says = &log;
	assert_true((log.fd = io_anon(dir, &e)) >= 0);
	assert_int_equal(restore_to(11, NULL, &e), 0);
	assert_int_equal(restore_to(4, NULL, &e), 0);
	assert_int_equal(lseek(log.fd, 0, SEEK_END), 0);
	assert_int_equal(restore_to(7, NULL, &e), 7);
	assert_true(lseek(log.fd, 0, SEEK_END) > 0);
	close(log.fd);
	says = NULL;
}

/* Local files that only begin where the replica ends. */
static void
local_files_of_others_are_left_out(void **state)
{
	static const struct { uint64_t node; uint32_t salt; int taken; } next[] = {
		{ 7, 90, 1 },  /* the same writer */
		{ 8, 90, 0 },
		{ 8, 51, 1 },  /* the WAL after that of the replica's last file */
		{ 8, 50, 0 },  /* the same WAL, but not where that ends */
		{ 0, 90, 0 },
	};
	char ltx0[100], path[160];
	struct err e = { 0 };

	(void)state;
	seed = 8;
	make_past();
	snprintf(ltx0, sizeof ltx0, "%s/local", dir);
	for (uint32_t t = 1; t <= 5; t++) {
		node = 7;
		salt = 50;
		put_file(0, t, t);
	}
	for (size_t i = 0; i < sizeof next / sizeof *next; i++) {
		node = next[i].node;
		salt = next[i].salt;
		put_file(99, 6, 6);
		assert_int_equal(restore_to(0, ltx0, &e), next[i].taken ? 6 : 5);
	}
	/* nothing of level 0 to compare with */
	node = 7;
	put_file(1, 1, 5);
	path_of(path, 0, 5, 5);
	unlink(path);
	assert_int_equal(restore_to(0, ltx0, &e), 5);
	node = salt = 0;
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, new_dir, drop_dir)
	const struct CMUnitTest tests[] = {
		T(every_state_of_random_replicas),
		T(a_damaged_file_is_gone_around_or_named),
		T(vanished_files_make_a_new_plan),
		T(truncated_empty_and_swapped_files_are_damage),
		T(local_files_go_further_than_the_replica),
		T(a_full_copy_in_level_0_is_a_beginning),
		T(local_files_of_others_are_left_out),
		T(a_time_is_found_in_the_headers),
		T(streams_in_any_order),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
