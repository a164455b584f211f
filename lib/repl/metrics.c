#include "repl/metrics_in.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

void
metrics_say(struct metrics_out *o, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (!stralloc_cats(o->s, line))
		o->bad = 1;
}

void
metrics_head(struct metrics_out *o, const char *name, const char *type,
    const char *help)
{
	if (o->name && !strcmp(o->name, name))
		return;
	metrics_say(o, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
	o->name = name;
}

void
metrics_sample(struct metrics_out *o, const char *name, const char *type,
    const char *help)
{
	metrics_head(o, name, type, help);
	metrics_say(o, "%s", name);
}

/* Blanks of the format are escaped, and what is no UTF-8, for which Prometheus
 * would refuse all. */
void
metrics_label(struct metrics_out *o, int first, const char *key,
    const char *v)
{
	size_t n;

	metrics_say(o, "%s%s=\"", first ? "{" : ",", key);
	for (; *v; v += n ? n : 1) {
		n = utf8_len((const unsigned char *)v);
		if (!n)
			metrics_say(o, "\\\\x%02x", (unsigned char)*v);
		else if (strchr("\\\"\n", *v))
			metrics_say(o, "\\%c", *v == '\n' ? 'n' : *v);
		else if (!stralloc_catb(o->s, v, n))
			o->bad = 1;
	}
	metrics_say(o, "\"");
}

void
metrics_name(struct metrics_out *o, const char *db, const char *url)
{
	const char *name = o->m->name ? o->m->name(o->m->ctx, db, url) : NULL;
	char scheme[16];

	snprintf(scheme, sizeof scheme, "%.*s", (int)strcspn(url, ":"), url);
	metrics_label(o, 0, "name", name ? name : scheme);
}

void
metrics_level(struct metrics_out *o, unsigned level)
{
	char n[4];

	snprintf(n, sizeof n, "%u", level);
	metrics_label(o, 0, "level", n);
}

void
metrics_whole(struct metrics_out *o, uint64_t v)
{
	metrics_say(o, "} %" PRIu64 "\n", v);
}

void
metrics_millis(struct metrics_out *o, uint64_t ms)
{
	metrics_say(o, "} %" PRIu64 ".%03" PRIu64 "\n", ms / 1000, ms % 1000);
}

static void
seconds(struct metrics_out *o, uint64_t us)
{
	metrics_say(o, "} %" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

/* ---- of a database ---- */

struct db_metric {
	const char *name, *type, *help;
	const char *mode;  /* of checkpoints; NULL */
	int time;          /* microseconds, told in seconds */
	uint64_t (*get)(const struct status_db *);
};

#define GET(name, expr) \
static uint64_t \
name(const struct status_db *d) \
{ \
	return expr; \
}
GET(db_size, d->stats.db_bytes)
GET(wal_size, d->stats.wal_bytes)
GET(txid, d->txid)
GET(disk_full, (uint64_t)d->disk_full)
GET(captured, d->stats.captured)
GET(steps, d->stats.steps)
GET(step_errors, d->stats.step_errors)
GET(step_us, d->stats.step_us)
GET(checkpoints, d->stats.checkpoints)
GET(checkpoint_errors, d->stats.checkpoint_errors)
GET(checkpoint_us, d->stats.checkpoint_us)
GET(spool, d->spool)
GET(pending, d->pending)
GET(running, !strcmp(d->state, "running"))

static const struct db_metric of_db[] = {
	{ "litestream_db_size", "gauge", "Size of the database, bytes.", NULL,
	    0, db_size },
	{ "litestream_wal_size", "gauge", "How far its WAL is captured, "
	    "bytes.", NULL, 0, wal_size },
	{ "litestream_txid", "gauge", "Last TXID captured.", NULL, 0, txid },
	{ "litestream_disk_full", "gauge", "1: nothing can be staged for want "
	    "of space.", NULL, 0, disk_full },
	{ "litestream_total_wal_bytes", "counter", "Bytes of WAL captured.",
	    NULL, 0, captured },
	{ "litestream_sync_count", "counter", "Looks at the WAL.", NULL, 0,
	    steps },
	{ "litestream_sync_error_count", "counter", "Looks that failed.", NULL,
	    0, step_errors },
	{ "litestream_sync_seconds", "counter", "What they took.", NULL, 1,
	    step_us },
	{ "litestream_checkpoint_count", "counter", "Checkpoints made.",
	    "PASSIVE", 0, checkpoints },
	{ "litestream_checkpoint_error_count", "counter", "Checkpoints that "
	    "failed.", "PASSIVE", 0, checkpoint_errors },
	{ "litestream_checkpoint_seconds", "counter", "What they took.",
	    "PASSIVE", 1, checkpoint_us },
	{ "ls_spool_bytes", "gauge", "Captured and not in every replica.",
	    NULL, 0, spool },
	{ "ls_pending_bytes", "gauge", "Committed and not captured.", NULL, 0,
	    pending },
	{ "ls_database_running", "gauge", "1: the database is followed.", NULL,
	    0, running }
};

static void
databases(struct metrics_out *o, const struct db_metric *m)
{
	const struct status *st = o->m->st;

	for (size_t i = 0; i < st->n; i++) {
		metrics_sample(o, m->name, m->type, m->help);
		metrics_label(o, 1, "db", st->db[i].path);
		if (m->mode)
			metrics_label(o, 0, "mode", m->mode);
		if (m->time)
			seconds(o, m->get(&st->db[i]));
		else
			metrics_whole(o, m->get(&st->db[i]));
	}
}

/* The log that goes to a replica in the layout of Litestream 0.3, which has
 * it as a file beside the database. */
static void
shadow(struct metrics_out *o, const char *name, const char *help, int size)
{
	const struct status *st = o->m->st;

	for (size_t i = 0; i < st->n; i++)
		for (size_t k = 0; k < st->db[i].n; k++) {
			const struct status_replica *r = &st->db[i].r[k];

			if (!r->v03)
				continue;
			metrics_sample(o, name, "gauge", help);
			metrics_label(o, 1, "db", st->db[i].path);
			metrics_whole(o, size ? r->offset : r->index);
			break;
		}
}

/* ---- of a replica ---- */

struct rep_metric {
	const char *name, *type, *help;
	int by_name;       /* labelled as Litestream 0.3, else by URL */
	int time;          /* milliseconds, told in seconds */
	/* 1: *v is the value; 0: nothing to say */
	int (*get)(const struct status_replica *, int64_t now, uint64_t *v);
};

#define REP(name, when, expr) \
static int \
name(const struct status_replica *r, int64_t now, uint64_t *v) \
{ \
	(void)now; \
	*v = (uint64_t)(expr); \
	return when; \
}
REP(bytes, 1, r->bytes)
REP(wal_index, r->v03, r->index)
REP(wal_offset, r->v03, r->offset)
REP(lag_ms, 1, r->behind_ms && now > r->behind_ms ? now - r->behind_ms : 0)
REP(lag_transactions, 1, r->lag)
REP(lag_bytes, 1, r->lag_bytes)
REP(success, r->success_ms > 0, r->success_ms)
REP(errors, 1, r->error.count)
REP(ok, 1, !strcmp(r->state, "ok"))

static const struct rep_metric of_replica[] = {
	{ "litestream_replica_wal_bytes", "counter", "Bytes shipped.", 1, 0,
	    bytes },
	{ "litestream_replica_wal_index", "gauge", "Index of the last WAL "
	    "segment shipped.", 1, 0, wal_index },
	{ "litestream_replica_wal_offset", "gauge", "Where it ends, bytes.", 1,
	    0, wal_offset },
	{ "ls_lag_seconds", "gauge", "How long the oldest commit not shipped "
	    "has waited.", 0, 1, lag_ms },
	{ "ls_lag_transactions", "gauge", "TXIDs captured and not shipped.", 0,
	    0, lag_transactions },
	{ "ls_lag_bytes", "gauge", "Bytes captured and not shipped.", 0, 0,
	    lag_bytes },
	{ "ls_last_success_timestamp_seconds", "gauge", "When the replica last "
	    "took something, or was seen to have all.", 0, 1, success },
	{ "ls_errors", "gauge", "Failures in a row.", 0, 0, errors },
	{ "ls_replica_ok", "gauge", "1: the last it was asked went well.", 0, 0,
	    ok }
};

static void
replica(struct metrics_out *o, const struct rep_metric *m,
    const struct status_db *d, const struct status_replica *r, uint64_t v)
{
	metrics_sample(o, m->name, m->type, m->help);
	metrics_label(o, 1, "db", d->path);
	if (m->by_name)
		metrics_name(o, d->path, r->url);
	else
		metrics_label(o, 0, "replica", r->url);
	if (m->time)
		metrics_millis(o, v);
	else
		metrics_whole(o, v);
}

static void
replicas(struct metrics_out *o, const struct rep_metric *m)
{
	const struct status *st = o->m->st;
	uint64_t v;

	for (size_t i = 0; i < st->n; i++)
		for (size_t k = 0; k < st->db[i].n; k++) {
			const struct status_replica *r = &st->db[i].r[k];

			if (m->get(r, o->m->now_ms, &v))
				replica(o, m, &st->db[i], r, v);
		}
}

/* ---- of what is asked of stores ---- */

static void
op(struct metrics_out *o, const char *name, int t, int p)
{
	metrics_say(o, "%s", name);
	metrics_label(o, 1, "replica_type", store_type_word((enum store_type)t));
	metrics_label(o, 0, "operation", store_op_word((enum store_op)p));
}

static void
durations(struct metrics_out *o, const struct store_calls *c, int t, int p)
{
	static const char name[] =
	    "litestream_replica_operation_duration_seconds";
	uint64_t sum = 0;
	char le[24];

	for (unsigned b = 0; b < STORE_METER_BUCKETS; b++) {
		sum += c->bucket[b];
		metrics_say(o, "%s_bucket", name);
		metrics_label(o, 1, "replica_type", store_type_word((enum store_type)t));
		metrics_label(o, 0, "operation", store_op_word((enum store_op)p));
		snprintf(le, sizeof le, "%g",
		    (double)store_meter_bound(b) / 1e6);
		metrics_label(o, 0, "le", le);
		metrics_whole(o, sum);
	}
	metrics_say(o, "%s_bucket", name);
	metrics_label(o, 1, "replica_type", store_type_word((enum store_type)t));
	metrics_label(o, 0, "operation", store_op_word((enum store_op)p));
	metrics_label(o, 0, "le", "+Inf");
	metrics_whole(o, c->n);
	metrics_say(o, "%s_sum", name);
	op(o, "", t, p);
	seconds(o, c->us);
	metrics_say(o, "%s_count", name);
	op(o, "", t, p);
	metrics_whole(o, c->n);
}

enum what { COUNT, BYTES, DURATION, ERRORS };

static void
operation(struct metrics_out *o, enum what what, const char *name,
    const struct store_calls *c, int t, int p)
{
	if (what == DURATION) {
		durations(o, c, t, p);
		return;
	}
	if (what != ERRORS) {
		op(o, name, t, p);
		metrics_whole(o, what == COUNT ? c->n : c->bytes);
		return;
	}
	for (int k = 1; k <= ERR_TEMP; k++) {
		if (!c->error[k])
			continue;
		op(o, name, t, p);
		metrics_label(o, 0, "code", err_word((enum err_kind)k));
		metrics_whole(o, c->error[k]);
	}
}

static void
operations(struct metrics_out *o, enum what what, const char *name,
    const char *type, const char *help)
{
	const struct store_meter *m = &o->m->st->meter;

	for (int t = 0; t < STORE_TYPES; t++)
		for (int p = 0; p < STORE_OPS; p++) {
			uint64_t n = m->op[t][p].n, bad = 0;

			for (int k = 1; k <= ERR_TEMP; k++)
				bad += m->op[t][p].error[k];
			if (!(what == ERRORS ? bad : n))
				continue;
			metrics_head(o, name, type, help);
			operation(o, what, name, &m->op[t][p], t, p);
		}
}

int
metrics_fmt(stralloc *s, const struct metrics *m)
{
	struct metrics_out o = { s, m, 0, NULL };

	metrics_head(&o, "ls_up", "gauge", "1: ls-walship is running.");
	metrics_say(&o, "ls_up %d\n", !m->st->stale);
	for (size_t i = 0; i < sizeof of_db / sizeof *of_db; i++)
		databases(&o, &of_db[i]);
	shadow(&o, "litestream_shadow_wal_index", "Index of the log in the "
	    "layout of Litestream 0.3.", 0);
	shadow(&o, "litestream_shadow_wal_size", "Its bytes.", 1);
	for (size_t i = 0; i < sizeof of_replica / sizeof *of_replica; i++)
		replicas(&o, &of_replica[i]);
	if (m->tend)
		metrics_tend(&o);
	operations(&o, COUNT, "litestream_replica_operation_total", "counter",
	    "What was asked of stores.");
	operations(&o, BYTES, "litestream_replica_operation_bytes", "counter",
	    "Bytes that went or came.");
	if (m->v03)
		return !o.bad;
	operations(&o, ERRORS, "litestream_replica_operation_errors_total",
	    "counter", "What failed, by the kind of error.");
	operations(&o, DURATION,
	    "litestream_replica_operation_duration_seconds", "histogram",
	    "How long it took.");
	return !o.bad;
}
