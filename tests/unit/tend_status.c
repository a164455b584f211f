#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/tend_status.h"

static void
what_is_written_is_read(void **state)
{
	struct tend_replica r[2] = {
		{ .url = "s3://b/p", .state = "failing", .job = "compaction",
		    .error = { "tab\there\\ and\nthere", "temp", 1700000000001,
		    3 }, .proven_txid = 0x2a, .proven_ms = 1700000000002,
		    .refused = 7, .settled = 5, .gap = 6, .seen_ms = 8,
		    .tried_ms = 9, .proofs = { 1, 2, 3 }, .miscompacted = 5 },
		{ .url = "file:///r", .state = "ok", .proven_error = "a gap" },
	};
	struct tend_database d[2] = { { "/a b.db", r, 2 }, { "/c.db", NULL, 0 } };
	struct tend_status st = { .pid = (uint64_t)getpid(), .time_ms = 77,
	    .db = d, .n = 2 }, got;
	const struct tend_replica *f;
	struct err e;
	char *text;
	size_t len;

	(void)state;
	r[0].level[0] = (struct tend_level){ 12, 3, 400, 0, { 4, 0, 6 } };
	r[0].level[9] = (struct tend_level){ 11, 1, 1u << 30, 1700000000003,
	    { 0 } };
	r[1].level[2].looks[TEND_UNSOUND] = 8; /* its files are gone */
	assert_int_equal(tend_status_fmt(&st, &text, &len, &e), 0);
	assert_int_equal(strlen(text), len);
	assert_int_equal(tend_status_scan(&got, text, len, &e), 0);
	assert_true(got.pid == st.pid && got.time_ms == 77 && got.n == 2);
	assert_int_equal(got.db[1].n, 0);
	f = tend_status_find(&got, "/a b.db", "s3://b/p");
	assert_non_null(f);
	assert_string_equal(f->state, "failing");
	assert_string_equal(f->job, "compaction");
	assert_string_equal(f->error.text, "tab\there\\ and\nthere");
	assert_string_equal(f->error.kind, "temp");
	assert_true(f->error.count == 3 && f->error.time_ms == 1700000000001);
	assert_true(f->proven_txid == 0x2a && f->proven_ms == 1700000000002);
	assert_null(f->proven_error);
	assert_true(f->refused == 7 && f->settled == 5 && f->gap == 6
	    && f->seen_ms == 8 && f->tried_ms == 9);
	assert_true(f->level[0].txid == 12 && f->level[0].files == 3
	    && f->level[0].bytes == 400 && f->level[0].time_ms == 0);
	assert_true(f->level[9].bytes == 1u << 30
	    && f->level[9].time_ms == 1700000000003);
	assert_true(f->level[1].files == 0);
	assert_memory_equal(f->level[0].looks, r[0].level[0].looks,
	    sizeof f->level[0].looks);
	assert_memory_equal(f->proofs, r[0].proofs, sizeof f->proofs);
	assert_true(f->miscompacted == 5);
	f = tend_status_find(&got, "/a b.db", "file:///r");
	assert_string_equal(f->proven_error, "a gap");
	assert_true(f->level[2].looks[TEND_UNSOUND] == 8
	    && !f->level[2].files && !f->proofs[TEND_SOUND]);
	assert_null(tend_status_find(&got, "/c.db", "file:///r"));
	tend_status_free(&got);
	tend_status_free(&got);
}

static void
what_is_none_is_refused(void **state)
{
	static const struct { const char *text; int r; } t[] = {
		{ "ls-s6-tend 1\n", 0 },
		{ "ls-s6-tend 1\ntend\tpid=5\tnew=1\nthing\tx=y\n", 0 },
		{ "", -1 }, { "ls-s6-tend 2\n", -1 }, { "ls-s6-status 1\n", -1 },
		{ "ls-s6-tend 1\ndb\tpath=/x", -1 },
		{ "ls-s6-tend 1\ndb\tx=/x\n", -1 },
		{ "ls-s6-tend 1\ndb\tpath=/x\nreplica\turl=u\n", -1 },
		/* of nothing: passed over */
		{ "ls-s6-tend 1\nreplica\turl=u\tstate=ok\n", 0 },
		{ "ls-s6-tend 1\ndb\tpath=/x\nlevel\tn=1\tfiles=1\n", 0 },
		{ "ls-s6-tend 1\ndb\tpath=/x\nreplica\turl=u\tstate=ok\n"
		    "level\tn=12\tfiles=1\n", 0 },
	};
	struct tend_status st;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		int r = tend_status_scan(&st, strdup(t[i].text),
		    strlen(t[i].text), &e);

		if (r != t[i].r)
			fail_msg("%s: %d", t[i].text, r);
		tend_status_free(&st);
	}
}

static void
health(void **state)
{
	struct tend_replica r = { .url = "u", .state = "ok" };
	struct tend_database d = { "/a.db", &r, 1 };
	struct tend_status st = { .db = &d, .n = 1 };
	char why[200];

	(void)state;
	assert_true(tend_status_healthy(&st, why, sizeof why));
	r.error = (struct status_error){ "no route", "temp", 1, 2 };
	assert_true(tend_status_healthy(&st, why, sizeof why));
	r.error.count = 3;
	assert_false(tend_status_healthy(&st, why, sizeof why));
	assert_non_null(strstr(why, "no route"));
	r.error.count = 0;
	r.proven_error = "damaged";
	assert_false(tend_status_healthy(&st, why, sizeof why));
	assert_non_null(strstr(why, "damaged"));
	r.proven_error = NULL;
	st.stale = 1;
	assert_false(tend_status_healthy(&st, why, sizeof why));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(health),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
