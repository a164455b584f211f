#include "conf/raw.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "base/base64.h"
#include "base/io.h"
#include "base/path.h"
#include "base/url.h"
#include "base/when.h"

#define PART_MIN (UINT64_C(5) << 20)

struct replica {
	struct conf_replica *out;
	struct store_conf *s;
	const struct conf_values *own, *all;
	const struct conf_warn *warn;
	unsigned *line;
	struct url url;   /* of url:, or of a bucket: that is one */
	struct err *err;
};

static const char *
get(const struct replica *r, enum conf_key_id id)
{
	return conf_get(r->own, r->all, id);
}

/* Notes where the error is going to be. */
static struct err *
at(struct replica *r, enum conf_key_id id)
{
	if (r->own->v[id])
		*r->line = r->own->line[id];
	else if (r->all->v[id])
		*r->line = r->all->line[id];
	return r->err;
}

static int
put(struct replica *r, char **to, const char *s)
{
	if (!s || *to)
		return 0;
	return (*to = strdup(s)) ? 0 : err_nomem(r->err);
}

static enum store_tri
tri(const struct replica *r, enum conf_key_id id, int of_url)
{
	int v = conf_get_bool(r->own, r->all, id, of_url);

	return v < 0 ? STORE_DEFAULT : v ? STORE_ON : STORE_OFF;
}

/* ---- file ---- */

static int
replica_file(struct replica *r)
{
	const char *path = r->own->v[CONF_PATH];
	size_t n;

	r->s->type = STORE_FILE;
	if (r->own->v[CONF_BUCKET])
		return err_set(at(r, CONF_BUCKET), ERR_CONF, "bucket: is set "
		    "but the replica is a file; add type: s3");
	if (r->url.path)
		path = r->url.path;
	if (!path)
		return err_set(r->err, ERR_CONF, "a file replica needs path: "
		    "or url: file:///...");
	if (url_is(path))
		return err_set(at(r, CONF_PATH), ERR_CONF,
		    "path: cannot be a URL; give it as url:");
	if (conf_path(path, &r->s->path, at(r, CONF_PATH)) < 0)
		return -1;
	n = strlen(r->s->path) + 8;
	if (!(r->s->url = malloc(n)))
		return err_nomem(r->err);
	snprintf(r->s->url, n, "file://%s", r->s->path);
	return 0;
}

/* ---- s3 ---- */

/* bucket: that is itself a URL. */
static int
bucket_url(struct replica *r, const char *bucket)
{
	const char *path;

	if (url_scan(&r->url, bucket, at(r, CONF_BUCKET)) < 0)
		return -1;
	if (r->url.kind != URL_S3)
		return err_set(at(r, CONF_BUCKET), ERR_CONF, "bucket: must be "
		    "a bucket's name or an s3:// URL");
	path = r->url.path;
	if (r->own->v[CONF_PATH] && *path && strcmp(path, "."))
		return err_set(at(r, CONF_PATH), ERR_CONF, "both bucket: and "
		    "path: name a path; keep one");
	return 0;
}

/* Bucket and prefix, with Litestream's three ways of forming the latter:
 * "path:" as it is written, "" without it, of a URL what url_scan says. */
static int
s3_where(struct replica *r)
{
	const char *bucket = get(r, CONF_BUCKET), *own = r->own->v[CONF_PATH];

	if (own && url_is(own))
		return err_set(at(r, CONF_PATH), ERR_CONF,
		    "path: cannot be a URL; give it as url:");
	if (!r->url.path && bucket && url_is(bucket)
	    && bucket_url(r, bucket) < 0)
		return -1;
	if (r->url.path)
		bucket = r->url.bucket;
	if (!bucket)
		return err_set(r->err, ERR_CONF,
		    "an s3 replica needs bucket: or url: s3://...");
	if (put(r, &r->s->bucket, bucket) < 0)
		return -1;
	return put(r, &r->s->path, own ? own : r->url.path ? r->url.path : "");
}

static int
host_ends(const char *endpoint, const char *tail)
{
	const char *host = strstr(endpoint, "://");
	size_t n, k = strlen(tail);

	host = host ? host + 3 : endpoint;
	n = strcspn(host, ":/");
	return n >= k && !strncasecmp(host + n - k, tail, k);
}

/* What some providers need unless the configuration says otherwise. */
static void
s3_provider_defaults(struct store_conf *s)
{
	const char *e = s->endpoint;

	if (!e)
		return;
	if (host_ends(e, "fly.storage.tigris.dev")
	    || host_ends(e, "t3.storage.dev")) {
		if (s->require_content_md5 == STORE_DEFAULT)
			s->require_content_md5 = STORE_OFF;
		if (!s->part_size)
			s->part_size = UINT64_C(16) << 20;
		if (!s->concurrency)
			s->concurrency = 2;
	}
	if (host_ends(e, ".r2.cloudflarestorage.com") && !s->concurrency)
		s->concurrency = 2;
}

static int
s3_endpoint(struct replica *r)
{
	const char *own = get(r, CONF_ENDPOINT), *region;
	struct store_conf *s = r->s;
	int style = r->url.force_path_style;

	if (own) {
		if (url_endpoint(own, 0, &s->endpoint, at(r, CONF_ENDPOINT))
		    < 0)
			return -1;
		style = 1;
	} else if (put(r, &s->endpoint, r->url.endpoint) < 0)
		return -1;
	s->force_path_style = tri(r, CONF_FORCE_PATH_STYLE, style);
	if (!(region = get(r, CONF_REGION)))
		region = r->url.region;
	/* other servers than Amazon's have regions of their own */
	if (!region && !s->endpoint && (!(region = getenv("AWS_REGION"))
	    || !*region))
		region = getenv("AWS_DEFAULT_REGION");
	return put(r, &s->region, region && *region ? region : 0);
}

static int
sse_key_file(struct replica *r, const char *path)
{
	char *full, buf[256];
	ssize_t n;
	int fd;

	if (conf_path(path, &full, at(r, CONF_SSE_KEY_PATH)) < 0)
		return -1;
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		err_sys(r->err, "sse-customer-key-path: open %s", full);
		r->err->kind = ERR_CONF;
		free(full);
		return -1;
	}
	free(full);
	n = read(fd, buf, sizeof buf - 1);
	close(fd);
	buf[n < 0 ? 0 : n] = 0;
	buf[strcspn(buf, " \t\r\n")] = 0;
	n = put(r, &r->s->sse_key, buf);
	explicit_bzero(buf, sizeof buf);
	return (int)n;
}

static int
s3_sse(struct replica *r)
{
	struct store_conf *s = r->s;
	const char *file = get(r, CONF_SSE_KEY_PATH);
	unsigned char key[48];
	size_t n;
	int bad;

	if ((file && sse_key_file(r, file) < 0)
	    || put(r, &s->sse_key, get(r, CONF_SSE_KEY)) < 0
	    || put(r, &s->sse_key, r->url.sse_key) < 0
	    || put(r, &s->sse_kms_key_id, get(r, CONF_SSE_KMS)) < 0
	    || put(r, &s->sse_kms_key_id, r->url.sse_kms_key_id) < 0)
		return -1;
	if (!s->sse_key)
		return 0;
	if (s->sse_kms_key_id)
		return err_set(at(r, CONF_SSE_KMS), ERR_CONF,
		    "sse-customer-key and sse-kms-key-id exclude each other");
	bad = base64_scan(key, sizeof key, s->sse_key, &n) < 0 || n != 32;
	explicit_bzero(key, sizeof key);
	if (bad)
		return err_set(at(r, CONF_SSE_KEY), ERR_CONF, "sse-customer-"
		    "key: must be 32 bytes in base64, as from: "
		    "head -c 32 /dev/urandom | base64");
	if (s->endpoint && !strncmp(s->endpoint, "http://", 7)
	    && !url_is_local(s->endpoint))
		return err_set(at(r, CONF_SSE_KEY), ERR_CONF,
		    "sse-customer-key needs an https:// endpoint");
	return 0;
}

static int
s3_upload(struct replica *r)
{
	struct store_conf *s = r->s;

	s->part_size = conf_get_size(r->own, r->all, CONF_PART_SIZE,
	    r->url.part_size);
	s->concurrency = (unsigned)conf_get_number(r->own, r->all,
	    CONF_CONCURRENCY, r->url.concurrency);
	if (s->part_size && s->part_size < PART_MIN) {
		at(r, CONF_PART_SIZE);
		conf_warn(r->warn, *r->line,
		    "part-size: S3 allows no less than 5MiB; taken as that");
		s->part_size = PART_MIN;
	}
	s->sign_payload = tri(r, CONF_SIGN_PAYLOAD, r->url.sign_payload);
	s->skip_verify = tri(r, CONF_SKIP_VERIFY, r->url.skip_verify);
	s->require_content_md5 = tri(r, CONF_REQUIRE_MD5,
	    r->url.require_content_md5);
	s->put_object_content_md5 = tri(r, CONF_PUT_MD5,
	    r->url.put_object_content_md5);
	return put(r, &s->storage_class, get(r, CONF_STORAGE_CLASS)) < 0
	    ? -1 : put(r, &s->storage_class, r->url.storage_class);
}

/* Keys of the configuration; others are found when requests are signed. */
static int
s3_keys(struct replica *r)
{
	const char *id = get(r, CONF_ACCESS_KEY);
	const char *secret = get(r, CONF_SECRET_KEY);

	if (!id != !secret)
		return err_set(at(r, id ? CONF_ACCESS_KEY : CONF_SECRET_KEY),
		    ERR_CONF, "access-key-id and secret-access-key go "
		    "together; one is not set");
	return put(r, &r->s->access_key, id) < 0
	    || put(r, &r->s->secret_key, secret) < 0
	    ? -1 : put(r, &r->s->profile, get(r, CONF_PROFILE));
}

/* No key of the file, for Litestream has none: of the environment. */
static int
net_timeout(struct replica *r)
{
	const char *t = getenv("LS_STORE_TIMEOUT");

	if (!t || !*t)
		return 0;
	if (when_dur_scan(t, &r->s->timeout_ms) < 0 || r->s->timeout_ms < 1)
		return err_set(r->err, ERR_CONF, "LS_STORE_TIMEOUT: %.40s is "
		    "not a duration as 10s", t);
	return 0;
}

/* The name in messages and markers: says which objects, and where. */
static int
s3_name(struct replica *r)
{
	const struct store_conf *s = r->s;
	const char *p = s->path, *e = s->endpoint;
	size_t n = strlen(s->bucket) + strlen(p) + (e ? strlen(e) : 0) + 32;

	if (!(r->s->url = malloc(n)))
		return err_nomem(r->err);
	snprintf(r->s->url, n, "s3://%s%s%s%s%s", s->bucket,
	    strcmp(p, ".") ? "/" : "", strcmp(p, ".") ? p : "",
	    e ? "?endpoint=" : "", e ? e : "");
	return 0;
}

static int
replica_s3(struct replica *r)
{
	r->s->type = STORE_S3;
	if (s3_where(r) < 0 || s3_endpoint(r) < 0 || s3_upload(r) < 0
	    || s3_sse(r) < 0 || s3_keys(r) < 0 || net_timeout(r) < 0
	    || s3_name(r) < 0)
		return -1;
	s3_provider_defaults(r->s);
	return 0;
}

/* ---- sftp ---- */

static int
sftp_where(struct replica *r)
{
	const char *host = get(r, CONF_HOST), *path = r->own->v[CONF_PATH];
	struct store_conf *s = r->s;
	char *clean;

	if (path && url_is(path))
		return err_set(at(r, CONF_PATH), ERR_CONF,
		    "path: cannot be a URL; give it as url:");
	if (r->url.host) {
		s->port = r->url.port;
		path = r->url.path;
		if (put(r, &s->host, r->url.host) < 0)
			return -1;
	} else if (!host) {
		return err_set(r->err, ERR_CONF, "an sftp replica needs host: "
		    "or url: sftp://user@host/path");
	} else if (url_host(host, &s->host, &s->port, at(r, CONF_HOST)) < 0) {
		return err_in(r->err, "host");
	}
	if (!(clean = malloc((path ? strlen(path) : 0) + 2)))
		return err_nomem(r->err);
	strcpy(clean, path ? path : "");
	path_clean(clean);
	if (!strcmp(clean, "."))
		*clean = 0;
	s->path = clean;
	return 0;
}

static int
sftp_login(struct replica *r)
{
	struct store_conf *s = r->s;
	const char *key = get(r, CONF_KEY_PATH);
	const char *user = get(r, CONF_USER), *pass = get(r, CONF_PASSWORD);

	/* What a URL says is more than what is said of everything. */
	if (r->url.user && !r->own->v[CONF_USER])
		user = r->url.user;
	if (r->url.password && !r->own->v[CONF_PASSWORD])
		pass = r->url.password;
	if (!user)
		return err_set(r->err, ERR_CONF, "an sftp replica needs user:, "
		    "or sftp://USER@host/path");
	if (put(r, &s->user, user) < 0 || put(r, &s->password, pass) < 0)
		return -1;
	return key ? conf_path(key, &s->key_path, at(r, CONF_KEY_PATH)) : 0;
}

static int
sftp_trust(struct replica *r)
{
	const char *strict = getenv("LS_SFTP_STRICT");
	struct store_conf *s = r->s;

	s->plod = !conf_get_bool(r->own, r->all, CONF_CONCURRENT_WRITES, 1);
	if (strict && *strict
	    && conf_value_bool(strict, &s->strict_host) < 0)
		return err_set(r->err, ERR_CONF, "LS_SFTP_STRICT: must be 1 "
		    "or 0, not \"%.40s\"", strict);
	return put(r, &s->host_key, get(r, CONF_HOST_KEY));
}

static int
replica_sftp(struct replica *r)
{
	struct store_conf *s = r->s;
	char port[16] = "";
	int v6;

	s->type = STORE_SFTP;
	if (r->own->v[CONF_BUCKET])
		return err_set(at(r, CONF_BUCKET), ERR_CONF, "bucket: is set "
		    "but the replica is sftp");
	if (sftp_where(r) < 0 || sftp_login(r) < 0 || sftp_trust(r) < 0
	    || net_timeout(r) < 0)
		return -1;
	v6 = strchr(s->host, ':') != 0;
	if (s->port && s->port != 22)
		snprintf(port, sizeof port, ":%u", s->port);
	if (asprintf(&s->url, "sftp://%s@%s%s%s%s%s%s", s->user,
	    v6 ? "[" : "", s->host, v6 ? "]" : "", port,
	    *s->path && *s->path != '/' ? "/~/" : "", s->path) < 0) {
		s->url = 0;
		return err_nomem(r->err);
	}
	return 0;
}

/* ---- any ---- */

static int
replica_url(struct replica *r, const char *url)
{
	if (r->own->v[CONF_PATH])
		return err_set(at(r, CONF_PATH), ERR_CONF,
		    "url: and path: exclude each other; keep one");
	if (r->own->v[CONF_BUCKET])
		return err_set(at(r, CONF_BUCKET), ERR_CONF,
		    "url: and bucket: exclude each other; keep one");
	if (url_scan(&r->url, url, at(r, CONF_URL)) < 0)
		return -1;
	return r->url.kind == URL_S3 ? replica_s3(r)
	    : r->url.kind == URL_SFTP ? replica_sftp(r) : replica_file(r);
}

static int
replica_of_type(struct replica *r)
{
	const char *url = r->own->v[CONF_URL], *type = r->own->v[CONF_TYPE];

	if (url)
		return replica_url(r, url);
	if (!type || !strcmp(type, "file"))
		return replica_file(r);
	if (!strcmp(type, "s3"))
		return replica_s3(r);
	if (!strcmp(type, "sftp"))
		return replica_sftp(r);
	return err_set(at(r, CONF_TYPE), ERR_CONF, "type: %.40s replicas are "
	    "not yet supported; use file, s3 or sftp", type);
}

int
conf_resolve_replica(struct conf_replica *out, const struct conf_values *own,
    const struct conf_values *all, const struct conf_warn *warn,
    unsigned *line, struct err *err)
{
	struct replica r = { out, &out->store, own, all, warn, line, { 0 },
	    err };
	const char *name = own->v[CONF_NAME];
	const char *format = conf_get_format(own, all);
	int rc;

	memset(out, 0, sizeof *out);
	store_conf_init(&out->store);
	r.url.force_path_style = r.url.sign_payload = r.url.skip_verify = -1;
	r.url.require_content_md5 = r.url.put_object_content_md5 = -1;
	rc = replica_of_type(&r);
	url_free(&r.url);
	if (rc < 0)
		return -1;
	if (conf_resolve_age(&out->store, own, all, line, err) < 0)
		return -1;
	out->sync_interval_ms = conf_get_dur(own, all, CONF_SYNC_INTERVAL,
	    1000);
	out->max_sync_files = (unsigned)conf_get_number(own, all,
	    CONF_MAX_SYNC_FILES, 256);
	out->auto_recover = conf_get_bool(own, all, CONF_AUTO_RECOVER, 0);
	if (format && !strcasecmp(format, "v0.3"))
		out->format = CONF_FORMAT_V03;
	out->retention_ms = conf_get_dur(own, all, CONF_OLD_RETENTION,
	    86400000);
	out->retention_check_ms = conf_get_dur(own, all,
	    CONF_OLD_RETENTION_CHECK, 3600000);
	out->snapshot_interval_ms = conf_get_dur(own, all, CONF_OLD_SNAPSHOT,
	    0);
	return put(&r, &out->name, name ? name
	    : out->store.type == STORE_S3 ? "s3"
	    : out->store.type == STORE_SFTP ? "sftp" : "file");
}
