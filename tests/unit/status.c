#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "repl/record.h"
#include "repl/status.h"

static struct status_replica reps[] = {
	{ .url = "s3://b/a\tb", .state = "ok", .txid = 7, .lag = 3,
	    .lag_bytes = 4096, .behind_ms = 1000, .success_ms = 900 },
	{ .url = "file:///r", .state = "failing", .unfenced = 1,
	    .error = { "line one\nline \\two", "temp", 500, 3 } },
};
static struct status_db dbs[] = {
	{ .path = "/data/a b.db", .state = "running", .txid = 10,
	    .pending = 1, .spool = 2, .captured_ms = 3, .r = reps, .n = 2 },
	{ .path = "/data/\xc3\xa4=.db", .state = "held", .hold = "why" },
};

static void
what_is_written_is_read(void **state)
{
	struct status st = { .pid = 5, .start = 6, .time_ms = 77, .db = dbs,
	    .n = 2 }, in;
	struct err e = { 0 };
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(status_fmt(&st, &text, &len, &e), 0);
	assert_int_equal(status_scan(&in, text, len, &e), 0);
	assert_int_equal(in.pid, 5);
	assert_int_equal(in.start, 6);
	assert_int_equal(in.time_ms, 77);
	assert_int_equal(in.n, 2);
	assert_string_equal(in.db[0].path, "/data/a b.db");
	assert_int_equal(in.db[0].txid, 10);
	assert_int_equal(in.db[0].spool, 2);
	assert_int_equal(in.db[0].n, 2);
	assert_string_equal(in.db[0].r[0].url, "s3://b/a\tb");
	assert_int_equal(in.db[0].r[0].txid, 7);
	assert_int_equal(in.db[0].r[0].lag_bytes, 4096);
	assert_int_equal(in.db[0].r[0].behind_ms, 1000);
	assert_false(in.db[0].r[0].unfenced);
	assert_null(in.db[0].r[0].error.text);
	assert_string_equal(in.db[0].r[1].error.text, "line one\nline \\two");
	assert_string_equal(in.db[0].r[1].error.kind, "temp");
	assert_int_equal(in.db[0].r[1].error.count, 3);
	assert_true(in.db[0].r[1].unfenced);
	assert_string_equal(in.db[1].path, "/data/\xc3\xa4=.db");
	assert_string_equal(in.db[1].hold, "why");
	status_free(&in);
}

static int
scan(const char *s)
{
	struct status st;
	struct err e = { 0 };
	int r = status_scan(&st, strdup(s), strlen(s), &e);

	if (r == 0)
		status_free(&st);
	else
		assert_int_equal(e.kind, ERR_DATA);
	return r;
}

static void
foreign_text_is_refused(void **state)
{
	(void)state;
	assert_int_equal(scan(""), -1);
	assert_int_equal(scan("ls-s6-status 2\n"), -1);
	assert_int_equal(scan("ls-s6-status 1\nreplica\turl=x\n"), -1);
	assert_int_equal(scan("ls-s6-status 1\ndb\tstate=x\n"), -1);
	assert_int_equal(scan("ls-s6-status 1\ndb\tpath=x\tstate=y"), -1);
	assert_int_equal(scan("ls-s6-status 1\n"), 0);
	assert_int_equal(scan("ls-s6-status 1\nnew\ta=b\ndb\tpath=x\tz=1\t"
	    "junk\tstate=y\n"), 0);
}

static void
a_dead_writer_is_stale(void **state)
{
	char dir[] = "/tmp/ls-status.XXXXXX", path[64];
	struct status st = { .pid = (uint64_t)getpid(), .time_ms = 1 }, in;
	struct err e = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/s", dir);
	assert_int_equal(status_read(path, &in, &e), -1);
	assert_int_equal(e.kind, ERR_NOTFOUND);
	st.start = record_proc_start(st.pid);
	assert_true(st.start > 0);
	assert_int_equal(status_write(path, &st, &e), 0);
	assert_int_equal(status_read(path, &in, &e), 0);
	assert_false(in.stale);
	status_free(&in);
	st.start--; /* another process had this pid */
	assert_int_equal(status_write(path, &st, &e), 0);
	assert_int_equal(status_read(path, &in, &e), 0);
	assert_true(in.stale);
	status_free(&in);
	unlink(path);
	rmdir(dir);
}

static void
who_was_not_waited_for_is_gone(void **state)
{
	pid_t pid = fork();
	siginfo_t si;

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	assert_int_equal(record_proc_start((uint64_t)pid), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
health_has_a_reason(void **state)
{
	struct status_replica r = { .url = "u", .state = "ok" };
	struct status_db d = { .path = "p", .state = "running", .r = &r,
	    .n = 1 };
	struct status st = { .db = &d, .n = 1 };
	char why[200];

	(void)state;
	assert_true(status_healthy(&st, 100000, 60000, why, sizeof why));
	r.behind_ms = 40000;
	assert_true(status_healthy(&st, 100000, 60000, why, sizeof why));
	r.behind_ms = 39999;
	assert_false(status_healthy(&st, 100000, 60000, why, sizeof why));
	assert_string_equal(why, "p: u: behind for 60 s");
	r.behind_ms = 0;
	r.state = "failing";
	r.error.text = "no route";
	assert_false(status_healthy(&st, 100000, 60000, why, sizeof why));
	assert_string_equal(why, "p: u: failing: no route");
	r.state = "ok";
	d.error.text = "no space";
	d.error.count = 1;
	assert_false(status_healthy(&st, 100000, 60000, why, sizeof why));
	assert_string_equal(why, "p: no space");
	d.state = "waiting";
	assert_true(status_healthy(&st, 100000, 60000, why, sizeof why));
	d.state = "held";
	assert_false(status_healthy(&st, 100000, 60000, why, sizeof why));
	st.stale = 1;
	assert_false(status_healthy(&st, 100000, 60000, why, sizeof why));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(foreign_text_is_refused),
		cmocka_unit_test(a_dead_writer_is_stale),
		cmocka_unit_test(who_was_not_waited_for_is_gone),
		cmocka_unit_test(health_has_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
