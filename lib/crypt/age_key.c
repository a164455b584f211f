#include "crypt/age_int.h"

#include <stdlib.h>
#include <string.h>

#define IDENTITY "age-secret-key-"
#define KEYS_MAX 1000

static int
add(struct age_keys *k, const unsigned char secret[AGE_KEY_LEN],
    struct err *e)
{
	unsigned char (*v)[AGE_KEY_LEN];

	if (k->n == KEYS_MAX)
		return err_set(e, ERR_CONF, "more than %d age identities",
		    KEYS_MAX);
	/* never realloc: it would leave the secrets behind */
	v = malloc((k->n + 1) * sizeof *v);
	if (!v)
		return err_nomem(e);
	if (k->n)
		memcpy(v, k->secret, k->n * sizeof *v);
	memcpy(v[k->n], secret, AGE_KEY_LEN);
	if (k->n)
		explicit_bzero(k->secret, k->n * sizeof *v);
	free(k->secret);
	k->secret = v;
	k->n++;
	return 0;
}

static int
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int
one(struct age_keys *k, const char *s, size_t n, unsigned line,
    struct err *e)
{
	unsigned char secret[AGE_KEY_LEN];
	int r;

	while (n && blank(s[n - 1]))
		n--;
	while (n && blank(*s)) {
		s++;
		n--;
	}
	if (!n || *s == '#')
		return 0;
	if (age_bech32_scan(s, n, IDENTITY, secret) < 0)
		return err_set(e, ERR_CONF, n > 4 && !strncmp(s, "age1", 4)
		    ? "line %u of the age identities is a recipient (age1...), "
		    "which only encrypts; the identity AGE-SECRET-KEY-1... is "
		    "needed" : "line %u of the age identities is no identity "
		    "that is known: AGE-SECRET-KEY-1... and 58 more "
		    "characters", line);
	r = add(k, secret, e);
	explicit_bzero(secret, sizeof secret);
	return r;
}

int
age_keys_scan(struct age_keys *k, const char *text, struct err *e)
{
	unsigned line = 1;

	for (size_t n; *text; text += n + (text[n] == '\n'), line++) {
		n = strcspn(text, "\n");
		if (one(k, text, n, line, e) < 0)
			return -1;
	}
	return 0;
}

void
age_keys_free(struct age_keys *k)
{
	if (k->n)
		explicit_bzero(k->secret, k->n * sizeof *k->secret);
	free(k->secret);
	memset(k, 0, sizeof *k);
}
