#include "repl/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sa.h"
#include "base/when.h"

/* Our own answers only: keys in the order control_end writes them. */
static int
is_done(const char *json)
{
	return !strncmp(json, "{\"done\":true", 12);
}

/* The string value of a key, unescaped as far as \" and \\ go. */
static void
string_of(const char *json, const char *key, char *out, size_t n)
{
	const char *p = strstr(json, key);
	size_t i = 0;

	if (p)
		for (p += strlen(key); *p && *p != '"' && i + 1 < n; p++) {
			if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
				p++;
			out[i++] = *p;
		}
	out[i] = 0;
}

static int
verdict(const char *json, struct err *e)
{
	char word[32], msg[ERR_MSG_MAX - 1];
	int k;

	if (strstr(json, "\"ok\":true"))
		return 0;
	string_of(json, "\"kind\":\"", word, sizeof word);
	string_of(json, "\"error\":\"", msg, sizeof msg);
	for (k = ERR_USAGE; k < ERR_TEMP; k++)
		if (!strcmp(err_word((enum err_kind)k), word))
			break;
	return err_set(e, (enum err_kind)k, "%s", msg);
}

/* A connection waits too, where many others do. */
static int
open_socket(const char *path, int64_t timeout_ms, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	int fd;

	if (strlen(path) >= sizeof sa.sun_path)
		return err_set(e, ERR_CONF, "%s: too long for a socket", path);
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, "unable to make a socket");
	if (timeout_ms > 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0) {
		err_sys(e, "connect to %s, is ls-walship running?", path);
		if (e->kind != ERR_DENIED)
			e->kind = ERR_TEMP; /* it may yet be started */
		close(fd);
		return -1;
	}
	return fd;
}

static int
send_line(int fd, const char *line, struct err *e)
{
	stralloc s = STRALLOC_ZERO;
	size_t off = 0;
	ssize_t n = 0;

	if (!stralloc_cats(&s, line) || !stralloc_append(&s, '\n'))
		return err_nomem(e);
	while (off < s.len) {
		n = send(fd, s.s + off, s.len - off, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			break;
		off += n > 0 ? (size_t)n : 0;
	}
	stralloc_free(&s);
	return n < 0 ? err_sys(e, "unable to send") : 0;
}

static int
wait_in(int fd, int64_t deadline, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left;
	int r;

	do {
		left = deadline < 0 ? -1 : deadline - when_mono();
		if (deadline >= 0 && left <= 0)
			return err_set(e, ERR_TEMP, "timed out");
		if (left > 60000)
			left = 60000;
		r = poll(&p, 1, (int)left);
	} while (r == 0 || (r < 0 && errno == EINTR));
	return r < 0 ? err_sys(e, "unable to poll") : 0;
}

int
control_request(const char *path, const char *line, int64_t timeout_ms,
    void (*fn)(void *, const char *), void *ctx, struct err *e)
{
	int64_t deadline = timeout_ms < 0 ? -1 : when_mono() + timeout_ms;
	stralloc in = STRALLOC_ZERO;
	char buf[4096], *nl;
	int fd, r = -1;
	ssize_t n;

	if ((fd = open_socket(path, timeout_ms, e)) < 0)
		return -1;
	if (send_line(fd, line, e) < 0)
		goto out;
	for (;;) {
		while (in.len && (nl = memchr(in.s, '\n', in.len))) {
			*nl = 0;
			if (is_done(in.s)) {
				r = verdict(in.s, e);
				goto out;
			}
			if (fn)
				fn(ctx, in.s);
			in.len -= (size_t)(nl + 1 - in.s);
			memmove(in.s, nl + 1, in.len);
		}
		if (wait_in(fd, deadline, e) < 0)
			goto out;
		n = read(fd, buf, sizeof buf);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err_set(e, ERR_TEMP, "%s: ls-walship hung up", path);
			goto out;
		}
		if (!stralloc_catb(&in, buf, (size_t)n)) {
			err_nomem(e);
			goto out;
		}
	}
out:
	stralloc_free(&in);
	close(fd);
	return r;
}
