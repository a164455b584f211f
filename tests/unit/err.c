#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>

#include "base/err.h"

static void
context_grows_and_kind_stays(void **state)
{
	struct err e = { 0 };

	(void)state;
	errno = ENOSPC;
	assert_int_equal(err_sys(&e, "write %s", "x"), -1);
	err_in(&e, "restore %s", "db");
	assert_string_equal(e.msg,
	    "restore db: write x: No space left on device");
	assert_int_equal(e.kind, ERR_FULL);
	assert_int_equal(err_exit(e.kind), 111);
	assert_string_equal(err_word(e.kind), "full");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(context_grows_and_kind_stays),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
