#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "ltx/ltx.h"
#include "repl/listing.h"
#include "store/store_int.h"

static unsigned lists;           /* of level 0, so far */
static const char *const *seen;  /* TXIDs each of them shows, one letter each */

static int
list(struct store *st, const char *prefix, const char *after,
    store_list_fn *fn, void *ctx, struct err *e)
{
	struct store_stat stat = { .size = 200 };
	char key[80];
	int at;

	(void)st;
	(void)after;
	at = snprintf(key, sizeof key, "%s", prefix);
	if (key[at - 2] != '0')
		return 0;
	for (const char *s = seen[lists++]; *s; s++) {
		ltx_name_fmt(key + at, (uint64_t)(*s - '0'),
		    (uint64_t)(*s - '0'));
		if (fn(ctx, key, &stat, e) < 0)
			return -1;
	}
	return 0;
}

static void
check(const char *const *shown, unsigned want_lists, const char *want)
{
	static const struct store_ops ops = { .list = list };
	static char path[] = "/r";
	struct store_conf conf = { .type = STORE_FILE, .path = path };
	struct store st = { .ops = &ops, .conf = &conf };
	struct listing l = { 0 };
	struct err e = { 0 };
	char got[16] = "";

	seen = shown;
	lists = 0;
	assert_int_equal(listing_read(&st, LISTING_ALL, &l, &e), 0);
	for (size_t i = 0; i < l.n; i++)
		got[i] = (char)('0' + l.f[i].max);
	assert_string_equal(got, want);
	assert_int_equal(lists, want_lists);
	listing_free(&l);
}

/* What readdir shows of a folder that is being written to. */
static void
a_hole_is_looked_at_again(void **state)
{
	static const char *const none[] = { "123" }, *const empty[] = { "" };
	static const char *const closed[] = { "1235", "123456" };
	static const char *const moved[] = { "124", "12346", "123456" };
	static const char *const real[] = { "1245", "12456" };
	static const char *const ever[] = { "13", "124", "1235", "12346",
		"123457", "1234568" };

	(void)state;
	check(none, 1, "123");
	check(empty, 1, "");
	check(closed, 2, "123456");
	check(moved, 3, "123456");
	check(real, 2, "12456");
	check(ever, 6, "1234568");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hole_is_looked_at_again),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
