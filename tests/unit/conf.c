#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "conf/raw.h"

static struct err err;
static char warned[4096];

static void
say(void *ctx, unsigned line, const char *text)
{
	size_t n = strlen(warned);

	(void)ctx;
	snprintf(warned + n, sizeof warned - n, "%u: %s\n", line, text);
}

static const struct conf_warn warn = { say, 0 };

/* What the programs do with a file: YAML, records, records back, resolved. */
static int
load(struct conf *c, const char *yaml)
{
	struct conf_raw raw = { 0 }, again = { 0 };
	stralloc sa = STRALLOC_ZERO;
	int r;

	*warned = 0;
	raw.source = strdup("f.yml");
	r = conf_yaml(&raw, yaml, strlen(yaml), &warn, &err);
	if (!r)
		r = conf_dirs(&raw, &warn, &err);
	if (!r)
		r = conf_resolve(c, &raw, &warn, &err);
	if (!r) {
		assert_int_equal(conf_raw_write(&raw, &sa, &err), 0);
		if (conf_raw_read(&again, sa.s, sa.len, &err) < 0)
			fail_msg("%s: %.*s", err.msg, (int)sa.len, sa.s);
		conf_free(c);
		r = conf_resolve(c, &again, 0, &err);
		assert_int_equal(r, 0);
	}
	stralloc_free(&sa);
	conf_raw_free(&raw);
	conf_raw_free(&again);
	return r;
}

static struct conf
good(const char *yaml)
{
	struct conf c;

	if (load(&c, yaml) < 0)
		fail_msg("%s\n%s", err.msg, yaml);
	return c;
}

#define DB "dbs:\n- path: /d/a.db\n"

static void
defaults_are_those_of_litestream(void **state)
{
	struct conf c = good(DB "  replica: {url: 's3://b/p'}\n");
	const struct conf_db *d = c.dbs;

	(void)state;
	assert_int_equal(c.n, 1);
	assert_string_equal(c.source, "f.yml");
	assert_int_equal(c.snapshot_interval_ms, 86400000);
	assert_int_equal(c.snapshot_retention_ms, 86400000);
	assert_int_equal(c.l0_retention_ms, 300000);
	assert_int_equal(c.l0_retention_check_ms, 15000);
	assert_int_equal(c.retention_enabled, 1);
	assert_int_equal(c.shutdown_timeout_ms, 30000);
	assert_int_equal(c.shutdown_sync_timeout_ms, 30000);
	assert_int_equal(c.shutdown_sync_interval_ms, 500);
	assert_int_equal(c.log_level, LOG_INFO);
	assert_string_equal(d->path, "/d/a.db");
	assert_null(d->meta);
	assert_int_equal(d->monitor_interval_ms, 1000);
	assert_int_equal(d->checkpoint_interval_ms, 60000);
	assert_int_equal(d->busy_timeout_ms, 1000);
	assert_int_equal(d->sync_interval_ms, 1000);
	assert_int_equal(d->min_checkpoint_pages, 1000);
	assert_int_equal(d->max_checkpoint_pages, 121359);
	assert_int_equal(d->max_sync_wal_bytes, 67108864);
	assert_int_equal(d->encoding, LTX_BLOCK);
	assert_int_equal(d->n, 1);
	assert_int_equal(d->replicas[0].sync_interval_ms, 1000);
	assert_int_equal(d->replicas[0].max_sync_files, 256);
	assert_string_equal(d->replicas[0].name, "s3");
	assert_string_equal(d->replicas[0].store.url, "s3://b/p");
	assert_int_equal(d->replicas[0].store.force_path_style,
	    STORE_DEFAULT);
	conf_free(&c);
	conf_free(&c);
}

static void
settings_are_taken_and_inherited(void **state)
{
	struct conf c = good("sync-interval: 5s\nregion: r0\n"
	    "access-key-id: id\nsecret-access-key: sec\n"
	    "ltx-encoding: block\nbusy-timeout: 2s\n"
	    "logging: {level: WARN, type: json}\nl0-retention: 0s\n"
	    "retention: {enabled: no}\nshutdown-sync-timeout: 1m\n"
	    "dbs:\n"
	    "- path: sqlite:///d/../e/a.db\n  meta-path: /m/\n"
	    "  max-checkpoint-page-count: 0\n  checkpoint-interval: 0\n"
	    "  replicas:\n"
	    "  - {type: s3, bucket: b, path: /lead/db/, sync-interval: 1500ms,"
	    " name: n1, region: r1, part-size: 16MiB, concurrency: 3,"
	    " endpoint: s3.example.com, force-path-style: off,"
	    " storage-class: GLACIER, skip-verify: true}\n"
	    "  - {url: 'file:///r/x', ltx-encoding: frame}\n"
	    "- path: /d/b.db\n  truncate-page-n: 7\n  busy-timeout: 3s\n"
	    "  replica: {path: /r/b, max-sync-ltx-files: 0}\n"
	    "  restore-if-db-not-exists: true\n  accept-replacement: true\n");
	const struct conf_db *a = c.dbs, *b = a + 1;
	const struct store_conf *s = &a->replicas[0].store;

	(void)state;
	assert_int_equal(c.log_level, LOG_WARN);
	assert_int_equal(c.log_json, 1);
	assert_int_equal(c.l0_retention_ms, 0);
	assert_int_equal(c.retention_enabled, 0);
	assert_int_equal(c.shutdown_sync_timeout_ms, 60000);
	assert_string_equal(a->path, "/e/a.db");
	assert_string_equal(a->meta, "/m");
	assert_int_equal(a->max_checkpoint_pages, 0);
	assert_int_equal(a->checkpoint_interval_ms, 0);
	assert_int_equal(a->sync_interval_ms, 1500);
	assert_int_equal(a->busy_timeout_ms, 2000);
	assert_int_equal(a->encoding, LTX_FRAME);
	assert_int_equal(a->n, 2);
	assert_string_equal(a->replicas[0].name, "n1");
	assert_int_equal(s->type, STORE_S3);
	assert_string_equal(s->path, "/lead/db/");
	assert_string_equal(s->region, "r1");
	assert_string_equal(s->access_key, "id");
	assert_string_equal(s->secret_key, "sec");
	assert_string_equal(s->endpoint, "https://s3.example.com");
	assert_int_equal(s->force_path_style, STORE_OFF);
	assert_int_equal(s->skip_verify, STORE_ON);
	assert_string_equal(s->storage_class, "GLACIER");
	assert_int_equal(s->part_size, 16777216);
	assert_int_equal(s->concurrency, 3);
	assert_int_equal(a->replicas[1].store.type, STORE_FILE);
	assert_string_equal(a->replicas[1].store.path, "/r/x");
	assert_string_equal(a->replicas[1].name, "file");
	assert_int_equal(a->replicas[1].sync_interval_ms, 5000);
	assert_int_equal(b->encoding, LTX_BLOCK);
	assert_int_equal(b->max_checkpoint_pages, 7);
	assert_int_equal(b->busy_timeout_ms, 3000);
	assert_int_equal(b->restore_if_missing, 1);
	assert_int_equal(b->accept_replacement, 1);
	assert_int_equal(b->replicas[0].max_sync_files, 0);
	assert_string_equal(b->replicas[0].store.url, "file:///r/b");
	assert_ptr_equal(conf_db_find(&c, "/d/x/../b.db"), b);
	assert_null(conf_db_find(&c, "/d/c.db"));
	conf_free(&c);
}

static void
prefixes_are_formed_as_litestream_forms_them(void **state)
{
	static const struct { const char *replica, *path, *bucket, *endpoint; }
	    t[] = {
		{ "{type: s3, bucket: b}", "", "b", 0 },
		{ "{url: 's3://b'}", ".", "b", 0 },
		{ "{url: 's3://b/'}", "", "b", 0 },
		{ "{type: s3, bucket: b, path: /lead/db/}", "/lead/db/", "b",
		    0 },
		{ "{type: s3, bucket: 's3://mybkt.localhost:9000/', path: m}",
		    "m", "mybkt", "http://localhost:9000" },
		{ "{type: s3, bucket: 's3://mybkt.localhost:9000/'}", "",
		    "mybkt", "http://localhost:9000" },
		{ "{type: s3, bucket: 's3://b/x/y'}", "x/y", "b", 0 },
		{ "{type: s3, bucket: b, endpoint: 'localhost:9000'}", "",
		    "b", "https://localhost:9000" },
		{ "{url: 's3://b.localhost:1/p', endpoint: 'http://h:2'}",
		    "p", "b", "http://h:2" },
		{ "{type: gs, url: 's3://b/p'}", "p", "b", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char yaml[512];
		struct conf c;
		const struct store_conf *s;

		snprintf(yaml, sizeof yaml, DB "  replica: %s\n", t[i].replica);
		c = good(yaml);
		s = &c.dbs[0].replicas[0].store;
		assert_string_equal(s->path, t[i].path);
		assert_string_equal(s->bucket, t[i].bucket);
		if (t[i].endpoint) {
			assert_string_equal(s->endpoint, t[i].endpoint);
			assert_int_equal(s->force_path_style, STORE_ON);
		} else
			assert_null(s->endpoint);
		conf_free(&c);
	}
}

static void
sftp_is_taken_as_litestream_takes_it(void **state)
{
	static const struct {
		const char *replica, *url, *host, *user, *password, *path;
		unsigned port;
		int plod;
	} t[] = {
		{ "{type: sftp, host: h, user: u, password: p, path: /r/db}",
		    "sftp://u@h/r/db", "h", "u", "p", "/r/db", 0, 0 },
		{ "{type: sftp, host: 'h:2022', user: u, path: r/db/, "
		    "concurrent-writes: false}", "sftp://u@h:2022/~/r/db", "h",
		    "u", 0, "r/db", 2022, 1 },
		{ "{type: sftp, host: '[::1]:22', user: u}", "sftp://u@[::1]",
		    "::1", "u", 0, "", 22, 0 },
		{ "{url: 'sftp://u:p@h//r/'}", "sftp://u@h/r", "h", "u", "p",
		    "/r", 0, 0 },
		{ "{url: 'sftp://u:p@h', user: v, password: q}", "sftp://v@h",
		    "h", "v", "q", "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char yaml[512];
		const struct store_conf *s;
		struct conf c;

		snprintf(yaml, sizeof yaml, "key-path: /k\n" DB
		    "  replica: %s\n", t[i].replica);
		c = good(yaml);
		s = &c.dbs[0].replicas[0].store;
		assert_int_equal(s->type, STORE_SFTP);
		assert_string_equal(s->url, t[i].url);
		assert_string_equal(s->host, t[i].host);
		assert_string_equal(s->user, t[i].user);
		if (t[i].password)
			assert_string_equal(s->password, t[i].password);
		else
			assert_null(s->password);
		assert_string_equal(s->path, t[i].path);
		assert_string_equal(s->key_path, "/k");
		assert_string_equal(s->known_hosts,
		    "/d/.a.db-litestream/known_hosts");
		assert_int_equal(s->port, t[i].port);
		assert_int_equal(s->plod, t[i].plod);
		assert_string_equal(c.dbs[0].replicas[0].name, "sftp");
		conf_free(&c);
	}
}

static void
providers_have_their_needs(void **state)
{
	struct conf c = good(DB "  replica: {type: s3, bucket: b, endpoint: "
	    "'https://fly.storage.tigris.dev'}\n");
	const struct store_conf *s = &c.dbs[0].replicas[0].store;

	(void)state;
	assert_int_equal(s->require_content_md5, STORE_OFF);
	assert_int_equal(s->part_size, 16777216);
	assert_int_equal(s->concurrency, 2);
	conf_free(&c);
	c = good(DB "  replica: {type: s3, bucket: b, part-size: 5MB, "
	    "require-content-md5: true, endpoint: 't3.storage.dev'}\n");
	s = &c.dbs[0].replicas[0].store;
	assert_int_equal(s->require_content_md5, STORE_ON);
	assert_int_equal(s->part_size, 5242880);
	conf_free(&c);
	c = good(DB "  replica: {type: s3, bucket: b, endpoint: "
	    "'https://x.r2.cloudflarestorage.com'}\n");
	assert_int_equal(c.dbs[0].replicas[0].store.concurrency, 2);
	conf_free(&c);
}

static void
impossible_values_are_refused_with_their_line(void **state)
{
	static const char *const t[][2] = {
		{ "dbs: 5\n", "f.yml:1: dbs: must be a list" },
		{ "- a\n", "f.yml:1: must be settings" },
		{ "dbs:\n- 7\n", "f.yml:2: must be settings" },
		{ "a: [\n", "f.yml:2: not valid YAML" },
		{ "dbs:\n- meta-path: /x\n", "f.yml:2: a database needs path" },
		{ "region: a\nregion: b\n", "f.yml:2: region: given twice" },
		{ DB "- path: /d/x/../a.db\n", "f.yml:3: /d/a.db is listed "
		    "twice" },
		{ DB "  busy-timeout: 5\n", "f.yml:3: busy-timeout: \"5\" is "
		    "no duration; write it as" },
		{ DB "  monitor-interval: 0s\n", "must be more than 0" },
		{ DB "  checkpoint-interval: -1s\n", "must not be negative" },
		{ DB "  min-checkpoint-page-count: x\n", "whole number" },
		{ DB "  min-checkpoint-page-count: 0\n", "must be from 1" },
		{ DB "  accept-replacement: maybe\n", "true or false" },
		{ DB "  max-sync-wal-bytes: 5XB\n", "is no size" },
		{ DB "  meta-path: [a]\n", "must be a single value" },
		{ DB "  snapshot: 24h\n", "needs settings below it" },
		{ DB "  pattern: '*'\n", "only goes with dir:" },
		{ DB "  dir: /x\n", "exclude each other" },
		{ "dbs:\n- dir: /x\n", "dir: needs pattern:" },
		{ "dbs:\n- dir: /none\n  pattern: '*'\n", "f.yml:2: look "
		    "at /none" },
		{ "dbs:\n- dir: /proc/self/fdinfo\n  pattern: '*'\n",
		    "no SQLite database *" },
		{ DB "  replica: {}\n  replicas: [{path: /a}]\n",
		    "cannot have both" },
		{ DB "  replicas: {path: /a}\n", "must be a list" },
		{ DB "  replica: {}\n", "a file replica needs path:" },
		{ DB "  replica: {path: 's3://b'}\n", "give it as url:" },
		{ DB "  replica: {bucket: b, path: p}\n", "add type: s3" },
		{ DB "  replica: {type: s3}\n", "needs bucket: or url:" },
		{ DB "  replica: {type: s3, bucket: 'gs://b'}\n",
		    "not yet supported" },
		{ DB "  replica: {type: s3, bucket: 's3://b/x', path: y}\n",
		    "keep one" },
		{ DB "  replica: {type: gs, bucket: b}\n",
		    "gs replicas are not yet supported" },
		{ DB "  replica: {type: s4}\n", "not yet supported" },
		{ DB "  replica: {url: 'sftp://h/p'}\n", "needs user:" },
		{ DB "  replica: {url: 'sftp://u:hunter2@h/p?q'}\n", "%3F" },
		{ DB "  replica: {type: sftp, path: /p}\n", "needs host:" },
		{ DB "  replica: {type: sftp, host: 'h:x', user: u}\n",
		    "port" },
		{ DB "  replica: {type: sftp, host: h, path: 'file:///x'}\n",
		    "path: cannot be a URL" },
		{ DB "  replica: {type: sftp, host: h, user: u, "
		    "concurrent-writes: maybe}\n", "true or false" },
		{ DB "  replica: {url: 'sftp://u@h/p', path: p}\n",
		    "exclude each other" },
		{ DB "  replica: {url: 's3://b', path: p}\n",
		    "exclude each other" },
		{ DB "  replica: {url: 's3://b', bucket: p}\n",
		    "exclude each other" },
		{ DB "  replica: {url: 's3://b', access-key-id: p}\n",
		    "go together" },
		{ DB "  replica: {url: 's3://b', sse-customer-key: hunter2}\n",
		    "32 bytes in base64" },
		{ DB "  replica: {url: 's3://b', sse-kms-key-id: k,"
		    " sse-customer-key: hunter2}\n", "exclude each other" },
		{ DB "  replica: {url: 's3://b', sse-customer-algorithm: "
		    "DES}\n", "must be one of: AES256" },
		{ DB "  replica: {url: 's3://b', endpoint: 'http://s3.example"
		    ".com', sse-customer-key: "
		    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}\n",
		    "https://" },
		{ DB "  replica:\n    path: /r\n    age:\n      identities: "
		    "[age1x]\n", "f.yml:6: age.identities: line 1 " },
		{ "age: {identities: [x]}\n" DB "  replica: {path: /r}\n",
		    "f.yml:1: age.identities: line 1 of the age identities is "
		    "no identity" },
		{ "age: {identities: ['# none']}\n" DB "  replica: {path: /r}\n",
		    "age.identities: no identity in it" },
		{ "age: {identities-file: /no/such}\n" DB
		    "  replica: {path: /r}\n", "age.identities-file: open" },
		{ DB "  replica: {path: /r, sync-interval: 0s}\n",
		    "must be more than 0" },
		{ DB "  replica: {path: /r, ltx-encoding: gzip}\n",
		    "one of: block frame" },
		{ DB "  replica: {path: /r}\n- path: /d/b.db\n  replica: "
		    "{path: /r/}\n", "each needs a path of its own" },
		{ DB "  replicas: [{path: /r}, {path: /r}]\n",
		    "each needs a path of its own" },
		{ DB "  snapshot: {retention: 1h}\n- path: /d/b.db\n"
		    "  snapshot: {retention: 24h}\n", "databases differ" },
		{ "heartbeat-url: ftp://x\n", "http:// or https://" },
		{ "heartbeat-interval: 1s\n", "at least 1m0s" },
		{ "levels: [{interval: 0s}]\n", "more than 0" },
		{ "levels: [30s]\n", "wrong kind" },
		{ "logging: {level: loud}\n", "one of: trace" },
		{ "socket: {permissions: 999}\n", "octal" },
		{ "a: &a\n  b: *a\ndbs: [*a]\n", "a database needs path" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct conf c;

		err_clear(&err);
		if (load(&c, t[i][0]) != -1)
			fail_msg("accepted:\n%s", t[i][0]);
		if (err.kind != ERR_CONF || !strstr(err.msg, t[i][1])
		    || strncmp(err.msg, "f.yml:", 6))
			fail_msg("%s\n%s", err.msg, t[i][0]);
		assert_null(strstr(err.msg, "hunter2"));
		assert_null(strstr(warned, "hunter2"));
	}
}

static void
oddities_are_told_once(void **state)
{
	struct conf c = good("colour: red\nmcp-addr: ':9090'\nlevels:\n"
	    "- interval: 30s\n- interval: 5m\nsocket:\n  enabled: true\n"
	    "path: /x\nmonitor-intervall: 1s\n"
	    DB "  dbs: []\n  sync-interval: 1s\n  replica:\n    path: /r\n"
	    "    retention: 24h\n"
	    "- path: /d/b.db\n  replica: {path: /s, retention: 1h}\n");

	(void)state;
	assert_string_equal(warned,
	    "1: colour: unknown key, ignored\n"
	    "8: path: has no meaning here and is ignored; it belongs in a "
	    "replica\n"
	    "9: monitor-intervall: unknown key, ignored\n"
	    "12: dbs: unknown key, ignored\n"
	    "13: sync-interval: has no meaning here and is ignored; it "
	    "belongs at the top of the file\n"
	    "2: mcp-addr: accepted, but not supported; it has no effect: nothing "
	    "listens there\n"
	    "16: retention: has had no effect since Litestream 0.5\n");
	conf_free(&c);
}

static void
empty_and_null_are_not_set(void **state)
{
	struct conf c = good("");

	(void)state;
	assert_int_equal(c.n, 0);
	conf_free(&c);
	c = good("dbs:\nsnapshot:\nregion: ~\n");
	assert_int_equal(c.n, 0);
	conf_free(&c);
	c = good("endpoint: ''\n" DB "  monitor-interval:\n"
	    "  replica: {url: 's3://b/p', sync-interval: null}\n");
	assert_null(c.dbs[0].replicas[0].store.endpoint);
	assert_int_equal(c.dbs[0].replicas[0].sync_interval_ms, 1000);
	conf_free(&c);
}

static void
put_db(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite("SQLite format 3", 1, 16, f), 16);
	fclose(f);
}

static void
a_folder_is_a_database_for_each_file(void **state)
{
	char dir[] = "/tmp/ls-unit-conf.XXXXXX", yaml[1024], cmd[128];
	struct conf c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(cmd, sizeof cmd, "mkdir -p %s/s/.z.db-litestream", dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(chdir(dir), 0);
	put_db("b.db");
	put_db("a.txt");
	put_db("s/x y%.db");
	put_db("s/.z.db-litestream/no.db");
	snprintf(yaml, sizeof yaml, "dbs:\n- dir: %s/\n  pattern: '*.db'\n"
	    "  recursive: true\n  meta-path: /m\n  busy-timeout: 7s\n"
	    "  replicas:\n  - {type: s3, bucket: b, path: /l/}\n"
	    "  - {url: 's3://b/p/?region=r'}\n  - {url: 's3://c'}\n"
	    "  - {type: s3, bucket: d}\n  - {path: /r}\n"
	    "- {path: /d/a.db}\n"
	    "- dir: %s\n  pattern: '*.txt'\n  meta-dir: /m\n", dir, dir);
	c = good(yaml);
	assert_string_equal(warned, "");
	assert_int_equal(c.n, 4);
	assert_string_equal(c.dbs[1].meta, "/m/s/.x y%.db-litestream");
	assert_int_equal(c.dbs[1].busy_timeout_ms, 7000);
	assert_string_equal(c.dbs[1].replicas[0].store.path, "/l/s/x y%.db");
	assert_string_equal(c.dbs[1].replicas[1].store.path, "p/s/x y%.db");
	assert_string_equal(c.dbs[1].replicas[1].store.region, "r");
	assert_string_equal(c.dbs[1].replicas[2].store.path, "s/x y%.db");
	assert_string_equal(c.dbs[1].replicas[3].store.path, "s/x y%.db");
	assert_string_equal(c.dbs[1].replicas[4].store.path, "/r/s/x y%.db");
	assert_string_equal(c.dbs[0].replicas[1].store.path, "p/b.db");
	assert_string_equal(c.dbs[0].meta, "/m/.b.db-litestream");
	assert_string_equal(c.dbs[2].path, "/d/a.db");
	assert_string_equal(c.dbs[3].meta, "/m/a.txt-litestream");
	conf_free(&c);
	snprintf(yaml, sizeof yaml, "dbs:\n- dir: %s\n  pattern: '*.no'\n"
	    "  watch: true\n", dir);
	c = good(yaml);
	assert_int_equal(c.n, 0);
	assert_string_equal(warned, "");
	assert_int_equal(c.n_dirs, 1);
	assert_string_equal(c.dirs[0].path, dir);
	assert_string_equal(c.dirs[0].pattern, "*.no");
	assert_int_equal(c.dirs[0].recursive, 0);
	conf_free(&c);
	snprintf(yaml, sizeof yaml, "dbs:\n- dir: %s\n  pattern: '*.txt'\n"
	    "  watch: true\n", dir);
	c = good(yaml);
	assert_int_equal(c.n, 1);
	assert_int_equal(c.n_dirs, 1);
	conf_free(&c);
	assert_int_equal(chdir("/"), 0);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

static void
anchors_and_merges_work(void **state)
{
	struct conf c = good("x: &d {sync-interval: 9s, path: /no}\ndbs:\n"
	    "- path: /d/a.db\n  replica:\n    <<: *d\n    path: /r\n");

	(void)state;
	assert_int_equal(c.dbs[0].replicas[0].sync_interval_ms, 9000);
	assert_string_equal(c.dbs[0].replicas[0].store.path, "/r");
	conf_free(&c);
}

static void
alias_bombs_end(void **state)
{
	stralloc sa = STRALLOC_ZERO;
	char line[256];
	struct conf c;

	(void)state;
	assert_true(stralloc_cats(&sa, "a0: &a0 {path: /x}\n"));
	for (int i = 1; i < 30; i++) {
		snprintf(line, sizeof line, "a%d: &a%d [*a%d, *a%d, *a%d]\n",
		    i, i, i - 1, i - 1, i - 1);
		assert_true(stralloc_cats(&sa, line));
	}
	assert_true(stralloc_cats(&sa, "levels: *a29\n"));
	assert_true(stralloc_catb(&sa, "", 1));
	assert_int_equal(load(&c, sa.s), -1);
	stralloc_free(&sa);
	/* a thousand databases of one large mapping */
	assert_true(stralloc_cats(&sa, "x: &x {"));
	for (int i = 0; i < 1000; i++) {
		snprintf(line, sizeof line, "k%d: 1, ", i);
		assert_true(stralloc_cats(&sa, line));
	}
	assert_true(stralloc_cats(&sa, "z: 1}\ndbs:\n"));
	for (int i = 0; i < 1000; i++)
		assert_true(stralloc_cats(&sa, "- *x\n"));
	assert_true(stralloc_catb(&sa, "", 1));
	assert_int_equal(load(&c, sa.s), -1);
	assert_non_null(strstr(err.msg, "too large"));
	stralloc_free(&sa);
}

static void
nothing_secret_is_shown(void **state)
{
	struct conf c = good("access-key-id: hunter1\n"
	    "secret-access-key: hunter2\n" DB "  replica:\n"
	    "    url: s3://b/p?sseCustomerKey="
	    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY%3D\n");
	stralloc sa = STRALLOC_ZERO;

	(void)state;
	assert_int_equal(conf_show(&c, &sa, &err), 0);
	assert_true(stralloc_catb(&sa, "", 1));
	assert_null(strstr(sa.s, "hunter"));
	assert_null(strstr(sa.s, "MDEy"));
	assert_non_null(strstr(sa.s, "url: s3://b/p\n"));
	assert_non_null(strstr(sa.s, "(hidden)"));
	stralloc_free(&sa);
	conf_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_litestream),
		cmocka_unit_test(settings_are_taken_and_inherited),
		cmocka_unit_test(prefixes_are_formed_as_litestream_forms_them),
		cmocka_unit_test(sftp_is_taken_as_litestream_takes_it),
		cmocka_unit_test(providers_have_their_needs),
		cmocka_unit_test(impossible_values_are_refused_with_their_line),
		cmocka_unit_test(oddities_are_told_once),
		cmocka_unit_test(empty_and_null_are_not_set),
		cmocka_unit_test(a_folder_is_a_database_for_each_file),
		cmocka_unit_test(anchors_and_merges_work),
		cmocka_unit_test(alias_bombs_end),
		cmocka_unit_test(nothing_secret_is_shown),
	};

	unsetenv("LOG_LEVEL");
	unsetenv("LS_ACCEPT_REPLACEMENT");
	unsetenv("AWS_REGION");
	unsetenv("AWS_DEFAULT_REGION");
	return cmocka_run_group_tests(tests, 0, 0);
}
