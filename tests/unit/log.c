#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>
#include "base/log.h"

static char got[16384];

/* What is written to the returned log is in got after take(). */
static struct log
to_pipe(int fd[2])
{
	assert_int_equal(pipe(fd), 0);
	return (struct log){ .fd = fd[1], .level = LOG_INFO };
}

static void
take(int fd[2])
{
	ssize_t r;

	close(fd[1]);
	r = read(fd[0], got, sizeof got - 1);
	assert_true(r >= 0);
	got[r] = 0;
	close(fd[0]);
}

static void
plain_values_stay_plain(void **state)
{
	int fd[2];
	struct log l = to_pipe(fd);

	(void)state;
	l.prog = "ls-walship";
	log_event(&l, LOG_DEBUG, "dropped", NULL);
	log_event(0, LOG_ERROR, "nowhere", NULL);
	log_event(&l, LOG_INFO, "started", "db", "/d/a.db", "none",
	    (char *)0, "txid", "0000000000000001", NULL);
	take(fd);
	assert_string_equal(got, "level=info prog=ls-walship msg=started "
	    "db=/d/a.db txid=0000000000000001\n");
}

static void
others_are_quoted_and_escaped(void **state)
{
	int fd[2];
	struct log l = to_pipe(fd);

	(void)state;
	log_event(&l, LOG_WARN, "ltx file shipped", "a", "x y", "b", "",
	    "c", "q\"b\\", "d", "k=v", "e", "1\n2\r3\t4\x01\x7f", "f",
	    "gr\xc3\xbc\xc3\x9f", "g", "bad\xff\xc3", "h", "c1\xc2\x85", NULL);
	take(fd);
	assert_string_equal(got, "level=warn msg=\"ltx file shipped\" "
	    "a=\"x y\" b=\"\" c=\"q\\\"b\\\\\" d=\"k=v\" "
	    "e=\"1\\n2\\r3\\t4\\u0001\\u007f\" f=gr\xc3\xbc\xc3\x9f "
	    "g=\"bad\\xff\\xc3\" h=\"c1\\u0085\"\n");
}

static void
json_is_json(void **state)
{
	int fd[2];
	struct log l = to_pipe(fd);

	(void)state;
	l.json = 1;
	log_event(&l, LOG_ERROR, "a \"b\"", "k", "v\n\xff", NULL);
	take(fd);
	assert_string_equal(got, "{\"level\":\"error\","
	    "\"msg\":\"a \\\"b\\\"\",\"k\":\"v\\n\\ufffd\"}\n");
}

static void
an_error_brings_text_and_kind(void **state)
{
	int fd[2];
	struct log l = to_pipe(fd);
	struct err e;

	(void)state;
	err_set(&e, ERR_DENIED, "PUT k: 403");
	log_err(&l, LOG_ERROR, &e, "upload failed", "db", "a", NULL);
	take(fd);
	assert_string_equal(got, "level=error msg=\"upload failed\" db=a "
	    "error=\"PUT k: 403\" kind=denied\n");
}

static void
stamps_come_first(void **state)
{
	int fd[2];
	struct log l = to_pipe(fd);

	(void)state;
	l.stamp = 1;
	log_event(&l, LOG_INFO, "x", NULL);
	take(fd);
	assert_memory_equal(got, "time=2", 6);
	assert_string_equal(got + 29, " level=info msg=x\n");
}

static void
a_line_is_never_longer_than_a_pipe_keeps_whole(void **state)
{
	static char big[6000];

	(void)state;
	for (int json = 0; json < 2; json++)
		for (size_t n = 3900; n < 4200; n++) {
			int fd[2];
			struct log l = to_pipe(fd);
			size_t len;

			l.json = json;
			memset(big, n % 2 ? 'a' : ' ', n);
			big[n] = 0;
			log_event(&l, LOG_INFO, "m", "k", big, "after", "b c",
			    NULL);
			take(fd);
			len = strlen(got);
			assert_true(len <= 4096);
			assert_true(got[len - 1] == '\n');
			if (json)
				assert_memory_equal(got + len - 3, "\"}\n", 3);
			if (n > 4100)
				assert_non_null(strstr(got, "...\""));
		}
}

static void
levels_by_name(void **state)
{
	enum log_level l;

	(void)state;
	assert_int_equal(log_level_scan("trace", &l), 0);
	assert_int_equal(l, LOG_TRACE);
	assert_int_equal(log_level_scan("error", &l), 0);
	assert_int_equal(l, LOG_ERROR);
	assert_int_equal(log_level_scan("loud", &l), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_values_stay_plain),
		cmocka_unit_test(others_are_quoted_and_escaped),
		cmocka_unit_test(json_is_json),
		cmocka_unit_test(an_error_brings_text_and_kind),
		cmocka_unit_test(stamps_come_first),
		cmocka_unit_test(
		    a_line_is_never_longer_than_a_pipe_keeps_whole),
		cmocka_unit_test(levels_by_name),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
