#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "base/path.h"
#include "base/url.h"

static struct err err;

static void
same(const char *got, const char *want, const char *of)
{
	if (!want != !got || (want && strcmp(got, want)))
		fail_msg("%s: got %s, want %s", of, got ? got : "(none)",
		    want ? want : "(none)");
}

static void
file_urls_as_litestream_takes_them(void **state)
{
	static const char *const t[][2] = {
		{ "file:///backup/db", "/backup/db" },
		{ "file:///backup//db/", "/backup/db" },
		{ "file:///a/../b/./c", "/b/c" },
		{ "file://tmp/h/../h2", "/tmp/h2" },
		{ "file:///q?x=1", "/q" },
		{ "file:///f#frag", "/f#frag" },
		{ "FILE:///up", "/up" },
		{ "file:///a%20b", "/a%20b" },
		{ "file:///a b/x%41y", "/a%20b/xAy" },
		{ "file:///a/x%41y(1)!", "/a/x%41y(1)!" },
		{ "file:///gr%C3%B6\xc3\x9f/x(1)!",
		    "/gr%C3%B6%C3%9F/x%281%29%21" },
	};
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		assert_int_equal(url_scan(&u, t[i][0], &err), 0);
		assert_int_equal(u.kind, URL_FILE);
		same(u.path, t[i][1], t[i][0]);
		url_free(&u);
		url_free(&u);
	}
}

static void
s3_hosts_and_prefixes(void **state)
{
	static const struct {
		const char *url, *bucket, *path, *endpoint, *region;
		int style;
	} t[] = {
		{ "s3://b", "b", ".", 0, 0, -1 },
		{ "s3://b/", "b", "", 0, 0, -1 },
		{ "S3://b/x", "b", "x", 0, 0, -1 },
		{ "s3://b//lead/db/", "b", "lead/db", 0, 0, -1 },
		{ "s3://b/a%20b/../c", "b", "c", 0, 0, -1 },
		{ "s3://b/a%20b", "b", "a b", 0, 0, -1 },
		{ "s3://my.b_u-c/p", "my.b_u-c", "p", 0, 0, -1 },
		{ "s3://b.s3.amazonaws.com/p", "b", "p", 0, 0, -1 },
		{ "s3://x.y.s3.eu-west-1.amazonaws.com/p", "x.y", "p", 0,
		    "eu-west-1", -1 },
		{ "s3://b.nyc3.digitaloceanspaces.com/p", "b", "p",
		    "https://nyc3.digitaloceanspaces.com", "nyc3", 0 },
		{ "s3://b.s3.us-west-000.backblazeb2.com/p", "b", "p",
		    "https://s3.us-west-000.backblazeb2.com", "us-west-000",
		    1 },
		{ "s3://b.s3.filebase.com/p", "b", "p",
		    "https://s3.filebase.com", 0, 1 },
		{ "s3://b.s3.fr-par.scw.cloud/p", "b", "p",
		    "https://s3.fr-par.scw.cloud", "fr-par", 0 },
		{ "s3://b.us-east-1.linodeobjects.com/p", "b", "p",
		    "https://us-east-1.linodeobjects.com", "us-east-1", 1 },
		{ "s3://b.br-a-1.storage.c-6.us-east-2.aws.neon.tech", "b",
		    ".", "https://br-a-1.storage.c-6.us-east-2.aws.neon.tech",
		    "us-east-2", 1 },
		{ "s3://mybkt.localhost:9000/", "mybkt", "",
		    "http://localhost:9000", "us-east-1", 1 },
		{ "s3://mybkt.localhost:9000/d/b", "mybkt", "d/b",
		    "http://localhost:9000", "us-east-1", 1 },
		{ "s3://b.10.0.0.1:9000", "b", ".", "http://10.0.0.1:9000",
		    "us-east-1", 1 },
		{ "s3://b/p?endpoint=localhost:9000", "b", "p",
		    "http://localhost:9000", 0, 1 },
		{ "s3://b/p?endpoint=https://s3.example.com/&region=r1", "b",
		    "p", "https://s3.example.com", "r1", 1 },
		{ "s3://b/p?endpoint=minio.example.com&forcePathStyle=false",
		    "b", "p", "https://minio.example.com", 0, 0 },
		{ "s3://b?force-path-style=YES", "b", ".", 0, 0, 1 },
		{ "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/ap/k/e/",
		    "arn:aws:s3:us-east-1:123456789012:accesspoint/ap", "k/e",
		    0, "us-east-1", -1 },
		{ "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/ap",
		    "arn:aws:s3:us-east-1:123456789012:accesspoint/ap", "",
		    0, "us-east-1", -1 },
		{ "s3://arn:aws:s3:r:1:accesspoint/ap/?region=q",
		    "arn:aws:s3:r:1:accesspoint/ap", "", 0, "q", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct url u;

		if (url_scan(&u, t[i].url, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(u.kind, URL_S3);
		same(u.bucket, t[i].bucket, t[i].url);
		same(u.path, t[i].path, t[i].url);
		same(u.endpoint, t[i].endpoint, t[i].url);
		same(u.region, t[i].region, t[i].url);
		if (u.force_path_style != t[i].style)
			fail_msg("%s: style %d", t[i].url, u.force_path_style);
		url_free(&u);
	}
}

static void
parameters_in_both_spellings(void **state)
{
	static const char *const t[] = {
		"s3://b/p?skipVerify=t&signPayload=0&requireContentMD5=no&"
		"putObjectContentMD5=1&partSize=6000000&concurrency=3&"
		"storageClass=STANDARD_IA&sseCustomerKey=a%2Bb+c&"
		"sseKmsKeyId=kid&signAcceptEncoding=false",
		"s3://b/p?skip-verify=true&sign-payload=False&"
		"require-content-md5=f&put-object-content-md5=yes&"
		"part-size=6000000&concurrency=3&storage-class=STANDARD_IA&"
		"sse-customer-key=a%2Bb+c&sse-kms-key-id=kid&"
		"sse-customer-algorithm=AES256",
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct url u;

		if (url_scan(&u, t[i], &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(u.skip_verify, 1);
		assert_int_equal(u.sign_payload, 0);
		assert_int_equal(u.require_content_md5, 0);
		assert_int_equal(u.put_object_content_md5, 1);
		assert_int_equal(u.part_size, 6000000);
		assert_int_equal(u.concurrency, 3);
		assert_string_equal(u.storage_class, "STANDARD_IA");
		assert_string_equal(u.sse_key, "a+b c");
		assert_string_equal(u.sse_kms_key_id, "kid");
		url_free(&u);
	}
}

static void
sftp_in_its_parts(void **state)
{
	static const struct {
		const char *url, *user, *password, *host, *path;
		unsigned port;
	} t[] = {
		{ "sftp://u@h/p", "u", 0, "h", "/p", 0 },
		{ "SFTP://u:p@h:2222/a/b/", "u", "p", "h", "/a/b", 2222 },
		{ "sftp://u@h", "u", 0, "h", "", 0 },
		{ "sftp://u@h/", "u", 0, "h", "/", 0 },
		{ "sftp://h//a/../b", 0, 0, "h", "/b", 0 },
		{ "sftp://u@h/../../b", "u", 0, "h", "/b", 0 },
		{ "sftp://u%40x:a%3Ab%2F%25@h/a%20b%23", "u@x", "a:b/%", "h",
		    "/a b#", 0 },
		{ "sftp://u:p@q@h/p", "u", "p@q", "h", "/p", 0 },
		{ "sftp://u:@[::1]:22/p", "u", "", "::1", "/p", 22 },
		{ "sftp://u@[fe80::1%eth0]/p", "u", 0, "fe80::1%eth0", "/p",
		    0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct url u;

		if (url_scan(&u, t[i].url, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(u.kind, URL_SFTP);
		same(u.user, t[i].user, t[i].url);
		same(u.password, t[i].password, t[i].url);
		same(u.host, t[i].host, t[i].url);
		same(u.path, t[i].path, t[i].url);
		assert_int_equal(u.port, t[i].port);
		url_free(&u);
	}
}

static void
refused_with_a_reason(void **state)
{
	static const char *const t[][2] = {
		{ "", "not a replica URL" },
		{ "/a/path", "not a replica URL" },
		{ "s3:", "not a replica URL" },
		{ "s3://", "names no bucket" },
		{ "s3:///path", "names no bucket" },
		{ "s3://.local:9/p", "names no bucket" },
		{ "s3://localhost:9000/p", "names no bucket" },
		{ "s3://nyc3.digitaloceanspaces.com/p", "names no bucket" },
		{ "s3://b:x/p", "bad port" },
		{ "s3://b c/p", "no bucket name" },
		{ "s3://b/%zz", "percent-escape" },
		{ "s3://b/%00", "percent-escape" },
		{ "s3://b?partSize=x", "partSize must be a whole number" },
		{ "s3://b?part-size=-1", "whole number" },
		{ "s3://b?concurrency=0", "whole number" },
		{ "s3://b?skipVerify=maybe", "true or false" },
		{ "s3://b?sse-customer-algorithm=DES", "AES256" },
		{ "s3://b?endpoint=ftp://x", "http:// or https://" },
		{ "s3://b?endpoint=http://u:p@x", "user or password" },
		{ "s3://b?%zz=1", "malformed query" },
		{ "s3://b?frocePathStyle=1", "unknown query parameter froce" },
		{ "s3://k:s@b/p", "cannot hold credentials" },
		{ "s3://arn:aws:s3:r:1:bucket/x", "no access point" },
		{ "s3://arn:aws:s3:r:1:accesspoint/", "no access point" },
		{ "file://", "must name a folder" },
		{ "file:///", "must name a folder" },
		{ "file:///a%2", "percent-escape" },
		{ "gs://b/p", "gs:// replicas are not yet supported" },
		{ "gcs://b/p", "not yet supported" },
		{ "abs://a@c/p", "not yet supported" },
		{ "sftp://", "no host" },
		{ "sftp:///p", "no host" },
		{ "sftp://u@/p", "no host" },
		{ "sftp://u@h:0/p", "port" },
		{ "sftp://u@h:65536/p", "port" },
		{ "sftp://u@h:2x/p", "port" },
		{ "sftp://u@[::1/p", "no host" },
		{ "sftp://u@h h/p", "no host" },
		{ "sftp://u@h/p?x=1", "%3F" },
		{ "sftp://u:p#q@h/p", "%23" },
		{ "sftp://u:%zz@h/p", "percent-escape" },
		{ "sftp://u@h/%0a", "percent-escape" },
		{ "nats://h/b", "not yet supported" },
		{ "oss://b/p", "not yet supported" },
		{ "webdav://h/p", "not yet supported" },
		{ "webdavs://h/p", "webdavs:// replicas" },
		{ "http://h/p", "no known kind" },
		{ "s3://b/\n", "control character" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct url u;

		err_clear(&err);
		if (url_scan(&u, t[i][0], &err) != -1)
			fail_msg("accepted: %s", t[i][0]);
		assert_int_equal(err.kind, ERR_CONF);
		if (!strstr(err.msg, t[i][1]))
			fail_msg("%s: %s", t[i][0], err.msg);
		assert_null(u.bucket);
	}
}

static void
no_secret_in_messages(void **state)
{
	static const char *const t[][2] = {
		{ "s3://b/p", "s3://b/p" },
		{ "sftp://user:pa/ss@h/p", "sftp://***@h/p" },
		{ "sftp://user:1#2@h/p", "sftp://***@h/p" },
		{ "sftp://h/p@q", "sftp://h/p@q" },
		{ "sftp://user:pass@h/p", "sftp://***@h/p" },
		{ "sftp://u:p@ss@h/p@q", "sftp://***@h/p@q" },
		{ "s3://b?sseCustomerKey=abc&region=r",
		    "s3://b?sseCustomerKey=***&region=r" },
		{ "s3://b?sse-customer-key=abc#x",
		    "s3://b?sse-customer-key=***#x" },
		{ "s3://b?endpoint=http://u:p@h:9/x&a=1",
		    "s3://b?endpoint=***@h:9/x&a=1" },
		{ "s3://b?endpoint=http%3A%2F%2Fu:p%40h", "s3://b?endpoint=***@h" },
		{ "s3://b?SECRET=&a=1", "s3://b?SECRET=***&a=1" },
		{ "", "" }, { "?token=1", "?token=***" },
		{ "nothing at all", "nothing at all" },
	};
	struct url u;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char *s = url_redact(t[i][0]);

		same(s, t[i][1], t[i][0]);
		free(s);
	}
	assert_int_equal(url_scan(&u, "sftp://user:hunter2@h/p?q", &err), -1);
	assert_null(strstr(err.msg, "hunter2"));
	assert_int_equal(url_scan(&u,
	    "s3://b?sseCustomerKey=hunter2&skipVerify=x", &err), -1);
	assert_null(strstr(err.msg, "hunter2"));
	assert_int_equal(url_has_secret("sftp://u:p@h/d"), 1);
	assert_int_equal(url_has_secret("sftp://u@h/d"), 0);
	assert_int_equal(url_has_secret("s3://b/p?region=x"), 0);
	assert_int_equal(url_has_secret("file:///a:b@c"), 0);
	assert_int_equal(url_has_secret("no URL"), 0);
}

static void
endpoints(void **state)
{
	static const struct { const char *s; int local; const char *want; }
	    t[] = {
		{ "s3.example.com", 1, "https://s3.example.com" },
		{ "localhost:9000", 1, "http://localhost:9000" },
		{ "localhost:9000", 0, "https://localhost:9000" },
		{ "HTTP://x/", 0, "http://x" },
		{ "https://x/storage/v1/s3//", 0, "https://x/storage/v1/s3" },
		{ "172.16.0.1", 1, "http://172.16.0.1" },
		{ "172.31.0.1:1", 1, "http://172.31.0.1:1" },
		{ "172.32.0.1", 1, "https://172.32.0.1" },
		{ "10.example.com", 1, "https://10.example.com" },
		{ "192.168.1.1", 1, "http://192.168.1.1" },
		{ "nas.local", 1, "http://nas.local" },
		{ "b.localhost:1", 1, "http://b.localhost:1" },
		{ "[::1]:9000", 1, "http://[::1]:9000" },
	};
	static const char *const bad[] = {
		"", "http://", "http:///x", "ftp://x", "u@h", "http://u:p@h/",
		"h?x", "h#x", "h h", ":9000",
	};
	char *e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		assert_int_equal(url_endpoint(t[i].s, t[i].local, &e, &err), 0);
		same(e, t[i].want, t[i].s);
		free(e);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (url_endpoint(bad[i], 1, &e, &err) != -1)
			fail_msg("accepted: %s", bad[i]);
}

static void
what_looks_like_a_url(void **state)
{
	(void)state;
	assert_true(url_is("s3://b"));
	assert_true(url_is("web_dav9://"));
	assert_false(url_is("s3:/b"));
	assert_false(url_is("://b"));
	assert_false(url_is("/a://b"));
	assert_false(url_is("a-b://c"));
	assert_false(url_is(""));
}

static void
paths_are_cleaned_as_go_does(void **state)
{
	static const char *const t[][2] = {
		{ "", "." }, { ".", "." }, { "/", "/" }, { "//", "/" },
		{ "a", "a" }, { "a/", "a" }, { "a//b", "a/b" },
		{ "a/./b", "a/b" }, { "a/../b", "b" }, { "a/..", "." },
		{ "..", ".." }, { "../..", "../.." }, { "../a/..", ".." },
		{ "a/../../b", "../b" }, { "/..", "/" }, { "/../a", "/a" },
		{ "/a/b/../../..", "/" }, { "/a/b/../c/", "/a/c" },
		{ "./a", "a" }, { "a/b/../../../c", "../c" },
		{ "abc/def/../ghi", "abc/ghi" }, { "...", "..." },
		{ "/.../..a/.", "/.../..a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		char s[64];

		strcpy(s, t[i][0]);
		path_clean(s);
		same(s, t[i][1], t[i][0]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_urls_as_litestream_takes_them),
		cmocka_unit_test(s3_hosts_and_prefixes),
		cmocka_unit_test(parameters_in_both_spellings),
		cmocka_unit_test(sftp_in_its_parts),
		cmocka_unit_test(refused_with_a_reason),
		cmocka_unit_test(no_secret_in_messages),
		cmocka_unit_test(endpoints),
		cmocka_unit_test(what_looks_like_a_url),
		cmocka_unit_test(paths_are_cleaned_as_go_does),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
