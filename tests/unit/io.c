#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"

static char dir[64];
static struct err err;

static const char *
in(const char *name)
{
	static char path[4][128];
	static int i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof path[i], "%s/%s", dir, name);
	return path[i];
}

static int
make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ls-unit-io.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
drop_dir(void **state)
{
	char cmd[100];

	(void)state;
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	return system(cmd);
}

static int
entries(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void
has(const char *name, const char *want)
{
	char buf[100] = "";
	int fd = open(in(name), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, sizeof buf - 1), strlen(want));
	assert_string_equal(buf, want);
	close(fd);
}

static void
commit_publishes_whole_with_time_and_mode(void **state)
{
	struct io_perm perm = { .uid = -1, .gid = -1, .file_mode = 0604 };
	struct io_temp t;
	struct stat st;

	(void)state;
	assert_int_equal(io_temp_begin(&t, in("a"), ".part", &perm, &err), 0);
	assert_int_equal(access(in("a.part"), F_OK), 0);
	assert_int_equal(access(in("a"), F_OK), -1);
	assert_true(fcntl(t.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(io_pwriten(t.fd, "hello", 5, 0, &err), 0);
	assert_int_equal(io_temp_commit(&t, 0, 1763673458398, &err), 0);
	assert_int_equal(t.fd, -1);
	has("a", "hello");
	assert_int_equal(stat(in("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(st.st_mtim.tv_sec, 1763673458);
	assert_int_equal(st.st_mtim.tv_nsec, 398000000);
	assert_int_equal(entries(), 1);
	io_temp_abort(&t);
	has("a", "hello");
}

static void
noreplace_keeps_what_is_there(void **state)
{
	struct io_temp t;

	(void)state;
	assert_int_equal(io_write_file(in("b"), "old", 3, 0, &err), 0);
	assert_int_equal(io_temp_begin(&t, in("b"), 0, 0, &err), 0);
	assert_int_equal(io_temp_commit(&t, 1, -1, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	has("b", "old");
	assert_int_equal(entries(), 1);
	assert_int_equal(io_temp_begin(&t, in("c"), 0, 0, &err), 0);
	assert_int_equal(io_temp_commit(&t, 1, -1, &err), 0);
	has("c", "");
}

static void
abort_leaves_nothing_and_may_be_repeated(void **state)
{
	struct io_temp t, zero = { 0 };

	(void)state;
	assert_int_equal(io_temp_begin(&t, in("a"), 0, 0, &err), 0);
	io_temp_abort(&t);
	io_temp_abort(&t);
	io_temp_abort(&zero);
	assert_int_equal(entries(), 0);
	assert_true(fcntl(0, F_GETFD) >= 0 || errno == EBADF);
}

static void
a_failed_commit_leaves_nothing_open_or_behind(void **state)
{
	struct io_temp t;
	int before = dup(0), after;

	(void)state;
	close(before);
	/* the target is a folder that is not empty */
	assert_int_equal(io_mkdirs(in("d/e"), 0, &err), 0);
	assert_int_equal(io_temp_begin(&t, in("d"), 0, 0, &err), 0);
	assert_int_equal(io_temp_commit(&t, 0, -1, &err), -1);
	assert_non_null(strstr(err.msg, dir));
	assert_int_equal(access(in("d.tmp"), F_OK), -1);
	/* the descriptor died under us */
	assert_int_equal(io_temp_begin(&t, in("f"), 0, 0, &err), 0);
	close(t.fd);
	assert_int_equal(io_temp_commit(&t, 0, -1, &err), -1);
	assert_int_equal(access(in("f.tmp"), F_OK), -1);
	assert_int_equal(access(in("f"), F_OK), -1);
	/* the folder is missing */
	assert_int_equal(io_temp_begin(&t, in("x/y"), 0, 0, &err), -1);
	assert_int_equal(err.kind, ERR_NOTFOUND);
	assert_int_equal(io_write_file(in("x/y"), "", 0, 0, &err), -1);
	after = dup(0);
	assert_int_equal(before, after);
	close(after);
}

static void
a_link_in_the_way_is_not_followed(void **state)
{
	struct io_temp t;

	(void)state;
	assert_int_equal(symlink(in("elsewhere"), in("a.tmp")), 0);
	assert_int_equal(io_temp_begin(&t, in("a"), 0, 0, &err), -1);
	assert_int_equal(access(in("elsewhere"), F_OK), -1);
}

static void
folders_are_made_with_their_mode(void **state)
{
	struct io_perm perm = { .uid = -1, .gid = -1, .dir_mode = 0751 };
	struct stat st;

	(void)state;
	assert_int_equal(io_mkdirs(in("p//q/r/"), &perm, &err), 0);
	assert_int_equal(stat(in("p/q"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
	assert_int_equal(io_mkdirs(in("p/q/r"), &perm, &err), 0);
	assert_int_equal(io_mkdirs("/", 0, &err), 0);
	assert_int_equal(io_write_file(in("file"), "x", 1, 0, &err), 0);
	assert_int_equal(io_mkdirs(in("file/z"), 0, &err), -1);
	assert_non_null(strstr(err.msg, "Not a directory"));
}

static void
exact_reads(void **state)
{
	char b[8];
	int fd;

	(void)state;
	assert_int_equal(io_write_file(in("a"), "abcdef", 6, 0, &err), 0);
	fd = open(in("a"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(io_preadn(fd, b, 3, 3, &err), 0);
	assert_memory_equal(b, "def", 3);
	assert_int_equal(io_preadn(fd, b, 4, 3, &err), -1);
	assert_int_equal(err.kind, ERR_DATA);
	assert_int_equal(io_readn(io_in_fd(&fd), b, 6, &err), 0);
	assert_memory_equal(b, "abcdef", 6);
	assert_int_equal(io_readn(io_in_fd(&fd), b, 1, &err), -1);
	assert_int_equal(err.kind, ERR_DATA);
	assert_int_equal(io_pwriten(fd, b, 1, 0, &err), -1);
	close(fd);
}

static void
a_full_disk_says_so(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct io_out out = io_out_fd(&fd);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(out.write(out.ctx, "x", 1, &err), -1);
	assert_int_equal(err.kind, ERR_FULL);
	close(fd);
}

static void
anonymous_files_have_no_name(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	fd = io_anon(dir, &err);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(entries(), 0);
	close(fd);
	assert_int_equal(io_anon(in("none"), &err), -1);
}

static void
free_space_is_told(void **state)
{
	uint64_t n = 0;

	(void)state;
	assert_int_equal(io_free_bytes(dir, &n, &err), 0);
	assert_true(n > 0);
	assert_int_equal(io_free_bytes(in("none"), &n, &err), -1);
	assert_int_equal(io_sync_dir(in("none"), &err), -1);
	assert_int_equal(io_sync_dir(dir, &err), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, drop_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(commit_publishes_whole_with_time_and_mode),
		T(noreplace_keeps_what_is_there),
		T(abort_leaves_nothing_and_may_be_repeated),
		T(a_failed_commit_leaves_nothing_open_or_behind),
		T(a_link_in_the_way_is_not_followed),
		T(folders_are_made_with_their_mode),
		T(exact_reads),
		T(a_full_disk_says_so),
		T(anonymous_files_have_no_name),
		T(free_space_is_told),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
