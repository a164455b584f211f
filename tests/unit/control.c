#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/when.h"
#include "repl/control.h"

static char dir[32], path[64];

/* A server on its own thread: echoes the arguments, refuses "bad", forgets
 * "never", ends on "end". */
struct server {
	struct control *c;
	int end;
};

static void
serve(void *ctx, uint64_t client, size_t argc, char *const *argv)
{
	struct server *s = ctx;
	struct err e = { 0 };
	char line[9000], q[9000];
	size_t i;

	if (!strcmp(argv[0], "never"))
		return;
	if (!strcmp(argv[0], "end"))
		s->end = 1;
	for (i = 1; i < argc; i++) {
		snprintf(line, sizeof line, "{\"a\":%s}",
		    control_quote(q, 4000, argv[i]));
		control_line(s->c, client, line);
	}
	if (!strcmp(argv[0], "bad")) {
		err_set(&e, ERR_FENCED, "no \"luck\" \\ here");
		control_end(s->c, client, &e);
	} else {
		control_end(s->c, client, NULL);
	}
}

static void *
server(void *arg)
{
	struct pollfd p[CONTROL_CLIENTS + 1];
	struct server *s = arg;
	int64_t due;
	size_t n;

	while (!s->end) {
		n = control_poll(s->c, p);
		due = control_due(s->c);
		if (due != INT64_MAX && (due -= when_mono()) < 0)
			due = 0;
		poll(p, n, due == INT64_MAX ? -1 : (int)due);
		control_handle(s->c, p, n, serve, s);
	}
	return NULL;
}

static char seen[20000];

static void
line(void *ctx, const char *json)
{
	(void)ctx;
	strcat(seen, json);
	strcat(seen, "\n");
}

static int
ask(const char *request, int64_t timeout, struct err *e)
{
	seen[0] = 0;
	return control_request(path, request, timeout, line, NULL, e);
}

static int
dial(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(sa.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

/* The second has no event of its own. */
static void
both_lines_of_one_write_are_answered(void)
{
	static const char done[] = "{\"done\":true,\"ok\":true}\n";
	struct timeval tv = { 10, 0 };
	char got[2 * sizeof done];
	int fd = dial();
	size_t n = 0;
	ssize_t r;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	assert_int_equal(write(fd, "echo\necho\n", 10), 10);
	while (n < 2 * strlen(done)
	    && (r = read(fd, got + n, sizeof got - n)) > 0)
		n += (size_t)r;
	assert_int_equal(n, 2 * strlen(done));
	close(fd);
}

static void
requests_are_answered(void **state)
{
	struct server s = { 0 };
	struct err e = { 0 };
	struct stat st;
	pthread_t t;

	(void)state;
	assert_int_equal(control_new(&s.c, path, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	pthread_create(&t, NULL, server, &s);
	assert_int_equal(ask("echo a b", 5000, &e), 0);
	assert_string_equal(seen, "{\"a\":\"a\"}\n{\"a\":\"b\"}\n");
	assert_int_equal(ask("echo\ta b\tc\"", 5000, &e), 0);
	assert_string_equal(seen, "{\"a\":\"a b\"}\n{\"a\":\"c\\\"\"}\n");
	assert_int_equal(ask("bad", 5000, &e), -1);
	assert_int_equal(e.kind, ERR_FENCED);
	assert_string_equal(e.msg, "no \"luck\" \\ here");
	assert_int_equal(ask("never", 50, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	both_lines_of_one_write_are_answered();
	assert_int_equal(ask("end", 5000, &e), 0);
	pthread_join(t, NULL);
	control_free(s.c);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(ask("echo", 50, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
}

static void
a_dead_socket_is_taken_over_a_live_one_is_not(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct control *c, *d;
	struct err e = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	strcpy(sa.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	close(fd);
	assert_int_equal(control_new(&c, path, &e), 0);
	assert_int_equal(control_new(&d, path, &e), -1);
	assert_int_equal(e.kind, ERR_BUSY);
	control_free(c);
}

static void
lines_and_clients_are_bounded(void **state)
{
	struct pollfd p[CONTROL_CLIENTS + 1];
	struct server s = { 0 };
	struct err e = { 0 };
	char big[CONTROL_LINE + 1], c;
	int fd[CONTROL_CLIENTS + 1], i;
	size_t n;

	(void)state;
	memset(big, 'x', sizeof big);
	assert_int_equal(control_new(&s.c, path, &e), 0);
	for (i = 0; i <= CONTROL_CLIENTS; i++) {
		fd[i] = dial();
		n = control_poll(s.c, p);
		poll(p, n, 0);
		control_handle(s.c, p, n, serve, &s);
	}
	/* no more are accepted, the listener is not polled */
	assert_int_equal(control_poll(s.c, p), CONTROL_CLIENTS);
	assert_int_equal(write(fd[0], big, sizeof big), sizeof big);
	for (i = 0; i < 4; i++) {
		n = control_poll(s.c, p);
		poll(p, n, 0);
		control_handle(s.c, p, n, serve, &s);
	}
	/* that one was dropped, the waiting one came in */
	assert_int_equal(recv(fd[0], &c, 1, MSG_DONTWAIT) > 0, 0);
	assert_int_equal(control_poll(s.c, p), CONTROL_CLIENTS);
	for (i = 0; i <= CONTROL_CLIENTS; i++)
		close(fd[i]);
	control_free(s.c);
}

/* Who asks is served though all places are taken by some who do not; and
 * who cannot even knock does not wait past the deadline. */
static void
silent_clients_give_way(void **state)
{
	struct server s = { 0 };
	struct err e = { 0 };
	int fd[CONTROL_CLIENTS], more[64], i;
	pthread_t t;
	int64_t now;

	(void)state;
	assert_int_equal(control_new(&s.c, path, &e), 0);
	for (i = 0; i < 64; i++) {
		struct sockaddr_un sa = { .sun_family = AF_UNIX };

		more[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		strcpy(sa.sun_path, path);
		if (connect(more[i], (struct sockaddr *)&sa, sizeof sa) < 0)
			break;
	}
	assert_in_range(i, 1, 63);
	now = when_mono();
	assert_int_equal(ask("echo", 200, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	assert_true(when_mono() - now < 5000);
	for (; i >= 0; i--)
		close(more[i]);
	pthread_create(&t, NULL, server, &s);
	for (i = 0; i < CONTROL_CLIENTS; i++)
		fd[i] = dial();
	assert_int_equal(ask("echo", 20000, &e), 0);
	assert_int_equal(ask("end", 20000, &e), 0);
	pthread_join(t, NULL);
	for (i = 0; i < CONTROL_CLIENTS; i++)
		close(fd[i]);
	control_free(s.c);
}

/* Who cannot be let in stays at the door, and must not keep us awake. */
static void
a_lack_of_descriptors_is_waited_out(void **state)
{
	struct pollfd p[CONTROL_CLIENTS + 1];
	struct server s = { 0 };
	struct rlimit was, none;
	struct err e = { 0 };
	int fd, low;

	(void)state;
	assert_int_equal(control_new(&s.c, path, &e), 0);
	fd = dial();
	assert_true((low = dup(fd)) >= 0);
	close(low);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = (rlim_t)low;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(control_poll(s.c, p), 1);
	assert_int_equal(poll(p, 1, 0), 1);
	control_handle(s.c, p, 1, serve, &s);
	assert_int_equal(control_poll(s.c, p), 0);
	assert_in_range(control_due(s.c) - when_mono(), 1, 1000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	while (control_due(s.c) > when_mono())
		usleep(10000);
	assert_int_equal(control_poll(s.c, p), 1);
	assert_int_equal(poll(p, 1, 0), 1);
	control_handle(s.c, p, 1, serve, &s);
	assert_int_equal(control_poll(s.c, p), 2);
	close(fd);
	control_free(s.c);
}

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ls-control.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/sock", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_answered),
		cmocka_unit_test(a_dead_socket_is_taken_over_a_live_one_is_not),
		cmocka_unit_test(lines_and_clients_are_bounded),
		cmocka_unit_test(silent_clients_give_way),
		cmocka_unit_test(a_lack_of_descriptors_is_waited_out),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
