#include "front/answer.h"

#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include "base/when.h"
#include "repl/control.h"
#include "repl/status.h"

static int
key_string(stralloc *s, const char *before, const char *v)
{
	return stralloc_cats(s, before) && front_json_string(s, v);
}

static int
key_number(stralloc *s, const char *before, uint64_t v)
{
	return stralloc_cats(s, before) && front_number(s, v);
}

static int
key_time(stralloc *s, const char *before, int64_t ms)
{
	char t[WHEN_FMT];

	when_fmt(t, ms);
	return key_string(s, before, t);
}

/* The status file, a database's last success in all its replicas. */
static int64_t
success(const struct status_db *d)
{
	int64_t last = d->n && d->txid ? INT64_MAX : 0;

	for (size_t i = 0; i < d->n; i++)
		if (d->r[i].success_ms < last)
			last = d->r[i].success_ms;
	return last;
}

static void
count(void *ctx, const char *json)
{
	*(uint64_t *)ctx += !strncmp(json, "{\"path\"", 7);
}

int
answer_info(struct answer *a)
{
	stralloc *s = &a->body;
	uint64_t n = 0;
	int64_t up = when_now() - a->start_ms;
	struct err e = { 0 };

	control_request(a->sock, "list", 5000, count, &n, &e);
	return key_string(s, "{\"version\":", a->version)
	    && stralloc_cats(s, ",\"pid\":") && stralloc_cats(s, a->pid)
	    && key_number(s, ",\"uptime_seconds\":",
	    up > 0 ? (uint64_t)up / 1000 : 0)
	    && key_time(s, ",\"started_at\":", a->start_ms)
	    && key_number(s, ",\"database_count\":", n)
	    && stralloc_cats(s, "}\n");
}

struct lister {
	stralloc *s;
	const struct status *st;
	int ok, first;
};

static const struct status_db *
of(const struct status *st, const char *path)
{
	for (size_t i = 0; i < st->n; i++)
		if (!strcmp(st->db[i].path, path))
			return &st->db[i];
	return NULL;
}

static void
list_one(void *ctx, const char *json)
{
	struct lister *l = ctx;
	cJSON *j = cJSON_Parse(json);
	const char *path = cJSON_GetStringValue(cJSON_GetObjectItem(j, "path"));
	const char *w = cJSON_GetStringValue(cJSON_GetObjectItem(j, "state"));
	const struct status_db *d = path ? of(l->st, path) : NULL;
	int stopped = w && !strncmp(w, "stop", 4);

	if (path) {
		l->ok = l->ok && (l->first || stralloc_cats(l->s, ","))
		    && key_string(l->s, "{\"path\":", path)
		    && key_string(l->s, ",\"status\":", stopped ? "stopped"
		    : "replicating") && (!d || !success(d)
		    || key_time(l->s, ",\"last_sync_at\":", success(d)))
		    && stralloc_cats(l->s, "}");
		l->first = 0;
	}
	cJSON_Delete(j);
}

int
answer_list(struct answer *a)
{
	struct status st = { 0 };
	struct lister l = { &a->body, &st, 1, 1 };
	struct err e = { 0 };
	int r;

	if (status_read(a->status_file, &st, &e) < 0)
		memset(&st, 0, sizeof st);
	l.ok = stralloc_cats(&a->body, "{\"databases\":[");
	r = control_request(a->sock, "list", 5000, list_one, &l, &e);
	status_free(&st);
	if (r < 0)
		return answer_error(a, 500, e.msg, NULL);
	return l.ok && stralloc_cats(&a->body, "]}\n");
}

int
answer_txid(struct answer *a)
{
	struct err e = { 0 };

	char path[2048];

	if (!front_http_param(a->query, "path", path, sizeof path)
	    || answer_path(a, path) < 0)
		return answer_error(a, 400, "path required", NULL);
	if (answer_look(a, &a->db, &e) < 0)
		return answer_error(a, 500, e.msg, NULL);
	if (!a->db.known)
		return answer_error(a, 404, "database not found", NULL);
	return key_number(&a->body, "{\"txid\":", a->db.txid)
	    && stralloc_cats(&a->body, "}\n");
}

static int
sync_row(stralloc *s, const struct status_db *d, int first)
{
	int at_work = d->pending || (strcmp(d->state, "running")
	    && strcmp(d->state, "stopped") && strcmp(d->state, "waiting"));

	return (first || stralloc_cats(s, ","))
	    && key_string(s, "{\"path\":", d->path)
	    && stralloc_cats(s, at_work ? ",\"active\":true"
	    : ",\"active\":false")
	    && stralloc_cats(s, ",\"operation\":\"sync\"")
	    && key_string(s, ",\"phase\":", d->state)
	    && (!d->captured_ms || (key_time(s, ",\"started_at\":",
	    d->captured_ms) && key_time(s, ",\"updated_at\":",
	    d->captured_ms))) && stralloc_cats(s, ",\"elapsed_seconds\":0")
	    && (!d->txid || key_number(s, ",\"txid\":", d->txid))
	    && stralloc_cats(s, "}");
}

int
answer_sync_status(struct answer *a)
{
	struct status st = { 0 };
	struct err e = { 0 };
	size_t n = 0;
	char path[2048];
	int all = !front_http_param(a->query, "path", path, sizeof path)
	    || answer_path(a, path) < 0, ok;

	if (status_read(a->status_file, &st, &e) < 0)
		return answer_error(a, 500, e.msg, NULL);
	ok = stralloc_cats(&a->body, "{\"databases\":[");
	for (size_t i = 0; i < st.n && ok; i++)
		if (all || !strcmp(st.db[i].path, a->db.path))
			ok = sync_row(&a->body, &st.db[i], !n++);
	status_free(&st);
	if (!all && !n)
		return answer_error(a, 404, "database not found", NULL);
	return ok && stralloc_cats(&a->body, "]}\n");
}
