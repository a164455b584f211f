#include "repl/restore_fmt.h"

#include <inttypes.h>
#include <stdio.h>
#include "base/hex.h"
#include "base/json.h"
#include "base/when.h"
#include "repl/listing_fmt.h"
#include "repl/v03_fmt.h"

static int
one_file(stralloc *s, const struct replica_file *f, int json, int first)
{
	if (!json)
		return listing_fmt_tsv(s, f) && stralloc_cats(s, "\n");
	return (first || stralloc_cats(s, ",")) && listing_fmt_json(s, f)
	    && stralloc_cats(s, "}");
}

int
restore_fmt_plan(stralloc *s, const struct restore_plan *p, int json)
{
	size_t n = p->plan.n + p->tail.n;
	char end[240];

	if (!stralloc_cats(s, json ? "{\"files\":[" : LISTING_FMT_HEAD "\n"))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!one_file(s, i < p->plan.n
		    ? &p->listing.f[p->plan.idx[i]]
		    : &p->tail.f[i - p->plan.n], json, !i))
			return 0;
	snprintf(end, sizeof end, json
	    ? "],\"count\":%zu,\"bytes\":%" PRIu64 ",\"txid\":\"%016" PRIx64
	    "\",\"requests\":{\"list\":%" PRIu64 ",\"get\":%" PRIu64 "}}\n"
	    : "# %zu files, %" PRIu64 " bytes, to TXID %016" PRIx64
	    ", requests: %" PRIu64 " LIST, %" PRIu64 " GET\n", n, p->bytes,
	    p->txid, p->requests.lists, p->requests.gets);
	return stralloc_cats(s, end);
}

struct words {
	char txid[17], time[WHEN_FMT], size[24], read[24], ms[24];
};

static void
words(struct words *w, const struct restore_report *r)
{
	hex64_fmt(w->txid, r->done.txid);
	when_fmt(w->time, r->done.time_ms);
	snprintf(w->size, sizeof w->size, "%" PRIu64,
	    (uint64_t)r->done.pages * r->done.page_size);
	snprintf(w->read, sizeof w->read, "%" PRIu64, r->bytes);
	snprintf(w->ms, sizeof w->ms, "%" PRId64, r->ms);
}

int
restore_fmt_done(stralloc *s, const char *out, const struct restore_report *r,
    int json, int path)
{
	struct words w;
	char line[400];

	if (!json)
		return !path || (stralloc_cats(s, out)
		    && stralloc_cats(s, "\n"));
	if (r->v03)
		return v03_fmt_done(s, out, r);

	words(&w, r);
	snprintf(line, sizeof line, ",\"txid\":\"%s\",\"time\":\"%s\",\"bytes\":%s,"
	    "\"read\":%s,\"files\":%zu,\"local_files\":%zu,\"ms\":%s,"
	    "\"requests\":{\"list\":%" PRIu64 ",\"get\":%" PRIu64 "}}\n",
	    w.txid, w.time, w.size, w.read, r->files, r->local, w.ms,
	    r->requests.lists, r->requests.gets);
	return stralloc_cats(s, "{\"db\":") && json_string(s, out)
	    && stralloc_cats(s, ",\"replica\":")
	    && json_string(s, r->url) && stralloc_cats(s, line);
}

void
restore_fmt_log(const struct log *log, const char *out,
    const struct restore_report *r)
{
	struct words w;

	if (r->v03) {
		v03_fmt_log(log, out, r);
		return;
	}
	words(&w, r);
	log_event(log, LOG_INFO, "restored", "db", out, "replica",
	    *r->url ? r->url : NULL, "txid", w.txid, "time", w.time, "bytes",
	    w.size, "read", r->bytes ? w.read : NULL, "ms", w.ms, NULL);
}
