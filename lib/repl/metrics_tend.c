#include "repl/metrics_in.h"

#include <string.h>

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
tended(struct metrics_out *o, const struct tend_metric *m)
{
	const struct tend_status *t = o->m->tend;
	uint64_t v;

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < t->db[i].n; k++) {
			const struct tend_replica *r = &t->db[i].r[k];

			if (!m->get(r, &v))
				continue;
			metrics_sample(o, m->name, m->type, m->help);
			metrics_label(o, 1, "db", t->db[i].path);
			metrics_label(o, 0, "replica", r->url);
			if (m->time)
				metrics_millis(o, v);
			else
				metrics_whole(o, v);
		}
}

/* Files and bytes of each level that has any. */
static void
levels(struct metrics_out *o, const char *name, const char *help, int bytes)
{
	const struct tend_status *t = o->m->tend;

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < t->db[i].n; k++)
			for (unsigned l = 0; l < STORE_LEVELS; l++) {
				const struct tend_replica *r = &t->db[i].r[k];
				const struct tend_level *v = &r->level[l];

				if (!v->files)
					continue;
				metrics_sample(o, name, "gauge", help);
				metrics_label(o, 1, "db", t->db[i].path);
				metrics_label(o, 0, "replica", r->url);
				metrics_level(o, l);
				metrics_whole(o, bytes ? v->bytes : v->files);
			}
}

/* As Litestream 0.5 counts level 0: what may go and does not, what level 1 has
 * not got yet, and what is too young. */
static void
level0(struct metrics_out *o)
{
	static const char name[] = "litestream_l0_retention_files_total";
	static const char *const words[] = {
		"eligible", "not_compacted", "too_recent"
	};
	const struct tend_status *t = o->m->tend;

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
		for (int w = 0; w < 3; w++) {
			metrics_sample(o, name, "gauge", "Files of level 0.");
			metrics_label(o, 1, "db", base ? base + 1 : t->db[i].path);
			metrics_label(o, 0, "status", words[w]);
			metrics_whole(o, n[w]);
		}
	}
}

/* A proof looks at every level; of several replicas the worse is told. */
static void
validation(struct metrics_out *o, const char *name, const char *help,
    int time)
{
	const struct tend_status *t = o->m->tend;

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
			metrics_sample(o, name, "gauge", help);
			metrics_label(o, 1, "db", t->db[i].path);
			metrics_level(o, l);
			metrics_whole(o, time ? (uint64_t)when / 1000 : (uint64_t)ok);
		}
}

/* A proof looks at every level, a validation at its names; of all replicas of
 * a database together. */
static void
looks(struct metrics_out *o)
{
	static const char name[] = "litestream_validation_checks_total";
	static const char *const words[] = { "success", "invalid", "error" };
	const struct tend_status *t = o->m->tend;

	for (size_t i = 0; i < t->n; i++)
		for (unsigned l = 0; l < STORE_LEVELS; l++) {
			uint64_t sum[TEND_RESULTS] = { 0 }, any = 0;

			for (size_t k = 0; k < t->db[i].n; k++)
				for (int w = 0; w < TEND_RESULTS; w++)
					sum[w] += t->db[i].r[k]
					    .level[l].looks[w];
			for (int w = 0; w < TEND_RESULTS; w++)
				any |= sum[w];
			if (!any)
				continue;
			for (int w = 0; w < TEND_RESULTS; w++) {
				metrics_sample(o, name, "counter", "Looks at a "
				    "level, by what came of them.");
				metrics_label(o, 1, "db", t->db[i].path);
				metrics_level(o, l);
				metrics_label(o, 0, "result", words[w]);
				metrics_whole(o, sum[w]);
			}
		}
}

/* As Litestream 0.3 counts: what could not be told is none. */
static void
proofs(struct metrics_out *o)
{
	static const char name[] = "litestream_replica_validation_total";
	static const char *const words[] = { "ok", "error" };
	const struct tend_status *t = o->m->tend;

	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; k < t->db[i].n; k++) {
			const struct tend_replica *r = &t->db[i].r[k];

			for (int w = 0; w < 2; w++) {
				metrics_sample(o, name, "counter", "Proofs, by "
				    "what came of them.");
				metrics_label(o, 1, "db", t->db[i].path);
				metrics_name(o, t->db[i].path, r->url);
				metrics_label(o, 0, "status", words[w]);
				metrics_whole(o, r->proofs[w]);
			}
		}
}

static void
miscompacted(struct metrics_out *o)
{
	static const char name[] = "litestream_compaction_verify_error_count";
	const struct tend_status *t = o->m->tend;

	for (size_t i = 0; i < t->n; i++) {
		uint64_t sum = 0;

		for (size_t k = 0; k < t->db[i].n; k++)
			sum += t->db[i].r[k].miscompacted;
		metrics_sample(o, name, "counter", "Files of a compaction that "
		    "were not what had been written.");
		metrics_label(o, 1, "db", t->db[i].path);
		metrics_whole(o, sum);
	}
}

void
metrics_tend(struct metrics_out *o)
{
	metrics_head(o, "ls_tend_up", "gauge", "1: ls-tend is running.");
	metrics_say(o, "ls_tend_up %d\n", o->m->tend->pid && !o->m->tend->stale);
	for (size_t i = 0; i < sizeof of_tend / sizeof *of_tend; i++)
		tended(o, &of_tend[i]);
	levels(o, "ls_level_files", "Objects of a level.", 0);
	levels(o, "ls_level_bytes", "Their bytes.", 1);
	level0(o);
	validation(o, "litestream_last_validation_success", "1: the last proof "
	    "found no fault.", 0);
	validation(o, "litestream_last_validation_success_timestamp_seconds",
	    "When one last found none.", 1);
	looks(o);
	proofs(o);
	miscompacted(o);
}
