#include "front/front.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/when.h"

/* The commands that ask a running daemon, ours or Litestream's. */

static const char *
socket_of(const struct front *f)
{
	return f->opts.socket ? f->opts.socket : FRONT_SOCKET;
}

static int64_t
seconds(const struct front *f, int64_t otherwise)
{
	return f->opts.timeout ? strtoll(f->opts.timeout, NULL, 10)
	    : otherwise;
}

/* Asks, and says what went wrong: the answer is in *h where it is 0. */
static int
ask(const struct front *f, const char *what, const char *body,
    struct front_http *h)
{
	int64_t s = seconds(f, body ? 30 : 10);
	char path[40], text[ERR_MSG_MAX + 200];
	struct err e = { 0 };
	cJSON *j;
	const char *why;

	if (s <= 0)
		return front_fail(f, "timeout must be greater than 0");
	snprintf(path, sizeof path, "/%s", what);
	/* a daemon that gives up at that time is still heard */
	if (front_http_ask(h, socket_of(f), body ? "POST" : "GET", path, body,
	    when_mono() + s * 1000 + (body ? 1000 : 0), &e) < 0) {
		front_http_free(h);
		snprintf(text, sizeof text, "failed to connect to control "
		    "socket: %s \"http://localhost%s\": %s", body ? "Post"
		    : "Get", path, e.msg);
		return front_fail(f, text);
	}
	if (h->status == 200)
		return 0;
	j = cJSON_Parse(h->body);
	why = cJSON_GetStringValue(cJSON_GetObjectItem(j, "error"));
	snprintf(text, sizeof text, "%s failed: %s", what, why ? why : h->body);
	cJSON_Delete(j);
	front_http_free(h);
	return front_fail(f, text);
}

/* A daemon's JSON as it is, laid out. */
static int
as_it_is(const struct front *f, struct front_http *h)
{
	stralloc s = STRALLOC_ZERO;
	size_t n = h->len;
	int ok;

	while (n && h->body[n - 1] == '\n')
		n--;
	ok = front_json_indent(&s, h->body, n) && stralloc_cats(&s, "\n");
	front_http_free(h);
	return front_put(f, &s, ok);
}

/* A time of JSON to whole seconds. */
static void
whole(char *out, size_t n, const char *t)
{
	const char *dot = t ? strchr(t, '.') : NULL;

	if (dot)
		snprintf(out, n, "%.*sZ", (int)(dot - t), t);
	else
		snprintf(out, n, "%s", t ? t : "");
}

int
front_info(struct front *f)
{
	struct front_http h;
	stralloc s = STRALLOC_ZERO;
	char t[40], up[WHEN_FMT], *line;
	const char *v;
	cJSON *j;
	int code, n;

	if (f->argc)
		return front_fail(f, "too many arguments");
	if ((code = ask(f, "info", NULL, &h)))
		return code;
	if (f->opts.json)
		return as_it_is(f, &h);
	j = cJSON_Parse(h.body);
	front_http_free(&h);
	whole(t, sizeof t, cJSON_GetStringValue(cJSON_GetObjectItem(j,
	    "started_at")));
	when_dur_fmt(up, 1000 * (int64_t)cJSON_GetNumberValue(
	    cJSON_GetObjectItem(j, "uptime_seconds")));
	v = cJSON_GetStringValue(cJSON_GetObjectItem(j, "version"));
	n = asprintf(&line, "Litestream %s\n  PID:        %.0f\n"
	    "  Uptime:     %s\n  Started at: %s\n  Databases:  %.0f\n",
	    v ? v : "", cJSON_GetNumberValue(cJSON_GetObjectItem(j, "pid")),
	    up, t, cJSON_GetNumberValue(cJSON_GetObjectItem(j,
	    "database_count")));
	cJSON_Delete(j);
	if (n < 0)
		return front_put(f, &s, 0);
	n = stralloc_cats(&s, line);
	free(line);
	return front_put(f, &s, n);
}

int
front_list(struct front *f)
{
	struct front_http h;
	stralloc s = STRALLOC_ZERO;
	const cJSON *d;
	cJSON *j;
	int code, ok = 1;

	if (f->argc)
		return front_fail(f, "too many arguments");
	if ((code = ask(f, "list", NULL, &h)))
		return code;
	if (f->opts.json)
		return as_it_is(f, &h);
	j = cJSON_Parse(h.body);
	front_http_free(&h);
	if (!cJSON_GetArraySize(cJSON_GetObjectItem(j, "databases")))
		ok = stralloc_cats(&s, "No databases configured.\n");
	cJSON_ArrayForEach(d, cJSON_GetObjectItem(j, "databases")) {
		const char *path = cJSON_GetStringValue(
		    cJSON_GetObjectItem(d, "path"));
		const char *word = cJSON_GetStringValue(
		    cJSON_GetObjectItem(d, "status"));
		char t[40];

		whole(t, sizeof t, cJSON_GetStringValue(
		    cJSON_GetObjectItem(d, "last_sync_at")));
		ok = ok && stralloc_cats(&s, path ? path : "")
		    && stralloc_cats(&s, " [")
		    && stralloc_cats(&s, word ? word : "")
		    && stralloc_cats(&s, "] (last sync: ")
		    && stralloc_cats(&s, *t ? t : "never")
		    && stralloc_cats(&s, ")\n");
	}
	cJSON_Delete(j);
	return front_put(f, &s, ok);
}

/* ---- about one database ---- */

/* Its operand as an absolute path, or NULL and the exit code. */
static char *
operand(const struct front *f, const char *how, int *code)
{
	struct err e = { 0 };
	char *path;

	if (f->argc == 1 && conf_path(f->argv[0], &path, &e) == 0)
		return path;
	*code = f->argc > 1 ? front_fail(f, "too many arguments")
	    : f->argc ? front_fail_err(f, &e)
	    : front_try(f, "database path required", how);
	return NULL;
}

static int
request(stralloc *s, const struct front *f, const char *path)
{
	return stralloc_cats(s, "{\"path\":") && front_json_string(s, path)
	    && stralloc_cats(s, ",\"timeout\":")
	    && front_number(s, (uint64_t)seconds(f, 30))
	    && (!f->opts.wait || stralloc_cats(s, ",\"wait\":true"))
	    && (!f->opts.replica || f->cmd->run != front_register
	    || (stralloc_cats(s, ",\"replica_url\":")
	    && front_json_string(s, f->opts.replica)))
	    && stralloc_cats(s, "}") && stralloc_0(s);
}

/* Lines of what was done: a key and, quoted in JSON alone, its value. */
struct said {
	const struct front *f;
	stralloc s;
	int ok, n;
};

static void
field(struct said *o, const char *key, const char *value, int number)
{
	stralloc *s = &o->s;

	if (!value)
		return;
	o->n++;
	if (o->f->opts.json)
		o->ok = o->ok && stralloc_cats(s, o->n > 1 ? "," : "{")
		    && front_json_string(s, key) && stralloc_cats(s, ":")
		    && (number ? stralloc_cats(s, value)
		    : front_json_string(s, value));
	else
		o->ok = o->ok && stralloc_cats(s, key)
		    && stralloc_cats(s, ": ") && stralloc_cats(s, value)
		    && stralloc_cats(s, "\n");
}

static int
finish(struct said *o)
{
	stralloc all = STRALLOC_ZERO;

	if (o->f->opts.json && o->ok)
		o->ok = stralloc_cats(&o->s, "}")
		    && front_json_indent(&all, o->s.s, o->s.len)
		    && stralloc_cats(&all, "\n");
	else
		o->ok = o->ok && stralloc_copy(&all, &o->s);
	stralloc_free(&o->s);
	return front_put(o->f, &all, o->ok);
}

static const char *
number(char *buf, size_t n, const cJSON *j, const char *key)
{
	const cJSON *v = cJSON_GetObjectItem(j, key);

	if (!cJSON_IsNumber(v))
		return "0";
	snprintf(buf, n, "%.0f", v->valuedouble);
	return buf;
}

/* What the command adds to the status. */
static void
details(struct said *o, const cJSON *j, const char *path, int64_t ms)
{
	const struct front *f = o->f;
	const char *status = cJSON_GetStringValue(cJSON_GetObjectItem(j,
	    "status"));
	char a[32], b[32], took[32];

	snprintf(took, sizeof took, "%" PRId64, ms);
	if (f->cmd->run == front_sync) {
		field(o, "db_path", path, 0);
		field(o, "txid", number(a, sizeof a, j, "txid"), 1);
		if (f->opts.wait)
			field(o, "replica_txid", number(b, sizeof b, j,
			    "replicated_txid"), 1);
		field(o, "duration_ms", took, 1);
		return;
	}
	if (f->cmd->run == front_register && !f->opts.json && status
	    && !strcmp(status, "already_registered"))
		status = "already registered";
	field(o, "status", status ? status : "", 0);
	field(o, "db_path", path, 0);
	if (f->cmd->run == front_register)
		field(o, "replica", f->opts.replica, 0);
	else if (f->cmd->run == front_unregister)
		field(o, "final_txid", number(a, sizeof a, j, "txid"), 1);
	else {
		field(o, "state", f->cmd->run == front_start ? "running"
		    : "stopped", 0);
		field(o, "txid", number(a, sizeof a, j, "txid"), 1);
	}
	field(o, "socket", socket_of(f), 0);
}

static int
one(struct front *f, const char *how)
{
	struct said o = { .f = f, .ok = 1 };
	stralloc body = STRALLOC_ZERO;
	struct front_http h;
	int64_t begun = when_mono();
	char *path;
	cJSON *j;
	int code = 0;

	if (!(path = operand(f, how, &code)))
		return code;
	if (!request(&body, f, path))
		code = front_put(f, &body, 0);
	else if ((code = ask(f, f->cmd->name, body.s, &h)) == 0) {
		j = cJSON_Parse(h.body);
		front_http_free(&h);
		details(&o, j, path, when_mono() - begun);
		cJSON_Delete(j);
		code = finish(&o);
	}
	stralloc_free(&body);
	free(path);
	return code;
}

int
front_start(struct front *f)
{
	return one(f, "start /path/to/db");
}

int
front_stop(struct front *f)
{
	return one(f, "stop /path/to/db");
}

int
front_sync(struct front *f)
{
	return one(f, "sync /path/to/db");
}

int
front_register(struct front *f)
{
	static const char how[] =
	    "register -replica s3://bucket/prefix /path/to/db";

	if (f->argc && !f->opts.replica)
		return front_try(f, "-replica is required", how);
	return one(f, how);
}

int
front_unregister(struct front *f)
{
	static const char how[] = "unregister /path/to/db";
	stralloc s = STRALLOC_ZERO;
	char *path;
	int code = 0, ok;

	if (!f->opts.dry_run)
		return one(f, how);
	if (!(path = operand(f, how, &code)))
		return code;
	ok = stralloc_cats(&s, "Dry run: unregister request preview\n"
	    "  database: ") && stralloc_cats(&s, path)
	    && stralloc_cats(&s, "\n  socket: ")
	    && stralloc_cats(&s, socket_of(f)) && stralloc_cats(&s,
	    "\n  replicas: daemon-managed replica for this database\n"
	    "  final sync: daemon close will sync the database and replica "
	    "before the command completes\n  timeout: ")
	    && front_number(&s, (uint64_t)seconds(f, 30)) && stralloc_cats(&s,
	    "s\nNo unregister request was sent.\n");
	free(path);
	return front_put(f, &s, ok);
}
