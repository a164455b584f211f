#include "store/sftp_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/retry.h"

static void
pool_free(struct sftp_pool *p)
{
	struct sftp_met *m;

	http_free(p->h);
	while ((m = p->met)) {
		p->met = m->next;
		free(m->name);
		free(m);
	}
	for (int i = 0; i < SFTP_TEMPS; i++)
		free(p->temps[i]);
	free(p);
}

static void
sftp_close(struct store *st)
{
	struct sftp *s = (struct sftp *)st;

	if (s->pool && !--s->pool->refs)
		pool_free(s->pool);
	sftp_trust_free(s);
	free(s->origin);
	free(s->name);
	free(s);
}

int
sftp_head(struct store *st, const char *key, struct store_stat *out,
    struct err *e)
{
	struct sftp_op op = { .what = "look at", .method = "HEAD",
		.key = key, .body.fd = -1 };
	struct http_xfer *x;
	int64_t n = -1;

	/* Empty ones tell none; nor does a connection that breaks just then,
	 * and libcurl hides that. */
	for (int i = 0; i < 2 && n < 0; i++) {
		if (sftp_call((struct sftp *)st, &op, &x, e))
			return -1;
		n = http_length(x);
		out->mtime_ms = out->litestream_ms = http_filetime(x);
		http_end(x);
	}
	out->size = n < 0 ? 0 : (uint64_t)n;
	return 0;
}

int
sftp_del(struct store *st, const char *const *keys, size_t n,
    enum err_kind *results, struct err *e)
{
	struct err one = { 0 };
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		char *rm = sftp_command("rm", keys[i], 0);
		const char *const commands[] = { rm, 0 };
		struct sftp_op op = { .what = "delete", .method = "DO",
			.key = keys[i], .commands = commands, .body.fd = -1 };
		struct http_xfer *x = 0;
		int bad = rm ? sftp_call((struct sftp *)st, &op, &x, &one)
		    : err_nomem(&one);

		http_end(x);
		free(rm);
		if (!bad || one.kind == ERR_NOTFOUND)
			continue;
		if (!r)
			*e = one;
		r = -1;
		/* a server that is away is not waited for again and again */
		for (size_t k = i; results && k < n
		    && (k == i || retry_worth(one.kind)); k++)
			results[k] = one.kind == ERR_NO ? ERR_TEMP : one.kind;
		if (retry_worth(one.kind))
			break;
	}
	if (r && e->kind == ERR_NO)
		e->kind = ERR_TEMP;
	return r;
}

static int
sftp_copy(struct store *st, const char *from, const char *to,
    const struct store_put_opt *opt, struct err *e)
{
	(void)st, (void)from, (void)opt;
	return err_set(e, ERR_CONF, "%s: SFTP servers do not copy", to);
}

static const struct store_ops sftp_ops = {
	.close = sftp_close, .list = sftp_walk, .head = sftp_head,
	.get = sftp_get, .put = sftp_put, .copy = sftp_copy, .del = sftp_del
};

/* ---- opening ---- */

static int
sftp_place(struct sftp *s, struct err *e)
{
	const struct store_conf *c = s->st.conf;
	unsigned port = c->port ? c->port : 22;
	int v6, n;

	if (!c->host || !*c->host || !c->path)
		return err_set(e, ERR_CONF, "an SFTP replica needs a host and "
		    "a path");
	v6 = strchr(c->host, ':') != 0;
	n = asprintf(&s->origin, "sftp://%s%s%s:%u", v6 ? "[" : "", c->host,
	    v6 ? "]" : "", port);
	if (n >= 0 && port == 22)
		n = (s->name = strdup(c->host)) ? 0 : -1;
	else if (n >= 0)
		n = asprintf(&s->name, "[%s]:%u", c->host, port);
	if (n >= 0)
		return 0;
	return err_nomem(e);
}

static int
sftp_login(struct sftp *s, struct err *e)
{
	const struct store_conf *c = s->st.conf;
	const char *agent = getenv("SSH_AUTH_SOCK");
	struct http_sftp *w = &s->login;

	if (!c->user || !*c->user)
		return err_set(e, ERR_CONF, "an SFTP replica needs a user: "
		    "sftp://USER@host/path, or user:");
	w->user = c->user;
	w->password = c->password;
	w->key_file = c->key_path;
	w->plod = c->plod;
	s->how = c->key_path && c->password ? "key-path and password"
	    : c->key_path ? "key-path" : c->password ? "password" : "ssh-agent";
	if (c->key_path)
		return sftp_key_check(c->key_path, e);
	if (c->password)
		return 0;
	w->agent = 1;
	return agent && *agent ? 0 : err_set(e, ERR_CONF, "nothing to log in "
	    "with: set password: or key-path: (LITESTREAM_PASSWORD, "
	    "LITESTREAM_KEY_PATH), or run ssh-agent (SSH_AUTH_SOCK)");
}

static int
sftp_connections(struct sftp *s, struct store *beside, struct err *e)
{
	if (beside) {
		s->pool = ((struct sftp *)beside)->pool;
		s->pool->refs++;
		return 0;
	}
	if (!(s->pool = calloc(1, sizeof *s->pool)))
		return err_nomem(e);
	s->pool->refs = 1;
	if (!http_new(&s->pool->h, e))
		return 0;
	free(s->pool);
	s->pool = 0;
	return -1;
}

int
sftp_open(struct store **out, struct store *beside,
    const struct store_conf *c, struct err *e)
{
	struct sftp *s = calloc(1, sizeof *s);
	uint32_t r;

	if (!s)
		return err_nomem(e);
	s->st.ops = &sftp_ops;
	s->st.conf = c;
	s->st.caps = STORE_CAN_NOREPLACE;
	if (getrandom(&r, sizeof r, 0) != sizeof r) {
		err_sys(e, "get random bytes");
		goto bad;
	}
	snprintf(s->suffix, sizeof s->suffix, ".%08x.tmp", r);
	if (http_has_sftp(e) || sftp_place(s, e) || sftp_login(s, e)
	    || sftp_connections(s, beside, e))
		goto bad;
	*out = &s->st;
	return 0;
bad:
	sftp_close(&s->st);
	return -1;
}
