/* httpd: an HTTP peer that misbehaves on demand, and between that is a small
 * S3 in memory: no signatures checked, keys kept byte for byte.
 *
 *   httpd PORT LOG RULES [PAGE]
 *
 * RULES is a file read again at each request; PAGE the length of a listing's
 * page. Each line of RULES:  METHOD PART COUNT ACTION [ARG...]
 *   METHOD  GET, PUT, ... or *         PART  in the request target, or *
 *   COUNT   of the requests that match: 3, 1-2, 2- or *
 *   ACTION  status CODE [NAME] [HEADER:VALUE]...  an error, NAME its <Code>
 *           okerror NAME    do it, but answer 200 with an error document
 *           okcut N         do it, but answer 200 with N bytes of the body
 *           lost            do it, then reset without an answer
 *           resetin N       reset after N bytes of the request
 *           resetout N      do it, reset after N bytes of the answer
 *           cut N           do it, close after N bytes of the body
 *           hang            never answer
 *           slow N MS       send N bytes every MS milliseconds
 *           etag E          do it, with this ETag
 *           nolength        do it, without Content-Length
 *           unconditional   do it, as if there were no If-None-Match
 *           circle          a listing's page that leads to itself
 *           swing           pages that lead to one another for ever
 *           stray           a listing's keys with an x before them
 *           hide KEY        a listing without this one
 *           pretend         answer that it was deleted, and do nothing
 *           unknown         501 where there is If-None-Match
 * Each line counts what matches it, from 1 again when the file is written
 * anew; the first whose turn it is acts. LOG gets "> " lines with the
 * request line and headers and a "< " line with the status. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct request {
	int fd;
	char *raw;              /* request line, headers, body; NUL-ended */
	size_t len, room, head; /* head: bytes before the empty line */
	char method[16], target[4096], action[200];
	const char *body;
	size_t body_len;
};

struct answer {
	int status;
	char head[4096];
	char *body;
	size_t body_len;
	size_t size;            /* for HEAD */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *log_file;
static const char *rules;
static size_t page_keys = 1000;

/* ---- bytes ---- */

static void
reset(int fd)
{
	struct linger l = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
}

static int
put_all(int fd, const char *p, size_t n, size_t step, long ms)
{
	while (n) {
		size_t k = step && step < n ? step : n;
		ssize_t w = send(fd, p, k, MSG_NOSIGNAL);

		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
		if (ms) {
			struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

			nanosleep(&t, 0);
		}
	}
	return 0;
}

/* One more piece of the request; not past limit bytes in all. */
static int
more(struct request *q, size_t limit)
{
	ssize_t r;

	if (q->len + 1 >= q->room) {
		q->room = q->room ? 2 * q->room : 65536;
		q->raw = realloc(q->raw, q->room);
	}
	if (limit - q->len < 1)
		return -1;
	r = q->room - q->len - 1 < limit - q->len
	    ? (ssize_t)(q->room - q->len - 1) : (ssize_t)(limit - q->len);
	r = recv(q->fd, q->raw + q->len, (size_t)r, 0);
	if (r <= 0)
		return -1;
	q->len += (size_t)r;
	q->raw[q->len] = 0;
	return 0;
}

static const char *
request_header(const struct request *q, const char *name, char *out,
    size_t max)
{
	const char *p = strstr(q->raw, "\r\n"), *end = q->raw + q->head;

	for (; p && p < end; p = strstr(p + 2, "\r\n")) {
		size_t n = strlen(name);

		if (!strncasecmp(p + 2, name, n) && p[2 + n] == ':') {
			p += 3 + n;
			p += strspn(p, " ");
			n = strcspn(p, "\r");
			snprintf(out, max, "%.*s", (int)n, p);
			return out;
		}
	}
	return 0;
}

/* ---- rules ---- */

#define COUNTERS 64
static struct { char line[256]; unsigned n; } counted[COUNTERS];

static unsigned
count(const char *line)
{
	unsigned i = 0;

	while (i < COUNTERS - 1 && counted[i].line[0]
	    && strcmp(counted[i].line, line))
		i++;
	snprintf(counted[i].line, sizeof counted[i].line, "%s", line);
	return ++counted[i].n;
}

static int
in_range(const char *s, unsigned n)
{
	unsigned a, b;

	if (!strcmp(s, "*"))
		return 1;
	if (sscanf(s, "%u-%u", &a, &b) == 2)
		return n >= a && n <= b;
	a = (unsigned)atoi(s);
	return strchr(s, '-') ? n >= a : n == a;
}

static void
find_rule(struct request *q)
{
	static struct timespec seen;
	char line[256], method[16], part[128], range[32];
	FILE *f = fopen(rules, "r");
	struct stat s;
	int at;

	if (f && !fstat(fileno(f), &s)
	    && memcmp(&seen, &s.st_mtim, sizeof seen)) {
		seen = s.st_mtim;
		memset(counted, 0, sizeof counted);
	}

	q->action[0] = 0;
	while (f && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%15s %127s %31s %n", method, part, range,
		    &at) != 3)
			continue;
		if ((strcmp(method, "*") && strcmp(method, q->method))
		    || (strcmp(part, "*") && !strstr(q->target, part)))
			continue;
		if (in_range(range, count(line)) && !q->action[0])
			snprintf(q->action, sizeof q->action, "%s", line + at);
	}
	if (f)
		fclose(f);
}

static int
request_is(const struct request *q, const char *action, const char **arg)
{
	size_t n = strlen(action);

	if (strncmp(q->action, action, n)
	    || (q->action[n] && q->action[n] != ' '))
		return 0;
	if (arg)
		*arg = q->action + n + (q->action[n] == ' ');
	return 1;
}

/* ---- answers ---- */

static void
answer_add(struct answer *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->head + strlen(a->head), sizeof a->head - strlen(a->head),
	    fmt, ap);
	va_end(ap);
}

static void
answer_body(struct answer *a, const void *p, size_t n)
{
	a->body = realloc(a->body, a->body_len + n + 1);
	memcpy(a->body + a->body_len, p, n);
	a->body_len += n;
	a->body[a->body_len] = 0;
}

static const char *
error_text(char *out, size_t max, const char *code)
{
	snprintf(out, max, "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code>"
	    "<Message>as told</Message></Error>", code);
	return out;
}

/* "503 SlowDown Retry-After:1" */
static void
answer_error(struct answer *a, const char *arg)
{
	char text[512], code[64] = "", head[200];
	int at = 0;

	a->status = atoi(arg);
	arg += strcspn(arg, " ");
	arg += strspn(arg, " ");
	if (!strchr(arg, ':') || strcspn(arg, " ") < strcspn(arg, ":")) {
		sscanf(arg, "%63s%n", code, &at);
		arg += at;
	}
	while (sscanf(arg, " %199s%n", head, &at) == 1) {
		char *v = strchr(head, ':');

		arg += at;
		*v = 0;
		for (char *p = v + 1; *p; p++)
			if (*p == '_')
				*p = ' ';
		answer_add(a, "%s: %s\r\n", head, v + 1);
	}
	a->body_len = 0;
	if (code[0]) {
		error_text(text, sizeof text, code);
		answer_body(a, text, strlen(text));
	}
}

/* Returns whether the connection lives on. */
static int
send_answer(struct request *q, struct answer *a)
{
	const char *arg = "";
	char head[4096 + 256], line[64];
	size_t n, total, step = 0, stop;
	long ms = 0;
	int nolength = request_is(q, "nolength", 0);

	if (!strcmp(q->method, "HEAD"))
		snprintf(line, sizeof line, "Content-Length: %zu\r\n",
		    a->size);
	else
		snprintf(line, sizeof line, "Content-Length: %zu\r\n",
		    a->body_len);
	n = (size_t)snprintf(head, sizeof head, "HTTP/1.1 %d X\r\n%s%s%s\r\n",
	    a->status, a->head, nolength ? "" : line,
	    nolength ? "Connection: close\r\n" : "");
	if (!strcmp(q->method, "HEAD") || a->status == 204)
		a->body_len = 0;
	total = stop = n + a->body_len;
	if (request_is(q, "cut", &arg))
		stop = n + strtoul(arg, 0, 10);
	if (request_is(q, "resetout", &arg))
		stop = strtoul(arg, 0, 10);
	if (request_is(q, "slow", &arg))
		sscanf(arg, "%zu %ld", &step, &ms);
	if (stop > total)
		stop = total;
	if (put_all(q->fd, head, n < stop ? n : stop, step, ms)
	    || (stop > n && put_all(q->fd, a->body, stop - n, step, ms)))
		return 0;
	if (request_is(q, "resetout", 0))
		reset(q->fd);
	return stop == total && !nolength && !request_is(q, "resetout", 0);
}

#include "httpd_s3.h"

static int
serve(struct request *q)
{
	struct answer a = { .status = 200 };
	const char *arg;
	char text[512];
	int keep;

	if (request_is(q, "hang", 0)) {
		fprintf(log_file, "< 0 hang\n");
		fflush(log_file);
		pthread_mutex_unlock(&lock);
		for (;;)
			pause();
	}
	if (request_is(q, "status", &arg)) {
		answer_error(&a, arg);
	} else {
		s3_serve(q, &a);
		if (request_is(q, "okerror", &arg)) {
			a.body_len = 0;
			error_text(text, sizeof text, arg);
			answer_body(&a, text, strlen(text));
		}
		if (request_is(q, "okcut", &arg)
		    && strtoul(arg, 0, 10) < a.body_len)
			a.body_len = strtoul(arg, 0, 10);
	}
	fprintf(log_file, "< %d %s\n", request_is(q, "lost", 0) ? 0
	    : a.status, q->action);
	fflush(log_file);
	pthread_mutex_unlock(&lock);
	if (request_is(q, "lost", 0)) {
		reset(q->fd);
		keep = 0;
	} else {
		keep = send_answer(q, &a);
	}
	free(a.body);
	return keep;
}

/* As a proxy it is every host. */
static void
proxied(char *target)
{
	char *path;

	if (!strncmp(target, "http://", 7) && (path = strchr(target + 7, '/')))
		memmove(target, path, strlen(path) + 1);
}

static int
read_request(struct request *q)
{
	size_t limit = SIZE_MAX, want;
	const char *arg, *end;
	char len[32];

	q->len = 0;
	do
		if (more(q, limit))
			return -1;
	while (!(end = strstr(q->raw, "\r\n\r\n")));
	q->head = (size_t)(end - q->raw) + 2;
	if (sscanf(q->raw, "%15s %4095s", q->method, q->target) != 2)
		return -1;
	proxied(q->target);
	pthread_mutex_lock(&lock);
	find_rule(q);
	fprintf(log_file, "> ");
	for (size_t i = 0; i < q->head; i++)
		if (q->raw[i] == '\n' && i + 1 < q->head)
			fprintf(log_file, "\n> ");
		else if (q->raw[i] != '\r')
			putc(q->raw[i], log_file);
	pthread_mutex_unlock(&lock);
	if (request_is(q, "resetin", &arg)) {
		limit = strtoul(arg, 0, 10);
		limit = limit > q->len ? limit : q->len;
	}
	want = q->head + 2 + (request_header(q, "content-length", len,
	    sizeof len) ? strtoul(len, 0, 10) : 0);
	while (q->len < want && !more(q, limit))
		;
	q->body = q->raw + q->head + 2;
	q->body_len = want - q->head - 2;
	if (request_is(q, "resetin", 0) || q->len < want) {
		reset(q->fd);
		return -1;
	}
	return 0;
}

static void *
connection(void *ctx)
{
	struct request q = { .fd = (int)(intptr_t)ctx };

	do {
		if (read_request(&q))
			break;
		pthread_mutex_lock(&lock);
	} while (serve(&q));
	close(q.fd);
	free(q.raw);
	return 0;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int one = 1, fd, c;
	pthread_t t;

	if (argc < 4)
		return 100;
	signal(SIGPIPE, SIG_IGN);
	log_file = fopen(argv[2], "a");
	rules = argv[3];
	if (argc > 4)
		page_keys = (size_t)atoi(argv[4]);
	a.sin_port = htons((uint16_t)atoi(argv[1]));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (!log_file || bind(fd, (struct sockaddr *)&a, sizeof a)
	    || listen(fd, 64)) {
		perror("httpd");
		return 111;
	}
	while ((c = accept(fd, 0, 0)) >= 0) {
		if (pthread_create(&t, 0, connection, (void *)(intptr_t)c))
			close(c);
		else
			pthread_detach(t);
	}
	return 111;
}
