#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bearssl.h>
#include <cmocka.h>

#include "base/hex.h"
#include "crypt/age_int.h"

#define ONE "AGE-SECRET-KEY-1PUDJA55F3D33S7QPYJRU5SJUE5LGFPGKAXASKVMFTFMX4" \
	"FPRVNTQLZSCH4"
#define TWO "AGE-SECRET-KEY-18Y33J3WNML66RKLFQCY397DL5ZHQ70Z9PTREY6LSDAQZX" \
	"H5J6EHQEQR75H"
#define NONE "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ"

/* One WAL segment of Litestream 0.3.13, for the recipients of TWO and ONE. */
static const char theirs[] =
    "6167652d656e6372797074696f6e2e6f72672f76310a2d3e2058323535313920"
    "6673357859706e366a6b79644b7369336172597569316d7472504f6a4e37484e"
    "4754364d627a36796946730a766a6558737a6a6a4f4c6f72584551786a6e346f"
    "54494e6668582f5a666447647461643037757937486d6f0a2d3e205832353531"
    "39203950476738522b766266636b352f794d59503433364f753154746e437057"
    "484b7446386e593057396e53590a32465a5359302f2f4a573463566e78303449"
    "53365a466e6e3277796652733870416963636436324a652b450a2d2d2d20536b"
    "7a7879467435525942386d3938485768436c702b4b59496375636157316a6762"
    "645942494e376b32410a88dd435ac8c50c80ef3c8ce216744665694a0d368d81"
    "45ad55d47158c3bc1a0ecb86ca5a9836f41704aab9f500cca52db4b28dfb6bf1"
    "cab389572d5575b07624675501689d2b283e3a43e4d70017cb59c55b534a9a1a"
    "e5f8bb483d7e6822e598c5d2ff38254b05bf393d976804";

static unsigned char *
bytes(const char *hex, size_t *n)
{
	unsigned char *p;

	*n = strlen(hex) / 2;
	p = malloc(*n);
	assert_int_equal(hex_scan(p, hex, *n), 0);
	return p;
}

/* ---- a source that gives few bytes at a time ---- */

struct source {
	const unsigned char *p;
	size_t n, at, step;
};

static ssize_t
source_read(void *ctx, void *buf, size_t n, struct err *e)
{
	struct source *s = ctx;

	(void)e;
	if (n > s->step)
		n = s->step;
	if (n > s->n - s->at)
		n = s->n - s->at;
	memcpy(buf, s->p + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

/* Decrypted into out (max bytes). Their number, or -1. */
static ssize_t
decrypt(const char *keys, const unsigned char *p, size_t n, size_t step,
    unsigned char *out, size_t max, struct err *e)
{
	struct source s = { p, n, 0, step };
	struct age_keys k = { 0 };
	struct age *a;
	size_t got = 0;
	ssize_t r = 1;

	memset(e, 0, sizeof *e);
	assert_int_equal(age_keys_scan(&k, keys, e), 0);
	if (age_begin(&a, &k, (struct io_in){ source_read, &s }, e) < 0) {
		age_keys_free(&k);
		return -1;
	}
	while (r > 0 && got < max) {
		r = age_read(a, out + got, max - got, e);
		if (r > 0)
			got += (size_t)r;
	}
	age_free(a);
	age_keys_free(&k);
	return r < 0 ? -1 : (ssize_t)got;
}

/* ---- a writer, of the format's description alone ---- */

static size_t
base64(char *out, const unsigned char *p, size_t n)
{
	static const char c[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
	    "qrstuvwxyz0123456789+/";
	uint32_t bits = 0, held = 0;
	size_t k = 0;

	while (n--) {
		bits = bits << 8 | *p++;
		for (held += 8; held >= 6; held -= 6)
			out[k++] = c[bits >> (held - 6) & 63];
	}
	if (held)
		out[k++] = c[bits << (6 - held) & 63];
	out[k] = '\0';
	return k;
}

static void
seal(const unsigned char key[32], const unsigned char nonce[12],
    unsigned char *p, size_t n)
{
	br_poly1305_ctmul_run(key, nonce, p, n, NULL, 0, p + n,
	    br_chacha20_ct_run, 1);
}

struct file {
	unsigned char *p;
	size_t n, header;
};

static const unsigned char file_key[16] = "sixteen letters";

static void
put_header(struct file *f, const unsigned char public[32], const char *more)
{
	unsigned char e[32], salt[64], key[32], body[32], mac[32];
	static const unsigned char zero[12];
	br_hmac_key_context k;
	br_hmac_context h;
	char share[64], text[64];

	memset(e, 7, sizeof e);
	assert_int_equal(age_x25519(salt, e, NULL), 0);
	assert_int_equal(age_x25519(key, e, public), 0);
	memcpy(salt + 32, public, 32);
	age_hkdf(key, key, 32, salt, 64, "age-encryption.org/v1/X25519");
	memcpy(body, file_key, 16);
	seal(key, zero, body, 16);
	base64(share, salt, 32);
	base64(text, body, 32);
	f->n = (size_t)sprintf((char *)f->p, "age-encryption.org/v1\n"
	    "%s-> X25519 %s\n%s\n---", more, share, text);
	age_hkdf(key, file_key, 16, NULL, 0, "header");
	br_hmac_key_init(&k, &br_sha256_vtable, key, 32);
	br_hmac_init(&h, &k, 0);
	br_hmac_update(&h, f->p, f->n);
	br_hmac_out(&h, mac);
	f->p[f->n++] = ' ';
	f->n += base64((char *)f->p + f->n, mac, 32);
	f->p[f->n++] = '\n';
	f->header = f->n;
}

/* n bytes of plaintext, i * 7 each. tail: and an empty chunk as the last. */
static struct file
encrypt_with(size_t n, const char *more, int tail)
{
	struct file f = { malloc(n + n / 1000 + 70000), 0, 0 };
	unsigned char public[32], key[32], secret[32];
	size_t at = 0;

	assert_int_equal(age_bech32_scan(ONE, strlen(ONE), "age-secret-key-",
	    secret), 0);
	assert_int_equal(age_x25519(public, secret, NULL), 0);
	put_header(&f, public, more);
	memset(f.p + f.n, 9, 16);
	age_hkdf(key, file_key, 16, f.p + f.n, 16, "payload");
	f.n += 16;
	for (unsigned count = 0;; count++) {
		size_t k = n - at < 65536 ? n - at : 65536;
		unsigned char nonce[12] = { 0 };

		nonce[10] = (unsigned char)count;
		nonce[11] = at + k == n && !(tail && k);
		for (size_t i = 0; i < k; i++)
			f.p[f.n + i] = (unsigned char)((at + i) * 7);
		seal(key, nonce, f.p + f.n, k);
		f.n += k + 16;
		at += k;
		if (nonce[11])
			return f;
	}
}

static struct file
encrypt(size_t n, const char *more)
{
	return encrypt_with(n, more, 0);
}

/* ---- tests ---- */

static void
curve25519_is_that_of_rfc_7748(void **state)
{
	static const struct {
		const char *scalar, *point, *out;
	} t[] = {
		/* section 5.2 */
		{ "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
		    "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
		    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
		{ "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
		    "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
		    "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957" },
		/* section 6.1 */
		{ "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
		    NULL,
		    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f" },
		{ "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
		    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
		    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
	};
	unsigned char zero[32] = { 0 }, out[32];

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		unsigned char s[32], p[32];
		char hex[65];

		hex_scan(s, t[i].scalar, 32);
		if (t[i].point)
			hex_scan(p, t[i].point, 32);
		assert_int_equal(age_x25519(out, s, t[i].point ? p : NULL), 0);
		hex_fmt(hex, out, 32);
		assert_string_equal(hex, t[i].out);
		/* a point of low order makes no secret */
		assert_int_equal(age_x25519(out, s, zero), -1);
	}
}

static void
identities_are_bech32(void **state)
{
	static const char *const bad[] = {
		"age126ly3ycq8hy6vfjacvr22emk5e88e72th8l7fsyjkypeg5rxpsxs5g38w8",
		"AGE-SECRET-KEY-1PUDJA55F3D33S7QPYJRU5SJUE5LGFPGKAXASKVMFTFMX4FP",
		ONE "Q", "A" ONE, NONE "QQQQQQ",
		"AGE-SECRET-KEY-1PUDJA55F3D33S7QPYJRU5SJUE5LGFPGKAXASKVMFTFMX4FP"
		    "RVNTQLZSCH5",
		"age-secret-key-1PUDJA55F3D33S7QPYJRU5SJUE5LGFPGKAXASKVMFTFMX4FP"
		    "RVNTQLZSCH4",
		"AGE-SECRET-KEY-PQ-1QQQQ", "ssh-ed25519 AAAA",
	};
	struct age_keys k = { 0 };
	struct err e;
	char text[200];

	(void)state;
	assert_int_equal(age_keys_scan(&k, "# mine\n\n  " ONE "\r\n" TWO, &e),
	    0);
	assert_int_equal(k.n, 2);
	/* all lower case is the same */
	strcpy(text, ONE);
	for (char *p = text; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 32;
	assert_int_equal(age_keys_scan(&k, text, &e), 0);
	assert_memory_equal(k.secret[0], k.secret[2], 32);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "#\n%s\n", bad[i]);
		assert_int_equal(age_keys_scan(&k, text, &e), -1);
		assert_int_equal(e.kind, ERR_CONF);
		assert_non_null(strstr(e.msg, "line 2"));
		assert_null(strstr(e.msg, "PUDJA"));
		assert_int_equal(k.n, 3);
	}
	assert_non_null(strstr((age_keys_scan(&k, bad[0], &e), e.msg),
	    "recipient"));
	age_keys_free(&k);
	age_keys_free(&k);
}

static void
what_litestream_encrypted_is_read(void **state)
{
	static const char *const keys[] = { ONE, TWO, "# \n" TWO "\n" ONE };
	unsigned char out[1000];
	struct err e;
	size_t n;
	unsigned char *p = bytes(theirs, &n);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t step = 1; step < 500; step += 166) {
			assert_true(decrypt(keys[i], p, n, step, out,
			    sizeof out, &e) > 60);
			assert_memory_equal(out, "\x04\x22\x4d\x18\x64\x70\xb9",
			    7);
		}
	assert_int_equal(decrypt("", p, n, 99, out, sizeof out, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_int_equal(decrypt("AGE-SECRET-KEY-1PUDJA55F3D33S7QPYJRU5SJUE5LGF"
	    "PGKAXASKVMFTFMX4FPRVNTQLZSCH4", p, 200, 99, out, sizeof out, &e),
	    -1);
	assert_int_equal(e.kind, ERR_DATA);
	free(p);
}

/* Each byte of it, changed or cut off there, is noticed. */
static void
every_change_is_noticed(void **state)
{
	unsigned char out[1000];
	struct err e;
	size_t n;
	unsigned char *p = bytes(theirs, &n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		p[i] ^= 1;
		assert_int_equal(decrypt(ONE, p, n, 1000, out, sizeof out, &e),
		    -1);
		p[i] ^= 1;
		assert_int_equal(decrypt(ONE, p, i, 1000, out, sizeof out, &e),
		    -1);
		assert_int_equal(e.kind, ERR_DATA);
	}
	p = realloc(p, n + 1);
	p[n] = 0;
	assert_int_equal(decrypt(ONE, p, n + 1, 1000, out, sizeof out, &e), -1);
	free(p);
}

static void
chunks_of_every_size(void **state)
{
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 131072,
		200000 };
	unsigned char *out = malloc(200001);
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t n = sizes[i];
		struct file f = encrypt(n, "");

		assert_int_equal(decrypt(ONE, f.p, f.n, 10007, out, 200001, &e),
		    n);
		for (size_t k = 0; k < n; k++)
			if (out[k] != (unsigned char)(k * 7))
				fail();
		/* without the last chunk, at its border */
		if (n > 65536) {
			size_t last = (n - 1) % 65536 + 1 + 16;

			assert_int_equal(decrypt(ONE, f.p, f.n - last, 10007,
			    out, 200001, &e), -1);
			assert_string_equal(e.msg, "age file: cut off");
			/* chunks in another order */
			if (n == 131072) {
				unsigned char *a = f.p + f.header + 16;

				for (size_t k = 0; k < 65552; k++) {
					unsigned char t = a[k];

					a[k] = a[k + 65552];
					a[k + 65552] = t;
				}
				assert_int_equal(decrypt(ONE, f.p, f.n, 10007,
				    out, 200001, &e), -1);
			}
		}
		free(f.p);
		if (!n)
			continue;
		f = encrypt_with(n, "", 1);
		assert_int_equal(decrypt(ONE, f.p, f.n, 10007, out, 200001, &e),
		    -1);
		free(f.p);
	}
	free(out);
}

static void
headers(void **state)
{
	static const char *const good[] = {
		"-> joint grease arg\nAAAA\n", "-> x\n\n",
		/* a body of 48 bytes ends with an empty line */
		("-> x !~\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		    "AAAAAAAAA\n\n"),
		"-> X25519x y\n\n",
	};
	static const char *const bad[] = {
		"->\n\n", "-> \n\n", "-> a  b\n\n", "-> a \n\n", "-> a\x01\n\n",
		"-> a\nA=\n", "-> a\nAB\n", "-> a\nA\n", "-> a\nAAAA", "x\n", "-> X25519\n\n",
		"-> X25519 AAAA\nAAAA\n",
		"-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nAAAA\n",
		/* bits that are not used, set */
		"-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\n"
		    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		/* a share of low order */
		"-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
		    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		/* 65 characters in a line */
		"-> x\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		    "AAAAAAA\n\n",
	};
	unsigned char out[16];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct file f = encrypt(5, good[i]);

		assert_int_equal(decrypt(ONE, f.p, f.n, 3, out, 16, &e), 5);
		free(f.p);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct file f = encrypt(5, bad[i]);

		assert_int_equal(decrypt(ONE, f.p, f.n, 500, out, 16, &e), -1);
		assert_int_equal(e.kind, ERR_DATA);
		free(f.p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(curve25519_is_that_of_rfc_7748),
		cmocka_unit_test(identities_are_bech32),
		cmocka_unit_test(what_litestream_encrypted_is_read),
		cmocka_unit_test(every_change_is_noticed),
		cmocka_unit_test(chunks_of_every_size),
		cmocka_unit_test(headers),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
