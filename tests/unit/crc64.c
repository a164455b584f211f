#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "base/crc64.h"

/* One bit at a time, from the definition. */
static uint64_t
slow(uint64_t crc, const unsigned char *p, size_t n)
{
	crc = ~crc;
	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^
			    (crc & 1 ? UINT64_C(0xd800000000000000) : 0);
	}
	return ~crc;
}

static void
check_value(void **state)
{
	(void)state;
	assert_true(crc64(0, "123456789", 9) == UINT64_C(0xB90956C775A41001));
	assert_true(crc64(0, "", 0) == 0);
	assert_true(slow(0, (const unsigned char *)"123456789", 9)
	    == UINT64_C(0xB90956C775A41001));
}

static void
agrees_with_the_definition_at_every_length_and_alignment(void **state)
{
	static unsigned char b[1200];
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof b; i++)
		b[i] = (unsigned char)((x = x * 1664525 + 1013904223) >> 24);
	for (size_t off = 0; off < 17; off++)
		for (size_t n = 0; n < 600; n++)
			assert_true(crc64(x, b + off, n)
			    == slow(x, b + off, n));
}

static void
pieces_add_up(void **state)
{
	static unsigned char b[5000];
	uint64_t whole;

	(void)state;
	srand(7);
	for (size_t i = 0; i < sizeof b; i++)
		b[i] = (unsigned char)rand();
	whole = slow(0, b, sizeof b);
	for (int round = 0; round < 200; round++) {
		uint64_t c = 0;

		for (size_t at = 0, n; at < sizeof b; at += n) {
			n = (size_t)rand() % 300;
			n = n > sizeof b - at ? sizeof b - at : n;
			c = crc64(c, b + at, n);
		}
		assert_true(c == whole);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_value),
		cmocka_unit_test(
		    agrees_with_the_definition_at_every_length_and_alignment),
		cmocka_unit_test(pieces_add_up),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
