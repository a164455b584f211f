#include "conf/raw.h"

#include <stdio.h>
#include <string.h>

int
conf_quote_part(stralloc *out, const char *s, size_t n, int plain)
{
	for (; n--; s++) {
		char e[8];

		if (*s == '"' || *s == '\\')
			snprintf(e, sizeof e, "\\%c", *s);
		else if ((unsigned char)*s < ' ' || *s == 0x7f
		    || (plain && *s == '$'))
			snprintf(e, sizeof e, "\\x%02x", (unsigned char)*s);
		else
			snprintf(e, sizeof e, "%c", *s);
		if (!stralloc_cats(out, e))
			return 0;
	}
	return 1;
}

int
conf_quote(stralloc *out, const char *s, int plain)
{
	return stralloc_catb(out, "\"", 1)
	    && conf_quote_part(out, s, strlen(s), plain)
	    && stralloc_catb(out, "\"", 1);
}
