#include "repl/v03_fmt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/when.h"
#include "repl/listing_fmt.h"

#define OBJECT_HEAD "generation\tindex\toffset\tsize\tcreated\n"

int
v03_fmt_what(const char *s, enum v03_fmt_what *what, struct err *e)
{
	static const char *const words[] = { "generations", "snapshots", "wal" };

	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(s, words[i])) {
			*what = (enum v03_fmt_what)i;
			return 0;
		}
	return err_set(e, ERR_USAGE, "of Litestream 0.3 there are generations, "
	    "snapshots and wal to list");
}

int
v03_fmt_head(stralloc *s, enum v03_fmt_what what)
{
	return stralloc_cats(s, what == V03_FMT_GENERATIONS
	    ? "replica\tgeneration\tstart\tend\tsnapshots\twal\tsize\n"
	    : what == V03_FMT_SNAPSHOTS
	    ? "replica\tgeneration\tindex\tsize\tcreated\n"
	    : "replica\t" OBJECT_HEAD);
}

/* "-" or null for one that is not known. */
static const char *
time_word(char t[WHEN_FMT + 2], int64_t ms, int json)
{
	size_t n;

	if (ms < 0)
		return strcpy(t, json ? "null" : "-");
	if (!json) {
		when_fmt(t, ms);
		return t;
	}
	n = when_fmt(t + 1, ms);
	t[0] = t[n + 1] = '"';
	t[n + 2] = '\0';
	return t;
}

static int
generation(stralloc *s, const struct v03_generation *g, int json)
{
	char line[320], id[17], a[WHEN_FMT + 2], b[WHEN_FMT + 2];

	v03_generation_fmt(id, g->id);
	snprintf(line, sizeof line, json
	    ? "\"generation\":\"%s\",\"start\":%s,\"end\":%s,"
	    "\"snapshots\":%zu,\"wal\":%zu,\"size\":%" PRIu64 "}"
	    : "%s\t%s\t%s\t%zu\t%zu\t%" PRIu64 "\n", id,
	    time_word(a, g->start_ms, json), time_word(b, g->end_ms, json),
	    g->n_snapshots, g->n_wal, g->bytes);
	return stralloc_cats(s, line);
}

/* offset: of snapshots too, as "-" or null. */
static int
object(stralloc *s, const struct v03_object *o, int offset, int json)
{
	char line[320], id[17], at[24], t[WHEN_FMT + 2];

	v03_generation_fmt(id, o->name.generation);
	time_word(t, o->time_ms, json);
	if (o->name.kind == V03_WAL)
		snprintf(at, sizeof at, "%" PRIu64, o->name.offset);
	else
		strcpy(at, json ? "null" : "-");
	if (json)
		snprintf(line, sizeof line, "\"generation\":\"%s\",\"index\":%"
		    PRIu64 "%s%s,\"size\":%" PRIu64 ",\"created\":%s}", id,
		    o->name.index, offset ? ",\"offset\":" : "", offset ? at
		    : "", o->size, t);
	else
		snprintf(line, sizeof line, "%s\t%" PRIu64 "%s%s\t%" PRIu64
		    "\t%s\n", id, o->name.index, offset ? "\t" : "", offset ? at
		    : "", o->size, t);
	return stralloc_cats(s, line);
}

static int
begin(stralloc *s, const char *name, int json, int *first)
{
	if (!json)
		return stralloc_cats(s, name) && stralloc_cats(s, "\t");
	if (!*first && !stralloc_cats(s, ","))
		return 0;
	*first = 0;
	return stralloc_cats(s, "{\"replica\":") && json_string(s, name)
	    && stralloc_cats(s, ",");
}

int
v03_fmt_rows(stralloc *s, enum v03_fmt_what what, const char *name,
    const struct v03_set *set, int json)
{
	int first = 1;

	for (size_t i = 0; what == V03_FMT_GENERATIONS && i < set->n_g; i++)
		if (!begin(s, name, json, &first)
		    || !generation(s, &set->g[i], json))
			return 0;
	for (size_t i = 0; what != V03_FMT_GENERATIONS && i < set->n; i++) {
		int wal = set->o[i].name.kind == V03_WAL;

		if (wal != (what == V03_FMT_WAL))
			continue;
		if (!begin(s, name, json, &first)
		    || !object(s, &set->o[i], wal, json))
			return 0;
	}
	return 1;
}

int
v03_fmt_plan(stralloc *s, const struct v03_restore *r,
    const struct store_count *requests, int json)
{
	const struct v03_plan *p = &r->plan;
	char end[320], g[17];

	if (!stralloc_cats(s, json ? "{\"format\":\"v0.3\",\"files\":["
	    : OBJECT_HEAD))
		return 0;
	for (size_t i = 0; i <= p->n_wal; i++) {
		const struct v03_object *o = &r->set->o[i ? p->wal + i - 1
		    : p->snapshot];

		if ((json && !stralloc_cats(s, i ? ",{" : "{"))
		    || !object(s, o, 1, json))
			return 0;
	}
	v03_generation_fmt(g, p->generation);
	snprintf(end, sizeof end, json
	    ? "],\"count\":%zu,\"bytes\":%" PRIu64 ",\"generation\":\"%s\","
	    "\"requests\":{\"list\":%" PRIu64 ",\"get\":%" PRIu64 "}}\n"
	    : "# %zu files, %" PRIu64 " bytes, of generation %s (Litestream "
	    "0.3), requests: %" PRIu64 " LIST, %" PRIu64 " GET\n",
	    p->n_wal + 1, p->bytes, g, requests->lists, requests->gets);
	return stralloc_cats(s, end);
}

struct words {
	char gen[17], index[24], offset[24], time[WHEN_FMT + 2], size[24],
	    read[24], ms[24];
};

static void
words(struct words *w, const struct restore_report *r, int json)
{
	v03_generation_fmt(w->gen, r->end.generation);
	snprintf(w->index, sizeof w->index, "%" PRIu64, r->end.index);
	snprintf(w->offset, sizeof w->offset, "%" PRIu64, r->end.offset);
	time_word(w->time, r->end.time_ms, json);
	snprintf(w->size, sizeof w->size, "%" PRIu64,
	    (uint64_t)r->done.pages * r->done.page_size);
	snprintf(w->read, sizeof w->read, "%" PRIu64, r->bytes);
	snprintf(w->ms, sizeof w->ms, "%" PRId64, r->ms);
}

int
v03_fmt_done(stralloc *s, const char *out, const struct restore_report *r)
{
	struct words w;
	char line[480];

	words(&w, r, 1);
	snprintf(line, sizeof line, ",\"format\":\"v0.3\",\"generation\":\"%s\","
	    "\"index\":%s,\"offset\":%s,\"time\":%s,\"bytes\":%s,\"read\":%s,"
	    "\"files\":%zu,\"ms\":%s,\"requests\":{\"list\":%" PRIu64
	    ",\"get\":%" PRIu64 "}}\n", w.gen, w.index, w.offset, w.time, w.size,
	    w.read, r->files, w.ms, r->requests.lists, r->requests.gets);
	return stralloc_cats(s, "{\"db\":") && json_string(s, out)
	    && stralloc_cats(s, ",\"replica\":")
	    && json_string(s, r->url) && stralloc_cats(s, line);
}

void
v03_fmt_log(const struct log *log, const char *out,
    const struct restore_report *r)
{
	struct words w;

	words(&w, r, 0);
	log_event(log, LOG_INFO, "restored", "db", out, "replica", r->url,
	    "format", "v0.3", "generation", w.gen, "index", w.index, "offset",
	    w.offset, "time", w.time, "bytes", w.size, "read", w.read, "ms",
	    w.ms, NULL);
}
