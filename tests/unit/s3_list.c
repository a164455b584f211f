#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_list.h"
#include "store/s3_xml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" \
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" \
    "<Name>b</Name><Prefix></Prefix><KeyCount>2</KeyCount>"
#define TAIL "</ListBucketResult>"
#define ONE(k, s, t) "<Contents><Key>" k "</Key><LastModified>" t \
    "</LastModified><ETag>&quot;e&quot;</ETag><Size>" s "</Size>" \
    "<Owner><ID>Key</ID></Owner></Contents>"

static int
collect(void *ctx, const char *key, const struct store_stat *st,
    struct err *e)
{
	char *out = ctx;

	if (!strcmp(key, "stop"))
		return err_set(e, ERR_NO, "stopped");
	sprintf(out + strlen(out), "%s %llu %lld;", key,
	    (unsigned long long)st->size, (long long)st->mtime_ms);
	return 0;
}

static int
parse(const char *s, size_t chunk, char *out, char *token, struct err *e)
{
	size_t n = strlen(s);
	struct s3_list *l;
	const char *t = 0;
	int r = 0;

	*out = *token = 0;
	assert_int_equal(s3_list_begin(&l, collect, out, e), 0);
	for (size_t i = 0; !r && i < n; i += chunk)
		r = s3_list_feed(l, s + i, n - i < chunk ? n - i : chunk, e);
	if (!r && !(r = s3_list_end(l, &t, e)) && t)
		strcpy(token, t);
	s3_list_free(l);
	return r;
}

static void
objects_come_whole_at_any_cut(void **state)
{
	static const char page[] = HEAD
	    ONE("a/0000/x&amp;y", "42", "2026-11-21T05:18:39.123Z")
	    ONE("./0000/\xc3\xa9", "4611686018427387904",
	        "2026-11-21T05:18:39Z")
	    "<IsTruncated>true</IsTruncated>"
	    "<NextContinuationToken>t/+==</NextContinuationToken>" TAIL;
	char out[4096], token[S3_XML_TEXT + 1];
	struct err e = { 0 };

	(void)state;
	for (size_t chunk = 1; chunk <= sizeof page; chunk++) {
		assert_int_equal(parse(page, chunk, out, token, &e), 0);
		assert_string_equal(out, "a/0000/x&y 42 1795238319123;"
		    "./0000/\xc3\xa9 4611686018427387904 1795238319000;");
		assert_string_equal(token, "t/+==");
	}
}

static void
what_is_no_listing_is_refused(void **state)
{
	static const struct { const char *s; enum err_kind kind; } v[] = {
		{ "", ERR_DATA }, { "<html></html>", ERR_DATA },
		{ "not xml", ERR_DATA }, { HEAD, ERR_DATA },
		{ HEAD ONE("k", "1", "2026-11-21T05:18:39Z"), ERR_DATA },
		{ HEAD "<Contents><Key>k</Key></Contents>" TAIL, ERR_DATA },
		{ HEAD ONE("k", "-1", "2026-11-21T05:18:39Z") TAIL, ERR_DATA },
		{ HEAD ONE("k", "99999999999999999999",
		    "2026-11-21T05:18:39Z") TAIL, ERR_DATA },
		{ HEAD ONE("k", "1", "yesterday") TAIL, ERR_DATA },
		{ HEAD "<IsTruncated>true</IsTruncated>" TAIL, ERR_DATA },
		{ "<!DOCTYPE x [<!ENTITY a \"b\">]>" HEAD TAIL, ERR_DATA },
		{ "<Error><Code>InternalError</Code></Error>", ERR_TEMP },
		{ HEAD ONE("stop", "1", "2026-11-21T05:18:39Z") TAIL, ERR_NO },
	};
	char out[4096], token[S3_XML_TEXT + 1];

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct err e = { 0 };

		assert_int_equal(parse(v[i].s, 7, out, token, &e), -1);
		assert_int_equal(e.kind, v[i].kind);
	}
}

static void
sizes_are_capped(void **state)
{
	char *s = malloc(100000), out[4096], token[S3_XML_TEXT + 1];
	struct err e = { 0 };

	(void)state;
	strcpy(s, HEAD "<Contents><Key>");
	memset(s + strlen(s) + 1, 0, 1);
	memset(s + strlen(HEAD "<Contents><Key>"), 'k', 1025);
	strcpy(s + strlen(HEAD "<Contents><Key>") + 1025, "</Key>");
	assert_int_equal(parse(s, 100, out, token, &e), -1);
	assert_int_equal(e.kind, ERR_DATA);
	*s = 0;
	for (int i = 0; i < 20; i++)
		strcat(s, "<a>");
	assert_int_equal(parse(s, 100, out, token, &e), -1);
	assert_int_equal(e.kind, ERR_DATA);
	strcpy(s, "<NextContinuationToken>");
	memset(s + 23, 't', 90000);
	strcpy(s + 90023, "</NextContinuationToken>");
	assert_int_equal(parse(s, 1000, out, token, &e), -1);
	assert_int_equal(e.kind, ERR_DATA);
	free(s);
}

static void
errors_tell_code_and_region(void **state)
{
	static const char s[] = "<?xml version=\"1.0\"?>\n<Error>"
	    "<Code>AuthorizationHeaderMalformed</Code><Message>the region "
	    "'us-east-1' is wrong;\nexpecting 'eu-west-1'</Message>"
	    "<Region>eu-west-1</Region><RequestId>R</RequestId></Error>";
	struct s3_error er;

	(void)state;
	assert_int_equal(s3_error_scan(&er, s, sizeof s - 1), 1);
	assert_string_equal(er.code, "AuthorizationHeaderMalformed");
	assert_string_equal(er.region, "eu-west-1");
	assert_string_equal(er.message,
	    "the region 'us-east-1' is wrong; expecting 'eu-west-1'");
	assert_int_equal(s3_error_scan(&er, s, sizeof s - 40), 1);
	assert_int_equal(s3_error_scan(&er, "<html>", 6), 0);
	assert_int_equal(s3_error_scan(&er, "", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_come_whole_at_any_cut),
		cmocka_unit_test(what_is_no_listing_is_refused),
		cmocka_unit_test(sizes_are_capped),
		cmocka_unit_test(errors_tell_code_and_region),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
