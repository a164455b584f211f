#include "base/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS 40 /* as the kernel */

void
path_clean(char *s)
{
	int rooted = *s == '/';
	char *out = s + rooted, *floor = out; /* ".." goes no further back */
	const char *p = s + rooted;

	while (*p) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.' && out > floor) {
			while (out > floor && *--out != '/')
				;
		} else if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (!rooted) {
				if (out > s)
					*out++ = '/';
				memmove(out, "..", 2);
				out += 2;
				floor = out;
			}
		} else if (n && !(n == 1 && *p == '.')) {
			if (out > s + rooted)
				*out++ = '/';
			memmove(out, p, n);
			out += n;
		}
		p += n;
		while (*p == '/')
			p++;
	}
	if (out == s)
		*out++ = '.';
	*out = 0;
}

/* to, seen from the folder of at. */
static char *
beside(const char *at, const char *to)
{
	const char *slash = strrchr(at, '/');
	size_t n = slash && *to != '/' ? (size_t)(slash + 1 - at) : 0;
	size_t len = strlen(to) + 1;
	char *s = malloc(n + len);

	if (s) {
		memcpy(s, at, n);
		memcpy(s + n, to, len);
	}
	return s;
}

char *
path_follow(const char *path)
{
	char *at = strdup(path), *next, to[PATH_MAX];
	ssize_t n;
	int i;

	for (i = 0; at && i < LINKS; i++) {
		if ((n = readlink(at, to, sizeof to - 1)) <= 0)
			break;
		to[n] = 0;
		next = beside(at, to);
		free(at);
		at = next;
	}
	return at;
}

char *
path_real(const char *path)
{
	char *at = path_follow(path), *slash, *dir, *real, *whole;

	if (!at)
		return NULL;
	if ((real = realpath(at, NULL))) {
		free(at);
		return real;
	}
	slash = strrchr(at, '/');
	dir = slash ? strndup(at, slash == at ? 1 : (size_t)(slash - at))
	    : strdup(".");
	real = dir ? realpath(dir, NULL) : NULL;
	free(dir);
	if (!real)
		return at;
	whole = malloc(strlen(real) + strlen(at) + 2);
	if (whole) {
		strcpy(whole, strcmp(real, "/") ? real : "");
		strcat(strcat(whole, "/"), slash ? slash + 1 : at);
	}
	free(real);
	free(at);
	return whole;
}

int
path_same(const char *a, const char *b)
{
	char *x, *y;
	int r = !strcmp(a, b);

	if (r)
		return 1;
	x = path_real(a);
	y = path_real(b);
	r = x && y && !strcmp(x, y);
	free(x);
	free(y);
	return r;
}

void
path_beside(char *path, size_t size, const char *name)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	*path = 0;
	if (n <= 0)
		return;
	self[n] = 0;
	if (!(slash = strrchr(self, '/')))
		return;
	*slash = 0;
	if (snprintf(path, size, "%s/%s", self, name) >= (int)size
	    || access(path, X_OK) < 0)
		*path = 0;
}
