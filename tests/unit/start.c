#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "db/start.h"

/* The start-up decision, case by case as in the design. */

static struct start_in
usual(void)
{
	struct start_in in;

	memset(&in, 0, sizeof in);
	in.local = in.remote = in.tail_txid = 9;
	in.tail = START_TAIL_LOST;
	in.have_shipped = 1;
	in.shipped.ino = in.now.ino = 77;
	in.shipped.btime_ns = in.now.btime_ns = 5;
	in.shipped.change_counter = in.now.change_counter = 30;
	in.shipped.schema_cookie = in.now.schema_cookie = 4;
	in.shipped.page_size = in.now.page_size = 4096;
	in.shipped.page1 = 1;
	in.now.page1 = 2;
	return in;
}

static void
check(const struct start_in *in, enum start_action action, uint64_t txid,
    uint64_t gap)
{
	struct start_out out;

	start_decide(in, &out);
	assert_int_equal(out.action, action);
	assert_int_equal(out.txid, txid);
	assert_int_equal(out.gap, gap);
	assert_non_null(out.reason);
}

static void
tail_says_go_on(void **state)
{
	struct start_in in = usual();

	(void)state;
	in.tail = START_TAIL_HERE;
	check(&in, START_AFTER_TAIL, 9, 0);
	in.remote = 7;
	check(&in, START_AFTER_TAIL, 9, 0);
	in.tail = START_TAIL_BEFORE;
	check(&in, START_NEW_WAL, 9, 0);
	/* lower counters or another inode mean nothing beside the WAL's proof */
	in.now.change_counter = 1;
	in.now.ino = 5;
	check(&in, START_NEW_WAL, 9, 0);
}

static void
nothing_known_is_the_first_full_copy(void **state)
{
	struct start_in in = usual();

	(void)state;
	in.local = in.remote = in.tail_txid = 0;
	in.tail = START_TAIL_NONE;
	in.have_shipped = 0;
	check(&in, START_DUMP, 1, 0);
}

static void
lost_position_is_a_full_copy_with_a_gap(void **state)
{
	struct start_in in = usual();

	(void)state;
	check(&in, START_DUMP, 10, 10);
	in.remote = 12;
	check(&in, START_DUMP, 13, 13);
	in.local = 20;
	check(&in, START_DUMP, 21, 21);
}

static void
replica_ahead_goes_on_only_through_its_own_last_file(void **state)
{
	struct start_in in = usual();

	(void)state;
	in.remote = 12;
	in.tail = START_TAIL_HERE;
	check(&in, START_DUMP, 13, 13);
	in.tail_txid = 12;
	check(&in, START_AFTER_TAIL, 12, 0);
}

static void
markers(void **state)
{
	struct start_in in = usual();

	(void)state;
	in.marker = MARKER_STOP;
	in.marker_txid = 9;
	check(&in, START_NEW_WAL, 9, 0);
	in.tail = START_TAIL_HERE;
	check(&in, START_AFTER_TAIL, 9, 0);
	in.tail = START_TAIL_LOST;
	in.marker_txid = 8; /* older than the folder */
	check(&in, START_DUMP, 10, 10);
	in.marker = MARKER_RESTORE;
	in.marker_txid = 15;
	in.now.ino = 1;
	in.now.change_counter = 2;
	check(&in, START_NEW_WAL, 15, 0);
	in.gone = 1;
	check(&in, START_NEW_WAL, 15, 0);
	in.remote = 16; /* somebody shipped since */
	in.gone = 0;
	check(&in, START_HOLD, 16, 0);
}

static void
replaced_databases_are_held(void **state)
{
	struct start_in in = usual();

	(void)state;
	in.now.change_counter = 29;
	check(&in, START_HOLD, 9, 0);
	in = usual();
	in.now.schema_cookie = 3;
	check(&in, START_HOLD, 9, 0);
	/* made anew: same counters, another file */
	in = usual();
	in.now.ino = 78;
	check(&in, START_HOLD, 9, 0);
	/* inode used again: birth tells */
	in = usual();
	in.now.btime_ns = 6;
	check(&in, START_HOLD, 9, 0);
	in.accept = 1;
	check(&in, START_DUMP, 10, 10);
	in = usual();
	in.gone = 1;
	in.tail = START_TAIL_HERE;
	check(&in, START_HOLD, 9, 0);
	in.accept = 1;
	check(&in, START_DUMP, 10, 10);
	/* more was written to the new one, or page 1 happens to be the same */
	in = usual();
	in.now.ino = 78;
	in.now.change_counter = 31;
	in.now.schema_cookie = 5;
	check(&in, START_HOLD, 9, 0);
	in.kin = -1;
	check(&in, START_HOLD, 9, 0);
	in.now = in.shipped;
	in.now.ino = 78;
	check(&in, START_HOLD, 9, 0);
	in.accept = 1;
	check(&in, START_DUMP, 10, 10);
}

static void
without_local_state_only_what_is_proven_goes_on(void **state)
{
	struct start_in in = usual();

	(void)state;
	in.local = in.shipped.ino = 0;
	in.tail = START_TAIL_NONE;
	check(&in, START_HOLD, 9, 0);
	in.now.change_counter = 31;
	check(&in, START_HOLD, 9, 0);
	in.kin = 1;
	check(&in, START_DUMP, 10, 10);
	in.now.change_counter = 29;
	check(&in, START_HOLD, 9, 0);
	/* page 1 of the replica and no file to compare */
	in = usual();
	in.local = in.shipped.ino = 0;
	in.now.page1 = in.shipped.page1;
	check(&in, START_DUMP, 10, 10);
	in.kin = -1;
	check(&in, START_HOLD, 9, 0);
	/* nothing known at all */
	in = usual();
	in.local = in.have_shipped = 0;
	check(&in, START_HOLD, 9, 0);
	in.kin = 1;
	check(&in, START_DUMP, 10, 10);
	in.kin = 0;
	in.accept = 1;
	check(&in, START_DUMP, 10, 10);
}

static void
a_device_number_changes_when_a_volume_is_mounted_again(void **state)
{
	struct start_in in = usual();

	(void)state;
	in.now.dev = 8;
	check(&in, START_DUMP, 10, 10);
	in.now.btime_ns = 0;
	check(&in, START_HOLD, 9, 0);
}

static void
what_went_on_is_not_held(void **state)
{
	struct start_in in = usual();

	(void)state;
	/* copied to another place, the pages say so */
	in.now.ino = 78;
	in.kin = 1;
	check(&in, START_DUMP, 10, 10);
	/* VACUUM raises the cookie */
	in = usual();
	in.now.schema_cookie = 5;
	in.now.page_size = 8192;
	check(&in, START_DUMP, 11, 11);
	/* nothing known of what was shipped */
	in = usual();
	in.have_shipped = 0;
	check(&in, START_DUMP, 10, 10);
	/* nor is Litestream's folder, with page 1 in the last file */
	in = usual();
	in.shipped.ino = 0;
	in.now.change_counter = 31;
	check(&in, START_DUMP, 10, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tail_says_go_on),
		cmocka_unit_test(nothing_known_is_the_first_full_copy),
		cmocka_unit_test(lost_position_is_a_full_copy_with_a_gap),
		cmocka_unit_test(
		    replica_ahead_goes_on_only_through_its_own_last_file),
		cmocka_unit_test(markers),
		cmocka_unit_test(replaced_databases_are_held),
		cmocka_unit_test(
		    without_local_state_only_what_is_proven_goes_on),
		cmocka_unit_test(
		    a_device_number_changes_when_a_volume_is_mounted_again),
		cmocka_unit_test(what_went_on_is_not_held),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
