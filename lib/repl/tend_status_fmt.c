#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/json.h"
#include "base/when.h"
#include "repl/listing_fmt.h"
#include "repl/tend_status.h"

/* For people, and as JSON. */

static int
cat(stralloc *s, const char *a, const char *b, const char *c)
{
	return stralloc_cats(s, a) && stralloc_cats(s, b)
	    && stralloc_cats(s, c);
}

int
tend_status_text(stralloc *s, const struct tend_replica *r)
{
	char line[100], t[WHEN_FMT];
	int ok = cat(s, "  ", r->url, ": ");

	for (unsigned i = 1; ok && i < STORE_LEVELS; i++)
		if (r->level[i].files) {
			snprintf(line, sizeof line, "level %u to %016" PRIx64
			    " (%" PRIu64 "), ", i, r->level[i].txid,
			    r->level[i].files);
			ok = stralloc_cats(s, line);
		}
	when_fmt(t, r->proven_ms);
	if (ok && r->proven_ms)
		snprintf(line, sizeof line, "proven restorable to %016" PRIx64
		    " at %s\n", r->proven_txid, t);
	else
		strcpy(line, "not proven restorable yet\n");
	ok = ok && stralloc_cats(s, line);
	if (ok && r->job)
		ok = cat(s, "  ", r->url, ": now ") && cat(s, r->job, "", "\n");
	if (ok && r->proven_error)
		ok = cat(s, "  ", r->url, ": not restorable: ")
		    && cat(s, r->proven_error, "", "\n");
	if (ok && r->error.count)
		ok = cat(s, "  ", r->url, ": ") && cat(s, r->error.text, "",
		    "\n");
	snprintf(line, sizeof line, ": %" PRIu64 " deletes refused\n",
	    r->refused);
	return ok && (!r->refused || cat(s, "  ", r->url, line));
}

static int
put_string(stralloc *s, const char *key, const char *v)
{
	return !v || (cat(s, ",\"", key, "\":") && json_string(s, v));
}

static int
put_time(stralloc *s, const char *key, int64_t ms)
{
	char t[WHEN_FMT];

	when_fmt(t, ms);
	return !ms || put_string(s, key, t);
}

static int
put_txid(stralloc *s, const char *key, uint64_t v)
{
	char t[17];

	hex64_fmt(t, v);
	return !v || put_string(s, key, t);
}

static int
put_num(stralloc *s, const char *key, uint64_t v)
{
	char b[24];

	snprintf(b, sizeof b, "%" PRIu64, v);
	return cat(s, ",\"", key, "\":") && stralloc_cats(s, b);
}

static int
put_level(stralloc *s, unsigned n, const struct tend_level *l, int first)
{
	char b[24];

	snprintf(b, sizeof b, "%s{\"level\":%u", first ? "" : ",", n);
	return stralloc_cats(s, b) && put_txid(s, "txid", l->txid)
	    && put_num(s, "files", l->files) && put_num(s, "bytes", l->bytes)
	    && put_time(s, "time", l->time_ms) && stralloc_cats(s, "}");
}

int
tend_status_json(stralloc *s, const struct tend_replica *r)
{
	int ok = stralloc_cats(s, "{\"state\":")
	    && json_string(s, r->state) && put_string(s, "job", r->job)
	    && put_txid(s, "proven_txid", r->proven_txid)
	    && put_time(s, "proven_time", r->proven_ms)
	    && put_string(s, "proof_error", r->proven_error)
	    && put_num(s, "deletes_refused", r->refused);
	int first = 1;

	if (ok && r->error.text)
		ok = put_string(s, "last_error", r->error.text)
		    && put_string(s, "last_error_kind", r->error.kind)
		    && put_time(s, "last_error_time", r->error.time_ms)
		    && put_num(s, "errors", r->error.count);
	ok = ok && stralloc_cats(s, ",\"levels\":[");
	for (unsigned i = 0; ok && i < STORE_LEVELS; i++)
		if (r->level[i].files) {
			ok = put_level(s, i, &r->level[i], first);
			first = 0;
		}
	return ok && stralloc_cats(s, "]}");
}
