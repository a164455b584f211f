#include "front/front.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/utf8.h"

#define COLUMNS 16

/* Characters, not bytes, as tabwriter counts them. */
static size_t
width(const char *s, size_t n)
{
	size_t w = 0;

	for (size_t i = 0; i < n; i++)
		w += (s[i] & 0xc0) != 0x80;
	return w;
}

static size_t
field(const char *s, const char *end)
{
	size_t n = 0;

	while (s + n < end && s[n] != '\t' && s[n] != '\n')
		n++;
	return n;
}

int
front_table(stralloc *out, const char *text, size_t n)
{
	size_t wide[COLUMNS] = { 0 }, col = 0, len, w;
	const char *s, *end = text + n;

	for (s = text; s < end; s += len + 1) {
		len = field(s, end);
		w = width(s, len);
		if (col < COLUMNS && wide[col] < w)
			wide[col] = w;
		col = s + len < end && s[len] == '\t' ? col + 1 : 0;
	}
	for (s = text, col = 0; s < end; s += len + 1) {
		int last;

		len = field(s, end);
		last = s + len == end || s[len] == '\n';
		w = col < COLUMNS && !last ? wide[col] + 2 : 0;
		if (!stralloc_catb(out, s, len))
			return 0;
		for (size_t i = width(s, len); i < w; i++)
			if (!stralloc_append(out, ' '))
				return 0;
		if (last && !stralloc_append(out, '\n'))
			return 0;
		col = last ? 0 : col + 1;
	}
	return 1;
}

int
front_json_string(stralloc *out, const char *s)
{
	char e[8];

	if (!stralloc_append(out, '"'))
		return 0;
	for (size_t n; *s; s += n ? n : 1) {
		unsigned char c = (unsigned char)*s;

		n = utf8_len((const unsigned char *)s);
		if (c == '"' || c == '\\')
			snprintf(e, sizeof e, "\\%c", c);
		else if (c == '\n' || c == '\r' || c == '\t')
			snprintf(e, sizeof e, "\\%c", c == '\n' ? 'n'
			    : c == '\r' ? 'r' : 't');
		else if (c < ' ' || c == '<' || c == '>' || c == '&')
			snprintf(e, sizeof e, "\\u%04x", c);
		else if (!n)
			strcpy(e, "\\ufffd");
		else
			snprintf(e, sizeof e, "%.*s", (int)n, s);
		if (!stralloc_cats(out, e))
			return 0;
	}
	return stralloc_append(out, '"');
}

static int
line(stralloc *out, unsigned depth)
{
	if (!stralloc_append(out, '\n'))
		return 0;
	while (depth--)
		if (!stralloc_cats(out, "  "))
			return 0;
	return 1;
}

int
front_json_indent(stralloc *out, const char *s, size_t n)
{
	unsigned depth = 0;
	int in = 0, ok = 1;

	for (size_t i = 0; i < n && ok; i++) {
		char c = s[i], next = i + 1 < n ? s[i + 1] : 0;

		if (in) {
			ok = stralloc_append(out, c);
			if (c == '\\' && next)
				ok = ok && stralloc_append(out, s[++i]);
			in = c != '"';
		} else if ((c == '{' || c == '[') && next != '}'
		    && next != ']') {
			ok = stralloc_append(out, c) && line(out, ++depth);
		} else if ((c == '}' || c == ']') && i && s[i - 1] != '{'
		    && s[i - 1] != '[') {
			ok = line(out, --depth) && stralloc_append(out, c);
		} else {
			ok = stralloc_append(out, c);
			in = c == '"';
			if (c == ',')
				ok = ok && line(out, depth);
			if (c == ':')
				ok = ok && stralloc_append(out, ' ');
		}
	}
	return ok;
}

int
front_number(stralloc *out, uint64_t n)
{
	char s[24];

	snprintf(s, sizeof s, "%" PRIu64, n);
	return stralloc_cats(out, s);
}

int
front_bytes(stralloc *out, uint64_t n)
{
	static const char *const unit[] = { "B", "kB", "MB", "GB", "TB", "PB",
	    "EB" };
	double v = (double)n;
	size_t i = 0;
	char s[40];

	for (; v >= 1000 && i + 1 < sizeof unit / sizeof *unit; i++)
		v /= 1000;
	if (n < 10)
		snprintf(s, sizeof s, "%u B", (unsigned)n);
	else {
		v = (double)(int64_t)(v * 10 + 0.5) / 10;
		snprintf(s, sizeof s, v < 10 ? "%.1f %s" : "%.0f %s", v,
		    unit[i]);
	}
	return stralloc_cats(out, s);
}
