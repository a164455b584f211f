#include "repl/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sa.h"
#include "base/utf8.h"
#include "base/when.h"

#define OUT_MAX (4u << 20) /* a client that does not read is dropped */
#define IDLE_MS 5000       /* one that asks nothing, when others wait */
#define AGAIN_MS 1000      /* to accept, where there was no descriptor for it */

struct client {
	uint64_t id;   /* 0: free */
	int64_t last;  /* when_mono() of its last event */
	int fd;
	int busy;      /* a request is being answered */
	size_t n;
	char *in;      /* CONTROL_LINE bytes */
	stralloc out;
};

struct control {
	int fd;
	char *path;
	uint64_t next;
	int listening; /* as of the last control_poll */
	int64_t again; /* when_mono() before which none is accepted */
	struct client c[CONTROL_CLIENTS];
};

static int
address(struct sockaddr_un *sa, const char *path, struct err *e)
{
	memset(sa, 0, sizeof *sa);
	sa->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof sa->sun_path)
		return err_set(e, ERR_CONF, "%s: too long for a socket", path);
	strcpy(sa->sun_path, path);
	return 0;
}

static int
dial(const char *path, struct err *e)
{
	struct sockaddr_un sa;
	int fd;

	if (address(&sa, path, e) < 0)
		return -1;
	/* who does not accept is there all the same, and not waited for */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, "unable to make a socket");
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0) {
		err_sys(e, "unable to connect to %s", path);
		close(fd);
		return -1;
	}
	return fd;
}

int
control_new(struct control **out, const char *path, struct err *e)
{
	struct control *c;
	struct sockaddr_un sa;
	struct err ign;
	mode_t old;
	int fd, r;

	if (address(&sa, path, e) < 0)
		return -1;
	if ((fd = dial(path, &ign)) >= 0) {
		close(fd);
		return err_set(e, ERR_BUSY, "%s: another ls-walship is there",
		    path);
	}
	if (ign.sys == EAGAIN)
		return err_set(e, ERR_BUSY, "%s: another ls-walship is there, "
		    "and does not answer", path);
	if (ign.sys == ECONNREFUSED)
		unlink(path);
	if (!(c = calloc(1, sizeof *c)) || !(c->path = strdup(path))) {
		free(c);
		return err_nomem(e);
	}
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	old = umask(0177);
	r = c->fd < 0 ? -1
	    : bind(c->fd, (struct sockaddr *)&sa, sizeof sa);
	umask(old);
	if (r < 0 || listen(c->fd, 8) < 0) {
		err_sys(e, "unable to listen on %s", path);
		if (c->fd >= 0)
			close(c->fd);
		free(c->path);
		free(c);
		return -1;
	}
	*out = c;
	return 0;
}

static void
drop(struct client *c)
{
	close(c->fd);
	free(c->in);
	stralloc_free(&c->out);
	memset(c, 0, sizeof *c);
}

void
control_free(struct control *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < CONTROL_CLIENTS; i++)
		if (c->c[i].id)
			drop(&c->c[i]);
	close(c->fd);
	unlink(c->path);
	free(c->path);
	free(c);
}

/* Where a new client goes: a free place, else that of the one who has asked
 * for nothing for longest; it may be too early for that. */
static struct client *
place(struct control *c)
{
	struct client *k, *idle = NULL;

	for (k = c->c; k < c->c + CONTROL_CLIENTS; k++) {
		if (!k->id)
			return k;
		if (!k->busy && !k->out.len && (!idle || k->last < idle->last))
			idle = k;
	}
	return idle;
}

static int64_t
place_due(const struct client *k)
{
	return !k ? INT64_MAX : k->id ? k->last + IDLE_MS : 0;
}

static int64_t
welcome_due(struct control *c)
{
	int64_t due = place_due(place(c));

	return due > c->again ? due : c->again;
}

size_t
control_poll(struct control *c, struct pollfd *p)
{
	size_t i, n = 0;

	for (i = 0; i < CONTROL_CLIENTS; i++) {
		if (!c->c[i].id)
			continue;
		p[n].fd = c->c[i].fd;
		p[n].events = c->c[i].out.len ? POLLOUT : 0;
		if (!c->c[i].busy)
			p[n].events |= POLLIN;
		else if (!c->c[i].out.len)
			p[n].events |= POLLRDHUP;
		p[n].revents = 0;
		n++;
	}
	c->listening = welcome_due(c) <= when_mono();
	if (c->listening) {
		p[n].fd = c->fd;
		p[n].events = POLLIN;
		p[n].revents = 0;
		n++;
	}
	return n;
}

static void
welcome(struct control *c)
{
	struct client *k;
	int fd;

	while (place_due(k = place(c)) <= when_mono()) {
		fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			/* who waits goes on waiting, and would wake us at once */
			if (errno == EMFILE || errno == ENFILE
			    || errno == ENOBUFS || errno == ENOMEM)
				c->again = when_mono() + AGAIN_MS;
			return;
		}
		if (k->id)
			drop(k);
		if (!(k->in = malloc(CONTROL_LINE))) {
			close(fd);
			return;
		}
		k->fd = fd;
		k->id = ++c->next;
		k->last = when_mono();
	}
}

static int
asks(const struct client *c)
{
	return c->id && !c->busy && c->n && memchr(c->in, '\n', c->n);
}

/* The next whole line of what was read to the owner. */
static void
request(struct client *c, control_fn *fn, void *ctx)
{
	char line[CONTROL_LINE], *argv[CONTROL_ARGS + 1], *s, *sep;
	char *nl = memchr(c->in, '\n', c->n);
	size_t len = (size_t)(nl - c->in), argc = 0;

	memcpy(line, c->in, len);
	line[len] = 0;
	c->n -= len + 1;
	memmove(c->in, nl + 1, c->n);
	sep = strchr(line, '\t') ? "\t" : " ";
	s = line;
	while (s && argc < CONTROL_ARGS) {
		argv[argc++] = s;
		if ((s = strpbrk(s, sep)))
			*s++ = 0;
	}
	argv[argc] = NULL;
	c->busy = 1;
	fn(ctx, c->id, argc, argv);
}

static void
receive(struct client *c)
{
	ssize_t n = read(c->fd, c->in + c->n, CONTROL_LINE - c->n);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->n += (size_t)n;
	if (c->n == CONTROL_LINE && !memchr(c->in, '\n', c->n))
		drop(c);
}

static void
flush(struct client *c)
{
	ssize_t n = send(c->fd, c->out.s, c->out.len, MSG_NOSIGNAL);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			drop(c);
		return;
	}
	c->out.len -= (size_t)n;
	memmove(c->out.s, c->out.s + n, c->out.len);
}

void
control_handle(struct control *c, const struct pollfd *p, size_t n,
    control_fn *fn, void *ctx)
{
	size_t i, j;

	for (i = 0; i < n; i++) {
		if (!p[i].revents)
			continue;
		if (p[i].fd == c->fd) {
			welcome(c);
			continue;
		}
		for (j = 0; j < CONTROL_CLIENTS; j++) {
			struct client *k = &c->c[j];

			if (!k->id || k->fd != p[i].fd)
				continue;
			k->last = when_mono();
			if (p[i].revents & POLLOUT)
				flush(k);
			if (k->id && p[i].revents & POLLIN && !k->busy)
				receive(k);
			else if (k->id && p[i].revents
			    & (POLLERR | POLLHUP | POLLNVAL | POLLRDHUP))
				drop(k);
			break;
		}
	}
	for (j = 0; j < CONTROL_CLIENTS; j++)
		while (asks(&c->c[j]))
			request(&c->c[j], fn, ctx);
}

int64_t
control_due(struct control *c)
{
	size_t i;

	for (i = 0; i < CONTROL_CLIENTS; i++)
		if (asks(&c->c[i]))
			return 0;
	return c->listening ? INT64_MAX : welcome_due(c);
}

static struct client *
find(const struct control *c, uint64_t id)
{
	size_t i;

	for (i = 0; i < CONTROL_CLIENTS; i++)
		if (id && c->c[i].id == id)
			return (struct client *)&c->c[i];
	return NULL;
}

int
control_alive(const struct control *c, uint64_t id)
{
	return find(c, id) != NULL;
}

void
control_line(struct control *c, uint64_t id, const char *json)
{
	struct client *k = find(c, id);

	if (!k)
		return;
	if (k->out.len > OUT_MAX || !stralloc_cats(&k->out, json)
	    || !stralloc_append(&k->out, '\n'))
		drop(k);
}

void
control_end(struct control *c, uint64_t id, const struct err *e)
{
	struct client *k = find(c, id);
	char q[ERR_MSG_MAX * 2], line[ERR_MSG_MAX * 2 + 100];

	if (!k)
		return;
	if (e)
		snprintf(line, sizeof line, "{\"done\":true,\"ok\":false,"
		    "\"kind\":\"%s\",\"error\":%s}", err_word(e->kind),
		    control_quote(q, sizeof q, e->msg));
	else
		snprintf(line, sizeof line, "{\"done\":true,\"ok\":true}");
	control_line(c, id, line);
	if (!(k = find(c, id)))
		return;
	k->busy = 0;
	flush(k);
}

char *
control_quote(char *out, size_t n, const char *s)
{
	size_t i = 0, k;

	out[i++] = '"';
	for (; *s && i + 8 < n; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\') {
			out[i++] = '\\';
			out[i++] = (char)c;
		} else if (c < 32 || c == 127) {
			i += (size_t)sprintf(out + i, "\\u%04x", c);
		} else if (!(k = utf8_len((const unsigned char *)s))) {
			i += (size_t)sprintf(out + i, "\\ufffd");
		} else {
			memcpy(out + i, s, k);
			i += k;
			s += k - 1;
		}
	}
	out[i++] = '"';
	out[i] = 0;
	return out;
}
