#ifndef LS_STORE_STORE_H
#define LS_STORE_STORE_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"

/* Object stores behind one vtable. Calls block; a struct store belongs to
 * one thread. Retries of single requests (408, 429, 5xx, connections that
 * drop) happen inside, up to the deadline of the store; what comes back is
 * final for the caller's attempt. Keys are whole: for s3 the object key
 * (which may begin with "/" or "./", see formats/litestream-0.5-replica.md
 * section 1), for file the absolute path, for sftp the path on the server,
 * relative to where logins begin unless it begins with "/". */

enum store_type { STORE_FILE, STORE_S3, STORE_SFTP };
struct store_meter;

enum store_tri { STORE_DEFAULT = -1, STORE_OFF = 0, STORE_ON = 1 };

/* Settings of one replica. Strings are allocated and owned; NULL: not set.
 * Zeroed and then store_conf_init'ed is valid; store_conf_free is
 * idempotent and wipes secrets. */
struct store_conf {
	enum store_type type;
	char *url;       /* for messages and the status file; no secret in it */
	char *path;      /* file: absolute folder; s3: prefix as Litestream forms it;
	                    sftp: folder, clean, "" where logins begin */
	struct io_perm perm;        /* file */
	char *bucket, *endpoint, *region;   /* s3; endpoint with scheme */
	enum store_tri force_path_style, sign_payload, skip_verify;
	enum store_tri require_content_md5, put_object_content_md5;
	char *access_key, *secret_key, *session_token;
	char *profile;   /* of the shared files, NULL: AWS_PROFILE or default */
	char *storage_class, *sse_key, *sse_kms_key_id; /* sse_key: base64 */
	uint64_t part_size;   /* bytes, 0: 5 MiB */
	uint64_t copy_max;    /* largest single server-side copy, 0: 5 GiB */
	unsigned concurrency; /* parts at once, 0: by provider */
	int64_t timeout_ms;   /* deadline of one call with all its retries, 0: 30 s
	                         without progress, 8 tries */
	char *host, *user, *password;  /* sftp */
	unsigned port;        /* 0: 22 */
	char *key_path;       /* private key, else password, else ssh-agent */
	char *host_key;       /* "TYPE BASE64" or "SHA256:...": it and no other */
	char *known_hosts;    /* where host keys are remembered; NULL:
	                         $XDG_STATE_HOME/ls-s6/known_hosts */
	int strict_host;      /* host keys not known before are refused */
	int plod;             /* one write at a time */
	char *pin;            /* the view of a pin: listings have nothing else, and
	                         STORE_LEVEL_PIN is its level; NULL */
	char *age_identities; /* text, see crypt/age.h: what is read may be
	                         encrypted */
	char *age_recipients; /* what is written would have to be */
	const struct log *log; /* borrowed, may be NULL */
	struct store_meter *meter; /* the same: counts what is asked (meter.h) */
};
void store_conf_init(struct store_conf *);
int store_conf_copy(struct store_conf *, const struct store_conf *,
    struct err *);
void store_conf_free(struct store_conf *);
/* Is encryption asked for? Such a replica is read, and not written: put and
 * copy refuse (ERR_CONF). */
int store_conf_encrypts(const struct store_conf *);

struct store;
struct store_get;

/* Requests made so far, each try and each page of a listing by itself where
 * they go over HTTP. */
struct store_count {
	uint64_t lists, gets, heads;
};

struct store_stat {
	uint64_t size;
	int64_t mtime_ms;      /* LastModified or mtime; -1: not told, as by
	                          listings of sftp */
	int64_t litestream_ms; /* its metadata; file: mtime; -1: none */
};

/* One listed object. key is valid during the callback. Returning -1 (with
 * err set) stops the listing. */
typedef int store_list_fn(void *ctx, const char *key,
    const struct store_stat *, struct err *);

/* What to upload: fd with off and len (re-read on retry; len known), or mem,
 * or in (read once, len unknown: multipart, buffered a part at a time). */
struct store_src {
	int fd;           /* -1: not this */
	int64_t off;
	const void *mem;  /* NULL: not this */
	uint64_t len;
	struct io_in in;  /* used if fd is -1 and mem is NULL */
	const unsigned char *sha256; /* of all of it (32 bytes) where already
	                                known, saves a read; NULL: not known */
};

struct store_put_opt {
	int noreplace;    /* create only if absent: else ERR_EXISTS */
	int strict;       /* with it: a create whose answer was lost and that
	                     then meets its like is ERR_EXISTS too, for the
	                     caller to judge */
	int64_t time_ms;  /* Litestream timestamp metadata, mtime; -1: none */
	uint64_t size;    /* copies: of the source, where it is known: with the
	                     time it saves a look at it; 0 */
	void (*progress)(void *ctx, uint64_t done); /* may be NULL */
	void *ctx;
};

/* What a store can do, told by its type and, for s3, learnt on the way. */
#define STORE_CAN_COPY 1u       /* server-side copy or link */
#define STORE_CAN_NOREPLACE 2u  /* create-if-absent honoured (after probe) */

/* conf is borrowed for the life of the store. No request is made. */
int store_open(struct store **, const struct store_conf *, struct err *);
/* The same on the connections of another store of the same thread (NULL:
 * its own): what one process has open is then bounded, however many
 * databases. May be closed in any order. */
int store_open_beside(struct store **, struct store *,
    const struct store_conf *, struct err *);
void store_close(struct store *);
/* A last moment (when_mono) for the calls to come, whatever conf says, as
 * at shutdown. 0: none. */
void store_deadline(struct store *, int64_t mono_ms);
const struct store_conf *store_conf(const struct store *);
unsigned store_caps(const struct store *);
const struct store_count *store_counts(const struct store *);

/* Objects whose key starts with prefix, in ascending key order. start_after
 * may be NULL. A missing folder or prefix lists nothing and is no error;
 * a missing bucket is ERR_NOTFOUND. */
int store_list(struct store *, const char *prefix, const char *start_after,
    store_list_fn *, void *ctx, struct err *);

int store_head(struct store *, const char *key, struct store_stat *,
    struct err *);

/* Starts reading bytes off .. off+len-1 (len 0: to the end). Several may be
 * open at once on one store; while any is read, the others fill their
 * buffers (64 KiB). Broken transfers are resumed by range, the size and the
 * ETag are held against the first answer. Missing: ERR_NOTFOUND, here or at
 * the first read. */
int store_get(struct store *, const char *key, uint64_t off, uint64_t len,
    struct store_get **, struct err *);
/* Up to n bytes, 0 at the end (only when all promised bytes came), -1. */
ssize_t store_get_read(struct store_get *, void *, size_t n, struct err *);
void store_get_close(struct store_get *);
struct io_in store_get_in(struct store_get *);
/* len bytes from off on, all of them, into buf. */
int store_get_range(struct store *, const char *key, uint64_t off, void *buf,
    size_t len, struct err *);

int store_put(struct store *, const char *key, const struct store_src *,
    const struct store_put_opt *, struct err *);

/* Server-side copy (s3 CopyObject or UploadPartCopy; file: link or copy).
 * opt as for put. ERR_CONF where the store cannot. */
int store_copy(struct store *, const char *from, const char *to,
    const struct store_put_opt *, struct err *);

/* Deletes n keys, in batches. results: n kinds, ERR_NONE for deleted or not
 * there; may be NULL. 0 if all went, else -1 with the first refusal. */
int store_del(struct store *, const char *const *keys, size_t n,
    enum err_kind *results, struct err *);

/* Where a store has folders, that of this key prefix goes if it is empty. No
 * error tells of it. */
void store_del_folder(struct store *, const char *prefix);

/* Does the store honour create-if-absent? Writes the same small object
 * PREFIX + ".ls-s6-probe" twice, the second time on condition, and deletes it
 * (left there if the right is missing). *honoured is 0 or 1; learnt by the
 * store too. For file it is 1 without a try. */
int store_probe_noreplace(struct store *, const char *prefix, int *honoured,
    struct err *);

/* ---- layout: where a replica keeps its LTX files (store/layout.c) ---- */

#define STORE_LEVELS 10
#define STORE_LEVEL_SNAPSHOT 9
#define STORE_LEVEL_PIN 10 /* in the view of one */

/* Key prefix of a level, ending in "/": file, sftp "<path>/ltx/<level>/", s3
 * "<path>/<level as 4 hex>/". Into *out (allocated). */
int store_level_prefix(const struct store_conf *, unsigned level, char **out,
    struct err *);
int store_ltx_key(const struct store_conf *, unsigned level, uint64_t min,
    uint64_t max, char **out, struct err *);
/* Keys of pins begin with "<path>/pins/"; the one of that name. */
int store_pin_prefix(const struct store_conf *, char **out, struct err *);
int store_pin_key(const struct store_conf *, const char *name, char **out,
    struct err *);
/* Does it end in ".ltx"? */
int store_name_ltx(const char *name);
/* Key of an object as people name it: "MIN-MAX.ltx" (in level, 0 if that is
 * -1), "LEVEL/MIN-MAX.ltx" with the level as one digit or four hexadecimal
 * ones whatever the back end, anything else literally below the path. */
int store_name_key(const struct store_conf *, int level, const char *name,
    char **out, struct err *);

#endif
