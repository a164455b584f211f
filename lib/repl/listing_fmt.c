#include "repl/listing_fmt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/hex.h"
#include "base/when.h"

int
listing_fmt_tsv(stralloc *s, const struct replica_file *f)
{
	char line[160], level[8] = "local", t[WHEN_FMT];

	if (f->time_ms < 0)
		strcpy(t, "-");
	else
		when_fmt(t, f->time_ms);
	if (f->level < STORE_LEVELS)
		snprintf(level, sizeof level, "%u", f->level);
	else if (f->level == STORE_LEVEL_PIN)
		strcpy(level, "pin");
	snprintf(line, sizeof line, "%s\t%016" PRIx64 "\t%016" PRIx64 "\t%"
	    PRIu64 "\t%s", level, f->min, f->max, f->size, t);
	return stralloc_cats(s, line);
}

/* The next field, up to a tab or the end, as a string. 0 if it is empty or
 * too long. */
static int
field(const char **s, const char *end, char out[WHEN_FMT])
{
	const char *tab = memchr(*s, '\t', (size_t)(end - *s));
	size_t n = (size_t)((tab ? tab : end) - *s);

	if (!n || n >= WHEN_FMT)
		return 0;
	memcpy(out, *s, n);
	out[n] = 0;
	*s += n + (tab != NULL);
	return 1;
}

static int
decimal(const char *s, uint64_t *v)
{
	for (*v = 0; *s >= '0' && *s <= '9'; s++) {
		if (*v > (UINT64_MAX - 9) / 10)
			return 0;
		*v = *v * 10 + (uint64_t)(*s - '0');
	}
	return !*s;
}

int
listing_fmt_row(const char *s, size_t n, struct replica_file *f)
{
	const char *end = s + n;
	char b[WHEN_FMT];

	memset(f, 0, sizeof *f);
	if (!field(&s, end, b) || b[0] < '0' || b[0] > '9' || b[1])
		return -1;
	f->level = (uint8_t)(b[0] - '0');
	if (!field(&s, end, b) || strlen(b) != 16 || hex64_scan(b, &f->min) < 0
	    || !field(&s, end, b) || strlen(b) != 16
	    || hex64_scan(b, &f->max) < 0 || !f->min || f->max < f->min
	    || !field(&s, end, b) || !decimal(b, &f->size)
	    || !field(&s, end, b) || s != end)
		return -1;
	f->time_ms = -1;
	return strcmp(b, "-") ? when_scan(b, &f->time_ms) : 0;
}

int
listing_fmt_scan(struct listing *l, const char *text, size_t n,
    struct err *e)
{
	const char *end = text + n, *nl;
	struct replica_file f;

	for (; text < end; text = nl + 1) {
		size_t len;

		if (!(nl = memchr(text, '\n', (size_t)(end - text))))
			return err_set(e, ERR_DATA, "the listing ends within a "
			    "line");
		len = (size_t)(nl - text);
		if (!len || *text == '#' || (len == strlen(LISTING_FMT_HEAD)
		    && !memcmp(text, LISTING_FMT_HEAD, len)))
			continue;
		if (listing_fmt_row(text, len, &f) < 0)
			return err_set(e, ERR_DATA, "no line of a listing (as of "
			    "ls-list): %.*s", (int)(len < 200 ? len : 200), text);
		if (listing_add(l, &f, e) < 0)
			return -1;
	}
	listing_sort(l);
	return 0;
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
