#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "repl/place.h"

static char dir[64], db[80];
static struct err err;
static struct place *beside; /* begun just before the next rename */

/* In the place of libc's. */
int
renameat2(int from_fd, const char *from, int to_fd, const char *to,
    unsigned flags)
{
	struct place *p = beside;

	beside = NULL;
	if (p)
		assert_int_equal(place_begin(p, db, NULL, 0, 1, &err), 0);
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ls-place.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(db, sizeof db, "%s/db", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(db);
	return rmdir(dir);
}

/* As from two containers on one volume, where process ids are the same. */
static void
one_process_id_two_files(void **state)
{
	struct place a, b;

	(void)state;
	assert_int_equal(place_begin(&a, db, NULL, 0, 1, &err), 0);
	assert_int_equal(io_pwriten(a.temp.fd, "aaaa", 4, 0, &err), 0);
	assert_int_equal(place_begin(&b, db, NULL, 0, 1, &err), 0);
	assert_int_equal(lseek(a.temp.fd, 0, SEEK_END), 4);
	assert_string_not_equal(a.temp.temp, b.temp.temp);
	assert_int_equal(place_commit(&a, NULL, &err), 0);
	assert_int_equal(place_commit(&b, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
}

static void
locked_until_published(void **state)
{
	struct place a, b;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(place_begin(&a, db, NULL, 0, 1, &err), 0);
	assert_int_equal(place_begin(&b, db, NULL, 0, 1, &err), 0);
	assert_int_equal(place_lock(&a, &err), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(a.lock);
		_exit(place_lock(&b, &err) < 0 ? (int)err.kind : 0);
	}
	usleep(50000);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(place_commit(&a, NULL, &err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), ERR_EXISTS);
	place_abort(&b);
	assert_int_equal(a.lock, -1);
}

/* What is about to be published is not what a killed one left. */
static void
begun_while_another_publishes(void **state)
{
	struct place a, b;

	(void)state;
	assert_int_equal(place_begin(&a, db, NULL, 0, 1, &err), 0);
	beside = &b;
	assert_int_equal(place_commit(&a, NULL, &err), 0);
	assert_null(beside);
	assert_int_equal(access(db, F_OK), 0);
	place_abort(&b);
}

/* The clock of a small machine may begin anew at every start. */
static void
no_journal_over_another(void **state)
{
	char name[160], got[2] = "";
	struct place p;
	int fd;

	(void)state;
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "%s-wal", db);
		assert_int_equal(io_write_file(name, i ? "b" : "a", 1, NULL,
		    &err), 0);
		unlink(db);
		assert_int_equal(place_begin(&p, db, NULL, 0, 1000, &err), 0);
		assert_int_equal(place_commit(&p, NULL, &err), 0);
	}
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof name, i ? "%s-wal.orphan-19700101000001.%d"
		    : "%s-wal.orphan-19700101000001", db, i);
		fd = open(name, O_RDONLY);
		assert_true(fd >= 0);
		assert_int_equal(read(fd, got, 1), 1);
		assert_string_equal(got, i ? "b" : "a");
		close(fd);
		unlink(name);
	}
}

static void
a_link_to_nothing_is_told(void **state)
{
	struct place p;

	(void)state;
	assert_int_equal(symlink("gone", db), 0);
	assert_int_equal(place_begin(&p, db, NULL, 0, 1, &err), -1);
	assert_int_equal(err.kind, ERR_CONF);
	assert_non_null(strstr(err.msg, "symbolic link"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_process_id_two_files),
		T(locked_until_published),
		T(begun_while_another_publishes),
		T(no_journal_over_another),
		T(a_link_to_nothing_is_told),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
