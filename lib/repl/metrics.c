#include "repl/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* A text being made; bad: memory ran out. */
struct out {
	stralloc *s;
	const struct metrics *m;
	int bad;
};

__attribute__((format(printf, 2, 3))) static void
say(struct out *o, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (!stralloc_cats(o->s, line))
		o->bad = 1;
}

static void
head(struct out *o, const char *name, const char *type, const char *help)
{
	say(o, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* One label: blanks of the format escaped, and what is no UTF-8, for which
 * Prometheus would refuse all. first: the brace. */
static void
label(struct out *o, int first, const char *key, const char *v)
{
	size_t n;

	say(o, "%s%s=\"", first ? "{" : ",", key);
	for (; *v; v += n ? n : 1) {
		n = utf8_len((const unsigned char *)v);
		if (!n)
			say(o, "\\\\x%02x", (unsigned char)*v);
		else if (strchr("\\\"\n", *v))
			say(o, "\\%c", *v == '\n' ? 'n' : *v);
		else if (!stralloc_catb(o->s, v, n))
			o->bad = 1;
	}
	say(o, "\"");
}

static void
whole(struct out *o, uint64_t v)
{
	say(o, "} %" PRIu64 "\n", v);
}

static void
seconds(struct out *o, uint64_t us)
{
	say(o, "} %" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
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
databases(struct out *o, const struct db_metric *m)
{
	const struct status *st = o->m->st;

	if (!st->n)
		return;
	head(o, m->name, m->type, m->help);
	for (size_t i = 0; i < st->n; i++) {
		say(o, "%s", m->name);
		label(o, 1, "db", st->db[i].path);
		if (m->mode)
			label(o, 0, "mode", m->mode);
		if (m->time)
			seconds(o, m->get(&st->db[i]));
		else
			whole(o, m->get(&st->db[i]));
	}
}

/* The log that goes to a replica in the layout of Litestream 0.3, which has
 * it as a file beside the database. */
static void
shadow(struct out *o, const char *name, const char *help, int size)
{
	const struct status *st = o->m->st;
	int begun = 0;

	for (size_t i = 0; i < st->n; i++)
		for (size_t k = 0; k < st->db[i].n; k++) {
			const struct status_replica *r = &st->db[i].r[k];

			if (!r->v03)
				continue;
			if (!begun++)
				head(o, name, "gauge", help);
			say(o, "%s", name);
			label(o, 1, "db", st->db[i].path);
			whole(o, size ? r->offset : r->index);
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

/* The scheme of a URL. */
static void
scheme(char out[16], const char *url)
{
	snprintf(out, 16, "%.*s", (int)strcspn(url, ":"), url);
}

static void
replica(struct out *o, const struct rep_metric *m, const struct status_db *d,
    const struct status_replica *r, uint64_t v)
{
	const char *name = NULL;
	char type[16];

	say(o, "%s", m->name);
	label(o, 1, "db", d->path);
	scheme(type, r->url);
	if (m->by_name && o->m->name)
		name = o->m->name(o->m->ctx, d->path, r->url);
	if (m->by_name)
		label(o, 0, "name", name ? name : type);
	else
		label(o, 0, "replica", r->url);
	if (m->time)
		say(o, "} %" PRIu64 ".%03" PRIu64 "\n", v / 1000, v % 1000);
	else
		whole(o, v);
}

static void
replicas(struct out *o, const struct rep_metric *m)
{
	const struct status *st = o->m->st;
	int begun = 0;
	uint64_t v;

	for (size_t i = 0; i < st->n; i++)
		for (size_t k = 0; k < st->db[i].n; k++) {
			const struct status_replica *r = &st->db[i].r[k];

			if (!m->get(r, o->m->now_ms, &v))
				continue;
			if (!begun++)
				head(o, m->name, m->type, m->help);
			replica(o, m, &st->db[i], r, v);
		}
}

/* ---- of what ls-tend does ---- */

struct tend_metric {
	const char *name, *type, *help;
	int time;          /* milliseconds, told in seconds */
	int (*get)(const struct tend_replica *, uint64_t *v);
};

#define TEND(name, when, expr) \
static int \
name(const struct tend_replica *r, uint64_t *v) \
{ \
	*v = (uint64_t)(expr); \
	return when; \
}
TEND(proven, r->proven_ms > 0, r->proven_ms)
TEND(proven_txid, r->proven_ms > 0, r->proven_txid)
TEND(disproven, r->proven_ms > 0 || r->proven_error, !!r->proven_error)
TEND(refused, 1, r->refused)
TEND(tend_errors, 1, r->error.count)

static const struct tend_metric of_tend[] = {
	{ "ls_last_proven_restore_timestamp_seconds", "gauge", "When the "
	    "replica was last restored whole and compared.", 1, proven },
	{ "ls_last_proven_restore_txid", "gauge", "Up to which TXID.", 0,
	    proven_txid },
	{ "ls_proof_failed", "gauge", "1: a proof since then has failed.", 0,
	    disproven },
	{ "ls_deletes_refused", "gauge", "Objects that may not be deleted with "
	    "these credentials.", 0, refused },
	{ "ls_tend_errors", "gauge", "Failures of ls-tend in a row.", 0,
	    tend_errors }
};

static void
tended(struct out *o, const struct tend_metric *m)
{
	const struct tend_status *t = o->m->tend;
	int begun = 0;
	uint64_t v;

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < t->db[i].n; k++) {
			const struct tend_replica *r = &t->db[i].r[k];

			if (!m->get(r, &v))
				continue;
			if (!begun++)
				head(o, m->name, m->type, m->help);
			say(o, "%s", m->name);
			label(o, 1, "db", t->db[i].path);
			label(o, 0, "replica", r->url);
			if (m->time)
				say(o, "} %" PRIu64 ".%03" PRIu64 "\n",
				    v / 1000, v % 1000);
			else
				whole(o, v);
		}
}

/* Files and bytes of each level that has any. */
static void
levels(struct out *o, const char *name, const char *help, int bytes)
{
	const struct tend_status *t = o->m->tend;
	int begun = 0;
	char n[4];

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < t->db[i].n; k++)
			for (unsigned l = 0; l < STORE_LEVELS; l++) {
				const struct tend_replica *r = &t->db[i].r[k];
				const struct tend_level *v = &r->level[l];

				if (!v->files)
					continue;
				if (!begun++)
					head(o, name, "gauge", help);
				snprintf(n, sizeof n, "%u", l);
				say(o, "%s", name);
				label(o, 1, "db", t->db[i].path);
				label(o, 0, "replica", r->url);
				label(o, 0, "level", n);
				whole(o, bytes ? v->bytes : v->files);
			}
}

/* As Litestream 0.5 counts level 0: what may go and does not, what level 1 has
 * not got yet, and what is too young. */
static void
level0(struct out *o)
{
	static const char name[] = "litestream_l0_retention_files_total";
	static const char *const words[] = {
		"eligible", "not_compacted", "too_recent"
	};
	const struct tend_status *t = o->m->tend;
	int begun = 0;

	for (size_t i = 0; i < t->n; i++) {
		const char *base = strrchr(t->db[i].path, '/');
		uint64_t n[3] = { 0, 0, 0 };

		for (size_t k = 0; k < t->db[i].n; k++) {
			const struct tend_replica *r = &t->db[i].r[k];
			const struct tend_level *l = r->level;
			uint64_t behind = l[0].txid > l[1].txid
			    ? l[0].txid - l[1].txid : 0;
			uint64_t refused = r->refused;

			if (behind > l[0].files)
				behind = l[0].files;
			if (refused > l[0].files - behind)
				refused = l[0].files - behind;
			n[0] += refused;
			n[1] += behind;
			n[2] += l[0].files - behind - refused;
		}
		if (!begun++)
			head(o, name, "gauge", "Files of level 0.");
		for (int w = 0; w < 3; w++) {
			say(o, "%s", name);
			label(o, 1, "db", base ? base + 1 : t->db[i].path);
			label(o, 0, "status", words[w]);
			whole(o, n[w]);
		}
	}
}

/* A proof looks at every level; of several replicas the worse is told. */
static void
validation(struct out *o, const char *name, const char *help, int time)
{
	const struct tend_status *t = o->m->tend;
	int begun = 0;
	char n[4];

	for (size_t i = 0; i < t->n; i++)
		for (unsigned l = 0; l < STORE_LEVELS; l++) {
			int64_t when = INT64_MAX;
			int ok = 1;

			for (size_t k = 0; k < t->db[i].n; k++) {
				const struct tend_replica *r = &t->db[i].r[k];

				if (!r->level[l].files || (!r->proven_ms
				    && !r->proven_error))
					continue;
				ok &= !r->proven_error;
				if (r->proven_ms < when)
					when = r->proven_ms;
			}
			if (when == INT64_MAX)
				continue;
			if (!begun++)
				head(o, name, "gauge", help);
			snprintf(n, sizeof n, "%u", l);
			say(o, "%s", name);
			label(o, 1, "db", t->db[i].path);
			label(o, 0, "level", n);
			whole(o, time ? (uint64_t)when / 1000 : (uint64_t)ok);
		}
}

static void
tending(struct out *o)
{
	head(o, "ls_tend_up", "gauge", "1: ls-tend is running.");
	say(o, "ls_tend_up %d\n", o->m->tend->pid && !o->m->tend->stale);
	for (size_t i = 0; i < sizeof of_tend / sizeof *of_tend; i++)
		tended(o, &of_tend[i]);
	levels(o, "ls_level_files", "Objects of a level.", 0);
	levels(o, "ls_level_bytes", "Their bytes.", 1);
	level0(o);
	validation(o, "litestream_last_validation_success", "1: the last proof "
	    "found no fault.", 0);
	validation(o, "litestream_last_validation_success_timestamp_seconds",
	    "When one last found none.", 1);
}

/* ---- of what is asked of stores ---- */

static void
op(struct out *o, const char *name, int t, int p)
{
	say(o, "%s", name);
	label(o, 1, "replica_type", store_type_word((enum store_type)t));
	label(o, 0, "operation", store_op_word((enum store_op)p));
}

static void
durations(struct out *o, const struct store_calls *c, int t, int p)
{
	static const char name[] =
	    "litestream_replica_operation_duration_seconds";
	uint64_t sum = 0;
	char le[24];

	for (unsigned b = 0; b < STORE_METER_BUCKETS; b++) {
		sum += c->bucket[b];
		say(o, "%s_bucket", name);
		label(o, 1, "replica_type", store_type_word((enum store_type)t));
		label(o, 0, "operation", store_op_word((enum store_op)p));
		snprintf(le, sizeof le, "%g",
		    (double)store_meter_bound(b) / 1e6);
		label(o, 0, "le", le);
		whole(o, sum);
	}
	say(o, "%s_bucket", name);
	label(o, 1, "replica_type", store_type_word((enum store_type)t));
	label(o, 0, "operation", store_op_word((enum store_op)p));
	label(o, 0, "le", "+Inf");
	whole(o, c->n);
	say(o, "%s_sum", name);
	op(o, "", t, p);
	seconds(o, c->us);
	say(o, "%s_count", name);
	op(o, "", t, p);
	whole(o, c->n);
}

enum what { COUNT, BYTES, DURATION, ERRORS };

static void
operation(struct out *o, enum what what, const char *name,
    const struct store_calls *c, int t, int p)
{
	if (what == DURATION) {
		durations(o, c, t, p);
		return;
	}
	if (what != ERRORS) {
		op(o, name, t, p);
		whole(o, what == COUNT ? c->n : c->bytes);
		return;
	}
	for (int k = 1; k <= ERR_TEMP; k++) {
		if (!c->error[k])
			continue;
		op(o, name, t, p);
		label(o, 0, "code", err_word((enum err_kind)k));
		whole(o, c->error[k]);
	}
}

static void
operations(struct out *o, enum what what, const char *name, const char *type,
    const char *help)
{
	const struct store_meter *m = &o->m->st->meter;
	int begun = 0;

	for (int t = 0; t < STORE_TYPES; t++)
		for (int p = 0; p < STORE_OPS; p++) {
			uint64_t n = m->op[t][p].n, bad = 0;

			for (int k = 1; k <= ERR_TEMP; k++)
				bad += m->op[t][p].error[k];
			if (!(what == ERRORS ? bad : n))
				continue;
			if (!begun++)
				head(o, name, type, help);
			operation(o, what, name, &m->op[t][p], t, p);
		}
}

int
metrics_fmt(stralloc *s, const struct metrics *m)
{
	struct out o = { s, m, 0 };

	head(&o, "ls_up", "gauge", "1: ls-walship is running.");
	say(&o, "ls_up %d\n", !m->st->stale);
	for (size_t i = 0; i < sizeof of_db / sizeof *of_db; i++)
		databases(&o, &of_db[i]);
	shadow(&o, "litestream_shadow_wal_index", "Index of the log in the "
	    "layout of Litestream 0.3.", 0);
	shadow(&o, "litestream_shadow_wal_size", "Its bytes.", 1);
	for (size_t i = 0; i < sizeof of_replica / sizeof *of_replica; i++)
		replicas(&o, &of_replica[i]);
	if (m->tend)
		tending(&o);
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
