#include "crypt/sha256.h"

#include <bearssl.h>
#include <openssl/evp.h>

#include "base/io.h"

#define SHA256_CHUNK 16384 /* on the stack; musl gives threads little */

int
sha256_begin(struct sha256 *s, struct err *e)
{
	if (!s->ctx && !(s->ctx = EVP_MD_CTX_new()))
		return err_nomem(e);
	if (!EVP_DigestInit_ex(s->ctx, EVP_sha256(), 0)) {
		sha256_free(s);
		return err_nomem(e);
	}
	return 0;
}

void
sha256_add(struct sha256 *s, const void *p, size_t n)
{
	EVP_DigestUpdate(s->ctx, p, n);
}

void
sha256_end(struct sha256 *s, unsigned char out[SHA256_LEN])
{
	EVP_DigestFinal_ex(s->ctx, out, 0);
	sha256_free(s);
}

void
sha256_free(struct sha256 *s)
{
	EVP_MD_CTX_free(s->ctx);
	s->ctx = 0;
}

int
sha256_fd(int fd, int64_t off, uint64_t len, unsigned char out[SHA256_LEN],
    unsigned char *md5, struct err *e)
{
	struct sha256 s = { 0 };
	br_md5_context m;
	unsigned char buf[SHA256_CHUNK];

	if (sha256_begin(&s, e))
		return -1;
	br_md5_init(&m);
	while (len) {
		size_t n = len < sizeof buf ? len : sizeof buf;

		if (io_preadn(fd, buf, n, off, e)) {
			sha256_free(&s);
			return -1;
		}
		sha256_add(&s, buf, n);
		if (md5)
			br_md5_update(&m, buf, n);
		off += n;
		len -= n;
	}
	sha256_end(&s, out);
	if (md5)
		br_md5_out(&m, md5);
	return 0;
}

void
sha256_of(const void *p, size_t n, unsigned char out[SHA256_LEN])
{
	br_sha256_context c;

	br_sha256_init(&c);
	br_sha256_update(&c, p, n);
	br_sha256_out(&c, out);
}

void
sha256_hmac(const void *key, size_t keylen, const void *p, size_t n,
    unsigned char out[SHA256_LEN])
{
	br_hmac_key_context kc;
	br_hmac_context c;

	br_hmac_key_init(&kc, &br_sha256_vtable, key, keylen);
	br_hmac_init(&c, &kc, 0);
	br_hmac_update(&c, p, n);
	br_hmac_out(&c, out);
}

void
sha256_md5(const void *p, size_t n, unsigned char out[MD5_LEN])
{
	br_md5_context c;

	br_md5_init(&c);
	br_md5_update(&c, p, n);
	br_md5_out(&c, out);
}

void
sha256_hmac_sha1(const void *key, size_t keylen, const void *p, size_t n,
    unsigned char out[SHA1_LEN])
{
	br_hmac_key_context k;
	br_hmac_context c;

	br_hmac_key_init(&k, &br_sha1_vtable, key, keylen);
	br_hmac_init(&c, &k, 0);
	br_hmac_update(&c, p, n);
	br_hmac_out(&c, out);
}
