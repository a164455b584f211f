#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/hex.h"

static void
sixty_four_bits_both_ways(void **state)
{
	char s[17];
	uint64_t v;

	(void)state;
	assert_int_equal(hex64_fmt(s, UINT64_C(0x1a2b)), 16);
	assert_string_equal(s, "0000000000001a2b");
	assert_int_equal(hex64_scan("fedcba9876543210.ltx", &v), 0);
	assert_true(v == UINT64_C(0xfedcba9876543210));
	assert_int_equal(hex64_scan("fedcba987654321", &v), -1);
	assert_int_equal(hex64_scan("fedcba987654321G", &v), -1);
	assert_int_equal(hex64_scan("FEDCBA9876543210", &v), -1);
	assert_int_equal(hex64_scan("", &v), -1);
}

static void
bytes_both_ways(void **state)
{
	unsigned char b[3];
	char s[7];

	(void)state;
	hex_fmt(s, (const unsigned char *)"\x00\xff\x1a", 3);
	assert_string_equal(s, "00ff1a");
	assert_int_equal(hex_scan(b, "00Ff1A", 3), 0);
	assert_memory_equal(b, "\x00\xff\x1a", 3);
	assert_int_equal(hex_scan(b, "00Ff1", 3), -1);
	assert_int_equal(hex_scan(b, "0 Ff1a", 3), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixty_four_bits_both_ways),
		cmocka_unit_test(bytes_both_ways),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
