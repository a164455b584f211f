#ifndef LS_CRYPT_AGE_H
#define LS_CRYPT_AGE_H

#include "base/io.h"

/* age-encryption.org/v1, the reading side, for X25519 identities: what
 * Litestream 0.3 writes. On BearSSL. Source: formats/age.md. Nothing
 * decrypted is handed out before its authenticator was checked. */

#define AGE_KEY_LEN 32

/* Identities. Zeroed is none and valid. */
struct age_keys {
	unsigned char (*secret)[AGE_KEY_LEN];
	size_t n;
};

/* Adds the identities of a text, "AGE-SECRET-KEY-1..." one a line; blank
 * lines and those that begin with "#" are passed over. ERR_CONF for
 * anything else; the message has no byte of it. */
int age_keys_scan(struct age_keys *, const char *text, struct err *);
void age_keys_free(struct age_keys *); /* wipes; idempotent */

struct age; /* opaque */

/* Reads the header of in, which is borrowed. ERR_DENIED: none of the keys
 * opens it. ERR_DATA: no age file, damaged, or of another kind. */
int age_begin(struct age **, const struct age_keys *, struct io_in,
    struct err *);

/* Up to n decrypted bytes; 0 at the end, when the last chunk was there and
 * nothing after it; -1. */
ssize_t age_read(struct age *, void *, size_t n, struct err *);
struct io_in age_in(struct age *);
void age_free(struct age *); /* wipes; NULL is fine */

/* Do these first bytes of an object (at least 21) begin an age file? */
#define AGE_MAGIC_LEN 21
int age_is(const unsigned char p[AGE_MAGIC_LEN]);

#endif
