#include "crypt/age_int.h"

#include <string.h>

#define WRAP_INFO "age-encryption.org/v1/X25519"
#define STANZAS_MAX 128

/* A stanza: its arguments, then its body, in the header's own bytes. */
struct stanza {
	const char *args;      /* after "-> ", to the end of the line */
	size_t args_len;
	const char *body;      /* its lines */
	size_t body_len;       /* of the last line, where that is all of it */
	int one_line;
};

static int
bad(struct err *e, const char *what)
{
	return err_set(e, ERR_DATA, "age header: %s", what);
}

/* A line at s: its length, without the line feed. -1: none. */
static int
line(const char *s, const char *end, size_t *len)
{
	const char *lf = memchr(s, '\n', (size_t)(end - s));

	if (!lf)
		return -1;
	*len = (size_t)(lf - s);
	return 0;
}

/* Words of visible ASCII with one blank between. */
static int
args_ok(const char *s, size_t n)
{
	int word = 0;

	for (; n; s++, n--) {
		if (*s == ' ' ? !word : *s < 0x21 || *s > 0x7e)
			return 0;
		word = *s != ' ';
	}
	return word;
}

/* A line of a body, whole bytes and canonical. */
static int
base64_ok(const char *s, size_t n)
{
	unsigned char out[48];

	return n <= 64 && age_base64_scan(out, n * 3 / 4, s, n) == 0;
}

/* From "-> " on; *s is moved behind the body, which ends with the first
 * line shorter than 64 characters. */
static int
stanza(struct stanza *z, const char **s, const char *end, struct err *e)
{
	size_t n;

	if (line(*s, end, &n) < 0 || n < 4 || !args_ok(*s + 3, n - 3))
		return bad(e, "a recipient line is not well-formed");
	z->args = *s + 3;
	z->args_len = n - 3;
	*s += n + 1;
	z->body = *s;
	z->one_line = 1;
	for (;; z->one_line = 0) {
		if (line(*s, end, &n) < 0 || !base64_ok(*s, n))
			return bad(e, "the body of a recipient is not "
			    "well-formed");
		z->body_len = n;
		*s += n + 1;
		if (n < 64)
			return 0;
	}
}

/* With one key. 1: opened; 0: for another; -1: no key can be made of it. */
static int
unwrap(const unsigned char secret[32], const unsigned char share[32],
    const unsigned char body[32], unsigned char file_key[16])
{
	static const unsigned char nonce[12];
	unsigned char salt[64], key[32], text[32];
	int r = -1;

	memcpy(salt, share, 32);
	if (age_x25519(salt + 32, secret, NULL) == 0
	    && age_x25519(key, secret, share) == 0) {
		age_hkdf(key, key, 32, salt, sizeof salt, WRAP_INFO);
		memcpy(text, body, sizeof text);
		r = age_open(key, nonce, text, 16) == 0;
		if (r)
			memcpy(file_key, text, 16);
		explicit_bzero(text, sizeof text);
	}
	explicit_bzero(key, sizeof key);
	return r;
}

static int
try_stanza(const struct stanza *z, const struct age_keys *k,
    unsigned char file_key[16], struct err *e)
{
	unsigned char share[32], body[32];
	int r = 0;

	if (z->args_len < 6 || strncmp(z->args, "X25519", 6)
	    || (z->args_len > 6 && z->args[6] != ' '))
		return 0;
	if (z->args_len != 7 + 43 || !z->one_line
	    || age_base64_scan(share, 32, z->args + 7, 43) < 0
	    || age_base64_scan(body, 32, z->body, z->body_len) < 0)
		return bad(e, "an X25519 recipient is not well-formed");
	for (size_t i = 0; !r && i < k->n; i++)
		r = unwrap(k->secret[i], share, body, file_key);
	return r < 0 ? bad(e, "an X25519 recipient has a share that makes no "
	    "key") : r;
}

/* 1: *file_key found; 0: for none of the keys; -1. *mac: its line. */
static int
stanzas(const struct age_keys *k, const char *s, const char *end,
    unsigned char file_key[16], const char **mac, struct err *e)
{
	struct stanza z = { 0 };
	int found = 0, n = 0;

	while (end - s > 3 && !memcmp(s, "-> ", 3)) {
		if (n++ == STANZAS_MAX)
			return bad(e, "too many recipients");
		if (stanza(&z, &s, end, e) < 0)
			return -1;
		if (!found)
			found = try_stanza(&z, k, file_key, e);
		if (found < 0)
			return -1;
	}
	if (!n)
		return bad(e, "no recipient");
	*mac = s;
	return found;
}

int
age_header_open(const struct age_keys *k, const char *s, size_t n,
    unsigned char file_key[16], struct err *e)
{
	const char *end = s + n, *mac = s;
	unsigned char key[32], want[32];
	int r;

	if (n < 22 || memcmp(s, "age-encryption.org/v1\n", 22))
		return bad(e, "it does not begin with age-encryption.org/v1");
	r = stanzas(k, s + 22, end, file_key, &mac, e);
	if (r < 0)
		return -1;
	if (end - mac != 4 + 43 + 1 || memcmp(mac, "--- ", 4)
	    || age_base64_scan(want, 32, mac + 4, 43) < 0)
		return bad(e, "the line of the MAC is not well-formed");
	if (!r)
		return err_set(e, ERR_DENIED, k->n ? "it is encrypted with "
		    "age, and none of the identities opens it" : "it is "
		    "encrypted with age, and no identity is given");
	age_hkdf(key, file_key, 16, NULL, 0, "header");
	r = age_mac_ok(key, s, (size_t)(mac + 3 - s), want);
	explicit_bzero(key, sizeof key);
	return r ? 0 : bad(e, "wrong MAC");
}
