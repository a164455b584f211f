#include "repl/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "repl/record.h"

#define HEAD "ls-s6-status 1\n"

/* ---- writing ---- */

int
status_error_put(stralloc *s, const struct status_error *e)
{
	return record_text(s, "error", e->text)
	    && record_text(s, "error-kind", e->kind)
	    && record_num(s, "error-time", (uint64_t)e->time_ms)
	    && record_num(s, "errors", e->count);
}

static int
put_replica(stralloc *s, const struct status_replica *r)
{
	return stralloc_cats(s, "replica") && record_text(s, "url", r->url)
	    && record_text(s, "state", r->state) && record_txid(s, "txid", r->txid)
	    && record_num(s, "lag", r->lag)
	    && record_num(s, "lag-bytes", r->lag_bytes)
	    && record_num(s, "behind-since", (uint64_t)r->behind_ms)
	    && record_num(s, "success", (uint64_t)r->success_ms)
	    && status_error_put(s, &r->error)
	    && record_text(s, "fence", r->unfenced ? "0" : NULL)
	    && record_num(s, "bytes", r->bytes) && record_num(s, "files", r->files)
	    && (!r->v03 || (record_text(s, "format", "v0.3")
	    && record_num(s, "index", r->index)
	    && record_num(s, "offset", r->offset)))
	    && stralloc_append(s, '\n');
}

/* The numbers of a capture by their keys. */
#define STATS(X) \
	X("db-bytes", db_bytes) X("wal-bytes", wal_bytes) \
	X("captured-bytes", captured) X("steps", steps) \
	X("step-errors", step_errors) X("step-us", step_us) \
	X("checkpoints", checkpoints) \
	X("checkpoint-errors", checkpoint_errors) \
	X("checkpoint-us", checkpoint_us)

static int
put_stats(stralloc *s, const struct capture_stats *c)
{
#define PUT(key, field) if (!record_num(s, key, c->field)) return 0;
	STATS(PUT)
#undef PUT
	return 1;
}

static int
put_meter(stralloc *s, const struct store_meter *m)
{
	char row[STORE_METER_ROW];

	for (int t = 0; t < STORE_TYPES; t++)
		for (int o = 0; o < STORE_OPS; o++) {
			store_meter_fmt(row, m, (enum store_type)t,
			    (enum store_op)o);
			if (*row && (!stralloc_cats(s, "op\t")
			    || !stralloc_cats(s, row)
			    || !stralloc_append(s, '\n')))
				return 0;
		}
	return 1;
}

static int
put_db(stralloc *s, const struct status_db *d)
{
	size_t i;

	if (!stralloc_cats(s, "db") || !record_text(s, "path", d->path)
	    || !record_text(s, "state", d->state) || !record_txid(s, "txid", d->txid)
	    || !record_num(s, "pending", d->pending)
	    || !record_num(s, "spool", d->spool)
	    || !record_num(s, "captured", (uint64_t)d->captured_ms)
	    || !status_error_put(s, &d->error) || !record_text(s, "hold", d->hold)
	    || !record_text(s, "disk-full", d->disk_full ? "1" : NULL)
	    || !put_stats(s, &d->stats) || !stralloc_append(s, '\n'))
		return 0;
	for (i = 0; i < d->n; i++)
		if (!put_replica(s, &d->r[i]))
			return 0;
	return 1;
}

int
status_fmt(const struct status *st, char **text, size_t *len, struct err *e)
{
	stralloc s = STRALLOC_ZERO;
	int ok = stralloc_cats(&s, HEAD "walship")
	    && record_num(&s, "pid", st->pid)
	    && record_num(&s, "start", st->start)
	    && record_num(&s, "time", (uint64_t)st->time_ms)
	    && stralloc_append(&s, '\n') && put_meter(&s, &st->meter);

	for (size_t i = 0; ok && i < st->n; i++)
		ok = put_db(&s, &st->db[i]);
	return record_end(&s, ok, text, len, e);
}

int
status_write(const char *path, const struct status *st, struct err *e)
{
	char *text;
	size_t len;

	return status_fmt(st, &text, &len, e) < 0 ? -1
	    : record_write(path, text, len, e);
}

/* ---- reading ---- */

int
status_error_scan(struct status_error *e, const char *k, const char *v)
{
	if (!strcmp(k, "error"))
		e->text = v;
	else if (!strcmp(k, "error-kind"))
		e->kind = v;
	else if (!strcmp(k, "error-time"))
		e->time_ms = (int64_t)record_scan(v);
	else if (!strcmp(k, "errors"))
		e->count = record_scan(v);
	else
		return 0;
	return 1;
}

static int
scan_stats(struct capture_stats *c, const char *k, const char *v)
{
#define SCAN(key, field) \
	if (!strcmp(k, key)) { c->field = record_scan(v); return 1; }
	STATS(SCAN)
#undef SCAN
	return 0;
}

static void
scan_db(struct status_db *d, const char *k, const char *v)
{
	if (!strcmp(k, "path"))
		d->path = v;
	else if (!strcmp(k, "state"))
		d->state = v;
	else if (!strcmp(k, "hold"))
		d->hold = v;
	else if (!strcmp(k, "txid"))
		hex64_scan(v, &d->txid);
	else if (!strcmp(k, "pending"))
		d->pending = record_scan(v);
	else if (!strcmp(k, "spool"))
		d->spool = record_scan(v);
	else if (!strcmp(k, "captured"))
		d->captured_ms = (int64_t)record_scan(v);
	else if (!strcmp(k, "disk-full"))
		d->disk_full = 1;
	else if (!scan_stats(&d->stats, k, v))
		status_error_scan(&d->error, k, v);
}

static void
scan_replica(struct status_replica *r, const char *k, const char *v)
{
	if (!strcmp(k, "url"))
		r->url = v;
	else if (!strcmp(k, "state"))
		r->state = v;
	else if (!strcmp(k, "txid"))
		hex64_scan(v, &r->txid);
	else if (!strcmp(k, "lag"))
		r->lag = record_scan(v);
	else if (!strcmp(k, "lag-bytes"))
		r->lag_bytes = record_scan(v);
	else if (!strcmp(k, "behind-since"))
		r->behind_ms = (int64_t)record_scan(v);
	else if (!strcmp(k, "success"))
		r->success_ms = (int64_t)record_scan(v);
	else if (!strcmp(k, "bytes"))
		r->bytes = record_scan(v);
	else if (!strcmp(k, "files"))
		r->files = record_scan(v);
	else if (!strcmp(k, "format"))
		r->v03 = !strcmp(v, "v0.3");
	else if (!strcmp(k, "index"))
		r->index = record_scan(v);
	else if (!strcmp(k, "offset"))
		r->offset = record_scan(v);
	else if (!strcmp(k, "fence"))
		r->unfenced = !strcmp(v, "0");
	else
		status_error_scan(&r->error, k, v);
}

static void
scan_head(struct status *st, const char *k, const char *v)
{
	if (!strcmp(k, "pid"))
		st->pid = record_scan(v);
	else if (!strcmp(k, "start"))
		st->start = record_scan(v);
	else if (!strcmp(k, "time"))
		st->time_ms = (int64_t)record_scan(v);
}

static int
scan_line(void *ctx, const char *line, char *f, struct err *e)
{
	struct status *st = ctx;
	struct status_db *d = st->n ? &st->db[st->n - 1] : NULL;
	struct status_replica *r = NULL;
	char *k, *v;
	enum { HEADER, DB, REPLICA } what;

	if (!strcmp(line, "walship"))
		what = HEADER;
	else if (!strcmp(line, "db"))
		what = DB;
	else if (!strcmp(line, "replica"))
		what = REPLICA;
	else if (!strcmp(line, "op"))
		return f && !store_meter_scan(&st->meter, f) ? 0
		    : err_set(e, ERR_DATA, "malformed op record");
	else
		return 0;
	if (what == REPLICA && !d)
		return err_set(e, ERR_DATA, "replica before any database");
	if (what == DB && !(d = record_grow((void **)&st->db, &st->n, sizeof *d)))
		return err_nomem(e);
	if (what == REPLICA
	    && !(r = record_grow((void **)&d->r, &d->n, sizeof *r)))
		return err_nomem(e);
	while ((k = record_field(&f, &v))) {
		if (what == HEADER)
			scan_head(st, k, v);
		else if (what == DB)
			scan_db(d, k, v);
		else
			scan_replica(r, k, v);
	}
	if ((what == DB && (!d->path || !d->state))
	    || (what == REPLICA && (!r->url || !r->state)))
		return err_set(e, ERR_DATA, "record without name or state");
	return 0;
}

int
status_scan(struct status *st, char *text, size_t len, struct err *e)
{
	memset(st, 0, sizeof *st);
	st->text = text;
	if (record_lines(text, len, HEAD, scan_line, st, e) == 0)
		return 0;
	status_free(st);
	return -1;
}

int
status_read(const char *path, struct status *st, struct err *e)
{
	size_t len;
	char *text = record_read(path, &len, e);

	if (!text)
		return -1;
	if (status_scan(st, text, len, e) < 0)
		return err_in(e, "%s", path);
	st->stale = record_stale(st->pid, st->start);
	return 0;
}

void
status_free(struct status *st)
{
	size_t i;

	for (i = 0; i < st->n; i++)
		free(st->db[i].r);
	free(st->db);
	free(st->text);
	memset(st, 0, sizeof *st);
}

/* ---- judging ---- */

int
status_healthy(const struct status *st, int64_t now, int64_t max_lag,
    char *why, size_t n)
{
	size_t i, j;

	if (st->stale) {
		snprintf(why, n, "ls-walship (pid %" PRIu64 ") is gone",
		    st->pid);
		return 0;
	}
	for (i = 0; i < st->n; i++) {
		const struct status_db *d = &st->db[i];

		if (strcmp(d->state, "running") && strcmp(d->state, "waiting")) {
			snprintf(why, n, "%s: %s%s%s", d->path, d->state,
			    d->error.text ? ": " : "",
			    d->error.text ? d->error.text : "");
			return 0;
		}
		/* nothing of a file that cannot be written is behind */
		if (!strcmp(d->state, "running") && d->error.count) {
			snprintf(why, n, "%s: %s", d->path, d->error.text
			    ? d->error.text : "failing");
			return 0;
		}
		for (j = 0; j < d->n; j++) {
			const struct status_replica *r = &d->r[j];

			if (strcmp(r->state, "ok")) {
				snprintf(why, n, "%s: %s: %s%s%s", d->path,
				    r->url, r->state, r->error.text ? ": " : "",
				    r->error.text ? r->error.text : "");
				return 0;
			}
			if (r->behind_ms && now - r->behind_ms > max_lag) {
				snprintf(why, n, "%s: %s: behind for %" PRId64
				    " s", d->path, r->url,
				    (now - r->behind_ms) / 1000);
				return 0;
			}
		}
	}
	return 1;
}
