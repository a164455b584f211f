#include "crypt/age_int.h"

#include <bearssl.h>
#include <string.h>

/* BearSSL clamps the scalar itself and takes it big-endian, but for the
 * release 0.6, which takes it little-endian. Which one this is shows in a
 * vector of RFC 7748 (section 6.1: Alice's key pair). */
static const unsigned char alice[32] = {
	0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
	0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
	0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a
};
static const unsigned char alice_public[32] = {
	0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d,
	0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38,
	0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a
};

static int
mul(unsigned char out[32], const unsigned char scalar[32],
    const unsigned char *point, int reversed)
{
	const br_ec_impl *ec = br_ec_get_default();
	unsigned char s[32];
	uint32_t ok;

	for (int i = 0; i < 32; i++)
		s[i] = scalar[reversed ? 31 - i : i];
	if (point) {
		memcpy(out, point, 32);
	} else {
		memset(out, 0, 32);
		out[0] = 9;
	}
	ok = ec->mul(out, 32, s, 32, BR_EC_curve25519);
	explicit_bzero(s, sizeof s);
	return ok ? 0 : -1;
}

/* 1: scalars are reversed; 0: as they are; -1: neither is right. */
static int
byte_order(void)
{
	unsigned char out[32];

	if (!(br_ec_get_default()->supported_curves >> BR_EC_curve25519 & 1))
		return -1;
	for (int reversed = 0; reversed < 2; reversed++)
		if (!mul(out, alice, NULL, reversed)
		    && !memcmp(out, alice_public, 32))
			return reversed;
	return -1;
}

int
age_x25519(unsigned char out[32], const unsigned char scalar[32],
    const unsigned char *point)
{
	int order = byte_order();
	unsigned char any = 0;

	if (order < 0 || mul(out, scalar, point, order) < 0)
		return -1;
	for (int i = 0; i < 32; i++)
		any |= out[i];
	return any ? 0 : -1;
}

void
age_hkdf(unsigned char out[32], const void *key, size_t key_len,
    const void *salt, size_t salt_len, const char *info)
{
	br_hkdf_context h;

	br_hkdf_init(&h, &br_sha256_vtable, salt_len ? salt : BR_HKDF_NO_SALT,
	    salt_len);
	br_hkdf_inject(&h, key, key_len);
	br_hkdf_flip(&h);
	br_hkdf_produce(&h, info, strlen(info), out, 32);
	explicit_bzero(&h, sizeof h);
}

static int
differ(const unsigned char *a, const unsigned char *b, size_t n)
{
	unsigned char d = 0;

	while (n--)
		d |= *a++ ^ *b++;
	return d;
}

int
age_open(const unsigned char key[32], const unsigned char nonce[12],
    unsigned char *p, size_t n)
{
	br_poly1305_run poly = br_poly1305_ctmulq_get();
	br_chacha20_run chacha = br_chacha20_sse2_get();
	unsigned char tag[16];

	if (!poly)
		poly = br_poly1305_ctmul_run;
	if (!chacha)
		chacha = br_chacha20_ct_run;
	poly(key, nonce, p, n, NULL, 0, tag, chacha, 0);
	return differ(tag, p + n, sizeof tag) ? -1 : 0;
}

int
age_mac_ok(const unsigned char key[32], const void *p, size_t n,
    const unsigned char mac[32])
{
	br_hmac_key_context k;
	br_hmac_context h;
	unsigned char out[32];

	br_hmac_key_init(&k, &br_sha256_vtable, key, 32);
	br_hmac_init(&h, &k, 32);
	br_hmac_update(&h, p, n);
	br_hmac_out(&h, out);
	explicit_bzero(&k, sizeof k);
	return !differ(out, mac, sizeof out);
}
