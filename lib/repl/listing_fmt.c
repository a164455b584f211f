#include "repl/listing_fmt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/when.h"

int
listing_fmt_tsv(stralloc *s, const struct replica_file *f)
{
	char line[160], level[8], t[WHEN_FMT];

	if (f->time_ms < 0)
		strcpy(t, "-");
	else
		when_fmt(t, f->time_ms);
	snprintf(level, sizeof level, "%u", f->level);
	snprintf(line, sizeof line, "%s\t%016" PRIx64 "\t%016" PRIx64 "\t%"
	    PRIu64 "\t%s", f->level < STORE_LEVELS ? level : "local", f->min,
	    f->max, f->size, t);
	return stralloc_cats(s, line);
}

int
listing_fmt_json(stralloc *s, const struct replica_file *f)
{
	char line[240], level[8], t[WHEN_FMT + 2] = "null";

	if (f->time_ms >= 0) {
		size_t n = when_fmt(t + 1, f->time_ms);

		t[0] = t[n + 1] = '"';
		t[n + 2] = 0;
	}
	snprintf(level, sizeof level, "%u", f->level);
	snprintf(line, sizeof line, "{\"level\":%s,\"min_txid\":\"%016" PRIx64
	    "\",\"max_txid\":\"%016" PRIx64 "\",\"size\":%" PRIu64
	    ",\"created\":%s", f->level < STORE_LEVELS ? level : "null",
	    f->min, f->max, f->size, t);
	return stralloc_cats(s, line);
}

int
listing_fmt_string(stralloc *s, const char *t)
{
	if (!stralloc_cats(s, "\""))
		return 0;
	for (; *t; t++) {
		unsigned char c = (unsigned char)*t;
		char u[8];

		if (c == '"' || c == '\\') {
			if (!stralloc_cats(s, "\\") || !stralloc_catb(s, t, 1))
				return 0;
		} else if (c < 0x20) {
			snprintf(u, sizeof u, "\\u%04x", c);
			if (!stralloc_cats(s, u))
				return 0;
		} else if (!stralloc_catb(s, t, 1)) {
			return 0;
		}
	}
	return stralloc_cats(s, "\"");
}
