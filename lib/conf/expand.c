#include "conf/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPANDED_MAX (4u << 20)

static int
is_special(char c)
{
	return c && strchr("*#$@!?-0123456789", c);
}

static int
is_name(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
	    || (c >= 'A' && c <= 'Z');
}

/* The name that follows a '$': its start and length; returns how many bytes
 * of s it takes with its braces. Length 0 and some bytes taken: bad syntax
 * that vanishes; nothing taken: the '$' stands for itself. */
static size_t
name_at(const char *s, size_t n, const char **name, size_t *len)
{
	size_t i;

	*name = s;
	*len = 0;
	if (!n)
		return 0;
	if (*s == '{') {
		*name = s + 1;
		if (n > 2 && is_special(s[1]) && s[2] == '}') {
			*len = 1;
			return 3;
		}
		for (i = 1; i < n && s[i] != '}'; i++)
			;
		if (i == n)
			return 1;
		*len = i - 1;
		return i + 1;
	}
	if (is_special(*s))
		return *len = 1;
	for (i = 0; i < n && is_name(s[i]); i++)
		;
	return *len = i;
}

static const char *
value_of(const char *name, size_t n, char pid[16])
{
	char key[256];

	if (n >= sizeof key || memchr(name, 0, n))
		return 0;
	memcpy(key, name, n);
	key[n] = 0;
	if (strcmp(key, "PID"))
		return getenv(key);
	snprintf(pid, 16, "%ld", (long)getpid());
	return pid;
}

int
conf_expand(stralloc *out, const char *s, size_t n,
    const struct conf_warn *warn, struct err *err)
{
	unsigned line = 1;
	int comment = 0, blank = 1; /* of this line: a comment; blank so far */

	for (size_t i = 0; i < n; i++) {
		const char *name, *v;
		size_t len, took;
		char pid[16];

		comment |= blank && s[i] == '#';
		blank = s[i] == '\n' || (blank && (s[i] == ' '));
		if (s[i] == '\n') {
			line++;
			comment = 0;
		}
		if (out->len > EXPANDED_MAX)
			return err_set(err, ERR_CONF, "longer than %u bytes "
			    "with its variables expanded", EXPANDED_MAX);
		took = s[i] == '$' && i + 1 < n
		    ? name_at(s + i + 1, n - i - 1, &name, &len) : 0;
		if (!took) {
			if (!stralloc_catb(out, s + i, 1))
				return err_nomem(err);
			continue;
		}
		i += took;
		v = len ? value_of(name, len, pid) : "";
		if (!v && !comment)
			conf_warn(warn, line, "$%.*s is not set; it expands "
			    "to nothing", (int)(len < 80 ? len : 80), name);
		if (v && !stralloc_cats(out, v))
			return err_nomem(err);
	}
	return 0;
}
