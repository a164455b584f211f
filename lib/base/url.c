#include "base/url.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/path.h"

#define URL_MAX 4096

static char *
dup_n(const char *s, size_t n)
{
	char *r = malloc(n + 2); /* room for path_clean's "." */

	if (r) {
		memcpy(r, s, n);
		r[n] = 0;
	}
	return r;
}

void
url_free(struct url *u)
{
	if (u->sse_key)
		explicit_bzero(u->sse_key, strlen(u->sse_key));
	if (u->password)
		explicit_bzero(u->password, strlen(u->password));
	free(u->path);
	free(u->bucket);
	free(u->endpoint);
	free(u->region);
	free(u->storage_class);
	free(u->sse_key);
	free(u->sse_kms_key_id);
	free(u->host);
	free(u->user);
	free(u->password);
	memset(u, 0, sizeof *u);
}

/* ---- hosts of s3 URLs ---- */

/* [BUCKET.][LABEL.][REGION]TAIL; the endpoint is what follows the bucket. */
struct provider {
	const char *tail, *label;
	int region, path_style;
};

static const struct provider providers[] = {
	{ ".digitaloceanspaces.com", 0, 1, 0 },
	{ ".backblazeb2.com", "s3", 1, 1 },
	{ ".filebase.com", "s3", 0, 1 },
	{ ".scw.cloud", "s3", 1, 0 },
	{ ".linodeobjects.com", 0, 1, 1 },
};

struct label {
	const char *s; /* NULL: there is none */
	size_t n;
};

/* Cuts the last label off the host of length *n. */
static struct label
last_label(const char *host, size_t *n)
{
	size_t at = *n;
	struct label l;

	while (at && host[at - 1] != '.')
		at--;
	l.n = *n - at;
	l.s = l.n ? host + at : 0;
	*n = at ? at - 1 : 0;
	return l;
}

static int
label_is(struct label l, const char *want)
{
	return l.n == strlen(want) && !memcmp(l.s, want, l.n);
}

/* The length of host without tail, 0 if it does not end so. */
static size_t
host_less(const char *host, const char *tail)
{
	size_t n = strlen(host), k = strlen(tail);

	return n > k && !strcmp(host + n - k, tail) ? n - k : 0;
}

/* 1 if the host was one of a provider; *bucket may stay NULL. */
static int
host_provider(struct url *u, const char *host, const struct provider *p)
{
	size_t n = host_less(host, p->tail);
	struct label region = { "", 0 };
	char e[512];

	if (!n)
		return 0;
	if (p->region && !(region = last_label(host, &n)).s)
		return 0;
	if (p->label && !label_is(last_label(host, &n), p->label))
		return 0;
	snprintf(e, sizeof e, "https://%s%s%.*s%s", p->label ? p->label : "",
	    p->label && p->region ? "." : "", (int)region.n, region.s, p->tail);
	u->endpoint = dup_n(e, strlen(e));
	if (p->region)
		u->region = dup_n(region.s, region.n);
	u->force_path_style = p->path_style;
	if (n)
		u->bucket = dup_n(host, n);
	return 1;
}

/* BUCKET.s3[.REGION].amazonaws.com */
static int
host_aws(struct url *u, const char *host)
{
	size_t n = host_less(host, ".amazonaws.com");
	struct label l = last_label(host, &n), region = { 0, 0 };

	if (!label_is(l, "s3")) {
		region = l;
		l = last_label(host, &n);
	}
	if (!n || !label_is(l, "s3"))
		return 0;
	if (region.s)
		u->region = dup_n(region.s, region.n);
	u->bucket = dup_n(host, n);
	return 1;
}

/* BUCKET.br-NAME.storage.X.REGION.Y.neon.tech */
static int
host_neon(struct url *u, const char *host)
{
	size_t n = host_less(host, ".neon.tech");
	struct label l[5];
	char e[512];

	for (int i = 0; i < 5; i++)
		if (!(l[i] = last_label(host, &n)).s)
			return 0;
	if (!n || !label_is(l[3], "storage") || strncmp(l[4].s, "br-", 3))
		return 0;
	snprintf(e, sizeof e, "https://%s", l[4].s);
	u->bucket = dup_n(host, n);
	u->region = dup_n(l[1].s, l[1].n);
	u->endpoint = dup_n(e, strlen(e));
	u->force_path_style = 1;
	return 1;
}

static void
host_s3(struct url *u, const char *host)
{
	char e[512];
	const char *dot;

	for (size_t i = 0; i < sizeof providers / sizeof *providers; i++)
		if (host_provider(u, host, &providers[i]))
			return;
	if (host_aws(u, host) || host_neon(u, host))
		return;
	if (!strchr(host, ':')) {
		u->bucket = dup_n(host, strlen(host));
		return;
	}
	/* bucket.host:port, a server of one's own */
	dot = strchr(host, '.');
	if (dot)
		u->bucket = dup_n(host, (size_t)(dot - host));
	snprintf(e, sizeof e, "http://%s", dot ? dot + 1 : host);
	u->endpoint = dup_n(e, strlen(e));
	u->region = dup_n("us-east-1", 9);
	u->force_path_style = 1;
}

/* ---- query parameters ---- */

/* name in camelCase is want in kebab-case, or is want itself; "MD5" and other
 * runs of capitals count as one word. */
static int
name_is(const char *name, const char *want)
{
	const char *n = name, *w = want;

	if (!strcmp(name, want))
		return 1;
	for (; *n && *w; n++, w++) {
		if (*w == '-') {
			if (*n < 'A' || *n > 'Z')
				return 0;
			w++;
		}
		if ((*n >= 'A' && *n <= 'Z' ? *n + 32 : *n) != *w)
			return 0;
	}
	return !*n && !*w;
}

static int
set_string(char **to, const char *v, struct err *err)
{
	if (*to)
		return 0; /* the first of several counts */
	return (*to = dup_n(v, strlen(v))) ? 0 : err_nomem(err);
}

static int
set_flag(int *to, const char *name, const char *v, struct err *err)
{
	if ((*to = url_bool(v)) < 0)
		return err_set(err, ERR_CONF, "query parameter %s must be "
		    "true or false", name);
	return 0;
}

static int
set_number(uint64_t *to, uint64_t max, const char *name, const char *v,
    struct err *err)
{
	char *end;
	unsigned long long n = strtoull(v, &end, 10);

	if (*v < '0' || *v > '9' || *end || !n || n > max)
		return err_set(err, ERR_CONF, "query parameter %s must be a "
		    "whole number from 1 to %llu", name,
		    (unsigned long long)max);
	*to = n;
	return 0;
}

static int
set_endpoint(struct url *u, const char *v, struct err *err)
{
	char *e;

	if (url_endpoint(v, 1, &e, err) < 0)
		return -1;
	free(u->endpoint);
	u->endpoint = e;
	return 0;
}

static int
set_param(struct url *u, const char *k, const char *v, struct err *err)
{
	static const char *const ignored[] = {
		"sign-accept-encoding", "sse-customer-key-md5", "x-id"
	};
	static const struct { const char *name; size_t at; } strings[] = {
		{ "storage-class", offsetof(struct url, storage_class) },
		{ "sse-customer-key", offsetof(struct url, sse_key) },
		{ "sse-kms-key-id", offsetof(struct url, sse_kms_key_id) },
	}, flags[] = {
		{ "force-path-style", offsetof(struct url, force_path_style) },
		{ "sign-payload", offsetof(struct url, sign_payload) },
		{ "skip-verify", offsetof(struct url, skip_verify) },
		{ "require-content-md5",
		    offsetof(struct url, require_content_md5) },
		{ "put-object-content-md5",
		    offsetof(struct url, put_object_content_md5) },
	};
	uint64_t n;

	if (!*v)
		return 0;
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		if (name_is(k, strings[i].name))
			return set_string((char **)((char *)u + strings[i].at),
			    v, err);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (name_is(k, flags[i].name))
			return set_flag((int *)((char *)u + flags[i].at), k, v,
			    err);
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		if (name_is(k, ignored[i]))
			return 0;
	if (!strcmp(k, "endpoint"))
		return set_endpoint(u, v, err);
	if (!strcmp(k, "region")) {
		free(u->region);
		u->region = 0;
		return set_string(&u->region, v, err);
	}
	if (name_is(k, "part-size"))
		return set_number(&u->part_size, UINT64_C(5) << 30, k, v, err);
	if (name_is(k, "concurrency")) {
		if (set_number(&n, 256, k, v, err) < 0)
			return -1;
		u->concurrency = (unsigned)n;
		return 0;
	}
	if (name_is(k, "sse-customer-algorithm"))
		return strcmp(v, "AES256") ? err_set(err, ERR_CONF,
		    "query parameter %s must be AES256", k) : 0;
	return err_set(err, ERR_CONF, "unknown query parameter %.60s", k);
}

/* q is taken apart in place. */
static int
scan_query(struct url *u, char *q, struct err *err)
{
	int own_style = u->force_path_style, own_endpoint = 0;

	u->force_path_style = -1;
	for (char *next; q && *q; q = next) {
		char *v;

		if ((next = strchr(q, '&')))
			*next++ = 0;
		if ((v = strchr(q, '=')))
			*v++ = 0;
		if (!*q)
			continue;
		if (url_decode(q, 1) < 0 || (v && url_decode(v, 1) < 0))
			return err_set(err, ERR_CONF,
			    "malformed query parameter");
		if (set_param(u, q, v ? v : "", err) < 0)
			return -1;
		own_endpoint |= v && *v && !strcmp(q, "endpoint");
	}
	if (u->force_path_style < 0)
		u->force_path_style = own_endpoint ? 1 : own_style;
	return 0;
}

/* ---- the whole ---- */

/* Go's url.String of a path: as it stands if it is well escaped, else
 * decoded and escaped anew. */
static int
file_path(struct url *u, char *s, struct err *err)
{
	static const char safe[] = "-_.~$&+,/:;=@";
	char *out, *frag, *query;
	int valid = 1;

	if ((frag = strchr(s, '#')))
		*frag++ = 0;
	if ((query = strchr(s, '?')))
		*query = 0;
	for (const char *p = s; *p; p++)
		if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z')
		    || (*p >= 'A' && *p <= 'Z') || strchr(safe, *p)
		    || strchr("!'()*[]%", *p)))
			valid = 0;
	out = malloc(3 * strlen(s) + (frag ? strlen(frag) : 0) + 3);
	if (!(u->path = out))
		return err_nomem(err);
	strcpy(out, s);
	if (url_decode(s, 0) < 0)
		return err_set(err, ERR_CONF, "malformed percent-escape");
	for (; !valid && *s; s++)
		if ((*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z')
		    || (*s >= 'A' && *s <= 'Z') || strchr(safe, *s))
			*out++ = *s;
		else
			out += sprintf(out, "%%%02X", (unsigned char)*s);
	if (!valid)
		*out = 0;
	if (frag)
		strcat(strcat(u->path, "#"), frag);
	path_clean(u->path);
	if (u->path[0] != '/' || !u->path[1])
		return err_set(err, ERR_CONF,
		    "a file URL must name a folder, as in file:///backup/db");
	return 0;
}

static int
s3_arn(struct url *u, char *s, struct err *err)
{
	static const char marker[] = ":accesspoint/";
	char *q = strchr(s, '?'), *name = 0, *key, *region;

	if (q)
		*q++ = 0;
	for (char *p = s; *p && !name; p++)
		if (!strncasecmp(p, marker, sizeof marker - 1))
			name = p + sizeof marker - 1;
	if (!name || !*name || *name == '/')
		return err_set(err, ERR_CONF, "the ARN names no access point");
	if ((key = strchr(name, '/')))
		*key = 0;
	u->bucket = dup_n(s, strlen(s));
	region = s;
	for (int i = 0; i < 3 && region; i++)
		if ((region = strchr(region, ':')))
			region++;
	if (region && *region != ':')
		u->region = dup_n(region, strcspn(region, ":"));
	if (key)
		*key = '/';
	if (!(u->path = dup_n(key ? key : "/", strlen(key ? key : "/"))))
		return err_nomem(err);
	path_clean(u->path);
	memmove(u->path, u->path + 1, strlen(u->path));
	return scan_query(u, q, err);
}

static int
s3_plain(struct url *u, char *s, struct err *err)
{
	char *q, *path, *port;

	if ((q = strchr(s, '#')))
		*q = 0;
	if ((q = strchr(s, '?')))
		*q++ = 0;
	path = s + strcspn(s, "/");
	if (!(u->path = dup_n(path, strlen(path))))
		return err_nomem(err);
	*path = 0;
	if (strchr(s, '@'))
		return err_set(err, ERR_CONF, "an s3 URL cannot hold "
		    "credentials; set AWS_ACCESS_KEY_ID and "
		    "AWS_SECRET_ACCESS_KEY or a shared credentials file");
	if (s[strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:")])
		return err_set(err, ERR_CONF, "\"%.64s\" is no bucket name", s);
	if (strlen(s) > 400)
		return err_set(err, ERR_CONF, "bucket name too long");
	if ((port = strchr(s, ':'))
	    && (!port[1] || port[1 + strspn(port + 1, "0123456789")]))
		return err_set(err, ERR_CONF, "\"%.64s\" has a bad port", s);
	if (url_decode(u->path, 0) < 0)
		return err_set(err, ERR_CONF, "malformed percent-escape");
	path_clean(u->path);
	if (u->path[0] == '/')
		memmove(u->path, u->path + 1, strlen(u->path));
	/* "s3://b/" has a path, which cleans to nothing; "s3://b" has none,
	 * and its prefix is "." */
	if (*s)
		host_s3(u, s);
	return scan_query(u, q, err);
}

/* user[:password]@host[:port][/path], each part decoded. */
static int
sftp_url(struct url *u, char *s, struct err *err)
{
	char *path = s + strcspn(s, "/"), *at, *colon;

	if (s[strcspn(s, "?#")])
		return err_set(err, ERR_CONF, "an sftp URL has neither \"?\" "
		    "nor \"#\"; as part of a name or a password write them "
		    "%%3F and %%23");
	if (!(u->path = dup_n(path, strlen(path))))
		return err_nomem(err);
	*path = 0;
	if ((at = strrchr(s, '@'))) {
		*at++ = 0;
		if ((colon = strchr(s, ':')))
			*colon++ = 0;
		if (url_decode(s, 0) < 0 || (colon && url_decode(colon, 0) < 0))
			return err_set(err, ERR_CONF,
			    "malformed percent-escape in user or password");
		if (!(u->user = dup_n(s, strlen(s)))
		    || (colon && !(u->password = dup_n(colon, strlen(colon)))))
			return err_nomem(err);
		s = at;
	}
	if (url_decode(u->path, 0) < 0)
		return err_set(err, ERR_CONF, "malformed percent-escape");
	if (*u->path)
		path_clean(u->path);
	return url_host(s, &u->host, &u->port, err);
}

static int
other_scheme(const char *s, struct err *err)
{
	static const char *const later[] = {
		"gs", "gcs", "abs", "nats", "oss", "webdav", "webdavs"
	};
	int n = (int)strcspn(s, ":");

	for (size_t i = 0; i < sizeof later / sizeof *later; i++)
		if ((int)strlen(later[i]) == n && !strncasecmp(s, later[i], n))
			return err_set(err, ERR_CONF, "%s:// replicas are "
			    "not yet supported; use file://, s3:// or sftp://",
			    later[i]);
	return err_set(err, ERR_CONF, "%.*s:// is no known kind of replica; "
	    "use file://, s3:// or sftp://", n < 32 ? n : 32, s);
}

static int
scan(struct url *u, char *s, struct err *err)
{
	if (!strncasecmp(s, "file://", 7)) {
		s += 7;
		if (*s != '/')
			*--s = '/';
		return file_path(u, s, err);
	}
	if (!strncasecmp(s, "sftp://", 7)) {
		u->kind = URL_SFTP;
		return sftp_url(u, s + 7, err);
	}
	u->kind = URL_S3;
	if (!strncasecmp(s, "s3://arn:", 9))
		return s3_arn(u, s + 5, err);
	if (!strncasecmp(s, "s3://", 5))
		return s3_plain(u, s + 5, err);
	if (!url_is(s))
		return err_set(err, ERR_CONF, "not a replica URL; it begins "
		    "with file://, s3:// or sftp://");
	return other_scheme(s, err);
}

int
url_scan(struct url *u, const char *s, struct err *err)
{
	size_t n = strlen(s);
	char *copy, *shown;
	int r = -1;

	memset(u, 0, sizeof *u);
	u->force_path_style = u->sign_payload = u->skip_verify = -1;
	u->require_content_md5 = u->put_object_content_md5 = -1;
	if (n > URL_MAX)
		return err_set(err, ERR_CONF,
		    "replica URL longer than %d bytes", URL_MAX);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return err_set(err, ERR_CONF,
			    "replica URL holds a control character");
	if (!(copy = dup_n(s, n)))
		return err_nomem(err);
	if (!(r = scan(u, copy, err)) && u->kind == URL_S3
	    && (!u->bucket || !*u->bucket))
		r = err_set(err, ERR_CONF, "the URL names no bucket");
	explicit_bzero(copy, n);
	free(copy);
	if (r < 0) {
		shown = url_redact(s);
		err_in(err, "%.200s", shown ? shown : "replica URL");
		free(shown);
		url_free(u);
	}
	return r;
}

int
url_has_secret(const char *s)
{
	struct url u = { 0 };
	struct err ign;
	int has = url_scan(&u, s, &ign) == 0 && (u.password || u.sse_key);

	url_free(&u);
	return has;
}
