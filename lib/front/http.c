#include "front/front.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/url.h"
#include "base/when.h"

/* Just so much of HTTP as Litestream's control socket speaks: one request a
 * connection, bodies of a stated length or to the end. */

void
front_http_free(struct front_http *h)
{
	free(h->body);
	memset(h, 0, sizeof *h);
}

/* Up to n bytes; 0: the end. */
static ssize_t
get(int fd, char *buf, size_t n, int64_t deadline, struct err *e)
{
	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };
		int64_t left = deadline - when_mono();
		ssize_t r;

		if (left <= 0)
			return err_set(e, ERR_TEMP, "timed out");
		r = poll(&p, 1, left > 60000 ? 60000 : (int)left);
		if (r < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (r <= 0)
			continue;
		r = read(fd, buf, n);
		if (r >= 0)
			return r;
		if (errno != EINTR && errno != EAGAIN)
			return err_sys(e, "read");
	}
}

/* The head of n bytes, its end replaced by NUL, into *h; the length of the
 * body in *len, -1: to the end. */
static int
head(struct front_http *h, char *s, int answer, int64_t *len, struct err *e)
{
	char *line = strtok(s, "\r\n"), *q;

	*len = answer ? -1 : 0;
	if (answer) {
		if (!line || sscanf(line, "HTTP/1.%*d %d", &h->status) != 1)
			return err_set(e, ERR_DATA, "that is no HTTP");
	} else {
		if (!line || sscanf(line, "%15[A-Z] %2047s", h->method,
		    h->path) != 2)
			return err_set(e, ERR_DATA, "that is no HTTP");
		if ((q = strchr(h->path, '?'))) {
			snprintf(h->query, sizeof h->query, "%s", q + 1);
			*q = 0;
		}
	}
	while ((line = strtok(NULL, "\r\n")))
		if (!strncasecmp(line, "content-length:", 15))
			*len = strtoll(line + 15, NULL, 10);
		else if (!strncasecmp(line, "transfer-encoding:", 18))
			return err_set(e, ERR_DATA, "a body in chunks");
	return *len > (int64_t)FRONT_BODY_MAX ? err_set(e, ERR_DATA,
	    "a body too large") : 0;
}

int
front_http_read(struct front_http *h, int fd, int answer, int64_t deadline,
    struct err *e)
{
	char buf[FRONT_HEAD_MAX + 1], *end = NULL;
	size_t n = 0;
	int64_t len;
	ssize_t r;

	memset(h, 0, sizeof *h);
	while (!end) {
		if (n == FRONT_HEAD_MAX)
			return err_set(e, ERR_DATA, "a head too large");
		if ((r = get(fd, buf + n, FRONT_HEAD_MAX - n, deadline, e)) < 0)
			return -1;
		if (!r)
			return err_set(e, ERR_TEMP, "EOF");
		n += (size_t)r;
		buf[n] = 0;
		end = strstr(buf, "\r\n\r\n");
	}
	*end = 0;
	end += 4;
	if (head(h, buf, answer, &len, e) < 0)
		return -1;
	if (!(h->body = malloc(FRONT_BODY_MAX + 1)))
		return err_nomem(e);
	h->len = n - (size_t)(end - buf);
	memcpy(h->body, end, h->len);
	while (len < 0 || h->len < (size_t)len) {
		if (h->len == FRONT_BODY_MAX)
			return err_set(e, ERR_DATA, "a body too large");
		r = get(fd, h->body + h->len, FRONT_BODY_MAX - h->len,
		    deadline, e);
		if (r < 0)
			return -1;
		if (!r && len >= 0)
			return err_set(e, ERR_TEMP, "unexpected EOF");
		if (!r)
			break;
		h->len += (size_t)r;
	}
	h->body[h->len] = 0;
	return 0;
}

static int
dial(const char *path, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof sa.sun_path)
		return err_set(e, ERR_CONF, "dial unix %s: connect: invalid "
		    "argument", path);
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
		return fd;
	err_set(e, ERR_TEMP, "dial unix %s: connect: %s", path,
	    errno == ENOENT ? "no such file or directory"
	    : errno == ECONNREFUSED ? "connection refused"
	    : errno == EACCES ? "permission denied" : strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

int
front_http_ask(struct front_http *h, const char *sock, const char *method,
    const char *path, const char *body, int64_t deadline, struct err *e)
{
	stralloc s = STRALLOC_ZERO;
	size_t len = body ? strlen(body) : 0, off = 0;
	int fd = dial(sock, e), r = -1;
	ssize_t n;

	memset(h, 0, sizeof *h);
	if (fd < 0)
		return -1;
	/* of 1.0, so that the answer ends with the connection */
	if (!stralloc_cats(&s, method) || !stralloc_cats(&s, " ")
	    || !stralloc_cats(&s, path) || !stralloc_cats(&s,
	    " HTTP/1.0\r\nHost: localhost\r\n"
	    "Content-Type: application/json\r\nContent-Length: ")
	    || !front_number(&s, len) || !stralloc_cats(&s, "\r\n\r\n")
	    || !stralloc_cats(&s, body ? body : "")) {
		err_nomem(e);
		goto out;
	}
	for (; off < s.len; off += (size_t)n)
		if ((n = send(fd, s.s + off, s.len - off, MSG_NOSIGNAL)) < 0) {
			err_sys(e, "write to %s", sock);
			goto out;
		}
	r = front_http_read(h, fd, 1, deadline, e);
out:
	stralloc_free(&s);
	close(fd);
	return r;
}

int
front_http_param(const char *query, const char *name, char *out, size_t n)
{
	size_t len = strlen(name), k;

	for (const char *p = query; *p; p += k, p += *p == '&') {
		k = strcspn(p, "&");
		if (strncmp(p, name, len) || p[len] != '=')
			continue;
		snprintf(out, n, "%.*s", (int)(k - len - 1), p + len + 1);
		return url_decode(out, 1) == 0;
	}
	return 0;
}

int
front_socket_new(const char *path, unsigned mode, struct err *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct err ignored;
	struct stat st;
	mode_t old;
	int fd, r;

	if (strlen(path) >= sizeof sa.sun_path)
		return err_set(e, ERR_CONF, "socket.path: %s is too long for "
		    "a socket", path);
	if ((fd = dial(path, &ignored)) >= 0) {
		close(fd);
		return err_set(e, ERR_CONF, "socket.path: %s: another daemon "
		    "is there", path);
	}
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
		unlink(path);
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	old = umask(0777 & ~(mode_t)mode);
	r = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&sa, sizeof sa);
	umask(old);
	if (r < 0 || listen(fd, 16) < 0) {
		err_sys(e, "listen on %s", path);
		e->kind = ERR_CONF;
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}
