#include "front/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/url.h"
#include "base/when.h"

/* {"status":"...","path":"..." and, where it has one, "txid":N. */
static int
done(struct answer *a, const char *status, int with_txid)
{
	stralloc *s = &a->body;

	return stralloc_cats(s, "{\"status\":") && front_json_string(s, status)
	    && stralloc_cats(s, ",\"path\":")
	    && front_json_string(s, a->db.path) && (!with_txid
	    || (stralloc_cats(s, ",\"txid\":")
	    && front_number(s, a->db.txid))) && stralloc_cats(s, "}\n");
}

int
answer_sync(struct answer *a)
{
	int wait = cJSON_IsTrue(cJSON_GetObjectItem(a->json, "wait"));
	char arg[40], text[2200];
	struct err e = { 0 };
	uint64_t before;

	if (answer_look(a, &a->db, &e) < 0)
		return answer_error(a, 500, e.msg, NULL);
	if (!a->db.known)
		return answer_unknown(a, 404, a->db.path);
	if (a->db.stopped || a->db.going) {
		snprintf(text, sizeof text, "database not open: %s",
		    a->db.path);
		return answer_error(a, 409, text, NULL);
	}
	before = a->db.txid;
	snprintf(arg, sizeof arg, "%s\t%" PRId64, wait ? "all" : "local",
	    (a->wait_ms + 999) / 1000);
	/* the daemon gives up first, and says what is missing */
	if (answer_control(a, a->wait_ms + 2000, &e, "sync", a->db.path, arg)
	    < 0 || answer_look(a, &a->db, &e) < 0) {
		err_in(&e, "sync database");
		return answer_error(a, 500, e.msg, NULL);
	}
	a->body.len = 0;
	return stralloc_cats(&a->body, a->db.txid == before
	    && a->db.replicated == a->db.txid ? "{\"status\":\"no_change\""
	    : wait ? "{\"status\":\"synced\"" : "{\"status\":\"synced_local\"")
	    && stralloc_cats(&a->body, ",\"path\":")
	    && front_json_string(&a->body, a->db.path)
	    && stralloc_cats(&a->body, ",\"txid\":")
	    && front_number(&a->body, a->db.txid)
	    && stralloc_cats(&a->body, ",\"replicated_txid\":")
	    && front_number(&a->body, a->db.replicated)
	    && stralloc_cats(&a->body, "}\n");
}

int
answer_start(struct answer *a)
{
	int64_t until = when_mono() + a->wait_ms;
	struct err e = { 0 };
	int was;

	if (answer_look(a, &a->db, &e) < 0)
		return answer_error(a, 500, e.msg, NULL);
	if (!a->db.known)
		return answer_unknown(a, 500, a->db.path);
	was = a->db.stopped || a->db.going;
	/* one that is being stopped is, first */
	if (was && (answer_settle(a, &a->db, until, &e) < 0
	    || answer_control(a, a->wait_ms, &e, "start", a->db.path, NULL)
	    < 0))
		return answer_error(a, 500, e.msg, NULL);
	return done(a, was ? "started" : "already_running", 1);
}

int
answer_stop(struct answer *a)
{
	int64_t until = when_mono() + a->wait_ms;
	struct err e = { 0 };
	int was;

	if (answer_look(a, &a->db, &e) < 0)
		return answer_error(a, 500, e.msg, NULL);
	if (!a->db.known)
		return answer_unknown(a, 500, a->db.path);
	was = a->db.stopped;
	if (!was && (answer_control(a, a->wait_ms, &e, "stop", a->db.path,
	    NULL) < 0 || answer_settle(a, &a->db, until, &e) < 0))
		return answer_error(a, 500, e.msg, NULL);
	return done(a, was ? "already_stopped" : "stopped", 1);
}

int
answer_unregister(struct answer *a)
{
	int64_t until = when_mono() + a->wait_ms;
	struct err e = { 0 };

	if (answer_look(a, &a->db, &e) < 0)
		return answer_error(a, 500, e.msg, NULL);
	if (!a->db.known)
		return done(a, "already_unregistered", 1);
	/* forgotten only once everything is shipped */
	if (answer_control(a, a->wait_ms, &e, "stop", a->db.path, NULL) < 0
	    || answer_settle(a, &a->db, until, &e) < 0
	    || answer_control(a, a->wait_ms, &e, "unregister", a->db.path,
	    NULL) < 0)
		return answer_error(a, 500, e.msg, NULL);
	return done(a, "unregistered", 1);
}

/* What is wrong with a replica's URL, in the words of the peer. */
static int
bad_url(struct answer *a, const char *url)
{
	struct url u = { 0 };
	struct err e = { 0 };
	char text[ERR_MSG_MAX + 100];
	int r;

	if (!url_is(url)) {
		snprintf(text, sizeof text, "invalid replica url: replica url "
		    "scheme required: %.600s", url);
		return answer_error(a, 400, text, NULL);
	}
	r = url_scan(&u, url, &e);
	url_free(&u);
	if (r == 0)
		return -1;
	snprintf(text, sizeof text, "invalid replica url: %s", e.msg);
	return answer_error(a, 400, text, NULL);
}

int
answer_register(struct answer *a)
{
	const char *url = cJSON_GetStringValue(cJSON_GetObjectItem(a->json,
	    "replica_url"));
	struct err e = { 0 };
	int r;

	if (!url || !*url)
		return answer_error(a, 400, "replica_url required", NULL);
	if ((r = bad_url(a, url)) >= 0)
		return r;
	if (answer_look(a, &a->db, &e) < 0)
		return answer_error(a, 500, e.msg, NULL);
	if (a->db.known)
		return done(a, "already_registered", 0);
	if (answer_control(a, a->wait_ms, &e, "register", a->db.path, url) < 0)
		return answer_error(a, e.kind == ERR_CONF ? 400 : 500, e.msg,
		    NULL);
	return done(a, "registered", 0);
}
