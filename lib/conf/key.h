#ifndef LS_CONF_KEY_H
#define LS_CONF_KEY_H

#include <stdint.h>
#include "base/err.h"

/* Every key of litestream.yml (Litestream 0.5 and 0.3, and ours), with where
 * it may stand and what its value looks like: the one table that reader,
 * environment, records, validation and display go by. Nested keys are joined
 * by dots; the items of lists by newlines. */

enum conf_key_id {
	/* a database */
	CONF_PATH, CONF_DIR, CONF_PATTERN, CONF_RECURSIVE, CONF_WATCH,
	CONF_META_PATH, CONF_META_DIR, CONF_MONITOR_INTERVAL,
	CONF_CHECKPOINT_INTERVAL, CONF_BUSY_TIMEOUT, CONF_MIN_CHECKPOINT,
	CONF_MAX_CHECKPOINT, CONF_TRUNCATE_PAGE_N, CONF_MAX_SYNC_WAL_BYTES,
	CONF_RESTORE_IF_MISSING, CONF_ACCEPT_REPLACEMENT,
	/* a database or everything */
	CONF_SNAPSHOT_INTERVAL, CONF_SNAPSHOT_RETENTION,
	CONF_KEEP_ALL, CONF_KEEP_DAILY, CONF_KEEP_WEEKLY, CONF_KEEP_MONTHLY,
	CONF_VERIFY_INTERVAL, CONF_VERIFY_PACE,
	/* a replica */
	CONF_TYPE, CONF_NAME, CONF_URL, CONF_FORMAT,
	CONF_OLD_RETENTION, CONF_OLD_RETENTION_CHECK, CONF_OLD_SNAPSHOT,
	/* a replica or everything */
	CONF_SYNC_INTERVAL, CONF_VALIDATION_INTERVAL, CONF_MAX_SYNC_FILES,
	CONF_AUTO_RECOVER, CONF_ENCODING,
	CONF_ACCESS_KEY, CONF_SECRET_KEY, CONF_REGION, CONF_BUCKET,
	CONF_ENDPOINT, CONF_FORCE_PATH_STYLE, CONF_SIGN_PAYLOAD,
	CONF_SIGN_ACCEPT_ENCODING, CONF_REQUIRE_MD5, CONF_PUT_MD5,
	CONF_SKIP_VERIFY, CONF_STORAGE_CLASS, CONF_PART_SIZE,
	CONF_CONCURRENCY, CONF_SSE_ALGORITHM, CONF_SSE_KEY,
	CONF_SSE_KEY_PATH, CONF_SSE_KMS, CONF_PROFILE,
	CONF_ACCOUNT_NAME, CONF_ACCOUNT_KEY, CONF_SAS_TOKEN,
	CONF_HOST, CONF_USER, CONF_PASSWORD, CONF_KEY_PATH,
	CONF_CONCURRENT_WRITES, CONF_HOST_KEY, CONF_WEBDAV_URL,
	CONF_WEBDAV_USERNAME, CONF_WEBDAV_PASSWORD, CONF_JWT, CONF_SEED,
	CONF_CREDS, CONF_NKEY, CONF_USERNAME, CONF_TOKEN, CONF_TLS,
	CONF_ROOT_CAS, CONF_CLIENT_CERT, CONF_CLIENT_KEY,
	CONF_MAX_RECONNECTS, CONF_RECONNECT_WAIT, CONF_TIMEOUT,
	CONF_AGE_IDENTITIES, CONF_AGE_FILE, CONF_AGE_RECIPIENTS,
	/* everything */
	CONF_ADDR, CONF_MCP_ADDR, CONF_EXEC, CONF_LEVELS, CONF_L0_RETENTION,
	CONF_L0_CHECK, CONF_VERIFY_COMPACTION, CONF_RETENTION_ENABLED,
	CONF_VALIDATION_ALL, CONF_HEARTBEAT_URL, CONF_HEARTBEAT_INTERVAL,
	CONF_SHUTDOWN_TIMEOUT, CONF_SHUTDOWN_SYNC_TIMEOUT,
	CONF_SHUTDOWN_SYNC_INTERVAL, CONF_SOCKET_ENABLED, CONF_SOCKET_PATH,
	CONF_SOCKET_PERMISSIONS, CONF_LOG_LEVEL, CONF_LOG_TYPE,
	CONF_LOG_STDERR, CONF_LOG_SOURCE,
	CONF_KEYS
};

/* Where a key may stand. */
#define CONF_IN_ALL 1u      /* at the top */
#define CONF_IN_DB 2u
#define CONF_IN_REPLICA 4u

enum conf_key_type {
	CONF_STRING,
	CONF_BOOL,
	CONF_DURATION,   /* min, max in ms */
	CONF_NUMBER,
	CONF_SIZE,       /* bytes: "5MB", "16MiB", "1048576" */
	CONF_WORD,       /* one of words, separated by blanks */
	CONF_HTTP,       /* http:// or https:// */
	CONF_MODE        /* octal */
};

#define CONF_SECRET 1u      /* never shown */
#define CONF_LATER 2u       /* accepted, its work comes later: noted once */
#define CONF_OLD 4u         /* without effect since Litestream 0.5: noted, but
                               where the replica is format: v0.3 */
#define CONF_LIST 8u        /* a list of such values */
#define CONF_ENCRYPT 16u    /* must not be ignored by what writes */

struct conf_key {
	const char *name;
	unsigned scope;
	enum conf_key_type type;
	unsigned flags;
	int64_t min, max;   /* 0, 0: any that is not negative */
	const char *words;
};

const struct conf_key *conf_key(enum conf_key_id);

/* The key of that name that may stand there (one of CONF_IN_*), or -1. */
int conf_key_find(const char *name, unsigned scope);

/* Is the value one this key can have? ERR_CONF names the key, and never a
 * secret value. */
int conf_key_check(enum conf_key_id, const char *value, struct err *);

/* Values as checked before: */
int conf_value_bool(const char *, int *);            /* 0 or -1 */
int conf_value_number(const char *, int64_t *);
int conf_value_size(const char *, uint64_t *);

#endif
