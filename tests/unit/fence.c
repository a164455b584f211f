#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "repl/fence.h"

static struct fence_object
object(uint64_t size, int fill, uint64_t node)
{
	struct fence_object o = { .size = size, .node = node };

	memset(o.tail, fill, sizeof o.tail);
	return o;
}

static void
same_bytes_are_our_own_retry(void **state)
{
	struct fence_object a = object(500, 1, 7), b = object(500, 1, 7);

	(void)state;
	assert_int_equal(fence_exists(&a, &b, 7), FENCE_SAME);
	/* what Litestream shipped from this folder before a take-over */
	a.node = b.node = 0;
	assert_int_equal(fence_exists(&a, &b, 7), FENCE_SAME);
}

static void
other_bytes_under_our_id_are_an_earlier_life(void **state)
{
	struct fence_object a = object(500, 1, 7), b = object(500, 2, 7);

	(void)state;
	assert_int_equal(fence_exists(&a, &b, 7), FENCE_EARLIER);
	b = object(501, 1, 7);
	assert_int_equal(fence_exists(&a, &b, 7), FENCE_EARLIER);
}

static void
another_id_fences(void **state)
{
	struct fence_object a = object(500, 1, 7), b = object(500, 2, 8);

	(void)state;
	assert_int_equal(fence_exists(&a, &b, 7), FENCE_OTHER);
	b.node = 0;
	assert_int_equal(fence_exists(&a, &b, 7), FENCE_OTHER);
	assert_int_equal(fence_exists(&a, &b, 0), FENCE_OTHER);
}

static void
a_pause_is_half_the_retention(void **state)
{
	(void)state;
	assert_false(fence_paused(1000, 1000 + 150000, 300000));
	assert_true(fence_paused(1000, 1001 + 150000, 300000));
	assert_false(fence_paused(0, 1 << 30, 0));
}

static enum fence_pause
pause_of(struct replica_file *f, size_t n, uint64_t txid, size_t *look)
{
	struct listing l = { .f = f, .n = n };

	return fence_pause(&l, txid, look);
}

static void
after_a_pause_the_listing_tells(void **state)
{
	struct replica_file clear[] = {
		{ .min = 9, .max = 9 }, { .min = 10, .max = 10 },
		{ .min = 1, .max = 9, .level = 1 } };
	struct replica_file ahead[] = {
		{ .min = 10, .max = 10 }, { .min = 14, .max = 14 },
		{ .min = 1, .max = 13, .level = 1 } };
	struct replica_file compacted[] = {
		{ .min = 10, .max = 10 }, { .min = 1, .max = 10, .level = 1 } };
	struct replica_file lost[] = { { .min = 10, .max = 10 } };
	struct replica_file older[] = {
		{ .min = 5, .max = 5 }, { .min = 10, .max = 10 } };
	struct replica_file first[] = { { .min = 1, .max = 1 } };
	size_t look = 99;

	(void)state;
	assert_int_equal(pause_of(clear, 3, 10, &look), FENCE_PAUSE_CLEAR);
	assert_int_equal(pause_of(ahead, 3, 10, &look), FENCE_PAUSE_FENCED);
	assert_int_equal(pause_of(compacted, 2, 10, &look), FENCE_PAUSE_LOOK);
	assert_int_equal(look, 1);
	assert_int_equal(pause_of(lost, 1, 10, &look), FENCE_PAUSE_LOST);
	assert_int_equal(pause_of(older, 2, 10, &look), FENCE_PAUSE_LOST);
	assert_int_equal(pause_of(first, 1, 1, &look), FENCE_PAUSE_CLEAR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_bytes_are_our_own_retry),
		cmocka_unit_test(other_bytes_under_our_id_are_an_earlier_life),
		cmocka_unit_test(another_id_fences),
		cmocka_unit_test(a_pause_is_half_the_retention),
		cmocka_unit_test(after_a_pause_the_listing_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
