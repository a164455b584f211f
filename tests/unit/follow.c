#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "repl/follow.h"

/* "L:MIN-MAX" words; what to do at a position, and where the plan leads. */
static const struct {
	const char *files;
	int all;
	unsigned pos;
	enum follow_next next;
	unsigned to;   /* of FOLLOW_APPLY */
} cases[] = {
	/* level 0 from the position on */
	{ "", 0, 5, FOLLOW_IDLE, 0 },
	{ "0:5-5", 0, 5, FOLLOW_IDLE, 0 },
	{ "0:5-5 0:6-6 0:7-7", 0, 5, FOLLOW_APPLY, 7 },
	{ "0:7-7", 0, 5, FOLLOW_LOOK, 0 },
	{ "0:6-6 0:8-8", 0, 5, FOLLOW_LOOK, 0 },
	{ "0:6-6 0:9-9", 0, 5, FOLLOW_LOOK, 0 },
	/* all levels */
	{ "", 1, 5, FOLLOW_LOST, 0 },
	{ "9:1-4 0:4-4", 1, 5, FOLLOW_LOST, 0 },
	{ "9:1-5 0:5-5", 1, 5, FOLLOW_IDLE, 0 },
	{ "9:1-4 1:5-7 0:8-8", 1, 5, FOLLOW_APPLY, 8 },
	{ "9:1-4 1:3-7 0:8-8", 1, 5, FOLLOW_APPLY, 8 },
	{ "9:1-9", 1, 5, FOLLOW_APPLY, 9 },
	{ "0:6-6 0:8-8", 1, 5, FOLLOW_APPLY, 6 },
	{ "9:1-5 0:8-8", 1, 5, FOLLOW_GAP, 0 },
	/* a restore that is older than the replica's first file */
	{ "9:1-20 0:21-21", 1, 5, FOLLOW_APPLY, 21 },
};

static void
what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *s = cases[i].files;
		struct listing l = { .n = 0 };
		unsigned level, min, max;
		struct err e = { 0 };
		struct plan p;
		int len, r;

		while (sscanf(s, " %u:%u-%u%n", &level, &min, &max, &len) == 3) {
			struct replica_file f = { .min = min, .max = max,
			    .size = 100 * (max - min + 1), .level =
			    (uint8_t)level };

			assert_int_equal(listing_add(&l, &f, &e), 0);
			s += len;
		}
		r = follow_next(&l, cases[i].all, cases[i].pos, &p, &e);
		assert_int_equal(r, cases[i].next);
		if (r == FOLLOW_APPLY)
			assert_int_equal(p.txid, cases[i].to);
		plan_free(&p);
		listing_free(&l);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_to_do),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
