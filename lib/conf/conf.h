#ifndef LS_CONF_CONF_H
#define LS_CONF_CONF_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/log.h"
#include "ltx/ltx.h"
#include "repl/retain.h"
#include "store/store.h"

/* The configuration of every program: read from litestream.yml (through the
 * child ls-conf), from the environment or from arguments, validated in one
 * place, with the defaults of Litestream 0.5. All strings are owned by the
 * struct conf; paths are absolute. Times are milliseconds. */

enum conf_format {
	CONF_FORMAT_LTX,           /* Litestream 0.5 */
	CONF_FORMAT_V03            /* Litestream 0.3: generations */
};

struct conf_replica {
	char *name;                /* of "name:", else its type: "s3", "file" */
	struct store_conf store;   /* store.url names it in messages */
	enum conf_format format;
	/* of format v0.3 alone: */
	int64_t retention_ms;          /* 24 h, 0: never deleted */
	int64_t retention_check_ms;    /* 1 h */
	int64_t snapshot_interval_ms;  /* 0: only as retention needs them */
	int64_t sync_interval_ms;  /* 1000 */
	unsigned max_sync_files;   /* level-0 files in one go: 256, 0: any */
	int auto_recover;          /* 0 */
};

struct conf_db {
	char *path;                /* NULL: only a replica URL was given */
	char *meta;                /* state folder, NULL: default */
	struct conf_replica *replicas;
	size_t n;
	int64_t monitor_interval_ms;    /* 1000: where inotify does not work */
	int64_t checkpoint_interval_ms; /* 60000, 0: off */
	int64_t busy_timeout_ms;        /* 1000 */
	int64_t sync_interval_ms;       /* the smallest of its replicas */
	uint32_t min_checkpoint_pages;  /* 1000 */
	uint32_t max_checkpoint_pages;  /* 121359, 0: never; from
	                                   max-checkpoint-page-count, else
	                                   truncate-page-n */
	uint64_t max_sync_wal_bytes;    /* 64 MiB */
	enum ltx_encoding encoding;     /* frame if any of its replicas says so */
	int restore_if_missing;         /* restore-if-db-not-exists: 0 */
	int accept_replacement;         /* 0 */
	struct retain_keep keep;        /* beyond snapshot.retention; none */
	int64_t verify_interval_ms;     /* a full proof at most this often: 168 h,
	                                   0: never */
	uint64_t verify_pace;           /* bytes a second it may read, 0: any */
};

#define CONF_LEVELS_MAX 8

/* A folder in which databases are looked for while a program runs: "dir:"
 * with "watch: true". */
struct conf_dir {
	char *path, *pattern;      /* absolute; of names, as "*.db" */
	int recursive;
};

struct conf {
	struct conf_db *dbs;
	size_t n;
	struct conf_dir *dirs;     /* their databases of now are among dbs */
	size_t n_dirs;
	int64_t level_ms[CONF_LEVELS_MAX];   /* of levels 1, 2, ...: 30 s, 5 min,
	                                        1 h */
	unsigned n_levels;
	int64_t snapshot_interval_ms;        /* 24 h */
	int64_t snapshot_retention_ms;       /* 24 h */
	int64_t l0_retention_ms;             /* 5 min, 0: off */
	int64_t l0_retention_check_ms;       /* 15 s */
	int retention_enabled;               /* 1; 0: nothing remote is deleted */
	int verify_compaction;               /* 0: read back what was compacted */
	int64_t validation_ms;               /* of every level's chain, 0: off */
	char *addr;                          /* of /metrics, as ":9090"; NULL */
	char *exec;                          /* command of replicate; NULL */
	int socket_enabled;                  /* Litestream's control socket: 0 */
	char *socket_path;                   /* /var/run/litestream.sock */
	unsigned socket_mode;                /* 0600 */
	int64_t shutdown_timeout_ms;         /* 30 s */
	int64_t shutdown_sync_timeout_ms;    /* 30 s */
	int64_t shutdown_sync_interval_ms;   /* 500 ms */
	enum log_level log_level;            /* info; LOG_LEVEL wins */
	int log_json;                        /* logging: type: json */
	int log_stderr;                      /* of litestream alone: 0 */
	char *source;    /* where it came from, for messages: a file's path,
	                    "the environment" or "arguments" */
};

/* What a program was told. Zeroed and then filled. */
struct conf_args {
	const char *file;      /* of -c, NULL: not given */
	int no_expand_env;
	const char *db;        /* a database's path, or a replica URL, or NULL */
	const char *const *urls; /* replica URLs after the database */
	size_t n_urls;
	unsigned need;         /* CONF_NEED_*, what it cannot do without */
	int again;             /* read before: nothing is warned of */
	int64_t limit_ms;      /* for ls-conf to read the file, 0: any time */
	const int *stop;       /* a descriptor: when that is readable, the file
	                          is of no interest any more. NULL: none */
};
#define CONF_NEED_DB 1u        /* at least one database path */
#define CONF_NEED_REPLICA 2u   /* every database has a replica */
#define CONF_NEED_ONE 4u       /* exactly one database */
#define CONF_ONLY_READS 8u     /* replicas are not written: encryption may be
                                  asked for. Without it that is ERR_CONF,
                                  for nothing encrypts */
#define CONF_DIRS_DO 16u       /* a folder to watch will do, for none yet, or
                                  a control socket to register them at */
#define CONF_NONE_DO 32u       /* so does a file that lists none at all */

/* Loads and validates. Sources, the first that applies:
 *   db is a URL               dbs[0] with path NULL and that replica
 *   db and urls               dbs[0] with these replicas
 *   file, $LITESTREAM_CONFIG or /etc/litestream.yml (if there):
 *                             its databases; with db only that one, which
 *                             must be listed
 *   the environment           $DB_PATH (or db) with $REPLICA_URL or
 *                             $LITESTREAM_REPLICA_* (see ls-conf(1))
 * The file is read by the program ls-conf, found beside the running one, or
 * on the PATH; its warnings go to stderr. ERR_TEMP if that is killed for the
 * time it takes. In every case LOG_LEVEL and
 * LS_ACCEPT_REPLACEMENT of the environment hold. Zeroes *conf first; on -1
 * there is nothing to free: ERR_CONF (also for a file not there), or
 * ERR_USAGE where nothing at all was said, or what excludes each other. */
int conf_load(struct conf *, const struct conf_args *, struct err *);

/* Where the stores of its replicas say what people should know. Borrowed. */
void conf_log(struct conf *, const struct log *);

/* The database of that path (made absolute first), or NULL. */
const struct conf_db *conf_db_find(const struct conf *, const char *path);

/* The replica of that name, or the first where name is NULL. NULL: ERR_CONF
 * that names those there are. */
struct conf_replica *conf_replica_find(struct conf_db *, const char *name,
    struct err *);

typedef int conf_replica_fn(void *ctx, const struct conf_db *,
    const struct conf_replica *, struct err *);

/* Calls fn for every replica, or for those of one name, of n databases. All
 * are tried: returned is the first error, the others are given to later(),
 * which may be NULL.
 * ERR_CONF if there is none of that name. */
int conf_each_replica(const struct conf_db *, size_t n, const char *name,
    conf_replica_fn *fn, void (*later)(void *ctx, const struct err *),
    void *ctx, struct err *);

/* Tells of new databases in the folders of c->dirs (borrowed), from a thread
 * of its own, as disks may hang. poll_ms: how often to look where inotify
 * tells nothing. What c lists is known; args (borrowed) is what c was read
 * with. */
struct conf_watch;
int conf_watch_new(struct conf_watch **, const struct conf *c,
    const struct conf_args *, int64_t poll_ms, int force_poll, struct err *);
int conf_watch_fd(const struct conf_watch *); /* to poll for reading */
/* When that is readable; does not wait. 1: *one (allocated, to be freed with
 * conf_free and free) has one database that is new, call again; 0: no more. */
int conf_watch_next(struct conf_watch *, struct conf **one, struct err *);
/* 1: its thread hangs and goes on in what it has: the process can only
 * _exit. Else 0. */
int conf_watch_free(struct conf_watch *);

/* Idempotent; a zeroed one is valid; wipes secrets. */
void conf_free(struct conf *);

/* Absolute path of s: "sqlite://" and "sqlite3://" are taken off, "~/" is
 * the home folder, the rest is cleaned as Go's filepath.Abs does. Allocated
 * into *out. */
int conf_path(const char *s, char **out, struct err *);

#endif
