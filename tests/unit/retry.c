#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/retry.h"

static void
doubles_up_to_the_maximum(void **state)
{
	(void)state;
	assert_int_equal(retry_delay(1, 100, 5000, UINT32_MAX), 100);
	assert_int_equal(retry_delay(1, 100, 5000, 0), 50);
	assert_int_equal(retry_delay(4, 100, 5000, UINT32_MAX), 800);
	assert_int_equal(retry_delay(7, 100, 5000, UINT32_MAX), 5000);
	assert_int_equal(retry_delay(4000000000u, 100, 5000, 0), 2500);
	assert_int_equal(retry_delay(0, 100, 5000, UINT32_MAX), 100);
	assert_true(retry_delay(200, 1, INT64_MAX, UINT32_MAX) > 0);
}

static void
only_what_may_pass_by_itself(void **state)
{
	(void)state;
	assert_true(retry_worth(ERR_TEMP));
	assert_true(retry_worth(ERR_BUSY));
	for (int k = ERR_NONE; k <= ERR_FULL; k++)
		assert_false(retry_worth((enum err_kind)k));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(doubles_up_to_the_maximum),
		cmocka_unit_test(only_what_may_pass_by_itself),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
