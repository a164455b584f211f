#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "base/spill.h"

static void
nothing_is_created_before_the_first_write(void **state)
{
	struct spill s;
	struct err err = { 0 };
	char b[4];

	(void)state;
	spill_init(&s, "/nonexistent");
	assert_int_equal(s.fd, -1);
	assert_int_equal(spill_rewind(&s, &err), 0);
	assert_int_equal(spill_in(&s).read(&s, b, 4, &err), 0);
	assert_int_equal(spill_out(&s).write(&s, "abc", 3, &err), -1);
	assert_int_equal(err.kind, ERR_NOTFOUND);
	spill_free(&s);
	spill_free(&s);
}

static void
bytes_come_back_as_often_as_wanted(void **state)
{
	struct spill s;
	struct err err = { 0 };
	unsigned char out[1000], in[3000];

	(void)state;
	spill_init(&s, NULL);
	for (int i = 0; i < 3; i++) {
		memset(out, 'a' + i, sizeof out);
		assert_int_equal(spill_out(&s).write(&s, out, sizeof out,
		    &err), 0);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(spill_rewind(&s, &err), 0);
		assert_int_equal(io_readn(spill_in(&s), in, 1500, &err), 0);
		assert_int_equal(io_readn(spill_in(&s), in + 1500, 1500,
		    &err), 0);
		assert_int_equal(in[999], 'a');
		assert_int_equal(in[1000], 'b');
		assert_int_equal(in[2999], 'c');
		assert_int_equal(spill_in(&s).read(&s, in, 1, &err), 0);
	}
	spill_free(&s);
	assert_int_equal(s.fd, -1);
	assert_int_equal(spill_out(&s).write(&s, "x", 1, &err), 0);
	assert_int_equal(spill_in(&s).read(&s, in, 9, &err), 1);
	assert_int_equal(in[0], 'x');
	spill_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_created_before_the_first_write),
		cmocka_unit_test(bytes_come_back_as_often_as_wanted),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
