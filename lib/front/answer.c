#include "front/parent.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/io.h"
#include "base/when.h"
#include "front/answer.h"
#include "repl/control.h"

/* The control socket's other end: one process a connection, so that one who
 * waits for a sync keeps nobody else waiting. Litestream's API on top of
 * ls-walship's own socket. */

#define HEAD_MS 10000      /* a request has come by then */
#define WAIT_MS 30000      /* where it names no time */
#define LOOK_MS 50

void
answer_begin(struct parent *p)
{
	char pid[24], start[32], sock[PATH_MAX], status[PATH_MAX];
	char self[PATH_MAX], answer[] = "--answer";
	char *argv[] = { self, answer, pid, start,
	    (char *)(uintptr_t)front_version(p->f->old), sock, status, NULL };
	struct front_child c;
	struct err e = { 0 };
	int fd = accept4(p->sock, NULL, NULL, SOCK_CLOEXEC);
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (fd < 0)
		return;
	self[n > 0 ? n : 0] = 0;
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	snprintf(start, sizeof start, "%" PRId64, p->started_ms);
	snprintf(sock, sizeof sock, "%s/walship.sock", p->dir);
	snprintf(status, sizeof status, "%s/walship.status", p->dir);
	if (front_spawn(&c, fd, argv, 0, NULL, &e) == 0)
		p->workers++;
	else
		log_err(&p->f->log, LOG_ERROR, &e, "control socket", NULL);
	close(fd);
}

/* ---- what ls-walship says ---- */

static void
on_line(void *ctx, const char *json)
{
	struct answer_db *d = ctx;
	cJSON *j = cJSON_Parse(json);
	const char *path = cJSON_GetStringValue(cJSON_GetObjectItem(j, "path"));
	const char *db = cJSON_GetStringValue(cJSON_GetObjectItem(j, "db"));
	const char *t = cJSON_GetStringValue(cJSON_GetObjectItem(j, "txid"));
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItem(j, "state"));
	uint64_t txid = t ? strtoull(t, NULL, 16) : 0;

	if (path && !strcmp(path, d->path)) {
		d->known = 1;
		d->txid = txid;
		d->stopped = s && !strcmp(s, "stopped");
		d->going = s && !strcmp(s, "stopping");
		d->replicated = d->txid;
	} else if (db && !strcmp(db, d->path) && txid < d->replicated
	    && !(s && !strcmp(s, "fenced"))) {
		d->replicated = txid;
	}
	cJSON_Delete(j);
}

/* 0; -1: nobody answers. */
int
answer_look(const struct answer *a, struct answer_db *d, struct err *e)
{
	d->known = d->stopped = d->going = 0;
	d->txid = d->replicated = 0;
	return control_request(a->sock, "list", HEAD_MS, on_line, d, e);
}

int
answer_control(const struct answer *a, int64_t ms, struct err *e,
    const char *word, const char *path, const char *arg)
{
	char line[CONTROL_LINE];
	int n = snprintf(line, sizeof line, "%s\t%s%s%s", word, path,
	    arg ? "\t" : "", arg ? arg : "");

	if (n < 0 || (size_t)n >= sizeof line || strchr(line, '\n'))
		return err_set(e, ERR_USAGE, "not a path");
	return control_request(a->sock, line, ms, NULL, NULL, e);
}

/* Everything of a database that was let go of is shipped, or time is up. */
int
answer_settle(const struct answer *a, struct answer_db *d, int64_t until,
    struct err *e)
{
	for (;;) {
		if (answer_look(a, d, e) < 0)
			return -1;
		if (!d->known || (d->stopped && d->replicated >= d->txid))
			return 0;
		if (when_mono() >= until)
			return err_set(e, ERR_TEMP, "context deadline exceeded");
		usleep(LOOK_MS * 1000);
	}
}

/* ---- answers ---- */

int
answer_error(struct answer *a, int status, const char *text,
    const char *details)
{
	a->status = status;
	a->body.len = 0;
	return stralloc_cats(&a->body, "{\"error\":")
	    && front_json_string(&a->body, text) && (!details
	    || (stralloc_cats(&a->body, ",\"details\":")
	    && front_json_string(&a->body, details)))
	    && stralloc_cats(&a->body, "}\n");
}

int
answer_unknown(struct answer *a, int status, const char *path)
{
	char text[2200];

	snprintf(text, sizeof text, "database not found: %s", path);
	return answer_error(a, status, text, NULL);
}

static int
plain(struct answer *a, int status, const char *text)
{
	a->status = status;
	a->text = 1;
	a->body.len = 0;
	return stralloc_cats(&a->body, text) && stralloc_cats(&a->body, "\n");
}

static const struct {
	const char *path;
	int post;
	int (*fn)(struct answer *);
} routes[] = {
	{ "/info", 0, answer_info }, { "/list", 0, answer_list },
	{ "/txid", 0, answer_txid },
	{ "/debug/sync-status", 0, answer_sync_status },
	{ "/sync", 1, answer_sync }, { "/start", 1, answer_start },
	{ "/stop", 1, answer_stop }, { "/register", 1, answer_register },
	{ "/unregister", 1, answer_unregister },
};

int
answer_path(struct answer *a, const char *path)
{
	struct err ignored;
	char *abs;
	int n;

	a->db.path[0] = 0;
	if (!path || !*path || conf_path(path, &abs, &ignored) < 0)
		return -1;
	n = snprintf(a->db.path, sizeof a->db.path, "%s", abs);
	free(abs);
	return n < (int)sizeof a->db.path ? 0 : -1;
}

/* Path, time and the rest of a POST's body. */
static int
body(struct answer *a, const struct front_http *h)
{
	double t;

	a->json = cJSON_ParseWithLength(h->body, h->len);
	if (!cJSON_IsObject(a->json))
		return answer_error(a, 400, "invalid request body",
		    h->len ? "it is no JSON object" : "EOF");
	t = cJSON_GetNumberValue(cJSON_GetObjectItem(a->json, "timeout"));
	a->wait_ms = t > 0 && t < 1e6 ? (int64_t)(t * 1000) : WAIT_MS;
	return answer_path(a, cJSON_GetStringValue(cJSON_GetObjectItem(a->json,
	    "path"))) < 0 ? answer_error(a, 400, "path required", NULL) : -1;
}

static int
route(struct answer *a, const struct front_http *h)
{
	int r;

	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (strcmp(routes[i].path, h->path))
			continue;
		a->allow = routes[i].post ? "POST" : "GET, HEAD";
		if (routes[i].post ? strcmp(h->method, "POST")
		    : strcmp(h->method, "GET") && strcmp(h->method, "HEAD"))
			return plain(a, 405, "Method Not Allowed");
		a->query = h->query;
		if (routes[i].post && (r = body(a, h)) >= 0)
			return r;
		return routes[i].fn(a);
	}
	return plain(a, 404, "404 page not found");
}

static int
reply(const struct answer *a, int headers_only)
{
	const char *word = a->status == 200 ? "OK" : a->status == 400
	    ? "Bad Request" : a->status == 404 ? "Not Found"
	    : a->status == 405 ? "Method Not Allowed" : a->status == 409
	    ? "Conflict" : "Internal Server Error";
	stralloc s = STRALLOC_ZERO;
	struct io_out out;
	struct err e;
	int fd = 0, r = -1;
	char line[128];

	snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\n", a->status, word);
	if (stralloc_cats(&s, line) && (a->status != 405
	    || (stralloc_cats(&s, "Allow: ") && stralloc_cats(&s, a->allow)
	    && stralloc_cats(&s, "\r\n"))) && stralloc_cats(&s, a->text
	    ? "Content-Type: text/plain; charset=utf-8\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    : "Content-Type: application/json\r\n")
	    && stralloc_cats(&s, "Connection: close\r\nContent-Length: ")
	    && front_number(&s, a->body.len) && stralloc_cats(&s, "\r\n\r\n")
	    && (headers_only || stralloc_catb(&s, a->body.s, a->body.len))) {
		out = io_out_fd(&fd);
		r = out.write(out.ctx, s.s, s.len, &e);
	}
	stralloc_free(&s);
	return r;
}

int
front_answer(int argc, char *const *argv)
{
	struct timeval tv = { HEAD_MS / 1000, 0 };
	struct answer a = { .status = 200 };
	struct front_http h;
	struct err e = { 0 };
	int ok, r;

	if (argc != 5)
		return 100;
	a.pid = argv[0];
	a.start_ms = strtoll(argv[1], NULL, 10);
	a.version = argv[2];
	a.sock = argv[3];
	a.status_file = argv[4];
	setsockopt(0, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	if (front_http_read(&h, 0, 0, when_mono() + HEAD_MS, &e) < 0)
		ok = *h.method ? answer_error(&a, 400, "invalid request body",
		    e.msg) : 0;
	else
		ok = route(&a, &h);
	r = ok ? reply(&a, !strcmp(h.method, "HEAD")) : -1;
	cJSON_Delete(a.json);
	stralloc_free(&a.body);
	front_http_free(&h);
	return r < 0;
}
