#ifndef LS_STORE_CRED_H
#define LS_STORE_CRED_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "http/http.h"
#include "store/store.h"

/* AWS credentials. The first of these that has any is it:
 *	the configuration
 *	LITESTREAM_ACCESS_KEY_ID and LITESTREAM_SECRET_ACCESS_KEY
 *	AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *	the shared files, AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE, at
 *	the profile of the configuration or AWS_PROFILE or "default"
 *	the container's endpoint, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or
 *	..._FULL_URI
 *	the instance's metadata service, version 2
 * With a profile in the configuration the two of the environment are passed
 * over. Profiles that would have to ask another service (roles, SSO,
 * processes) are refused. */

struct cred {
	const char *access_key, *secret_key;
	const char *session_token; /* NULL: none */
};

struct cred_chain;

/* For the settings of a store, of which copies are kept. Asks nothing. */
int cred_new(struct cred_chain **, const struct store_conf *, struct err *);
/* Is it a chain for these settings? */
int cred_is_for(const struct cred_chain *, const struct store_conf *);
/* Credentials that are good for a while, asked for anew some time before
 * they expire. Valid until the next call; all calls of one thread. ERR_CONF
 * where nobody has any. */
int cred_get(struct cred_chain *, struct http *, struct cred *, struct err *);
/* A server called them expired. 1: the next cred_get asks anew; 0: that
 * would give the same ones. */
int cred_expired(struct cred_chain *);
/* Wipes. NULL is valid. */
void cred_free(struct cred_chain *);

/* ---- the pieces (cred_file.c, cred_net.c) ---- */

struct cred_value {
	char *access_key, *secret_key, *session_token; /* owned */
	int64_t expires_ms;   /* when_now; -1: not told */
};
void cred_value_free(struct cred_value *);

/* Looks for [section] in the text of a shared file and takes what it says.
 * 1: the section is there (with *refused a static word where it wants a
 * service: "role_arn", "sso", ...; NULL), 0: it is not, -1: no memory. */
int cred_file_scan(const char *text, size_t n, const char *section,
    struct cred_value *, const char **refused, struct err *);
/* 1: found, 0: no files or no such profile there and none was asked for. */
int cred_file_read(const char *profile, struct cred_value *, struct err *);

/* The JSON answer of both endpoints. */
int cred_json_scan(const char *body, size_t n, struct cred_value *,
    struct err *);
/* 1: found, 0: this machine has none, -1. */
int cred_container(struct http *, struct cred_value *, struct err *);
int cred_instance(struct http *, struct cred_value *, struct err *);

#endif
