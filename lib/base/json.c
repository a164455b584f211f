#include "base/json.h"

#include <stdio.h>

#include "base/utf8.h"

int
json_string(stralloc *s, const char *t)
{
	if (!stralloc_cats(s, "\""))
		return 0;
	for (size_t n; *t; t += n ? n : 1) {
		unsigned char c = (unsigned char)*t;
		char u[8];

		n = utf8_len((const unsigned char *)t);
		if (c == '"' || c == '\\') {
			if (!stralloc_cats(s, "\\") || !stralloc_catb(s, t, 1))
				return 0;
		} else if (c < 0x20 || c == 0x7f || !n) {
			snprintf(u, sizeof u, "\\u%04x", n ? c : 0xfffd);
			if (!stralloc_cats(s, u))
				return 0;
		} else if (!stralloc_catb(s, t, n)) {
			return 0;
		}
	}
	return stralloc_cats(s, "\"");
}
