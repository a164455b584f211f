#include "base/path.h"

#include <string.h>

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
