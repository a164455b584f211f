#include "store/cred.h"

#include <stdlib.h>
#include <string.h>
#include "base/when.h"

#define EARLY_MS 300000       /* asked for anew this long before the end */
#define FILE_MS 300000        /* shared files are read again after this */
#define AGAIN_MS 30000        /* after a failed refresh */
#define FAILED_MS 5000        /* a failure with nothing in hand is kept */

struct cred_chain {
	char *access_key, *secret_key, *session_token, *profile; /* of conf */
	struct cred_value v;
	int have, fixed;        /* fixed: asking again gives the same */
	int64_t next;           /* when_mono: ask again */
	struct err failed;
};

static void
wipe(char **s)
{
	if (*s)
		explicit_bzero(*s, strlen(*s));
	free(*s);
	*s = 0;
}

void
cred_value_free(struct cred_value *v)
{
	wipe(&v->access_key);
	wipe(&v->secret_key);
	wipe(&v->session_token);
	v->expires_ms = -1;
}

void
cred_free(struct cred_chain *c)
{
	if (!c)
		return;
	wipe(&c->access_key);
	wipe(&c->secret_key);
	wipe(&c->session_token);
	wipe(&c->profile);
	cred_value_free(&c->v);
	free(c);
}

static int
copy(char **to, const char *s)
{
	return !s || (*to = strdup(s)) ? 0 : -1;
}

int
cred_new(struct cred_chain **out, const struct store_conf *conf,
    struct err *err)
{
	struct cred_chain *c = calloc(1, sizeof *c);

	if (!c || copy(&c->access_key, conf->access_key)
	    || copy(&c->secret_key, conf->secret_key)
	    || copy(&c->session_token, conf->session_token)
	    || copy(&c->profile, conf->profile)) {
		cred_free(c);
		return err_nomem(err);
	}
	c->v.expires_ms = -1;
	*out = c;
	return 0;
}

static int
same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

int
cred_is_for(const struct cred_chain *c, const struct store_conf *conf)
{
	return same(c->access_key, conf->access_key)
	    && same(c->secret_key, conf->secret_key)
	    && same(c->session_token, conf->session_token)
	    && same(c->profile, conf->profile);
}

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : 0;
}

static int
take(struct cred_value *v, const char *id, const char *secret,
    const char *token, struct err *err)
{
	if (copy(&v->access_key, id) || copy(&v->secret_key, secret)
	    || copy(&v->session_token, token)) {
		cred_value_free(v);
		return err_nomem(err);
	}
	return 1;
}

static int
from_env(struct cred_value *v, struct err *err)
{
	const char *id = env("LITESTREAM_ACCESS_KEY_ID"), *token = 0;
	const char *secret = env("LITESTREAM_SECRET_ACCESS_KEY");

	if (!id && !secret) {
		id = env("AWS_ACCESS_KEY_ID");
		secret = env("AWS_SECRET_ACCESS_KEY");
		token = env("AWS_SESSION_TOKEN");
	}
	if (!id && !secret)
		return 0;
	if (!id || !secret)
		return err_set(err, ERR_CONF, "the environment has half of a "
		    "pair of access key and secret key");
	return take(v, id, secret, token, err);
}

/* Of files and services. 1 found, 0 nobody has any, -1. */
static int
ask(const struct cred_chain *c, struct http *h, struct cred_value *v,
    struct err *err)
{
	int r;

	if (!c->profile && env("AWS_WEB_IDENTITY_TOKEN_FILE"))
		return err_set(err, ERR_CONF, "AWS_WEB_IDENTITY_TOKEN_FILE is "
		    "set, but web identities are not supported; give keys, "
		    "or use a container's credentials (EKS Pod Identity)");
	if ((r = cred_file_read(c->profile, v, err)))
		return r;
	if ((r = cred_container(h, v, err)))
		return r;
	return cred_instance(h, v, err);
}

/* 1 or -1. */
static int
find(struct cred_chain *c, struct http *h, struct cred_value *v,
    struct err *err)
{
	int r;

	c->fixed = 1;
	if (c->access_key && c->secret_key)
		return take(v, c->access_key, c->secret_key,
		    c->session_token, err);
	if (!c->profile && (r = from_env(v, err)))
		return r;
	c->fixed = 0;
	if ((r = ask(c, h, v, err)))
		return r;
	return err_set(err, ERR_CONF, "no credentials: set AWS_ACCESS_KEY_ID "
	    "and AWS_SECRET_ACCESS_KEY (or LITESTREAM_...), or have them in "
	    "a shared file, or of the container or instance this runs in");
}

/* When to ask again for what was just found. */
static int64_t
next_time(const struct cred_chain *c)
{
	int64_t now = when_mono(), left;

	if (c->fixed)
		return INT64_MAX;
	if (c->v.expires_ms < 0)
		return now + FILE_MS;
	left = c->v.expires_ms - when_now();
	/* a service that is in trouble hands out what has expired */
	return now + (left > EARLY_MS + AGAIN_MS ? left - EARLY_MS
	    : AGAIN_MS);
}

int
cred_get(struct cred_chain *c, struct http *h, struct cred *out,
    struct err *err)
{
	struct cred_value v = { 0, 0, 0, -1 };

	if (!c->have && c->failed.kind && when_mono() < c->next) {
		*err = c->failed;
		return -1;
	}
	if (!c->have || when_mono() >= c->next) {
		if (find(c, h, &v, err) > 0) {
			cred_value_free(&c->v);
			c->v = v;
			c->have = 1;
			c->next = next_time(c);
		} else {
			cred_value_free(&v);
			if (!c->have || (c->v.expires_ms >= 0
			    && c->v.expires_ms < when_now())) {
				c->have = 0;
				c->failed = *err;
				c->next = when_mono() + FAILED_MS;
				return -1;
			}
			c->next = when_mono() + AGAIN_MS;
		}
	}
	out->access_key = c->v.access_key;
	out->secret_key = c->v.secret_key;
	out->session_token = c->v.session_token;
	return 0;
}

int
cred_expired(struct cred_chain *c)
{
	if (c->fixed || !c->have)
		return 0;
	c->have = 0;
	c->failed.kind = ERR_NONE;
	return 1;
}
