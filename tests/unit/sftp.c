#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/base64.h"
#include "store/sftp_known.h"
#include "store/sftp_list.h"

#define ED "ssh-ed25519 " \
    "AAAAC3NzaC1lZDI1NTE5AAAAINArusybZtvbyL1tzshX7/jcyajO3fAucONQa3Uy+YN7"

static void
lines_of_listings(void **state)
{
	static const struct {
		int want;
		const char *line, *name;
		uint64_t size;
		int folder;
	} t[] = {
		{ 1, "-rw-r--r--    1 root     root          317 Nov 21 08:34 "
		    "a.ltx", "a.ltx", 317, 0 },
		{ 1, "-rw-r--r-- 1 1000 1000 0 Jan  1  2025 a b", "a b", 0, 0 },
		{ 1, "-rw-------+ 1 CORP\\u domain users 42 Feb  9 23:59  x",
		    " x", 42, 0 },
		{ 1, "-rw-r--r-- 1 u 7 9 Feb  9 23:59 8 Mar  1 10:00 y",
		    "8 Mar  1 10:00 y", 9, 0 },
		{ 1, "-rw-r--r-- 1 a b 1234567890123456789 Nov 21 08:34 x", "x",
		    1234567890123456789, 0 },
		{ 1, "drwxr-xr-x    2 a b 4096 Nov 21 08:34 d", "d", 4096, 1 },
		{ 0, "lrwxrwxrwx 1 a b 3 Nov  1 10:00 l -> x", 0, 0, 0 },
		{ 0, "prw-r--r-- 1 a b 0 Nov  1 10:00 fifo", 0, 0, 0 },
		{ -1, "a.ltx", 0, 0, 0 },
		{ -1, "", 0, 0, 0 },
		{ -1, "-rw-r--r-- 1 a b 12 Nov 21 08:34 ", 0, 0, 0 },
		{ -1, "-rw-r--r-- 1 a b 12 2025-01-01 08:34 x", 0, 0, 0 },
		{ -1, "-rw-r--r-- 1 a b 12345678901234567890 Nov 21 08:34 x",
		    0, 0, 0 },
		{ -1, "01-01-25  10:00AM  317 a.ltx", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct sftp_line l = { 0 };
		int r = sftp_list_line(&l, t[i].line, strlen(t[i].line));

		if (r != t[i].want)
			fail_msg("%s: %d", t[i].line, r);
		if (r < 1)
			continue;
		assert_string_equal(l.name, t[i].name);
		assert_int_equal(l.n, strlen(t[i].name));
		assert_true(l.size == t[i].size);
		assert_int_equal(l.folder, t[i].folder);
	}
}

static void
count(void *ctx, const char *type, const char *base64, int revoked)
{
	assert_string_equal(type, "ssh-ed25519");
	assert_true(strlen(base64) > 60);
	*(int *)ctx += revoked ? 100 : 1;
}

static void
lines_of_known_hosts(void **state)
{
	static const struct { const char *text, *name; int want; } t[] = {
		{ "h " ED "\n", "h", 1 },
		{ "h " ED, "h", 1 },
		{ "h " ED " comment\r\nh\t" ED "\n", "h", 2 },
		{ "H " ED "\n", "h", 1 },
		{ "hh " ED "\n", "h", 0 },
		{ "x,h,y " ED "\n", "h", 1 },
		{ "h " ED "\n", "[h]:2222", 0 },
		{ "[h]:2222 " ED "\n", "[h]:2222", 1 },
		{ "[h]:2222 " ED "\n", "h", 0 },
		{ "*.lan,!bad.lan " ED "\n", "nas.lan", 1 },
		{ "*.lan,!bad.lan " ED "\n", "bad.lan", 0 },
		{ "n?s.*n " ED "\n", "nas.lan", 1 },
		{ "*a*b*c " ED "\n", "xaxbxbxc", 1 },
		{ "*a*b*c " ED "\n", "xaxbxbxcd", 0 },
		{ "@revoked h " ED "\n", "h", 100 },
		{ "@cert-authority h " ED "\n", "h", 0 },
		{ "#h " ED "\n\n   \nh\nh ssh-ed25519\n", "h", 0 },
		{ "h ssh-ed25519 AAAA\nh ssh-rsa QUJD\nh x ====\n", "h", 0 },
		{ "|1|FxgEHaeMJWnSUVqLTEvXWIp2zTM=|"
		    "AAAAAAAAAAAAAAAAAAAAAAAAAAA= " ED "\n", "h", 0 },
		{ "|1|| " ED "\n|1|a " ED "\n|1| " ED "\n", "h", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		int n = 0;

		sftp_known_scan(t[i].text, strlen(t[i].text), t[i].name, count,
		    &n);
		if (n != t[i].want)
			fail_msg("%s: %d", t[i].text, n);
	}
}

static void
lines_to_pin(void **state)
{
	char type[SFTP_TYPE_MAX], base64[BASE64_LEN(SFTP_KEY_MAX)];

	(void)state;
	assert_int_equal(sftp_known_line(ED, type, base64), 0);
	assert_string_equal(type, "ssh-ed25519");
	assert_string_equal(base64, &ED[12]);
	assert_int_equal(sftp_known_line(" " ED " a comment", type, base64), 0);
	assert_int_equal(sftp_known_line("ssh-rsa" "  " "QUJD", type, base64),
	    -1);
	assert_int_equal(sftp_known_line("", type, base64), -1);
	assert_int_equal(sftp_known_line("ssh-ed25519", type, base64), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_listings),
		cmocka_unit_test(lines_of_known_hosts),
		cmocka_unit_test(lines_to_pin),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
