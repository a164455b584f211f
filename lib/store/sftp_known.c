#include "store/sftp_known.h"

#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "crypt/sha256.h"

struct word {
	const char *s;
	size_t n;
};

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the next word off a line. */
static struct word
next(struct word *line)
{
	struct word w;

	while (line->n && is_blank(*line->s))
		line->s++, line->n--;
	w.s = line->s;
	while (line->n && !is_blank(*line->s))
		line->s++, line->n--;
	w.n = (size_t)(line->s - w.s);
	return w;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* With '*' and '?', going back to the last '*' alone. */
static int
matches(struct word p, const char *name)
{
	size_t i = 0, k = 0, star = p.n, from = 0;

	while (name[k]) {
		if (i < p.n && p.s[i] == '*') {
			star = i++;
			from = k;
		} else if (i < p.n && (p.s[i] == '?'
		    || lower(p.s[i]) == lower(name[k]))) {
			i++;
			k++;
		} else if (star < p.n) {
			i = star + 1;
			k = ++from;
		} else {
			return 0;
		}
	}
	while (i < p.n && p.s[i] == '*')
		i++;
	return i == p.n;
}

/* "|1|SALT|HASH": the HMAC-SHA-1 of the name. */
static int
hashed(struct word w, const char *name)
{
	char salt[32], hash[32];
	unsigned char s[20], h[20], got[20];
	const char *bar = memchr(w.s + 3, '|', w.n - 3);
	size_t n, m, k;

	if (!bar)
		return 0;
	n = (size_t)(bar - w.s) - 3;
	m = w.n - n - 4;
	if (n >= sizeof salt || m >= sizeof hash)
		return 0;
	memcpy(salt, w.s + 3, n);
	salt[n] = 0;
	memcpy(hash, bar + 1, m);
	hash[m] = 0;
	if (base64_scan(s, sizeof s, salt, &n)
	    || base64_scan(h, sizeof h, hash, &k) || k != sizeof h)
		return 0;
	sha256_hmac_sha1(s, n, name, strlen(name), got);
	return !memcmp(h, got, sizeof h);
}

static int
is_of(struct word hosts, const char *name)
{
	int yes = 0;

	if (hosts.n > 3 && !memcmp(hosts.s, "|1|", 3))
		return hashed(hosts, name);
	while (hosts.n) {
		const char *comma = memchr(hosts.s, ',', hosts.n);
		size_t n = comma ? (size_t)(comma - hosts.s) : hosts.n;
		struct word p = { hosts.s, n };
		int not = n && *p.s == '!';

		p.s += not;
		p.n -= (size_t)not;
		if (matches(p, name)) {
			if (not)
				return 0;
			yes = 1;
		}
		n += comma != 0;
		hosts.s += n;
		hosts.n -= n;
	}
	return yes;
}

/* Does the key say it is of that type? */
static int
is_key(const char *type, const char *base64)
{
	unsigned char key[SFTP_KEY_MAX];
	char says[SFTP_TYPE_MAX];
	size_t n;

	if (base64_scan(key, sizeof key, base64, &n))
		return 0;
	sftp_known_type(says, key, n);
	return *says && !strcmp(says, type);
}

static void
known_line(struct word line, const char *name, sftp_known_fn *fn, void *ctx)
{
	char type[SFTP_TYPE_MAX], base64[BASE64_LEN(SFTP_KEY_MAX)];
	struct word w = next(&line), t, k;
	int revoked = 0;

	if (w.n && *w.s == '@') {
		if (w.n != 8 || memcmp(w.s, "@revoked", 8))
			return;
		revoked = 1;
		w = next(&line);
	}
	t = next(&line);
	k = next(&line);
	if (!w.n || *w.s == '#' || !k.n || t.n >= sizeof type
	    || k.n >= sizeof base64 || !is_of(w, name))
		return;
	memcpy(type, t.s, t.n);
	type[t.n] = 0;
	memcpy(base64, k.s, k.n);
	base64[k.n] = 0;
	if (is_key(type, base64))
		fn(ctx, type, base64, revoked);
}

void
sftp_known_scan(const char *text, size_t n, const char *name,
    sftp_known_fn *fn, void *ctx)
{
	while (n) {
		const char *end = memchr(text, '\n', n);
		size_t k = end ? (size_t)(end - text) : n;
		struct word line = { text, k };

		known_line(line, name, fn, ctx);
		k += end != 0;
		text += k;
		n -= k;
	}
}

void
sftp_known_type(char type[SFTP_TYPE_MAX], const unsigned char *key, size_t n)
{
	size_t k;

	*type = 0;
	if (n < 4)
		return;
	k = (size_t)key[0] << 24 | (size_t)key[1] << 16 | (size_t)key[2] << 8
	    | key[3];
	if (k > n - 4 || k >= SFTP_TYPE_MAX)
		return;
	for (size_t i = 0; i < k; i++)
		if (key[4 + i] <= ' ' || key[4 + i] > '~')
			return;
	memcpy(type, key + 4, k);
	type[k] = 0;
}

int
sftp_known_line(const char *s, char type[SFTP_TYPE_MAX], char *base64)
{
	struct word line = { s, strlen(s) }, t = next(&line), k = next(&line);

	if (!k.n || t.n >= SFTP_TYPE_MAX || k.n >= BASE64_LEN(SFTP_KEY_MAX))
		return -1;
	memcpy(type, t.s, t.n);
	type[t.n] = 0;
	memcpy(base64, k.s, k.n);
	base64[k.n] = 0;
	return is_key(type, base64) ? 0 : -1;
}
