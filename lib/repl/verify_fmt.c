#include "repl/verify_fmt.h"

#include <inttypes.h>
#include <stdio.h>
#include "base/json.h"
#include "base/when.h"
#include "repl/listing_fmt.h"

static int
cat(stralloc *s, const char *a, const char *b, const char *c, const char *d)
{
	return stralloc_cats(s, a) && stralloc_cats(s, b)
	    && stralloc_cats(s, c) && stralloc_cats(s, d);
}

static int
found(stralloc *s, const struct verify_result *r)
{
	for (size_t i = 0; i < r->rep.n; i++) {
		const struct verify_finding *f = &r->rep.f[i];

		if (!cat(s, r->url, f->bad ? ": " : ": note: ", f->object, ": ")
		    || !cat(s, f->text, "\n", "", ""))
			return 0;
	}
	return 1;
}

static int
state(stralloc *s, const struct verify_result *r)
{
	char line[240], t[WHEN_FMT] = "unknown time", id[17];

	if (!r->rep.merged)
		return 1;
	if (r->rep.time_ms >= 0)
		when_fmt(t, r->rep.time_ms);
	snprintf(id, sizeof id, "%016" PRIx64, r->rep.txid);
	snprintf(line, sizeof line, "; %s%s of %s, %" PRIu64 " bytes, %s",
	    r->rep.txid ? "TXID " : "", r->rep.txid ? id : *r->rep.v03
	    ? r->rep.v03 : "the newest state", t,
	    r->rep.size, r->rep.equal
	    ? "equals the live database page by page"
	    : r->rep.compared ? "differs from the live database"
	    : "is complete");
	return stralloc_cats(s, line)
	    && (!r->why || cat(s, "; not compared with the live database: ",
	    r->why, "", ""))
	    && (!r->looked || cat(s, "; ", r->looked, "", ""));
}

static int
counts(stralloc *s, const struct verify_result *r)
{
	char line[240];

	snprintf(line, sizeof line, "; %zu objects, %" PRIu64 " bytes read",
	    r->rep.objects, r->rep.bytes);
	if (r->rep.objects && !stralloc_cats(s, line))
		return 0;
	snprintf(line, sizeof line, "; %zu objects not read for the budget",
	    r->rep.unread);
	if (r->rep.unread && !stralloc_cats(s, line))
		return 0;
	if (!r->with_fresh)
		return 1;
	snprintf(line, sizeof line, "; %s: the replica has TXID %016" PRIx64
	    ", the database %016" PRIx64, r->fresh.stale ? "stale"
	    : r->fresh.lag ? "behind" : "fresh", r->fresh.replica,
	    r->fresh.local);
	if (!stralloc_cats(s, line))
		return 0;
	snprintf(line, sizeof line, ", for %" PRId64 " ms", r->fresh.lag_ms);
	return r->fresh.lag_ms > 0 ? stralloc_cats(s, line) : 1;
}

int
verify_fmt_text(stralloc *s, const struct verify_result *r)
{
	char line[60];

	if (!found(s, r))
		return 0;
	if (r->err.kind)
		return cat(s, r->url, ": not verified: ", r->err.msg, "\n");
	snprintf(line, sizeof line, "not ok: %zu fault%s", r->rep.bad,
	    r->rep.bad == 1 ? "" : "s");
	return cat(s, r->url, ": ", verify_result_ok(r) ? "ok" : r->rep.bad
	    ? line : "not ok", "") && state(s, r) && counts(s, r)
	    && stralloc_cats(s, "\n");
}

/* ,"KEY":"VALUE" or null */
static int
text(stralloc *s, const char *key, const char *value)
{
	return cat(s, ",\"", key, "\":", "") && (value
	    ? json_string(s, value) : stralloc_cats(s, "null"));
}

static int
head(stralloc *s, const struct verify_result *r, int ok)
{
	char txid[17], time[WHEN_FMT];

	snprintf(txid, sizeof txid, "%016" PRIx64, r->rep.txid);
	when_fmt(time, r->rep.time_ms);
	return stralloc_cats(s, "{\"db\":") && (r->db
	    ? json_string(s, r->db) : stralloc_cats(s, "null"))
	    && text(s, "replica", r->url)
	    && cat(s, ",\"ok\":", ok ? "true" : "false", "", "")
	    && text(s, "txid", r->rep.merged && r->rep.txid ? txid
		: NULL)
	    && text(s, "time", r->rep.merged && r->rep.time_ms >= 0 ? time
		: NULL);
}

/* ,"KEY":{"size":N,"tables":N}; what is not known is null. */
static int
sizes(stralloc *s, const char *key, int known, uint64_t size, int64_t tables)
{
	char line[120], n[24] = "null";

	if (tables >= 0)
		snprintf(n, sizeof n, "%" PRId64, tables);
	snprintf(line, sizeof line, "{\"size\":%" PRIu64 ",\"tables\":%s}",
	    size, n);
	return cat(s, ",\"", key, "\":", known ? line : "null");
}

static int
found_json(stralloc *s, const struct verify_result *r)
{
	if (!stralloc_cats(s, ",\"findings\":["))
		return 0;
	for (size_t i = 0; i < r->rep.n; i++) {
		const struct verify_finding *f = &r->rep.f[i];

		if (!cat(s, i ? "," : "", "{\"fault\":", f->bad ? "true"
		    : "false", "") || !text(s, "object", f->object)
		    || !text(s, "text", f->text) || !stralloc_cats(s, "}"))
			return 0;
	}
	return stralloc_cats(s, "]");
}

static int
fresh_json(stralloc *s, const struct verify_result *r)
{
	char line[240], ms[24] = "null";

	if (!r->with_fresh)
		return stralloc_cats(s, ",\"lag\":null");
	if (r->fresh.lag_ms >= 0)
		snprintf(ms, sizeof ms, "%" PRId64, r->fresh.lag_ms);
	snprintf(line, sizeof line, ",\"lag\":{\"local\":\"%016" PRIx64
	    "\",\"replica\":\"%016" PRIx64 "\",\"txids\":%" PRIu64
	    ",\"ms\":%s,\"stale\":%s}", r->fresh.local, r->fresh.replica,
	    r->fresh.lag, ms, r->fresh.stale ? "true" : "false");
	return stralloc_cats(s, line);
}

int
verify_fmt_json(stralloc *s, const struct verify_result *r)
{
	const struct verify_report *p = &r->rep;
	char line[160];

	snprintf(line, sizeof line, ",\"objects\":%zu,\"unread\":%zu,\"bytes\":%"
	    PRIu64 ",\"files\":%zu", p->objects, p->unread, p->bytes, p->files);
	return head(s, r, verify_result_ok(r))
	    && cat(s, ",\"compared\":", p->compared ? "true" : "false", "", "")
	    && text(s, "not_compared", r->why)
	    && sizes(s, "original", r->size != 0, r->size, r->tables)
	    /* equal pages are an equal schema */
	    && sizes(s, "restored", p->merged, p->size,
		p->equal ? r->tables : r->copy_tables)
	    && stralloc_cats(s, line) && fresh_json(s, r)
	    && text(s, "error", r->err.kind ? r->err.msg : NULL)
	    && found_json(s, r) && stralloc_cats(s, "}\n");
}

/* The first fault; one of several says so. */
static int
error_of(stralloc *s, const struct verify_result *r)
{
	char more[60] = "";

	if (r->err.kind)
		return stralloc_cats(s, r->err.msg);
	if (r->rep.bad > 1)
		snprintf(more, sizeof more, " (and %zu more)", r->rep.bad - 1);
	for (size_t i = 0; i < r->rep.n; i++)
		if (r->rep.f[i].bad)
			return cat(s, r->rep.f[i].object, ": ",
			    r->rep.f[i].text, more);
	if (r->with_fresh && r->fresh.stale)
		return stralloc_cats(s, "stale");
	return cat(s, "not compared with the live database: ",
	    r->why ? r->why : "", "", "");
}

int
verify_fmt_proof(stralloc *s, const struct verify_result *r)
{
	int ok = verify_result_ok(r) && r->rep.equal, y;
	stralloc why = STRALLOC_ZERO;
	char line[60];

	snprintf(line, sizeof line, ",\"bytes\":%" PRIu64, r->rep.bytes);
	y = (ok || error_of(&why, r)) && stralloc_0(&why) && head(s, r, ok)
	    && stralloc_cats(s, line) && text(s, "error", ok ? NULL : why.s)
	    && stralloc_cats(s, "}\n");
	stralloc_free(&why);
	return y;
}
