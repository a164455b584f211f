#include "conf/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/when.h"
#include "db/state.h"

struct resolve {
	struct conf *out;
	const struct conf_raw *raw;
	const struct conf_warn *warn;
	unsigned char noted[CONF_KEYS];
	struct err *err;
};

void
conf_db_free(struct conf_db *db)
{
	for (size_t k = 0; k < db->n; k++) {
		store_conf_free(&db->replicas[k].store);
		free(db->replicas[k].name);
	}
	free(db->replicas);
	free(db->path);
	free(db->meta);
	memset(db, 0, sizeof *db);
}

void
conf_free(struct conf *c)
{
	for (size_t i = 0; i < c->n; i++)
		conf_db_free(&c->dbs[i]);
	free(c->dbs);
	for (size_t i = 0; i < c->n_dirs; i++) {
		free(c->dirs[i].path);
		free(c->dirs[i].pattern);
	}
	free(c->dirs);
	free(c->source);
	free(c->addr);
	free(c->exec);
	free(c->socket_path);
	memset(c, 0, sizeof *c);
}

/* FILE:LINE, or only where it all came from, before an error's message. */
static int
at_line(const struct resolve *r, unsigned line)
{
	const char *from = r->raw->source ? r->raw->source : "configuration";

	return line ? err_in(r->err, "%s:%u", from, line)
	    : err_in(r->err, "%s", from);
}

static int
fail(const struct resolve *r, unsigned line, const char *text)
{
	err_set(r->err, ERR_CONF, "%s", text);
	return at_line(r, line);
}

/* Why a key does nothing here, whatever its value; NULL: by its flags. */
static const char *
idle_note(enum conf_key_id id)
{
	switch (id) {
	case CONF_VALIDATION_INTERVAL:
		return "has no effect: verify.interval says how often a replica "
		    "is proven by restoring it";
	case CONF_SIGN_ACCEPT_ENCODING:
		return "has no effect: accept-encoding is never signed";
	case CONF_LOG_SOURCE:
		return "has no effect: log lines name their program instead";
	case CONF_MAX_SYNC_FILES:
		return "has no effect: files are uploaded as they come, however "
		    "many wait";
	case CONF_AUTO_RECOVER:
		return "has no effect: ls-walship recovers by a full copy "
		    "wherever it can, unasked";
	case CONF_SHUTDOWN_SYNC_INTERVAL:
		return "has no effect: what fails at the end is tried again "
		    "after growing waits, until shutdown-sync-timeout";
	case CONF_MCP_ADDR:
		return "accepted, but not supported; it has no effect: nothing "
		    "listens there";
	case CONF_HEARTBEAT_URL:
		return "accepted, but not supported yet; it has no effect: run "
		    "ls-status -q from where the URL is to be fetched";
	default:
		return NULL;
	}
}

/* Every value by itself, and a note, once, of keys that do nothing yet. */
static int
check_values(struct resolve *r, const struct conf_values *set)
{
	const char *format = conf_get_format(set, &r->raw->set);
	unsigned idle = CONF_LATER;

	if (!format || strcasecmp(format, "v0.3"))
		idle |= CONF_OLD;
	for (int i = 0; i < CONF_KEYS; i++) {
		enum conf_key_id id = (enum conf_key_id)i;
		const struct conf_key *k = conf_key(id);

		if (!set->v[i])
			continue;
		if (conf_key_check(id, set->v[i], r->err) < 0)
			return at_line(r, set->line[i]);
		if (r->noted[i] || (!(k->flags & (idle | CONF_ENCRYPT))
		    && !idle_note(id)))
			continue;
		r->noted[i] = 1;
		if (idle_note(id)) {
			conf_warn(r->warn, set->line[i], "%s: %s", k->name,
			    idle_note(id));
			continue;
		}
		if (k->flags & CONF_ENCRYPT) {
			conf_warn(r->warn, set->line[i], "%s: is for reading "
			    "replicas of Litestream 0.3; nothing encrypts "
			    "yet, so what writes refuses this replica", k->name);
			continue;
		}
		conf_warn(r->warn, set->line[i], k->flags & CONF_OLD
		    ? "%s: has had no effect since Litestream 0.5"
		    : "%s: accepted, but not supported yet; it has no effect",
		    k->name);
	}
	return 0;
}

/* ---- databases ---- */

static int
db_exclusive(struct resolve *r, const struct conf_raw_db *raw)
{
	static const struct { enum conf_key_id a, b; } pairs[] = {
		{ CONF_PATH, CONF_DIR }, { CONF_META_PATH, CONF_META_DIR }
	};
	static const enum conf_key_id of_dir[] = {
		CONF_PATTERN, CONF_RECURSIVE, CONF_WATCH, CONF_META_DIR
	};

	for (size_t i = 0; i < 2; i++)
		if (raw->set.v[pairs[i].a] && raw->set.v[pairs[i].b]) {
			err_set(r->err, ERR_CONF, "%s: and %s: exclude each "
			    "other", conf_key(pairs[i].a)->name,
			    conf_key(pairs[i].b)->name);
			return at_line(r, raw->set.line[pairs[i].b]);
		}
	for (size_t i = 0; i < 4 && !raw->set.v[CONF_DIR]; i++)
		if (raw->set.v[of_dir[i]]) {
			err_set(r->err, ERR_CONF, "%s: only goes with dir:",
			    conf_key(of_dir[i])->name);
			return at_line(r, raw->set.line[of_dir[i]]);
		}
	if (raw->set.v[CONF_DIR] && !raw->set.v[CONF_PATTERN])
		return fail(r, raw->line,
		    "dir: needs pattern:, as in pattern: \"*.db\"");
	return 0;
}

static void
db_settings(struct conf_db *db, const struct conf_values *own,
    const struct conf_values *all)
{
	const char *encoding = conf_get(own, all, CONF_ENCODING);
	int64_t n;

	db->monitor_interval_ms = conf_get_dur(own, all,
	    CONF_MONITOR_INTERVAL, 1000);
	db->checkpoint_interval_ms = conf_get_dur(own, all,
	    CONF_CHECKPOINT_INTERVAL, 60000);
	db->busy_timeout_ms = conf_get_dur(own, all, CONF_BUSY_TIMEOUT, 1000);
	db->min_checkpoint_pages = (uint32_t)conf_get_number(own, all,
	    CONF_MIN_CHECKPOINT, 1000);
	/* 0 of truncate-page-n means its default, of the other one never */
	n = conf_get_number(own, all, CONF_TRUNCATE_PAGE_N, 0);
	db->max_checkpoint_pages = (uint32_t)conf_get_number(own, all,
	    CONF_MAX_CHECKPOINT, n ? n : 121359);
	db->max_sync_wal_bytes = conf_get_size(own, all,
	    CONF_MAX_SYNC_WAL_BYTES, UINT64_C(64) << 20);
	if (!db->max_sync_wal_bytes)
		db->max_sync_wal_bytes = INT64_MAX;
	db->restore_if_missing = conf_get_bool(own, all,
	    CONF_RESTORE_IF_MISSING, 0);
	db->accept_replacement = conf_get_bool(own, all,
	    CONF_ACCEPT_REPLACEMENT, 0);
	if (encoding && !strcasecmp(encoding, "frame"))
		db->encoding = LTX_FRAME;
	db->keep.all_ms = conf_get_dur(own, all, CONF_KEEP_ALL, 0);
	db->keep.daily = (unsigned)conf_get_number(own, all, CONF_KEEP_DAILY, 0);
	db->keep.weekly = (unsigned)conf_get_number(own, all, CONF_KEEP_WEEKLY,
	    0);
	db->keep.monthly = (unsigned)conf_get_number(own, all,
	    CONF_KEEP_MONTHLY, 0);
	db->verify_interval_ms = conf_get_dur(own, all, CONF_VERIFY_INTERVAL,
	    INT64_C(7) * 86400000);
	db->verify_pace = conf_get_size(own, all, CONF_VERIFY_PACE, 0);
}

static int
db_replicas(struct resolve *r, struct conf_db *db,
    const struct conf_raw_db *raw)
{
	db->sync_interval_ms = conf_get_dur(0, &r->raw->set,
	    CONF_SYNC_INTERVAL, 1000);
	if (!raw->n)
		return 0;
	if (!(db->replicas = calloc(raw->n, sizeof *db->replicas)))
		return err_nomem(r->err);
	for (size_t i = 0; i < raw->n; i++) {
		const struct conf_values *own = &raw->replicas[i];
		const char *encoding = own->v[CONF_ENCODING];
		unsigned line = raw->line;

		if (check_values(r, own) < 0)
			return -1;
		db->n = i + 1;
		if (conf_resolve_replica(&db->replicas[i], own, &r->raw->set,
		    r->warn, &line, r->err) < 0)
			return at_line(r, line);
		if (!i || db->replicas[i].sync_interval_ms
		    < db->sync_interval_ms)
			db->sync_interval_ms =
			    db->replicas[i].sync_interval_ms;
		if (encoding && !strcasecmp(encoding, "frame"))
			db->encoding = LTX_FRAME;
	}
	return 0;
}

/* Host keys seen are remembered where the database's state is. */
static int
db_known_hosts(struct resolve *r, struct conf_db *db)
{
	struct state_paths p;
	int n = 0;

	for (size_t i = 0; i < db->n && n >= 0 && db->path; i++) {
		struct store_conf *s = &db->replicas[i].store;

		if (s->type != STORE_SFTP)
			continue;
		if (state_paths(&p, db->path, db->meta, r->err) < 0)
			return -1;
		if ((n = asprintf(&s->known_hosts, "%s/known_hosts", p.dir))
		    < 0)
			s->known_hosts = 0;
		state_paths_free(&p);
	}
	return n < 0 ? err_nomem(r->err) : 0;
}

/* One path, or one destination, twice would destroy what is there. */
static int
db_unique(struct resolve *r, const struct conf_db *db, unsigned line)
{
	const struct conf *c = r->out;

	for (const struct conf_db *o = c->dbs; o < db; o++)
		if (o->path && db->path && !strcmp(o->path, db->path)) {
			err_set(r->err, ERR_CONF, "%s is listed twice; each "
			    "database can be listed only once", db->path);
			return at_line(r, line);
		}
	for (size_t k = 0; k < db->n; k++)
		for (const struct conf_db *o = c->dbs; o <= db; o++)
			for (size_t m = 0; m < (o == db ? k : o->n); m++)
				if (!strcmp(o->replicas[m].store.url,
				    db->replicas[k].store.url)) {
					err_set(r->err, ERR_CONF, "%s is the "
					    "replica of two databases, or "
					    "twice of one; each needs a path "
					    "of its own",
					    db->replicas[k].store.url);
					return at_line(r, line);
				}
	return 0;
}

static int
resolve_db(struct resolve *r, const struct conf_raw_db *raw)
{
	struct conf_db *db = &r->out->dbs[r->out->n];
	const struct conf_values *own = &raw->set;

	if (check_values(r, own) < 0 || db_exclusive(r, raw) < 0)
		return -1;
	if (own->v[CONF_DIR]) /* conf_dirs would have replaced it */
		return fail(r, raw->line, "dir: cannot be used here");
	if (raw->line && !own->v[CONF_PATH])
		return fail(r, raw->line, "a database needs path:");
	r->out->n++;
	if (own->v[CONF_PATH]
	    && conf_path(own->v[CONF_PATH], &db->path, r->err) < 0)
		return at_line(r, own->line[CONF_PATH]);
	if (own->v[CONF_META_PATH]
	    && conf_path(own->v[CONF_META_PATH], &db->meta, r->err) < 0)
		return at_line(r, own->line[CONF_META_PATH]);
	db_settings(db, own, &r->raw->set);
	if (db_replicas(r, db, raw) < 0 || db_known_hosts(r, db) < 0)
		return -1;
	return db_unique(r, db, raw->line);
}

static int
resolve_dir(struct resolve *r, const struct conf_raw_db *raw)
{
	struct conf_dir *d = &r->out->dirs[r->out->n_dirs];
	const char *pattern = raw->set.v[CONF_PATTERN];

	if (check_values(r, &raw->set) < 0)
		return -1;
	if (!raw->set.v[CONF_DIR] || !pattern)
		return fail(r, raw->line, "dir: needs pattern:");
	r->out->n_dirs++;
	d->recursive = conf_get_bool(&raw->set, 0, CONF_RECURSIVE, 0);
	if (!(d->pattern = strdup(pattern)))
		return err_nomem(r->err);
	return conf_path(raw->set.v[CONF_DIR], &d->path, r->err);
}

/* ---- everything ---- */

/* Snapshots are of everything; Litestream also takes one common value from
 * the databases. */
static int
snapshot_value(struct resolve *r, enum conf_key_id id, int64_t *ms)
{
	const struct conf_values *first = 0;
	int64_t v = *ms;

	for (size_t i = 0; i < r->raw->n; i++) {
		const struct conf_values *own = &r->raw->dbs[i].set;
		int64_t n;

		if (!own->v[id])
			continue;
		n = conf_get_dur(own, 0, id, 0);
		if (first && n != v) {
			err_set(r->err, ERR_CONF, "%s: databases differ; only "
			    "one value for all of them is possible",
			    conf_key(id)->name);
			return at_line(r, own->line[id]);
		}
		v = n;
		first = own;
	}
	*ms = conf_get_dur(0, &r->raw->set, id, v);
	return 0;
}

static void
resolve_log(struct conf *c, const struct conf_values *all)
{
	const char *type = conf_get(0, all, CONF_LOG_TYPE);
	const char *level = conf_get(0, all, CONF_LOG_LEVEL);
	const char *env = getenv("LOG_LEVEL");
	char low[16];

	c->log_level = LOG_INFO;
	c->log_json = type && !strcasecmp(type, "json");
	c->log_stderr = conf_get_bool(0, all, CONF_LOG_STDERR, 0);
	if (env && *env)
		level = env;
	if (!level)
		return;
	snprintf(low, sizeof low, "%s", level);
	for (char *p = low; *p; p++)
		*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	if (!strcmp(low, "warning"))
		low[4] = 0;
	log_level_scan(low, &c->log_level);
}

/* Levels 1 to n, each at its own interval. */
static int
resolve_levels(struct resolve *r)
{
	static const int64_t usual[] = { 30000, 300000, 3600000 };
	const char *s = r->raw->set.v[CONF_LEVELS];
	struct conf *c = r->out;
	char one[64];
	size_t n;

	if (!s) {
		c->n_levels = 3;
		memcpy(c->level_ms, usual, sizeof usual);
		return 0;
	}
	for (; *s; s += n, s += *s == '\n') {
		n = strcspn(s, "\n");
		if (c->n_levels == CONF_LEVELS_MAX || n >= sizeof one) {
			err_set(r->err, ERR_CONF, "levels: at most %d, of levels "
			    "1 to %d", CONF_LEVELS_MAX, CONF_LEVELS_MAX);
			return at_line(r, r->raw->set.line[CONF_LEVELS]);
		}
		memcpy(one, s, n);
		one[n] = 0;
		when_dur_scan(one, &c->level_ms[c->n_levels++]);
	}
	return 0;
}

static int
put(struct resolve *r, char **to, enum conf_key_id id, const char *dflt)
{
	const char *s = conf_get(0, &r->raw->set, id);

	if (!s && !(s = dflt))
		return 0;
	return (*to = strdup(s)) ? 0 : err_nomem(r->err);
}

/* What the front-end and the status server go by. */
static int
resolve_fronts(struct resolve *r)
{
	const struct conf_values *all = &r->raw->set;
	const char *mode = conf_get(0, all, CONF_SOCKET_PERMISSIONS);
	struct conf *c = r->out;

	c->verify_compaction = conf_get_bool(0, all, CONF_VERIFY_COMPACTION,
	    0);
	c->validation_ms = conf_get_dur(0, all, CONF_VALIDATION_ALL, 0);
	c->socket_enabled = conf_get_bool(0, all, CONF_SOCKET_ENABLED, 0);
	c->socket_mode = mode ? (unsigned)strtoul(mode, 0, 8) : 0600;
	return put(r, &c->addr, CONF_ADDR, 0) < 0
	    || put(r, &c->exec, CONF_EXEC, 0) < 0 ? -1 : put(r,
	    &c->socket_path, CONF_SOCKET_PATH, "/var/run/litestream.sock");
}

static int
resolve_everything(struct resolve *r)
{
	const struct conf_values *all = &r->raw->set;
	const char *accept = getenv("LS_ACCEPT_REPLACEMENT");
	const char *grace = getenv("LS_SHUTDOWN_SYNC_TIMEOUT");
	struct conf *c = r->out;
	int yes;

	c->snapshot_interval_ms = c->snapshot_retention_ms = 86400000;
	if (snapshot_value(r, CONF_SNAPSHOT_INTERVAL,
	    &c->snapshot_interval_ms) < 0
	    || snapshot_value(r, CONF_SNAPSHOT_RETENTION,
	    &c->snapshot_retention_ms) < 0)
		return -1;
	if (c->snapshot_retention_ms < c->snapshot_interval_ms)
		conf_warn(r->warn, all->line[CONF_SNAPSHOT_RETENTION],
		    "snapshot.retention is shorter than snapshot.interval");
	c->l0_retention_ms = conf_get_dur(0, all, CONF_L0_RETENTION, 300000);
	c->l0_retention_check_ms = conf_get_dur(0, all, CONF_L0_CHECK, 15000);
	c->retention_enabled = conf_get_bool(0, all, CONF_RETENTION_ENABLED,
	    1);
	c->shutdown_timeout_ms = conf_get_dur(0, all, CONF_SHUTDOWN_TIMEOUT,
	    30000);
	/* An image knows how long its containers are given, a file may say
	 * something else. */
	c->shutdown_sync_timeout_ms = 30000;
	if (grace && *grace
	    && when_dur_scan(grace, &c->shutdown_sync_timeout_ms) < 0)
		return err_set(r->err, ERR_CONF, "LS_SHUTDOWN_SYNC_TIMEOUT: "
		    "not a duration: \"%.40s\"", grace);
	c->shutdown_sync_timeout_ms = conf_get_dur(0, all,
	    CONF_SHUTDOWN_SYNC_TIMEOUT, c->shutdown_sync_timeout_ms);
	c->shutdown_sync_interval_ms = conf_get_dur(0, all,
	    CONF_SHUTDOWN_SYNC_INTERVAL, 500);
	resolve_log(c, all);
	if (resolve_levels(r) < 0 || resolve_fronts(r) < 0)
		return -1;
	if (!accept || !*accept)
		return 0;
	if (conf_value_bool(accept, &yes) < 0)
		return err_set(r->err, ERR_CONF, "LS_ACCEPT_REPLACEMENT: must "
		    "be 1 or 0, not \"%.40s\"", accept);
	for (size_t i = 0; i < c->n; i++)
		c->dbs[i].accept_replacement = yes;
	return 0;
}

int
conf_resolve(struct conf *c, const struct conf_raw *raw,
    const struct conf_warn *warn, struct err *err)
{
	struct resolve r = { c, raw, warn, { 0 }, err };
	int rc = 0;

	memset(c, 0, sizeof *c);
	if (!(c->source = strdup(raw->source ? raw->source : "configuration"))
	    || (raw->n && !(c->dbs = calloc(raw->n, sizeof *c->dbs)))
	    || (raw->n_dirs
	    && !(c->dirs = calloc(raw->n_dirs, sizeof *c->dirs))))
		rc = err_nomem(err);
	if (!rc)
		rc = check_values(&r, &raw->set);
	for (size_t i = 0; i < raw->n && !rc; i++)
		rc = resolve_db(&r, &raw->dbs[i]);
	for (size_t i = 0; i < raw->n_dirs && !rc; i++)
		rc = resolve_dir(&r, &raw->dirs[i]);
	if (!rc)
		rc = resolve_everything(&r);
	if (rc < 0)
		conf_free(c);
	return rc;
}
