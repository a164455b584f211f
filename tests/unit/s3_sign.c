#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/when.h"
#include "crypt/sha256.h"
#include "store/s3_sign.h"

#define EMPTY \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const char *
signature(const struct s3_sign *a, stralloc *sa)
{
	struct err e = { 0 };

	sa->len = 0;
	assert_int_equal(s3_sign(sa, a, &e), 0);
	assert_true(stralloc_0(sa));
	assert_non_null(strstr(sa->s, "Signature="));
	return strstr(sa->s, "Signature=") + 10;
}

/* The published test suite of Signature Version 4: these requests are all
 * of 20150830T123600Z, service "service", host and date signed. */
static void
suite_vectors(void **state)
{
	static const struct {
		const char *method, *path, *signature;
		struct s3_pair query[3];
		size_t n;
	} v[] = {
		{ "GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d"
		    "9b8aae1d763fbf31", { { 0, 0 } }, 0 },
		{ "POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e3"
		    "7dddb68e92efbe5d6b", { { 0, 0 } }, 0 },
		{ "GET", "/", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99"
		    "d3219ec94cdf2500",
		    { { "Param2", "value2" }, { "Param1", "value1" } }, 2 },
		{ "GET", "/%E1%88%B4", "8318018e0b0f223aa2bbf98705b62bb787dc9c0"
		    "e678f255a891fd03141be5d85", { { 0, 0 } }, 0 },
	};
	struct s3_pair heads[] = {
		{ "host", "example.amazonaws.com" },
		{ "x-amz-date", "20150830T123600Z" }
	};
	stralloc sa = STRALLOC_ZERO, q = STRALLOC_ZERO;

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct s3_sign a = { .method = v[i].method, .path = v[i].path,
			.headers = heads, .n = 2, .payload = EMPTY,
			.region = "us-east-1", .service = "service",
			.access_key = "AKIDEXAMPLE", .secret_key =
			"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };

		assert_int_equal(when_scan("2015-08-30T12:36:00Z",
		    &a.time_ms), 0);
		q.len = 0;
		assert_int_equal(s3_query(&q, v[i].query, v[i].n), 0);
		assert_true(stralloc_0(&q));
		a.query = q.s;
		assert_string_equal(signature(&a, &sa), v[i].signature);
	}
	assert_memory_equal(sa.s, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"
	    "20150830/us-east-1/service/aws4_request, "
	    "SignedHeaders=host;x-amz-date, Signature=", 121);
	stralloc_free(&sa);
	stralloc_free(&q);
}

/* The worked examples of the S3 manual, 20130524T000000Z. */
static void
s3_manual_examples(void **state)
{
	struct s3_pair get[] = {
		{ "host", "examplebucket.s3.amazonaws.com" },
		{ "range", "bytes=0-9" },
		{ "x-amz-content-sha256", EMPTY },
		{ "x-amz-date", "20130524T000000Z" }
	};
	struct s3_pair list[] = { get[0], get[2], get[3] };
	struct s3_pair query[] = { { "prefix", "J" }, { "max-keys", "2" } };
	struct s3_sign a = { .method = "GET", .path = "/test.txt",
		.query = "", .headers = get, .n = 4, .payload = EMPTY,
		.region = "us-east-1", .service = "s3",
		.access_key = "AKIAIOSFODNN7EXAMPLE",
		.secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
	stralloc sa = STRALLOC_ZERO, q = STRALLOC_ZERO;

	(void)state;
	assert_int_equal(when_scan("2013-05-24T00:00:00Z", &a.time_ms), 0);
	assert_string_equal(signature(&a, &sa), "f0e8bdb87c964420e857bd35b5d6e"
	    "d310bd44f0170aba48dd91039c6036bdb41");
	assert_int_equal(s3_query(&q, query, 2), 0);
	assert_true(stralloc_0(&q));
	assert_string_equal(q.s, "max-keys=2&prefix=J");
	a.path = "/";
	a.query = q.s;
	a.headers = list;
	a.n = 3;
	assert_string_equal(signature(&a, &sa), "34b48302e7b5fa45bde8084f4b786"
	    "8a86f0a534bc59db6670ed5711ef69dc6f7");
	stralloc_free(&sa);
	stralloc_free(&q);
}

static void
keys_survive_encoding(void **state)
{
	stralloc sa = STRALLOC_ZERO;

	(void)state;
	assert_int_equal(s3_encode(&sa, "./0000//a b+c~\xc3\xa9=", 1), 0);
	assert_true(stralloc_0(&sa));
	assert_string_equal(sa.s, "./0000//a%20b%2Bc~%C3%A9%3D");
	sa.len = 0;
	assert_int_equal(s3_encode(&sa, "a/b", 0), 0);
	assert_true(stralloc_0(&sa));
	assert_string_equal(sa.s, "a%2Fb");
	stralloc_free(&sa);
}

static void
digests(void **state)
{
	unsigned char out[SHA256_LEN];
	char hex[SHA256_HEX];
	struct sha256 s = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(sha256_begin(&s, &e), 0);
	sha256_add(&s, "a", 1);
	sha256_add(&s, "bc", 2);
	sha256_end(&s, out);
	hex_fmt(hex, out, SHA256_LEN);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177"
	    "a9cb410ff61f20015ad");
	sha256_of("abc", 3, out);
	assert_int_equal(hex_scan((unsigned char *)hex, hex, 32), 0);
	assert_memory_equal(out, hex, 32);
	/* RFC 4231, case 2 */
	sha256_hmac("Jefe", 4, "what do ya want for nothing?", 28, out);
	hex_fmt(hex, out, SHA256_LEN);
	assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d273"
	    "9839dec58b964ec3843");
	sha256_md5("abc", 3, out);
	hex_fmt(hex, out, MD5_LEN);
	assert_string_equal(hex, "900150983cd24fb0d6963f7d28e17f72");
	assert_int_equal(sha256_begin(&s, &e), 0);
	sha256_free(&s);
	sha256_free(&s);
}

static void
base64_both_ways(void **state)
{
	static const char *const v[][2] = { { "", "" }, { "f", "Zg==" },
		{ "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
	unsigned char p[8];
	char s[BASE64_LEN(6)];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		base64_fmt(s, (const unsigned char *)v[i][0],
		    strlen(v[i][0]));
		assert_string_equal(s, v[i][1]);
		assert_int_equal(base64_scan(p, sizeof p, s, &n), 0);
		assert_int_equal(n, strlen(v[i][0]));
		assert_memory_equal(p, v[i][0], n);
	}
	assert_int_equal(base64_scan(p, 5, "Zm9vYmFy", &n), -1);
	assert_int_equal(base64_scan(p, 8, "Zm9", &n), -1);
	assert_int_equal(base64_scan(p, 8, "Z===", &n), -1);
	assert_int_equal(base64_scan(p, 8, "Z=9v", &n), -1);
	assert_int_equal(base64_scan(p, 8, "Zm*v", &n), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suite_vectors),
		cmocka_unit_test(s3_manual_examples),
		cmocka_unit_test(keys_survive_encoding),
		cmocka_unit_test(digests),
		cmocka_unit_test(base64_both_ways),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
