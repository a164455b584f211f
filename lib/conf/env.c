#include "conf/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/url.h"

static const char *const prefixes[] = {
	"LS_", "LITESTREAM_REPLICA_", "LITESTREAM_", 0
};
static const char *const replica_prefixes[] = {
	"LS_REPLICA_", "LITESTREAM_REPLICA_", 0
};
static const char *const bare_prefixes[] = { "LS_", "LITESTREAM_", "", 0 };

/* The value of the first prefix + NAME that is set and not empty. */
static const char *
env_of(const char *const *prefix, const char *name)
{
	for (; *prefix; prefix++) {
		char var[128];
		char *p = var + snprintf(var, sizeof var, "%s", *prefix);
		const char *v;

		snprintf(p, sizeof var - (size_t)(p - var), "%s", name);
		for (; *p; p++)
			*p = *p == '-' || *p == '.' ? '_'
			    : *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
		if ((v = getenv(var)) && *v)
			return v;
	}
	return 0;
}

static int
set(struct conf_values *to, enum conf_key_id id, const char *v,
    struct err *err)
{
	return v ? conf_raw_set(to, id, v, strlen(v), 0, err) : 0;
}

/* Every key of the scope that has no more special source. */
static int
env_keys(struct conf_values *to, unsigned scope, struct err *err)
{
	for (int i = 0; i < CONF_KEYS; i++) {
		const struct conf_key *k = conf_key((enum conf_key_id)i);

		if (!(k->scope & scope) || i == CONF_PATH || i == CONF_TYPE
		    || i == CONF_NAME || i == CONF_URL || i == CONF_DIR
		    || (k->flags & (CONF_LIST | CONF_OLD)
		    && !(k->flags & CONF_ENCRYPT)))
			continue;
		if (set(to, (enum conf_key_id)i, env_of(prefixes, k->name),
		    err) < 0)
			return -1;
	}
	return 0;
}

/* Without a scheme a local server is meant to be http here, as in query
 * parameters, though not in a file. */
static int
env_endpoint(struct conf_values *all, struct err *err)
{
	char *e;
	int r;

	if (!all->v[CONF_ENDPOINT] || strstr(all->v[CONF_ENDPOINT], "://"))
		return 0;
	if (url_endpoint(all->v[CONF_ENDPOINT], 1, &e, err) < 0)
		return -1;
	r = set(all, CONF_ENDPOINT, e, err);
	free(e);
	return r;
}

static int
env_everything(struct conf_raw *raw, struct err *err)
{
	static const struct { enum conf_key_id id; const char *var; } more[] = {
		{ CONF_ENDPOINT, "LITESTREAM_S3_ENDPOINT" },
		{ CONF_LOG_LEVEL, "LITESTREAM_LOG_LEVEL" },
		{ CONF_ENDPOINT, "AWS_ENDPOINT_URL_S3" },
		{ CONF_ENDPOINT, "AWS_ENDPOINT_URL" },
	};

	if (env_keys(&raw->set, CONF_IN_ALL, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		if (!raw->set.v[more[i].id] && set(&raw->set, more[i].id,
		    getenv(more[i].var), err) < 0)
			return -1;
	return env_endpoint(&raw->set, err);
}

static int
one_url(struct conf_raw_db *db, const char *url, size_t n, struct err *err)
{
	struct conf_values *r = conf_raw_replica(db, err);

	return r ? conf_raw_set(r, CONF_URL, url, n, 0, err) : -1;
}

static int
env_replicas(struct conf_raw_db *db, const struct conf_values *all,
    struct err *err)
{
	const char *urls = env_of(bare_prefixes, "replica-url");
	const char *path = env_of(replica_prefixes, "path");
	const char *type = env_of(replica_prefixes, "type");
	struct conf_values *r;

	for (size_t n; urls && *urls; urls += n) {
		urls += strspn(urls, " \t\n");
		n = strcspn(urls, " \t\n");
		if (n && one_url(db, urls, n, err) < 0)
			return -1;
	}
	if (db->n || (!path && !all->v[CONF_BUCKET] && !all->v[CONF_HOST]))
		return 0;
	if (!(r = conf_raw_replica(db, err)))
		return -1;
	if (!type && all->v[CONF_BUCKET])
		type = "s3";
	if (!type && all->v[CONF_HOST])
		type = "sftp";
	return set(r, CONF_PATH, path, err) < 0
	    || set(r, CONF_TYPE, type, err) < 0
	    || set(r, CONF_NAME, env_of(replica_prefixes, "name"), err) < 0
	    ? -1 : 0;
}

int
conf_env(struct conf_raw *raw, const char *path, int only_url,
    const char *const *urls, size_t n, struct err *err)
{
	struct conf_raw_db *db;

	if (env_everything(raw, err) < 0)
		return -1;
	if (!path && !only_url)
		path = env_of(bare_prefixes, "db-path");
	if (!path && !only_url)
		return 0;
	if (!(db = conf_raw_db(raw, 0, err)))
		return -1;
	if (!only_url && env_keys(&db->set, CONF_IN_DB, err) < 0)
		return -1;
	if (set(&db->set, CONF_PATH, path, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (one_url(db, urls[i], strlen(urls[i]), err) < 0)
			return -1;
	return n ? 0 : env_replicas(db, &raw->set, err);
}
