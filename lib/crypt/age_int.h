#ifndef LS_CRYPT_AGE_INT_H
#define LS_CRYPT_AGE_INT_H

#include "crypt/age.h"

/* Parts of the reader; included by lib/crypt alone, and tests. */

/* RFC 7748: scalar and u-coordinate as it writes them, little-endian. NULL as
 * point: the base point. 0; -1: the result is zero, or BearSSL's Curve25519
 * gives what no byte order of the scalar explains. */
int age_x25519(unsigned char out[32], const unsigned char scalar[32],
    const unsigned char *point);

/* HKDF-SHA-256, 32 bytes. */
void age_hkdf(unsigned char out[32], const void *key, size_t key_len,
    const void *salt, size_t salt_len, const char *info);

/* ChaCha20-Poly1305 in place: n bytes at p, then 16 of the tag. 0 or -1: not
 * authentic, p is then garbage. */
int age_open(const unsigned char key[32], const unsigned char nonce[12],
    unsigned char *p, size_t n);

/* HMAC-SHA-256 of n bytes, compared in constant time. */
int age_mac_ok(const unsigned char key[32], const void *p, size_t n,
    const unsigned char mac[32]);

/* Bech32 (BIP 173, without its limit of length): the human-readable part
 * and 32 bytes of data from the n bytes at s. Either case, not mixed. 0
 * or -1. */
int age_bech32_scan(const char *s, size_t n, const char *hrp,
    unsigned char out[32]);
/* Base64 without padding, canonical: n characters that make exactly len
 * bytes. 0 or -1. */
int age_base64_scan(unsigned char *out, size_t len, const char *s, size_t n);

/* The file key out of the header of n bytes at s (all of it, to the line feed
 * after the MAC), which is verified. Errors as of age_begin. */
int age_header_open(const struct age_keys *, const char *s, size_t n,
    unsigned char file_key[16], struct err *);

#endif
