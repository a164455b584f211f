#include "v03/name.h"

#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "base/path.h"

#define TOP "generations/"
#define SNAPSHOTS "/snapshots/"
#define SNAPSHOT ".snapshot.lz4"
#define WALS "/wal/"
#define WAL ".wal.lz4"

size_t
v03_generation_fmt(char s[17], uint64_t v)
{
	return hex64_fmt(s, v);
}

int
v03_generation_scan(const char *s, uint64_t *v)
{
	return strlen(s) == 16 ? hex64_scan(s, v) : -1;
}

/* The last digits of v, as many as asked for, at least 8 and what it needs. */
static char *
put_number(char *s, uint64_t v, unsigned digits)
{
	char t[17];

	hex64_fmt(t, v);
	if (digits < 8)
		digits = 8;
	while (digits < 16 && v >> (4 * digits))
		digits++;
	memcpy(s, t + 16 - digits, digits);
	return s + digits;
}

size_t
v03_index_fmt(char s[17], uint64_t v)
{
	char *end = put_number(s, v, 0);

	*end = '\0';
	return (size_t)(end - s);
}

static char *
put(char *s, const char *text)
{
	size_t n = strlen(text);

	memcpy(s, text, n + 1);
	return s + n;
}

size_t
v03_name_fmt(char s[V03_NAME_MAX], const struct v03_name *n)
{
	char *p = put(s, TOP);

	p += hex64_fmt(p, n->generation);
	p = put(p, n->kind == V03_WAL ? WALS : SNAPSHOTS);
	p = put_number(p, n->index, n->index_digits);
	if (n->kind == V03_WAL) {
		*p++ = '_';
		p = put_number(p, n->offset, n->offset_digits);
	}
	p = put(p, n->kind == V03_WAL ? WAL : SNAPSHOT);
	return (size_t)(p - s);
}

/* 8 to 16 lower-case digits; what follows, or NULL. */
static const char *
scan_number(const char *s, uint64_t *v, uint8_t *digits)
{
	char t[17];
	size_t n = strspn(s, "0123456789abcdef");

	if (n < 8 || n > 16)
		return NULL;
	memset(t, '0', 16);
	memcpy(t + 16 - n, s, n);
	t[16] = '\0';
	*digits = (uint8_t)n;
	return hex64_scan(t, v) < 0 ? NULL : s + n;
}

static const char *
skip(const char *s, const char *text)
{
	size_t n = strlen(text);

	return strncmp(s, text, n) ? NULL : s + n;
}

int
v03_name_scan(struct v03_name *out, const char *s)
{
	struct v03_name n = { 0 };
	const char *p;

	s = skip(s, TOP);
	if (!s || hex64_scan(s, &n.generation) < 0)
		return -1;
	s += 16;
	if ((p = skip(s, SNAPSHOTS))) {
		n.kind = V03_SNAPSHOT;
		p = scan_number(p, &n.index, &n.index_digits);
		if (!p || strcmp(p, SNAPSHOT))
			return -1;
	} else if ((p = skip(s, WALS))) {
		n.kind = V03_WAL;
		p = scan_number(p, &n.index, &n.index_digits);
		if (!p || *p != '_')
			return -1;
		p = scan_number(p + 1, &n.offset, &n.offset_digits);
		if (!p || strcmp(p, WAL))
			return -1;
	} else {
		return -1;
	}
	*out = n;
	return 0;
}

static int
cmp(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int
v03_name_cmp(const struct v03_name *a, const struct v03_name *b)
{
	int r = cmp(a->generation, b->generation);

	if (!r)
		r = cmp(a->kind, b->kind);
	if (!r)
		r = cmp(a->index, b->index);
	if (!r && a->kind == V03_WAL)
		r = cmp(a->offset, b->offset);
	return r;
}

static int
join(const char *path, const char *below, char **out, size_t *base,
    struct err *e)
{
	size_t n = path ? strlen(path) : 0;
	char *s = malloc(n + 2 + strlen(below) + 1);

	if (!s)
		return err_nomem(e);
	memcpy(s, path ? path : "", n);
	s[n] = '\0';
	path_clean(s);
	if (!strcmp(s, "."))
		*s = '\0';
	n = strlen(s);
	if (n && s[n - 1] != '/')
		s[n++] = '/';
	put(s + n, below);
	if (base)
		*base = n;
	*out = s;
	return 0;
}

int
v03_name_key(const char *path, const struct v03_name *n, char **out,
    struct err *e)
{
	char s[V03_NAME_MAX];

	v03_name_fmt(s, n);
	return join(path, s, out, NULL, e);
}

int
v03_name_prefix(const char *path, char **out, size_t *base, struct err *e)
{
	return join(path, TOP, out, base, e);
}

int
v03_name_folder(const char *path, uint64_t generation, char **out,
    struct err *e)
{
	char s[V03_NAME_MAX], *p = put(s, TOP);

	p += hex64_fmt(p, generation);
	put(p, "/");
	return join(path, s, out, NULL, e);
}
