#ifndef LS_BASE_URL_H
#define LS_BASE_URL_H

#include <stdint.h>
#include "base/err.h"

/* Replica URLs, as Litestream 0.5 takes them apart. Pure. */

enum url_kind { URL_FILE, URL_S3, URL_SFTP };

/* Strings are allocated, NULL where the URL does not say. Flags are 1, 0,
 * or -1 where it does not say. */
struct url {
	enum url_kind kind;
	/* file: the folder, absolute and clean, percent-escapes left as they
	 * are (Litestream's file names have them). s3: the prefix, decoded and
	 * clean, without slashes at the ends: "." where the URL has none, ""
	 * for an access point without key. sftp: the folder on the server,
	 * absolute, decoded and clean; "" where the URL has none. */
	char *path;
	char *bucket;        /* or the ARN of an access point; may be NULL
	                        where the host names only a provider */
	char *endpoint;      /* with scheme */
	char *region;
	int force_path_style, sign_payload, skip_verify;
	int require_content_md5, put_object_content_md5;
	uint64_t part_size;  /* bytes, 0: not said */
	unsigned concurrency;/* 0: not said */
	char *storage_class, *sse_key, *sse_kms_key_id;
	char *host, *user, *password; /* sftp; host without brackets */
	unsigned port;       /* 0: not said */
};

/* Does it begin with letters, digits or '_' and "://"? */
int url_is(const char *);

/* Takes s apart. ERR_CONF says what is wrong (a query parameter nobody knows
 * is: it could have been one that encrypts), and for schemes of other
 * stores that they are not supported yet; no secret in it. */
int url_scan(struct url *, const char *s, struct err *);

/* HOST, HOST:PORT, [V6] or [V6]:PORT; a bare V6 address is taken too. *host
 * is allocated; *port is 0 where it does not say. */
int url_host(const char *s, char **host, unsigned *port, struct err *);

/* Idempotent; a zeroed one is valid; wipes the secrets. */
void url_free(struct url *);

/* Puts https:// before an endpoint that has no scheme, or, with local_http,
 * http:// if its host is of a local or private network; no user, query or
 * fragment allowed, trailing slashes go. Allocated into *out. */
int url_endpoint(const char *s, int local_http, char **out, struct err *);

/* A copy of s for messages: user and password, and the values of query
 * parameters that hold keys, are "***". Any string will do. NULL: no memory. */
char *url_redact(const char *s);

/* 1: it has a password or a key, which no message and no file may have. */
int url_has_secret(const char *s);

/* The host of an endpoint (with or without scheme) is of this machine or a
 * private network. */
int url_is_local(const char *endpoint);

/* true, 1, t, yes; false, 0, f, no; any case. 1 or 0, else -1. */
int url_bool(const char *);

/* Decodes %XX, and '+' as a blank if plus, in place. -1 if malformed or if
 * it holds a control character. */
int url_decode(char *, int plus);

#endif
