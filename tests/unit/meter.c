#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "repl/meter.h"

#define MB 1000000u

static char got[1024];
static struct log out = { .level = LOG_INFO, .prog = "p" };

/* What came out at the other end since. */
static const char *
shown(int fd)
{
	ssize_t n = read(fd, got, sizeof got - 1);

	got[n > 0 ? n : 0] = 0;
	return got;
}

/* As if the last one was long ago. */
static void
tick(struct meter *m, uint64_t done)
{
	m->last -= 60000;
	meter_tick(m, done, 400 * MB);
}

static void
pain_417_lines_in_a_log(void **state)
{
	struct meter m;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
	out.fd = p[1];
	meter_begin(&m, &out, "restoring");
	meter_tick(&m, 100 * MB, 400 * MB);
	assert_string_equal(shown(p[0]), "");
	tick(&m, 200 * MB);
	assert_non_null(strstr(shown(p[0]), "msg=restoring percent=50 "
	    "bytes=200000000 total=400000000"));
	meter_tick(&m, 300 * MB, 400 * MB);
	assert_string_equal(shown(p[0]), "");
	tick(&m, 500 * MB); /* a new plan may read more than was thought */
	assert_non_null(strstr(shown(p[0]), "percent=100 "));
	meter_end(&m);
	assert_string_equal(shown(p[0]), "");
	close(p[0]);
	close(p[1]);
}

static void
pain_417_a_bar_on_a_terminal(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	struct termios t;
	struct meter m;
	const char *s;
	int tty;

	(void)state;
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	tty = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(tty >= 0);
	assert_int_equal(tcgetattr(tty, &t), 0);
	t.c_oflag &= ~(tcflag_t)OPOST;
	assert_int_equal(tcsetattr(tty, TCSANOW, &t), 0);
	assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
	out.fd = tty;
	meter_begin(&m, &out, "restoring");
	tick(&m, 100 * MB);
	assert_string_equal(shown(master), "\rrestoring "
	    "[#######.......................]  25% 100 of 400 MB");
	meter_end(&m);
	s = shown(master);
	assert_int_equal(strspn(s, "\r "), strlen(s));
	assert_int_equal(s[strlen(s) - 1], '\r');
	meter_end(&m);
	assert_string_equal(shown(master), "");
	close(tty);
	close(master);
}

static void
nothing_without_a_log(void **state)
{
	struct meter m;

	(void)state;
	meter_begin(&m, NULL, "restoring");
	tick(&m, 100 * MB);
	meter_end(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pain_417_lines_in_a_log),
		cmocka_unit_test(pain_417_a_bar_on_a_terminal),
		cmocka_unit_test(nothing_without_a_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
