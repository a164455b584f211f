#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/s3_addr.h"
#include "store/store.h"

/* ---- names ---- */

static void
layouts_are_litestreams(void **state)
{
	static const struct {
		enum store_type type;
		const char *path, *want;
	} v[] = {
		{ STORE_S3, "some/db", "some/db/0009/" },
		{ STORE_S3, "", "/0009/" },
		{ STORE_S3, ".", "./0009/" },
		{ STORE_S3, "/lead/db/", "/lead/db//0009/" },
		{ STORE_FILE, "/r/db", "/r/db/ltx/9/" },
		{ STORE_FILE, "/r/db/", "/r/db/ltx/9/" },
		{ STORE_FILE, "/", "/ltx/9/" },
		{ STORE_SFTP, "/r/db", "/r/db/ltx/9/" },
		{ STORE_SFTP, "r/db", "r/db/ltx/9/" },
		{ STORE_SFTP, "", "ltx/9/" },
		{ STORE_SFTP, "/", "/ltx/9/" },
	};
	struct err e = { 0 };
	char *s;

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct store_conf c = { .type = v[i].type,
			.path = (char *)v[i].path };

		assert_int_equal(store_level_prefix(&c, 9, &s, &e), 0);
		assert_string_equal(s, v[i].want);
		free(s);
		assert_int_equal(store_ltx_key(&c, 0, 1, 0xabc, &s, &e), 0);
		assert_string_equal(s + strlen(s) - 37,
		    "0000000000000001-0000000000000abc.ltx");
		free(s);
		assert_int_equal(store_level_prefix(&c, 10, &s, &e), -1);
	}
}

static void
names_people_write_become_keys(void **state)
{
#define NAME "0000000000000002-0000000000000003.ltx"
	static const struct {
		int level;
		const char *name, *s3, *file;
	} v[] = {
		{ -1, NAME, "p/0000/" NAME, "/p/ltx/0/" NAME },
		{ 9, NAME, "p/0009/" NAME, "/p/ltx/9/" NAME },
		{ -1, "9/" NAME, "p/0009/" NAME, "/p/ltx/9/" NAME },
		{ -1, "0001/" NAME, "p/0001/" NAME, "/p/ltx/1/" NAME },
		{ -1, "a/" NAME, "p/a/" NAME, "/p/a/" NAME },
		{ -1, "x.ltx", "p/x.ltx", "/p/x.ltx" },
	};
	struct store_conf s3 = { .type = STORE_S3, .path = (char *)"p" };
	struct store_conf file = { .type = STORE_FILE, .path = (char *)"/p" };
	struct err e = { 0 };
	char *s;

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		assert_int_equal(store_name_key(&s3, v[i].level, v[i].name, &s,
		    &e), 0);
		assert_string_equal(s, v[i].s3);
		free(s);
		assert_int_equal(store_name_key(&file, v[i].level, v[i].name,
		    &s, &e), 0);
		assert_string_equal(s, v[i].file);
		free(s);
	}
}

static void
buckets_have_addresses(void **state)
{
	static const struct {
		const char *bucket, *endpoint, *region;
		int path_style;
		const char *origin, *prefix;
	} v[] = {
		{ "b", 0, "eu-west-1", -1,
		    "https://b.s3.eu-west-1.amazonaws.com", "" },
		{ "b.c", 0, "us-east-1", -1,
		    "https://s3.us-east-1.amazonaws.com", "/b.c" },
		{ "b", 0, "cn-north-1", 1,
		    "https://s3.cn-north-1.amazonaws.com.cn", "/b" },
		{ "b", "http://127.0.0.1:9000", "us-east-1", -1,
		    "http://127.0.0.1:9000", "/b" },
		{ "b", "http://[::1]:9000/", "us-east-1", -1,
		    "http://[::1]:9000", "/b" },
		{ "b", "https://x.test:443", "us-east-1", 0,
		    "https://b.x.test", "" },
		{ "b", "https://x.test/storage/v1/s3/", "us-east-1", -1,
		    "https://x.test", "/storage/v1/s3/b" },
		{ "arn:aws:s3:us-west-2:123456789012:accesspoint/my-ap", 0,
		    "us-west-2", -1, "https://my-ap-123456789012.s3-accesspoint"
		    ".us-west-2.amazonaws.com", "" },
	};
	struct s3_addr a;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct store_conf c = { .bucket = (char *)v[i].bucket,
			.endpoint = (char *)v[i].endpoint,
			.force_path_style = v[i].path_style };

		assert_int_equal(s3_addr_make(&a, &c, v[i].region, &e), 0);
		assert_string_equal(a.origin, v[i].origin);
		assert_string_equal(a.prefix, v[i].prefix);
		assert_string_equal(a.host, strstr(a.origin, "://") + 3);
		s3_addr_free(&a);
	}
	for (int i = 0; i < 3; i++) {
		struct store_conf c = { .bucket = i == 2 ? "" : "b",
			.endpoint = i == 0 ? "x.test" : i == 1 ? "http://" : 0 };

		assert_int_equal(s3_addr_make(&a, &c, "r", &e), -1);
		assert_int_equal(e.kind, ERR_CONF);
		s3_addr_free(&a);
	}
}

static void
settings_copy_and_wipe(void **state)
{
	struct store_conf a, b;
	struct err e = { 0 };

	(void)state;
	store_conf_init(&a);
	a.bucket = strdup("b");
	a.secret_key = strdup("s");
	a.sse_kms_key_id = strdup("k");
	a.part_size = 7;
	assert_int_equal(store_conf_copy(&b, &a, &e), 0);
	store_conf_free(&a);
	store_conf_free(&a);
	assert_null(a.secret_key);
	assert_string_equal(b.secret_key, "s");
	assert_string_equal(b.sse_kms_key_id, "k");
	assert_int_equal(b.part_size, 7);
	store_conf_free(&b);
}

/* ---- folders ---- */

struct folder {
	char dir[64];
	struct store_conf c;
	struct store *s;
};

static int
setup(void **state)
{
	struct folder *f = calloc(1, sizeof *f);
	struct err e = { 0 };

	strcpy(f->dir, "/tmp/ls-store.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	store_conf_init(&f->c);
	f->c.path = strdup(f->dir);
	assert_int_equal(store_open(&f->s, &f->c, &e), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct folder *f = *state;
	char cmd[100];

	store_close(f->s);
	store_conf_free(&f->c);
	snprintf(cmd, sizeof cmd, "rm -rf %s", f->dir);
	assert_int_equal(system(cmd), 0);
	free(f);
	return 0;
}

static const char *
key(struct folder *f, const char *name)
{
	static char s[4][200];
	static unsigned i;

	snprintf(s[++i % 4], sizeof *s, "%s/%s", f->dir, name);
	return s[i % 4];
}

static int
put(struct folder *f, const char *name, const char *text, int noreplace,
    int64_t ms, struct err *e)
{
	struct store_src src = { .fd = -1, .mem = text, .len = strlen(text) };
	struct store_put_opt o = { .noreplace = noreplace, .time_ms = ms };

	return store_put(f->s, key(f, name), &src, &o, e);
}

static int
on_entry(void *ctx, const char *k, const struct store_stat *st,
    struct err *e)
{
	char *out = ctx;

	(void)e;
	sprintf(out + strlen(out), "%s=%llu ", k + strlen("/tmp/ls-store.XXXXXX/"),
	    (unsigned long long)st->size);
	return 0;
}

static void
objects_go_and_come_back(void **state)
{
	struct folder *f = *state;
	struct err e = { 0 };
	struct store_stat st;
	struct store_get *g;
	char buf[16] = "";

	assert_int_equal(put(f, "a/b/x", "hello", 0, 1700000000123, &e), 0);
	assert_int_equal(store_head(f->s, key(f, "a/b/x"), &st, &e), 0);
	assert_int_equal(st.size, 5);
	assert_int_equal(st.litestream_ms, 1700000000123);
	assert_int_equal(store_get(f->s, key(f, "a/b/x"), 1, 3, &g, &e), 0);
	assert_int_equal(store_get_read(g, buf, sizeof buf, &e), 3);
	assert_string_equal(buf, "ell");
	assert_int_equal(store_get_read(g, buf, sizeof buf, &e), 0);
	store_get_close(g);
	assert_int_equal(store_get(f->s, key(f, "a/b/x"), 1, 5, &g, &e), -1);
	assert_int_equal(e.kind, ERR_DATA);
	assert_int_equal(store_get(f->s, key(f, "no"), 0, 0, &g, &e), -1);
	assert_int_equal(e.kind, ERR_NOTFOUND);
	assert_int_equal(store_head(f->s, key(f, "no"), &st, &e), -1);
	assert_int_equal(e.kind, ERR_NOTFOUND);
}

static void
create_if_absent_keeps_the_first(void **state)
{
	struct folder *f = *state;
	struct store_put_opt o = { .noreplace = 1, .time_ms = -1 };
	struct err e = { 0 };
	struct store_stat st;

	assert_int_equal(put(f, "x", "one", 1, -1, &e), 0);
	assert_int_equal(put(f, "x", "three", 1, -1, &e), -1);
	assert_int_equal(e.kind, ERR_EXISTS);
	assert_int_equal(put(f, "y", "three", 0, -1, &e), 0);
	assert_int_equal(store_copy(f->s, key(f, "y"), key(f, "x"), &o, &e), -1);
	assert_int_equal(e.kind, ERR_EXISTS);
	assert_int_equal(store_head(f->s, key(f, "x"), &st, &e), 0);
	assert_int_equal(st.size, 3);
	assert_int_equal(put(f, "x", "three", 0, -1, &e), 0);
	assert_int_equal(store_head(f->s, key(f, "x"), &st, &e), 0);
	assert_int_equal(st.size, 5);
}

static void
copies_are_links_where_times_agree(void **state)
{
	struct folder *f = *state;
	struct store_put_opt o = { .time_ms = -1 };
	struct err e = { 0 };
	struct store_stat st;
	struct stat a, b;

	assert_int_equal(put(f, "l/0/x", "one", 0, 5000, &e), 0);
	assert_int_equal(store_copy(f->s, key(f, "l/0/x"), key(f, "l/9/x"), &o,
	    &e), 0);
	assert_int_equal(stat(key(f, "l/0/x"), &a), 0);
	assert_int_equal(stat(key(f, "l/9/x"), &b), 0);
	assert_true(a.st_ino == b.st_ino);
	/* again, onto its own link, and with another time */
	assert_int_equal(store_copy(f->s, key(f, "l/0/x"), key(f, "l/9/x"), &o,
	    &e), 0);
	o.time_ms = 6000;
	assert_int_equal(store_copy(f->s, key(f, "l/0/x"), key(f, "l/9/x"), &o,
	    &e), 0);
	assert_int_equal(store_head(f->s, key(f, "l/9/x"), &st, &e), 0);
	assert_int_equal(st.mtime_ms, 6000);
	assert_int_equal(store_head(f->s, key(f, "l/0/x"), &st, &e), 0);
	assert_int_equal(st.mtime_ms, 5000);
	assert_int_equal(store_copy(f->s, key(f, "no"), key(f, "l/9/x"), &o,
	    &e), -1);
	assert_int_equal(e.kind, ERR_NOTFOUND);
}

static void
listings_ascend_and_skip_temporaries(void **state)
{
	struct folder *f = *state;
	struct err e = { 0 };
	char out[1000] = "";

	assert_int_equal(put(f, "r/b", "1", 0, -1, &e), 0);
	assert_int_equal(put(f, "r/a/z", "22", 0, -1, &e), 0);
	assert_int_equal(put(f, "r/a!", "333", 0, -1, &e), 0);
	assert_int_equal(put(f, "r/b.ltx.tmp", "4", 0, -1, &e), 0);
	assert_int_equal(put(f, "r/c", "", 0, -1, &e), 0);
	assert_int_equal(symlink("/etc/passwd", key(f, "r/link")), 0);
	assert_int_equal(symlink("/etc", key(f, "r/linkdir")), 0);
	assert_int_equal(store_list(f->s, key(f, "r/"), 0, on_entry, out, &e), 0);
	assert_string_equal(out, "r/a!=3 r/a/z=2 r/b=1 r/c=0 ");
	*out = 0;
	assert_int_equal(store_list(f->s, key(f, "r/"), key(f, "r/a/z"),
	    on_entry, out, &e), 0);
	assert_string_equal(out, "r/b=1 r/c=0 ");
	*out = 0;
	assert_int_equal(store_list(f->s, key(f, "r/a"), 0, on_entry, out, &e),
	    0);
	assert_string_equal(out, "r/a!=3 r/a/z=2 ");
	*out = 0;
	assert_int_equal(store_list(f->s, key(f, "none/"), 0, on_entry, out, &e),
	    0);
	assert_string_equal(out, "");
	assert_int_equal(store_list(f->s, key(f, "r/b/"), 0, on_entry, out, &e),
	    -1);
	assert_int_equal(put(f, "r/b/c", "1", 0, -1, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
}

static void
deleting_what_is_gone_is_done(void **state)
{
	struct folder *f = *state;
	enum err_kind kinds[3];
	struct err e = { 0 };
	const char *keys[3];

	assert_int_equal(put(f, "d/x", "1", 0, -1, &e), 0);
	keys[0] = key(f, "d/x");
	keys[1] = key(f, "d/gone");
	assert_int_equal(store_del(f->s, keys, 2, kinds, &e), 0);
	assert_int_equal(kinds[0], ERR_NONE);
	assert_int_equal(access(keys[0], F_OK), -1);
	assert_int_equal(put(f, "d/y", "1", 0, -1, &e), 0);
	keys[0] = key(f, "d");
	keys[2] = key(f, "d/y");
	assert_int_equal(store_del(f->s, keys, 3, kinds, &e), -1);
	assert_int_not_equal(kinds[0], ERR_NONE);
	assert_int_equal(kinds[2], ERR_NONE);
	assert_int_equal(access(keys[2], F_OK), -1);
}

/* A source that fails must leave no object and no temporary. */
static ssize_t
fails(void *ctx, void *buf, size_t n, struct err *e)
{
	int *calls = ctx;

	if (++*calls > 3)
		return err_set(e, ERR_DATA, "source broke");
	memset(buf, 'x', n);
	return (ssize_t)n;
}

static void
a_broken_source_publishes_nothing(void **state)
{
	struct folder *f = *state;
	struct store_put_opt o = { .time_ms = -1 };
	struct err e = { 0 };
	char out[1000] = "", cmd[200];
	int calls = 0;
	struct store_src src = { .fd = -1, .in = { fails, &calls } };

	assert_int_equal(store_put(f->s, key(f, "p/x"), &src, &o, &e), -1);
	assert_int_equal(e.kind, ERR_DATA);
	assert_int_equal(store_list(f->s, key(f, ""), 0, on_entry, out, &e), 0);
	assert_string_equal(out, "");
	snprintf(cmd, sizeof cmd, "test -z \"$(ls -A %s/p)\"", f->dir);
	assert_int_equal(system(cmd), 0);
}

/* In place of the C library's: fails the nth for a folder, and keeps how the
 * last one of each went. */
static struct {
	int nth, n;
	struct {
		ino_t ino;
		int good;
	} of[16];
} sync_of;

int
fsync(int fd)
{
	struct stat st;
	size_t i = 0;
	int bad;

	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return (int)syscall(SYS_fsync, fd);
	bad = ++sync_of.n == sync_of.nth;
	while (i < 15 && sync_of.of[i].ino && sync_of.of[i].ino != st.st_ino)
		i++;
	sync_of.of[i].ino = st.st_ino;
	sync_of.of[i].good = !bad;
	errno = EIO;
	return bad ? -1 : (int)syscall(SYS_fsync, fd);
}

static int
lasts(struct folder *f, const char *name)
{
	struct stat st;

	assert_int_equal(stat(key(f, name), &st), 0);
	for (size_t i = 0; i < 16; i++)
		if (sync_of.of[i].ino == st.st_ino)
			return sync_of.of[i].good;
	return 0;
}

static void
what_is_there_after_a_failed_sync_is_synced(void **state)
{
	struct folder *f = *state;
	struct err e = { 0 };
	char cmd[200];
	int n, r;

	snprintf(cmd, sizeof cmd, "rm -rf %s/a", f->dir);
	for (n = 1; n < 10; n++) {
		memset(&sync_of, 0, sizeof sync_of);
		sync_of.nth = n;
		r = put(f, "a/b/x", "hello", 1, -1, &e);
		if (r == 0)
			break;
		assert_int_equal(e.kind, ERR_TEMP);
		r = put(f, "a/b/x", "hello", 1, -1, &e);
		assert_true(r == 0 || e.kind == ERR_EXISTS);
		assert_true(lasts(f, "") && lasts(f, "a") && lasts(f, "a/b"));
		assert_int_equal(system(cmd), 0);
	}
	assert_in_range(n, 3, 9);
	sync_of.nth = 0;
}

int
main(void)
{
#define FOLDER(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts_are_litestreams),
		cmocka_unit_test(names_people_write_become_keys),
		cmocka_unit_test(buckets_have_addresses),
		cmocka_unit_test(settings_copy_and_wipe),
		FOLDER(objects_go_and_come_back),
		FOLDER(create_if_absent_keeps_the_first),
		FOLDER(copies_are_links_where_times_agree),
		FOLDER(listings_ascend_and_skip_temporaries),
		FOLDER(deleting_what_is_gone_is_done),
		FOLDER(a_broken_source_publishes_nothing),
		FOLDER(what_is_there_after_a_failed_sync_is_synced),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
