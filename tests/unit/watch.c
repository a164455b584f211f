#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/when.h"
#include "db/capture.h"
#include "db/watch.h"

static char dir[64], db[96], wal[96];
static struct watch *w;
static struct err err;

static void
touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static void
begin(int force_poll)
{
	strcpy(dir, "/tmp/watch-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(db, sizeof db, "%s/a.db", dir);
	snprintf(wal, sizeof wal, "%s/a.db-wal", dir);
	touch(db);
	touch(wal);
	assert_int_equal(watch_new(&w, 20, force_poll, &err), 0);
	assert_int_equal(watch_add(w, 5, db, &err), 0);
	assert_int_equal(watch_arm(w, 5, &err), 0);
}

static void
finish(void)
{
	char cmd[128];

	watch_free(w);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

/* All that is reported within ms, for database 5; how often: *times. */
static unsigned
reported(int ms, int *times)
{
	int64_t until = when_mono() + ms;
	unsigned why, all = 0;
	uint32_t id;

	*times = 0;
	while (when_mono() < until) {
		struct pollfd p = { watch_fd(w), POLLIN, 0 };

		poll(&p, 1, 5);
		while (watch_read(w, &id, &why, &err) > 0) {
			assert_int_equal(id, 5);
			all |= why;
			++*times;
		}
	}
	return all;
}

static void
writes_are_told_once_until_armed_again(void **state)
{
	int n;

	(void)state;
	begin(0);
	assert_int_equal(watch_next(w), -1);
	assert_int_equal(reported(30, &n), 0);
	touch(wal);
	assert_int_equal(reported(30, &n), CAPTURE_WAL);
	assert_int_equal(n, 1);
	touch(wal);
	touch(wal);
	assert_int_equal(reported(30, &n), 0);
	touch(db); /* has its own watch, armed still */
	assert_int_equal(reported(30, &n), CAPTURE_DB);
	assert_int_equal(watch_arm(w, 5, &err), 0);
	assert_int_equal(watch_arm(w, 5, &err), 0);
	touch(wal);
	touch(db);
	assert_int_equal(reported(30, &n), CAPTURE_WAL | CAPTURE_DB);
	finish();
}

static void
names_that_come_and_go(void **state)
{
	char other[128];
	int n;

	(void)state;
	begin(0);
	snprintf(other, sizeof other, "%s/a.db-journal", dir);
	touch(other);
	snprintf(other, sizeof other, "%s/a.dbx", dir);
	touch(other);
	assert_int_equal(reported(30, &n), 0);
	unlink(wal);
	assert_true(reported(30, &n) & CAPTURE_DIR);
	touch(wal);
	assert_true(reported(30, &n) & CAPTURE_DIR);
	/* the new file is watched, not the old one */
	assert_int_equal(watch_arm(w, 5, &err), 0);
	touch(wal);
	assert_int_equal(reported(30, &n), CAPTURE_WAL);
	assert_int_equal(rename(other, db), 0);
	assert_true(reported(30, &n) & CAPTURE_DIR);
	assert_int_equal(watch_arm(w, 5, &err), 0);
	touch(db);
	assert_int_equal(reported(30, &n), CAPTURE_DB);
	finish();
}

static void
polling_tells_the_same(void **state)
{
	int n;

	(void)state;
	begin(1);
	assert_int_equal(watch_fd(w), -1);
	assert_true(watch_next(w) > 0);
	assert_int_equal(reported(60, &n), 0);
	touch(wal);
	assert_int_equal(reported(60, &n), CAPTURE_WAL);
	touch(db);
	assert_int_equal(reported(60, &n), CAPTURE_DB);
	unlink(db);
	assert_true(reported(60, &n) & CAPTURE_DIR);
	finish();
}

static void
folder_that_comes_later(void **state)
{
	char sub[96], late[128];
	int n;

	(void)state;
	begin(0);
	assert_int_equal(watch_remove(w, 5), 0);
	assert_int_equal(watch_remove(w, 5), -1);
	snprintf(sub, sizeof sub, "%s/sub", dir);
	snprintf(late, sizeof late, "%s/sub/b.db", dir);
	assert_int_equal(watch_add(w, 5, late, &err), 0);
	assert_true(watch_next(w) > 0);
	assert_int_equal(mkdir(sub, 0700), 0);
	touch(late);
	assert_true(reported(60, &n) & CAPTURE_DIR);
	/* from now on without polling */
	assert_int_equal(watch_next(w), -1);
	assert_int_equal(watch_arm(w, 5, &err), 0);
	touch(late);
	assert_int_equal(reported(30, &n), CAPTURE_DB);
	finish();
}

static void
many_in_one_folder(void **state)
{
	char path[128];
	unsigned why, seen[40] = { 0 };
	uint32_t i, id;

	(void)state;
	begin(0);
	for (i = 10; i < 40; i++) {
		snprintf(path, sizeof path, "%s/%u", dir, i);
		touch(path);
		assert_int_equal(watch_add(w, i, path, &err), 0);
	}
	/* that their files were made is told first */
	while (watch_read(w, &id, &why, &err) > 0)
		;
	for (i = 10; i < 40; i++)
		assert_int_equal(watch_arm(w, i, &err), 0);
	assert_int_equal(watch_remove(w, 5), 0);
	for (i = 10; i < 40; i += 3) {
		snprintf(path, sizeof path, "%s/%u", dir, i);
		touch(path);
	}
	while (watch_read(w, &id, &why, &err) > 0)
		seen[id] |= why;
	for (i = 10; i < 40; i++)
		assert_int_equal(seen[i] & CAPTURE_DB,
		    (i - 10) % 3 ? 0 : CAPTURE_DB);
	finish();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_are_told_once_until_armed_again),
		cmocka_unit_test(names_that_come_and_go),
		cmocka_unit_test(polling_tells_the_same),
		cmocka_unit_test(folder_that_comes_later),
		cmocka_unit_test(many_in_one_folder),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
