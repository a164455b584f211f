#include "base/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/hex.h"

/* What is done to URLs as text, without knowing what they mean. */

static int
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
	    || (c >= 'A' && c <= 'Z') || c == '_';
}

int
url_is(const char *s)
{
	size_t n = 0;

	while (is_word(s[n]))
		n++;
	return n && !strncmp(s + n, "://", 3);
}

int
url_bool(const char *s)
{
	static const char *const words[] = {
		"false", "true", "0", "1", "f", "t", "no", "yes"
	};

	for (int i = 0; i < 8; i++)
		if (!strcasecmp(s, words[i]))
			return i & 1;
	return -1;
}

int
url_decode(char *s, int plus)
{
	char *out = s;

	for (; *s; s++, out++) {
		unsigned char c = (unsigned char)*s;

		if (c == '%') {
			if (hex_scan(&c, s + 1, 1) < 0)
				return -1;
			s += 2;
		} else if (c == '+' && plus)
			c = ' ';
		if (c < ' ' || c == 0x7f)
			return -1;
		*out = (char)c;
	}
	*out = 0;
	return 0;
}

static size_t
scheme_len(const char *s)
{
	if (!strncasecmp(s, "http://", 7))
		return 7;
	return strncasecmp(s, "https://", 8) ? 0 : 8;
}

int
url_is_local(const char *s)
{
	static const char *const heads[] = {
		"127.", "192.168.", "10."
	};
	static const char *const tails[] = { ".local", ".localhost" };
	char host[256];
	size_t n;
	int b;

	s += scheme_len(s);
	if (!strncmp(s, "[::1]", 5))
		return 1;
	n = strcspn(s, ":/");
	if (n >= sizeof host)
		return 0;
	memcpy(host, s, n);
	host[n] = 0;
	if (!strcasecmp(host, "localhost"))
		return 1;
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		size_t k = strlen(tails[i]);

		if (n > k && !strcasecmp(host + n - k, tails[i]))
			return 1;
	}
	if (strspn(host, "0123456789.") != n)
		return 0;
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		if (!strncmp(host, heads[i], strlen(heads[i])))
			return 1;
	return sscanf(host, "172.%d.", &b) == 1 && b >= 16 && b <= 31;
}

int
url_endpoint(const char *s, int local_http, char **out, struct err *err)
{
	size_t n = strlen(s), k = scheme_len(s), room = n + 9;
	const char *host = s + k;

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f
		    || strchr("?#\"<>\\^`{|}", s[i]))
			return err_set(err, ERR_CONF,
			    "endpoint has a character that cannot be there");
	if (memchr(host, '@', strcspn(host, "/")))
		return err_set(err, ERR_CONF,
		    "endpoint must not hold a user or password");
	if (!k && url_is(s))
		return err_set(err, ERR_CONF,
		    "endpoint must begin with http:// or https://");
	if (!strcspn(host, ":/"))
		return err_set(err, ERR_CONF, "endpoint has no host name");
	if (!(*out = malloc(room)))
		return err_nomem(err);
	snprintf(*out, room, "%s%s", k == 7 || (!k && local_http
	    && url_is_local(s)) ? "http://" : "https://", host);
	for (n = strlen(*out); (*out)[n - 1] == '/'; n--)
		(*out)[n - 1] = 0;
	return 0;
}

int
url_host(const char *s, char **host, unsigned *port, struct err *err)
{
	const char *end = *s == '[' ? strchr(s, ']') : 0, *p;
	size_t n;
	char *rest;
	unsigned long v;

	if (*s == '[') {
		s++;
		n = end ? (size_t)(end - s) : 0;
		p = end ? end + 1 : s;
	} else {
		p = strrchr(s, ':');
		if (!p || strchr(s, ':') != p) /* none, or a bare V6 */
			p = s + strlen(s);
		n = (size_t)(p - s);
	}
	if (!n || s[strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:]%")])
		return err_set(err, ERR_CONF, "no host, or one that cannot be");
	*port = 0;
	if (*p) {
		v = strtoul(p + 1, &rest, 10);
		if (*p != ':' || p[1] < '0' || p[1] > '9' || *rest || !v
		    || v > 65535)
			return err_set(err, ERR_CONF, "the port must be from "
			    "1 to 65535");
		*port = (unsigned)v;
	}
	return (*host = strndup(s, n)) ? 0 : err_nomem(err);
}

static int
secret_name(const char *s, size_t n)
{
	static const char *const words[] = {
		"key", "secret", "token", "pass", "sig", "credential"
	};

	for (size_t i = 0; i < n; i++)
		for (size_t w = 0; w < sizeof words / sizeof *words; w++)
			if (n - i >= strlen(words[w])
			    && !strncasecmp(s + i, words[w],
			    strlen(words[w])))
				return 1;
	return 0;
}

/* Where the host begins in a value that is an address with a user, else 0. */
static size_t
after_user(const char *s, size_t n)
{
	for (size_t i = n; i > 0; i--) {
		if (s[i - 1] == '@')
			return i;
		if (n - i >= 2 && !strncmp(s + i - 1, "%40", 3))
			return i + 2;
	}
	return 0;
}

/* Copies the query at s (after '?'), without the secrets in it. */
static char *
redact_query(char *out, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, "&;#"), eq = strcspn(s, "=");
		size_t at = eq < n ? after_user(s + eq + 1, n - eq - 1) : 0;

		if (eq < n && secret_name(s, eq)) {
			memcpy(out, s, eq + 1);
			memcpy(out + eq + 1, "***", 3);
			out += eq + 4;
		} else if (at) {
			memcpy(out, s, eq + 1);
			memcpy(out + eq + 1, "***@", 4);
			memcpy(out + eq + 5, s + eq + 1 + at, n - eq - 1 - at);
			out += n - at + 4;
		} else {
			memcpy(out, s, n);
			out += n;
		}
		s += n;
		if (*s)
			*out++ = *s++;
	}
	return out;
}

char *
url_redact(const char *s)
{
	size_t n = strlen(s);
	char *r = malloc(4 * n + 8), *out = r;
	const char *p = strstr(s, "://"), *end, *at;

	if (!r)
		return 0;
	if (p) {
		p += 3;
		end = p + strcspn(p, "/?#");
		for (at = end; at > p && at[-1] != '@'; at--)
			;
		/* a password may hold what should have been escaped */
		if (at == p && strncasecmp(s, "s3:", 3)
		    && memchr(p, ':', (size_t)(end - p))
		    && strrchr(p, '@'))
			at = strrchr(p, '@') + 1;
		memcpy(out, s, (size_t)(p - s));
		out += p - s;
		if (at > p) {
			memcpy(out, "***@", 4);
			out += 4;
			p = at;
		}
		s = p;
	}
	n = strcspn(s, "?");
	memcpy(out, s, n);
	out += n;
	s += n;
	if (*s) {
		*out++ = *s++;
		out = redact_query(out, s);
	}
	*out = 0;
	return r;
}
