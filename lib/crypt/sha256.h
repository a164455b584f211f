#ifndef LS_CRYPT_SHA256_H
#define LS_CRYPT_SHA256_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* SHA-256 by libcrypto, which uses the processor's instructions; the
 * rest by BearSSL, which is enough for short strings. */

#define SHA256_LEN 32
#define SHA256_HEX 65 /* with the final NUL */
#define MD5_LEN 16

/* An unfinished digest. Zeroed is valid for sha256_free. */
struct sha256 {
	void *ctx;
};

/* Begins, or begins anew. Out of memory is the only error. */
int sha256_begin(struct sha256 *, struct err *);
void sha256_add(struct sha256 *, const void *, size_t);
/* Ends and frees; only once after each begin. */
void sha256_end(struct sha256 *, unsigned char out[SHA256_LEN]);
/* Frees an unfinished one. Idempotent. */
void sha256_free(struct sha256 *);

/* The digest of bytes off .. off+len-1 of a descriptor; a file that ends
 * before is ERR_DATA. md5 may be NULL, else 16 bytes: both in one pass. */
int sha256_fd(int fd, int64_t off, uint64_t len,
    unsigned char out[SHA256_LEN], unsigned char *md5, struct err *);

/* Short strings in one go. */
void sha256_of(const void *, size_t, unsigned char out[SHA256_LEN]);
void sha256_hmac(const void *key, size_t keylen, const void *, size_t,
    unsigned char out[SHA256_LEN]);
void sha256_md5(const void *, size_t, unsigned char out[MD5_LEN]);
#define SHA1_LEN 20
/* The old one, for hashed names in known_hosts. */
void sha256_hmac_sha1(const void *key, size_t keylen, const void *, size_t,
    unsigned char out[SHA1_LEN]);

#endif
