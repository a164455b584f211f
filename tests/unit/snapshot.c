#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ltx_mem.h"
#include "repl/listing.h"
#include "repl/snapshot.h"

#define PS 512
#define PAGES 7
#define FILES 3100
#define DESCRIPTORS 100

static char dir[64];
static int vanish;      /* TXID whose file goes before it is opened */
static struct err err;

static void
path_of(char s[128], unsigned level, uint32_t min, uint32_t max)
{
	char name[LTX_NAME_LEN + 1];

	ltx_name_fmt(name, min, max);
	snprintf(s, 128, "%s/ltx/%u/%s", dir, level, name);
}

/* In the place of libc's: the merge begins with it, after the plan. */
int
pipe2(int fd[2], int flags)
{
	char s[128];

	if (vanish) {
		path_of(s, 0, (uint32_t)vanish, (uint32_t)vanish);
		unlink(s);
	}
	if (pipe(fd))
		return -1;
	for (int i = 0; i < 2; i++)
		fcntl(fd[i], F_SETFD, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
	return 0;
}

/* TXID t of a database of PAGES pages: 1 is all of them, the others write
 * one. */
static void
put_file(uint32_t t)
{
	struct ltx_header h = mem_header(PS, PAGES, t, t);
	unsigned char page[PS];
	struct mem m = mem_new();
	struct ltx_enc *enc;
	char path[128];
	int fd;

	assert_int_equal(ltx_enc_begin(&enc, &h, LTX_BLOCK, mem_out(&m), NULL,
	    &err), 0);
	for (uint32_t p = 1; p <= PAGES; p++)
		if (t == 1 || p == t % PAGES + 1) {
			mem_page(page, PS, p, t);
			assert_int_equal(ltx_enc_page(enc, p, page, &err), 0);
		}
	assert_int_equal(ltx_enc_end(enc, 0, &err), 0);
	ltx_enc_free(enc);
	path_of(path, 0, t, t);
	fd = open(path, O_WRONLY | O_CREAT, 0666);
	assert_int_equal(write(fd, m.p, m.len), m.len);
	close(fd);
	mem_free(&m);
}

static int
setup(void **state)
{
	char s[128];

	(void)state;
	strcpy(dir, "/tmp/ls-snapshot.XXXXXX");
	vanish = 0;
	if (!mkdtemp(dir))
		return -1;
	snprintf(s, sizeof s, "%s/ltx/0", dir);
	return io_mkdirs(s, NULL, &err);
}

static int
teardown(void **state)
{
	char s[128];

	(void)state;
	snprintf(s, sizeof s, "rm -r %s", dir);
	return system(s);
}

static int
snapshot(struct snapshot_done *done)
{
	struct snapshot_opt opt = { NULL, "", LTX_BLOCK, NULL, NULL };
	struct store_conf conf;
	int r;

	store_conf_init(&conf);
	conf.type = STORE_FILE;
	conf.path = strdup(dir);
	conf.url = strdup("file://test");
	r = snapshot_put(&conf, &opt, done, &err);
	store_conf_free(&conf);
	return r;
}

/* Each page of 1-t as its newest file has it. */
static void
check(uint32_t t)
{
	unsigned char want[PS];
	const unsigned char *data;
	struct ltx_dec *dec;
	uint32_t pgno, n = 0, at;
	char path[128];
	int fd;

	path_of(path, 9, 1, t);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(ltx_dec_begin(&dec, io_in_fd(&fd), &err), 0);
	assert_int_equal(ltx_dec_header(dec)->max_txid, t);
	while (ltx_dec_page(dec, &pgno, &data, &err) > 0) {
		for (at = t; at > 1 && at % PAGES + 1 != pgno; at--)
			;
		mem_page(want, PS, pgno, at);
		assert_memory_equal(data, want, PS);
		n++;
	}
	assert_int_equal(n, PAGES);
	assert_int_equal(ltx_dec_eof(dec, &err), 0);
	ltx_dec_free(dec);
	close(fd);
}

static void
many_files_few_descriptors(void **state)
{
	/* around what one merge takes, and one of merged ones */
	static const uint32_t to[] = { 2, 31, 32, 33, 34, 63, 64, 65, 992, 993,
		994, 1023, 1024, 1025, FILES };
	struct snapshot_done done;
	struct rlimit was, few;
	uint32_t t = 0;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = DESCRIPTORS;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
		char path[128];

		while (t < to[i])
			put_file(++t);
		assert_int_equal(snapshot(&done), 0);
		assert_int_equal(done.files, t);
		check(t);
		path_of(path, 9, 1, t);
		unlink(path);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

/* There is a replica: never the answer of an empty one. */
static void
a_file_that_vanishes_may_be_back(void **state)
{
	struct snapshot_done done;
	char path[128];

	(void)state;
	assert_int_equal(snapshot(&done), -1);
	assert_int_equal(err.kind, ERR_NOTFOUND);
	for (uint32_t t = 1; t <= 4; t++)
		put_file(t);
	vanish = 3;
	assert_int_equal(snapshot(&done), -1);
	assert_int_equal(err.kind, ERR_TEMP);
	path_of(path, 9, 1, 4);
	assert_int_equal(access(path, F_OK), -1);
}

/* A damaged snapshot is not the one that was asked for. */
static void
cut_short_is_not_there(void **state)
{
	struct snapshot_done done;
	struct stat st;
	char path[128];

	(void)state;
	for (uint32_t t = 1; t <= 9; t++)
		put_file(t);
	assert_int_equal(snapshot(&done), 0);
	assert_int_equal(done.present, 0);
	assert_int_equal(snapshot(&done), 0);
	assert_int_equal(done.present, 1);
	path_of(path, 9, 1, 9);
	assert_int_equal(stat(path, &st), 0);
	for (off_t n = st.st_size - 1; n >= 0; n -= n > 60 ? 17 : 1) {
		assert_int_equal(truncate(path, n), 0);
		assert_int_equal(snapshot(&done), 0);
		assert_int_equal(done.present, 0);
		check(9);
	}
	/* nothing leads there but the damaged one */
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	path_of(path, 0, 5, 5);
	unlink(path);
	assert_int_equal(snapshot(&done), -1);
	assert_int_equal(err.kind, ERR_DATA);
	assert_non_null(strstr(err.msg, "0000000000000001-0000000000000009"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(many_files_few_descriptors),
		T(a_file_that_vanishes_may_be_back),
		T(cut_short_is_not_there),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
