#include "store/sftp_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/retry.h"
#include "base/when.h"
#include "store/s3_sign.h"

char *
sftp_command(const char *word, const char *a, const char *b)
{
	size_t n = strlen(word) + 2 * strlen(a) + (b ? 2 * strlen(b) : 0) + 8;
	char *s = malloc(n), *p = s;

	if (!s)
		return 0;
	p += sprintf(p, "%s", word);
	for (; a; a = b, b = 0) {
		*p++ = ' ';
		*p++ = '"';
		for (; *a; a++) {
			if (*a == '"' || *a == '\\' || *a == '\'')
				*p++ = '\\';
			*p++ = *a;
		}
		*p++ = '"';
	}
	*p = 0;
	return s;
}

int
sftp_in(const struct sftp *s, const struct sftp_op *op, struct err *e)
{
	const char *key = op->key ? op->key : "";

	return err_in(e, "%s %s%s%s", op->what, s->origin,
	    *key == '/' || !*key ? "" : "/~/", key);
}

/* A path without "/" in front goes on from where logins begin, which libcurl
 * writes "/~/"; a folder named so has to look different. */
static int
sftp_url(const struct sftp *s, const struct sftp_op *op, stralloc *url)
{
	const char *key = strcmp(op->method, "DO") ? op->key : 0;
	const char *head = !key ? "/" : *key != '/' ? "/~/"
	    : key[1] == '~' ? "/." : "";

	return stralloc_cats(url, s->origin) && stralloc_cats(url, head)
	    && !s3_encode(url, key ? key : "", 1) && stralloc_0(url);
}

int
sftp_try(struct sftp *s, struct sftp_op *op, int fresh,
    struct http_xfer **x, int64_t deadline, struct err *e)
{
	struct http_req req = { .method = op->method, .sftp = &op->wire,
		.body = op->body, .stream = op->stream, .deadline = deadline,
		.stall_ms = store_stall_ms(&s->st), .progress = op->progress,
		.ctx = op->ctx };
	stralloc url = STRALLOC_ZERO;
	int r;

	*x = 0;
	op->wire = s->login;
	op->wire.commands = op->commands;
	op->wire.range = op->range;
	op->wire.names = op->names;
	op->wire.fresh = fresh || s->doubt;
	s->doubt = 0;
	/* Where one connection broke the older ones are not trusted: each could
	 * cost a time-out. */
	if (s->pool->broke)
		op->wire.max_age_ms = when_mono() - s->pool->broke + 1;
	if (sftp_trust_begin(s, &op->wire, e))
		return -1;
	if (!sftp_url(s, op, &url)) {
		stralloc_free(&url);
		return err_nomem(e);
	}
	req.url = url.s;
	r = http_begin(s->pool->h, &req, x, e);
	stralloc_free(&url);
	return r;
}

/* Has a command that may fail? */
static int
sftp_may_fail(const struct sftp_op *op)
{
	for (size_t i = 0; op->commands && op->commands[i]; i++)
		if (op->commands[i][0] == '*')
			return 1;
	return 0;
}

/* "No such file" must be the server's word, or a broken connection would make
 * a full replica an empty one. */
static void
sftp_believe(struct sftp *s, const struct http_xfer *x, struct err *e)
{
	if (retry_worth(e->kind) || e->kind == ERR_CONF || e->kind == ERR_DATA)
		return;
	if (s->pool->refused && http_sftp_stale(x)) {
		e->kind = ERR_TEMP;
		s->doubt = 1;
	}
	s->pool->refused = 1;
}

void
sftp_judge(struct sftp *s, const struct http_xfer *x, int *again,
    struct err *e)
{
	const char *old = http_sftp_old();
	char said[ERR_MSG_MAX];

	if (e->kind == ERR_TEMP)
		s->pool->broke = when_mono();
	sftp_believe(s, x, e);
	if (s->doubt)
		*again = 1;
	snprintf(said, sizeof said, "%s", e->msg);
	if (strstr(said, "exchange encryption keys")) {
		*again |= sftp_trust_next(s);
		if (old)
			err_set(e, e->kind, "%s; %s wants a host key of type "
			    "ed25519 or ECDSA", said, old);
	} else if (s->trust.refused && e->kind == ERR_CONF
	    && sftp_trust_next(s)) {
		e->kind = ERR_TEMP;
		*again = 1;
	}
	if (e->kind == ERR_DENIED && strstr(said, "uthentication"))
		err_set(e, ERR_DENIED, "the server refused the login of %s by "
		    "%s (%s)%s%s%s", s->st.conf->user, s->how, said,
		    old && s->st.conf->key_path ? "; with " : "",
		    old && s->st.conf->key_path ? old : "",
		    old && s->st.conf->key_path ? " it cannot be an RSA key"
		    : "");
}

int
sftp_once(struct sftp *s, struct sftp_op *op, const struct store_tries *t,
    struct http_xfer **x, int *again, struct err *e)
{
	int r = sftp_try(s, op, t->n > 0, x, store_tries_deadline(&s->st, t),
	    e);

	*again = 0;
	if (!r && (r = http_wait(*x, e)))
		sftp_judge(s, *x, again, e);
	else if (!r && sftp_may_fail(op))
		s->pool->refused = 1;
	return r;
}

int
sftp_call(struct sftp *s, struct sftp_op *op, struct http_xfer **x,
    struct err *e)
{
	struct store_tries t;
	int again, more;

	store_tries_begin(&s->st, &t);
	for (;;) {
		if (!sftp_once(s, op, &t, x, &again, e))
			return 0;
		more = store_tries_next(&s->st, s->pool->h, &t, *x, again, e);
		http_end(*x);
		*x = 0;
		if (!more)
			return sftp_in(s, op, e);
	}
}
