#include "conf/raw.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/when.h"

/* A line of printf text; the first failure is remembered in *bad. */
static void
say(stralloc *out, int *bad, const char *fmt, ...)
{
	char line[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (!stralloc_cats(out, line) || !stralloc_catb(out, "\n", 1))
		*bad = 1;
}

static void
say_dur(stralloc *out, int *bad, const char *name, int64_t ms)
{
	char s[WHEN_FMT];

	when_dur_fmt(s, ms);
	say(out, bad, "%s: %s", name, s);
}

static const char *
tri(enum store_tri t)
{
	return t == STORE_ON ? "true" : t == STORE_OFF ? "false" : "default";
}

static void
show_s3(const struct store_conf *s, stralloc *out, int *bad)
{
	say(out, bad, "        bucket: %s", s->bucket);
	say(out, bad, "        prefix: \"%s\"", s->path);
	if (s->endpoint)
		say(out, bad, "        endpoint: %s", s->endpoint);
	if (s->region)
		say(out, bad, "        region: %s", s->region);
	say(out, bad, "        force-path-style: %s",
	    tri(s->force_path_style));
	if (s->skip_verify == STORE_ON)
		say(out, bad, "        skip-verify: true");
	if (s->sign_payload != STORE_DEFAULT)
		say(out, bad, "        sign-payload: %s",
		    tri(s->sign_payload));
	if (s->require_content_md5 != STORE_DEFAULT)
		say(out, bad, "        require-content-md5: %s",
		    tri(s->require_content_md5));
	if (s->put_object_content_md5 != STORE_DEFAULT)
		say(out, bad, "        put-object-content-md5: %s",
		    tri(s->put_object_content_md5));
	if (s->storage_class)
		say(out, bad, "        storage-class: %s", s->storage_class);
	if (s->part_size)
		say(out, bad, "        part-size: %llu",
		    (unsigned long long)s->part_size);
	if (s->concurrency)
		say(out, bad, "        concurrency: %u", s->concurrency);
	if (s->sse_key)
		say(out, bad, "        sse-customer-key: (hidden)");
	if (s->sse_kms_key_id)
		say(out, bad, "        sse-kms-key-id: %s",
		    s->sse_kms_key_id);
	if (s->profile)
		say(out, bad, "        profile: %s", s->profile);
	say(out, bad, "        credentials: %s", s->access_key
	    ? "set (hidden)" : "found at run time");
}

static void
show_sftp(const struct store_conf *s, stralloc *out, int *bad)
{
	say(out, bad, "        host: %s", s->host);
	say(out, bad, "        port: %u", s->port ? s->port : 22);
	say(out, bad, "        user: %s", s->user);
	say(out, bad, "        path: \"%s\"", s->path);
	if (s->key_path)
		say(out, bad, "        key-path: %s", s->key_path);
	if (s->password)
		say(out, bad, "        password: set (hidden)");
	if (!s->key_path && !s->password)
		say(out, bad, "        credentials: ssh-agent");
	if (s->host_key)
		say(out, bad, "        host-key: %s", s->host_key);
	else if (s->known_hosts)
		say(out, bad, "        host keys remembered in: %s%s",
		    s->known_hosts, s->strict_host ? " (strict)" : "");
	if (s->plod)
		say(out, bad, "        concurrent-writes: false");
}

static void
show_v03(const struct conf_replica *r, stralloc *out, int *bad)
{
	say(out, bad, "        format: v0.3");
	say_dur(out, bad, "        retention", r->retention_ms);
	say_dur(out, bad, "        retention-check-interval",
	    r->retention_check_ms);
	say_dur(out, bad, "        snapshot-interval",
	    r->snapshot_interval_ms);
}

static void
show_keep(const struct conf_db *db, stralloc *out, int *bad)
{
	const struct retain_keep *k = &db->keep;
	char all[WHEN_FMT];

	when_dur_fmt(all, k->all_ms);
	if (k->all_ms || k->daily || k->weekly || k->monthly)
		say(out, bad, "    keep: {all: %s, daily: %u, weekly: %u, "
		    "monthly: %u}", all, k->daily, k->weekly, k->monthly);
	say_dur(out, bad, "    verify.interval", db->verify_interval_ms);
	if (db->verify_pace)
		say(out, bad, "    verify.pace: %llu",
		    (unsigned long long)db->verify_pace);
}

static void
show_db(const struct conf_db *db, stralloc *out, int *bad)
{
	say(out, bad, "  - path: %s", db->path ? db->path : "(none)");
	if (db->meta)
		say(out, bad, "    meta-path: %s", db->meta);
	say_dur(out, bad, "    monitor-interval", db->monitor_interval_ms);
	say_dur(out, bad, "    checkpoint-interval",
	    db->checkpoint_interval_ms);
	say_dur(out, bad, "    busy-timeout", db->busy_timeout_ms);
	say(out, bad, "    min-checkpoint-page-count: %lu",
	    (unsigned long)db->min_checkpoint_pages);
	say(out, bad, "    max-checkpoint-page-count: %lu",
	    (unsigned long)db->max_checkpoint_pages);
	say(out, bad, "    max-sync-wal-bytes: %llu",
	    (unsigned long long)db->max_sync_wal_bytes);
	say(out, bad, "    ltx-encoding: %s",
	    db->encoding == LTX_FRAME ? "frame" : "block");
	say(out, bad, "    restore-if-db-not-exists: %s",
	    db->restore_if_missing ? "true" : "false");
	say(out, bad, "    accept-replacement: %s",
	    db->accept_replacement ? "true" : "false");
	show_keep(db, out, bad);
	say(out, bad, "    replicas:%s", db->n ? "" : " []");
	for (size_t i = 0; i < db->n; i++) {
		const struct conf_replica *r = &db->replicas[i];

		say(out, bad, "      - name: %s", r->name);
		say(out, bad, "        url: %s", r->store.url);
		if (r->format == CONF_FORMAT_V03)
			show_v03(r, out, bad);
		say_dur(out, bad, "        sync-interval",
		    r->sync_interval_ms);
		say(out, bad, "        max-sync-ltx-files: %u",
		    r->max_sync_files);
		say(out, bad, "        auto-recover: %s",
		    r->auto_recover ? "true" : "false");
		if (r->store.age_identities)
			say(out, bad, "        age.identities: set (hidden)");
		if (r->store.age_recipients)
			say(out, bad, "        age.recipients: set");
		if (r->store.type == STORE_S3)
			show_s3(&r->store, out, bad);
		if (r->store.type == STORE_SFTP)
			show_sftp(&r->store, out, bad);
	}
}

int
conf_show(const struct conf *c, stralloc *out, struct err *err)
{
	static const char *const levels[] = {
		"trace", "debug", "info", "warn", "error"
	};
	int bad = 0;

	say(out, &bad, "# from %s", c->source);
	say(out, &bad, "logging: {level: %s, type: %s}",
	    levels[c->log_level], c->log_json ? "json" : "text");
	for (unsigned i = 0; i < c->n_levels; i++) {
		char name[32];

		snprintf(name, sizeof name, "levels[%u].interval", i);
		say_dur(out, &bad, name, c->level_ms[i]);
	}
	say_dur(out, &bad, "snapshot.interval", c->snapshot_interval_ms);
	say_dur(out, &bad, "snapshot.retention", c->snapshot_retention_ms);
	say_dur(out, &bad, "l0-retention", c->l0_retention_ms);
	say_dur(out, &bad, "l0-retention-check-interval",
	    c->l0_retention_check_ms);
	say(out, &bad, "retention.enabled: %s",
	    c->retention_enabled ? "true" : "false");
	say_dur(out, &bad, "shutdown-timeout", c->shutdown_timeout_ms);
	say_dur(out, &bad, "shutdown-sync-timeout",
	    c->shutdown_sync_timeout_ms);
	say_dur(out, &bad, "shutdown-sync-interval",
	    c->shutdown_sync_interval_ms);
	say(out, &bad, "dbs:%s", c->n ? "" : " []");
	for (size_t i = 0; i < c->n; i++)
		show_db(&c->dbs[i], out, &bad);
	return bad ? err_nomem(err) : 0;
}
