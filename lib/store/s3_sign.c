#include "store/s3_sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/when.h"
#include "crypt/sha256.h"

int
s3_encode(stralloc *sa, const char *s, int slash)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_.~";
	static const char digits[] = "0123456789ABCDEF";

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		char hex[3] = { '%', digits[c >> 4], digits[c & 15] };

		if (strchr(plain, c) || (slash && c == '/')) {
			if (!stralloc_catb(sa, s, 1))
				return -1;
		} else if (!stralloc_catb(sa, hex, 3)) {
			return -1;
		}
	}
	return 0;
}

static int
s3_query_one(stralloc *sa, const struct s3_pair *p)
{
	if (sa->len && sa->s[sa->len - 1] != '?' && !stralloc_catb(sa, "&", 1))
		return -1;
	return s3_encode(sa, p->name, 0) || !stralloc_catb(sa, "=", 1)
	    || s3_encode(sa, p->value, 0) ? -1 : 0;
}

/* Ours have distinct names that need no encoding, so names alone order. */
int
s3_query(stralloc *sa, const struct s3_pair *p, size_t n)
{
	const char *last = "";

	for (size_t done = 0; done < n; done++) {
		const struct s3_pair *next = 0;

		for (size_t i = 0; i < n; i++)
			if (strcmp(p[i].name, last) > 0
			    && (!next || strcmp(p[i].name, next->name) < 0))
				next = p + i;
		if (!next)
			break;
		if (s3_query_one(sa, next))
			return -1;
		last = next->name;
	}
	return 0;
}

void
s3_date(char s[S3_DATE], int64_t ms)
{
	char c[WHEN_FMT];

	when_fmt_compact(c, ms);
	snprintf(s, S3_DATE, "%.8sT%.6sZ", c, c + 8);
}

static int
s3_sign_names(stralloc *sa, const struct s3_sign *a)
{
	for (size_t i = 0; i < a->n; i++)
		if ((i && !stralloc_catb(sa, ";", 1))
		    || !stralloc_cats(sa, a->headers[i].name))
			return -1;
	return 0;
}

static int
s3_sign_canonical(stralloc *sa, const struct s3_sign *a)
{
	if (!stralloc_cats(sa, a->method) || !stralloc_catb(sa, "\n", 1)
	    || !stralloc_cats(sa, a->path) || !stralloc_catb(sa, "\n", 1)
	    || !stralloc_cats(sa, a->query) || !stralloc_catb(sa, "\n", 1))
		return -1;
	for (size_t i = 0; i < a->n; i++)
		if (!stralloc_cats(sa, a->headers[i].name)
		    || !stralloc_catb(sa, ":", 1)
		    || !stralloc_cats(sa, a->headers[i].value)
		    || !stralloc_catb(sa, "\n", 1))
			return -1;
	return !stralloc_catb(sa, "\n", 1) || s3_sign_names(sa, a)
	    || !stralloc_catb(sa, "\n", 1)
	    || !stralloc_cats(sa, a->payload) ? -1 : 0;
}

static int
s3_sign_key(const struct s3_sign *a, const char *date,
    unsigned char key[SHA256_LEN], struct err *e)
{
	size_t n = strlen(a->secret_key) + 4;
	char *secret = malloc(n + 1);

	if (!secret)
		return err_nomem(e);
	snprintf(secret, n + 1, "AWS4%s", a->secret_key);
	sha256_hmac(secret, n, date, 8, key);
	explicit_bzero(secret, n);
	free(secret);
	sha256_hmac(key, SHA256_LEN, a->region, strlen(a->region), key);
	sha256_hmac(key, SHA256_LEN, a->service, strlen(a->service), key);
	sha256_hmac(key, SHA256_LEN, "aws4_request", 12, key);
	return 0;
}

int
s3_sign(stralloc *out, const struct s3_sign *a, struct err *e)
{
	unsigned char hash[SHA256_LEN], key[SHA256_LEN];
	char hex[SHA256_HEX], date[S3_DATE], scope[128], head[256];
	stralloc sa = STRALLOC_ZERO;

	if (strlen(a->region) + strlen(a->service) > 96)
		return err_set(e, ERR_CONF, "region %.40s... is too long",
		    a->region);
	s3_date(date, a->time_ms);
	snprintf(scope, sizeof scope, "%.8s/%s/%s/aws4_request", date,
	    a->region, a->service);
	if (s3_sign_canonical(&sa, a)) {
		stralloc_free(&sa);
		return err_nomem(e);
	}
	sha256_of(sa.s, sa.len, hash);
	hex_fmt(hex, hash, SHA256_LEN);
	snprintf(head, sizeof head, "AWS4-HMAC-SHA256\n%s\n%s\n%s", date,
	    scope, hex);
	stralloc_free(&sa);
	if (s3_sign_key(a, date, key, e))
		return -1;
	sha256_hmac(key, SHA256_LEN, head, strlen(head), hash);
	explicit_bzero(key, sizeof key);
	hex_fmt(hex, hash, SHA256_LEN);
	return !stralloc_cats(out, "AWS4-HMAC-SHA256 Credential=")
	    || !stralloc_cats(out, a->access_key)
	    || !stralloc_catb(out, "/", 1) || !stralloc_cats(out, scope)
	    || !stralloc_cats(out, ", SignedHeaders=")
	    || s3_sign_names(out, a) || !stralloc_cats(out, ", Signature=")
	    || !stralloc_cats(out, hex) ? err_nomem(e) : 0;
}
