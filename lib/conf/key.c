#include "conf/key.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/url.h"
#include "base/when.h"

#define A CONF_IN_ALL
#define D CONF_IN_DB
#define R CONF_IN_REPLICA
#define LATER CONF_LATER
#define OLD CONF_OLD
#define SECRET CONF_SECRET
#define DUR_MAX INT64_C(3155760000000) /* a hundred years, in ms */
#define U32 INT64_C(4294967295)

static const struct conf_key keys[CONF_KEYS] = {
[CONF_PATH] = { "path", D | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_DIR] = { "dir", D, CONF_STRING, 0, 0, 0, 0 },
[CONF_PATTERN] = { "pattern", D, CONF_STRING, 0, 0, 0, 0 },
[CONF_RECURSIVE] = { "recursive", D, CONF_BOOL, 0, 0, 0, 0 },
[CONF_WATCH] = { "watch", D, CONF_BOOL, 0, 0, 0, 0 },
[CONF_META_PATH] = { "meta-path", D, CONF_STRING, 0, 0, 0, 0 },
[CONF_META_DIR] = { "meta-dir", D, CONF_STRING, 0, 0, 0, 0 },
[CONF_MONITOR_INTERVAL] =
    { "monitor-interval", A | D, CONF_DURATION, 0, 1, DUR_MAX, 0 },
[CONF_CHECKPOINT_INTERVAL] =
    { "checkpoint-interval", A | D, CONF_DURATION, 0, 0, DUR_MAX, 0 },
[CONF_BUSY_TIMEOUT] =
    { "busy-timeout", A | D, CONF_DURATION, 0, 0, 3600000, 0 },
[CONF_MIN_CHECKPOINT] =
    { "min-checkpoint-page-count", A | D, CONF_NUMBER, 0, 1, U32, 0 },
[CONF_MAX_CHECKPOINT] =
    { "max-checkpoint-page-count", A | D, CONF_NUMBER, 0, 0, U32, 0 },
[CONF_TRUNCATE_PAGE_N] =
    { "truncate-page-n", A | D, CONF_NUMBER, 0, 0, U32, 0 },
[CONF_MAX_SYNC_WAL_BYTES] = { "max-sync-wal-bytes", A | D, CONF_SIZE, 0,
    0, INT64_MAX, 0 },
[CONF_RESTORE_IF_MISSING] =
    { "restore-if-db-not-exists", A | D, CONF_BOOL, 0, 0, 0, 0 },
[CONF_ACCEPT_REPLACEMENT] =
    { "accept-replacement", A | D, CONF_BOOL, 0, 0, 0, 0 },
[CONF_SNAPSHOT_INTERVAL] =
    { "snapshot.interval", A | D, CONF_DURATION, 0, 1, DUR_MAX, 0 },
[CONF_SNAPSHOT_RETENTION] =
    { "snapshot.retention", A | D, CONF_DURATION, 0, 1, DUR_MAX, 0 },
[CONF_KEEP_ALL] = { "keep.all", A | D, CONF_DURATION, 0, 0, DUR_MAX, 0 },
[CONF_KEEP_DAILY] = { "keep.daily", A | D, CONF_NUMBER, 0, 0, 36525, 0 },
[CONF_KEEP_WEEKLY] = { "keep.weekly", A | D, CONF_NUMBER, 0, 0, 5218, 0 },
[CONF_KEEP_MONTHLY] = { "keep.monthly", A | D, CONF_NUMBER, 0, 0, 1200, 0 },
[CONF_VERIFY_INTERVAL] =
    { "verify.interval", A | D, CONF_DURATION, 0, 0, DUR_MAX, 0 },
[CONF_VERIFY_PACE] =
    { "verify.pace", A | D, CONF_SIZE, 0, 0, INT64_MAX, 0 },

[CONF_TYPE] = { "type", R, CONF_STRING, 0, 0, 0, 0 },
[CONF_NAME] = { "name", R, CONF_STRING, 0, 0, 0, 0 },
[CONF_URL] = { "url", R, CONF_STRING, 0, 0, 0, 0 },
[CONF_FORMAT] = { "format", A | R, CONF_WORD, 0, 0, 0, "ltx v0.3" },
[CONF_OLD_RETENTION] =
    { "retention", R, CONF_DURATION, OLD, 0, DUR_MAX, 0 },
[CONF_OLD_RETENTION_CHECK] =
    { "retention-check-interval", R, CONF_DURATION, OLD, 0, DUR_MAX, 0 },
[CONF_OLD_SNAPSHOT] =
    { "snapshot-interval", R, CONF_DURATION, OLD, 0, DUR_MAX, 0 },

[CONF_SYNC_INTERVAL] =
    { "sync-interval", A | R, CONF_DURATION, 0, 1, DUR_MAX, 0 },
[CONF_VALIDATION_INTERVAL] =
    { "validation-interval", A | R, CONF_DURATION, OLD, 0, DUR_MAX, 0 },
[CONF_MAX_SYNC_FILES] =
    { "max-sync-ltx-files", A | R, CONF_NUMBER, 0, 0, 1000000, 0 },
[CONF_AUTO_RECOVER] = { "auto-recover", A | R, CONF_BOOL, 0, 0, 0, 0 },
[CONF_ENCODING] =
    { "ltx-encoding", A | D | R, CONF_WORD, 0, 0, 0, "block frame" },
[CONF_ACCESS_KEY] = { "access-key-id", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_SECRET_KEY] =
    { "secret-access-key", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_REGION] = { "region", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_BUCKET] = { "bucket", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_ENDPOINT] = { "endpoint", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_FORCE_PATH_STYLE] =
    { "force-path-style", A | R, CONF_BOOL, 0, 0, 0, 0 },
[CONF_SIGN_PAYLOAD] = { "sign-payload", A | R, CONF_BOOL, 0, 0, 0, 0 },
[CONF_SIGN_ACCEPT_ENCODING] =
    { "sign-accept-encoding", A | R, CONF_BOOL, 0, 0, 0, 0 },
[CONF_REQUIRE_MD5] =
    { "require-content-md5", A | R, CONF_BOOL, 0, 0, 0, 0 },
[CONF_PUT_MD5] =
    { "put-object-content-md5", A | R, CONF_BOOL, 0, 0, 0, 0 },
[CONF_SKIP_VERIFY] = { "skip-verify", A | R, CONF_BOOL, 0, 0, 0, 0 },
[CONF_STORAGE_CLASS] = { "storage-class", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_PART_SIZE] =
    { "part-size", A | R, CONF_SIZE, 0, 1, INT64_C(5) << 30, 0 },
[CONF_CONCURRENCY] = { "concurrency", A | R, CONF_NUMBER, 0, 1, 256, 0 },
[CONF_SSE_ALGORITHM] =
    { "sse-customer-algorithm", A | R, CONF_WORD, 0, 0, 0, "AES256" },
[CONF_SSE_KEY] =
    { "sse-customer-key", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_SSE_KEY_PATH] =
    { "sse-customer-key-path", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_SSE_KMS] = { "sse-kms-key-id", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_PROFILE] = { "profile", A | R, CONF_STRING, 0, 0, 0, 0 },

/* stores that are not here yet: their type is refused, so their settings
 * need no note of their own */
[CONF_ACCOUNT_NAME] = { "account-name", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_ACCOUNT_KEY] = { "account-key", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_SAS_TOKEN] = { "sas-token", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_HOST] = { "host", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_USER] = { "user", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_PASSWORD] = { "password", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_KEY_PATH] = { "key-path", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_CONCURRENT_WRITES] =
    { "concurrent-writes", A | R, CONF_BOOL, 0, 0, 0, 0 },
[CONF_HOST_KEY] = { "host-key", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_WEBDAV_URL] = { "webdav-url", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_WEBDAV_USERNAME] =
    { "webdav-username", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_WEBDAV_PASSWORD] =
    { "webdav-password", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_JWT] = { "jwt", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_SEED] = { "seed", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_CREDS] = { "creds", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_NKEY] = { "nkey", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_USERNAME] = { "username", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_TOKEN] = { "token", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_TLS] = { "tls", A | R, CONF_BOOL, 0, 0, 0, 0 },
[CONF_ROOT_CAS] = { "root-cas", A | R, CONF_STRING, CONF_LIST, 0, 0, 0 },
[CONF_CLIENT_CERT] = { "client-cert", A | R, CONF_STRING, 0, 0, 0, 0 },
[CONF_CLIENT_KEY] = { "client-key", A | R, CONF_STRING, SECRET, 0, 0, 0 },
[CONF_MAX_RECONNECTS] =
    { "max-reconnects", A | R, CONF_NUMBER, 0, -1, U32, 0 },
[CONF_RECONNECT_WAIT] =
    { "reconnect-wait", A | R, CONF_DURATION, 0, 0, DUR_MAX, 0 },
[CONF_TIMEOUT] = { "timeout", A | R, CONF_DURATION, 0, 0, DUR_MAX, 0 },
[CONF_AGE_IDENTITIES] = { "age.identities", A | R, CONF_STRING,
    SECRET | CONF_LIST | CONF_ENCRYPT, 0, 0, 0 },
[CONF_AGE_FILE] = { "age.identities-file", A | R, CONF_STRING, CONF_ENCRYPT,
    0, 0, 0 },
[CONF_AGE_RECIPIENTS] = { "age.recipients", A | R, CONF_STRING,
    CONF_LIST | CONF_ENCRYPT, 0, 0, 0 },

[CONF_ADDR] = { "addr", A, CONF_STRING, 0, 0, 0, 0 },
[CONF_MCP_ADDR] = { "mcp-addr", A, CONF_STRING, LATER, 0, 0, 0 },
[CONF_EXEC] = { "exec", A, CONF_STRING, 0, 0, 0, 0 },
[CONF_LEVELS] = { "levels.interval", A, CONF_DURATION, CONF_LIST,
    1, DUR_MAX, 0 },
[CONF_L0_RETENTION] =
    { "l0-retention", A, CONF_DURATION, 0, 0, DUR_MAX, 0 },
[CONF_L0_CHECK] = { "l0-retention-check-interval", A, CONF_DURATION, 0,
    1, DUR_MAX, 0 },
[CONF_VERIFY_COMPACTION] =
    { "verify-compaction", A, CONF_BOOL, 0, 0, 0, 0 },
[CONF_RETENTION_ENABLED] =
    { "retention.enabled", A, CONF_BOOL, 0, 0, 0, 0 },
[CONF_VALIDATION_ALL] =
    { "validation.interval", A, CONF_DURATION, 0, 0, DUR_MAX, 0 },
[CONF_HEARTBEAT_URL] =
    { "heartbeat-url", A, CONF_HTTP, LATER | SECRET, 0, 0, 0 },
[CONF_HEARTBEAT_INTERVAL] = { "heartbeat-interval", A, CONF_DURATION,
    LATER, 60000, DUR_MAX, 0 },
[CONF_SHUTDOWN_TIMEOUT] =
    { "shutdown-timeout", A, CONF_DURATION, 0, 1, DUR_MAX, 0 },
[CONF_SHUTDOWN_SYNC_TIMEOUT] =
    { "shutdown-sync-timeout", A, CONF_DURATION, 0, 0, DUR_MAX, 0 },
[CONF_SHUTDOWN_SYNC_INTERVAL] =
    { "shutdown-sync-interval", A, CONF_DURATION, 0, 1, DUR_MAX, 0 },
[CONF_SOCKET_ENABLED] = { "socket.enabled", A, CONF_BOOL, 0, 0, 0, 0 },
[CONF_SOCKET_PATH] = { "socket.path", A, CONF_STRING, 0, 0, 0, 0 },
[CONF_SOCKET_PERMISSIONS] =
    { "socket.permissions", A, CONF_MODE, 0, 0, 0, 0 },
[CONF_LOG_LEVEL] = { "logging.level", A, CONF_WORD, 0, 0, 0,
    "trace debug info warn warning error" },
[CONF_LOG_TYPE] =
    { "logging.type", A, CONF_WORD, 0, 0, 0, "text json pretty" },
[CONF_LOG_STDERR] = { "logging.stderr", A, CONF_BOOL, 0, 0, 0, 0 },
[CONF_LOG_SOURCE] = { "logging.source", A, CONF_BOOL, 0, 0, 0, 0 },
};

const struct conf_key *
conf_key(enum conf_key_id id)
{
	return &keys[id];
}

int
conf_key_find(const char *name, unsigned scope)
{
	for (int i = 0; i < CONF_KEYS; i++)
		if ((keys[i].scope & scope) && !strcmp(keys[i].name, name))
			return i;
	return -1;
}

int
conf_value_bool(const char *s, int *v)
{
	*v = !strcasecmp(s, "on") || !strcasecmp(s, "y") ? 1
	    : !strcasecmp(s, "off") || !strcasecmp(s, "n") ? 0 : url_bool(s);
	return *v < 0 ? -1 : 0;
}

int
conf_value_number(const char *s, int64_t *v)
{
	uint64_t n = 0;
	int neg = *s == '-';

	s += neg;
	if (!*s)
		return -1;
	for (; *s; s++) {
		if (*s == '_' && s[1])
			continue; /* YAML's 1_000 */
		if (*s < '0' || *s > '9' || n > (INT64_MAX - 9) / 10)
			return -1;
		n = n * 10 + (unsigned)(*s - '0');
	}
	*v = neg ? -(int64_t)n : (int64_t)n;
	return 0;
}

/* Bytes of the unit at s: "", "b", "k", "kb", "ki", "kib" ..., 0 if none. */
static double
unit_of(const char *s)
{
	static const char letters[] = "kmgtpe";
	const char *at = *s ? strchr(letters, *s | 32) : 0;
	double unit = 1;
	int base = 1000;

	if (at) {
		s++;
		if (*s == 'i' || *s == 'I') {
			base = 1024;
			s++;
		}
		for (; at >= letters; at--)
			unit *= base;
	}
	if (*s == 'b' || *s == 'B')
		s++;
	return *s ? 0 : unit;
}

int
conf_value_size(const char *s, uint64_t *v)
{
	uint64_t whole = 0;
	double part = 0, scale = 1, unit;
	const char *from = s;

	for (; *s >= '0' && *s <= '9'; s++) {
		if (whole > (INT64_MAX - 9) / 10)
			return -1;
		whole = whole * 10 + (unsigned)(*s - '0');
	}
	if (s == from)
		return -1;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++) {
			scale /= 10;
			part += scale * (*s - '0');
		}
	while (*s == ' ')
		s++;
	if (!(unit = unit_of(s)))
		return -1;
	if (unit == 1) {
		*v = whole;
		return 0;
	}
	part = ((double)whole + part) * unit;
	if (part > 9.2e18)
		return -1;
	*v = (uint64_t)(part + 0.5);
	return 0;
}

static int
word_in(const char *words, const char *v)
{
	size_t n = strlen(v);

	for (const char *w = words; *w; w += strcspn(w, " "), w += *w == ' ')
		if (strcspn(w, " ") == n && !strncasecmp(w, v, n))
			return 1;
	return 0;
}

static int
check_range(const struct conf_key *k, int64_t n, struct err *err)
{
	char lo[WHEN_FMT];

	if (n >= k->min && n <= k->max)
		return 0;
	if (k->type == CONF_DURATION && k->min > 1) {
		when_dur_fmt(lo, k->min);
		return err_set(err, ERR_CONF, "%s: must be at least %s",
		    k->name, lo);
	}
	if (k->type == CONF_DURATION)
		return err_set(err, ERR_CONF, k->min ? "%s: must be more than "
		    "0 and at most 100 years" : "%s: must not be negative nor "
		    "more than 100 years", k->name);
	return err_set(err, ERR_CONF, "%s: must be from %lld to %lld",
	    k->name, (long long)k->min, (long long)k->max);
}

static int
check_one(const struct conf_key *k, const char *v, struct err *err)
{
	char *end;
	int64_t n;
	uint64_t u;
	int b;

	switch (k->type) {
	case CONF_STRING:
		return 0;
	case CONF_BOOL:
		return conf_value_bool(v, &b) < 0 ? err_set(err, ERR_CONF,
		    "%s: must be true or false, not \"%.40s\"", k->name, v)
		    : 0;
	case CONF_DURATION:
		if (when_dur_scan(v, &n) < 0)
			return err_set(err, ERR_CONF, "%s: \"%.40s\" is no "
			    "duration; write it as 500ms, 10s, 5m or 24h",
			    k->name, v);
		return check_range(k, n, err);
	case CONF_NUMBER:
		if (conf_value_number(v, &n) < 0)
			return err_set(err, ERR_CONF, "%s: must be a whole "
			    "number, not \"%.40s\"", k->name, v);
		return check_range(k, n, err);
	case CONF_SIZE:
		if (conf_value_size(v, &u) < 0)
			return err_set(err, ERR_CONF, "%s: \"%.40s\" is no "
			    "size; write it in bytes or as 5MB or 16MiB",
			    k->name, v);
		return check_range(k, (int64_t)u, err);
	case CONF_WORD:
		return word_in(k->words, v) ? 0 : err_set(err, ERR_CONF,
		    "%s: must be one of: %s; not \"%.40s\"", k->name,
		    k->words, v);
	case CONF_HTTP:
		return !strncasecmp(v, "http://", 7)
		    || !strncasecmp(v, "https://", 8) ? 0 : err_set(err,
		    ERR_CONF, "%s: must begin with http:// or https://",
		    k->name);
	case CONF_MODE:
		n = strtol(v, &end, 8);
		return *v && !*end && n >= 0 && n <= 0777 ? 0 : err_set(err,
		    ERR_CONF, "%s: must be an octal mode, as 0600", k->name);
	}
	return err_set(err, ERR_BUG, "%s: no such type of key", k->name);
}

int
conf_key_check(enum conf_key_id id, const char *value, struct err *err)
{
	const struct conf_key *k = &keys[id];
	char item[256];

	if (!(k->flags & CONF_LIST) || k->type == CONF_STRING)
		return check_one(k, value, err);
	for (size_t n; *value; value += n, value += *value == '\n') {
		n = strcspn(value, "\n");
		if (n >= sizeof item)
			return err_set(err, ERR_CONF, "%s: value too long",
			    k->name);
		memcpy(item, value, n);
		item[n] = 0;
		if (check_one(k, item, err) < 0)
			return -1;
	}
	return 0;
}
