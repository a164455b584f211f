#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "repl/metrics.h"

static void
counts_survive_as_text(void **state)
{
	struct store_meter a = { 0 }, b = { 0 };
	char row[STORE_METER_ROW];

	(void)state;
	store_meter_fmt(row, &a, STORE_S3, STORE_OP_PUT);
	assert_string_equal(row, "");
	store_meter_add(&a, STORE_S3, STORE_OP_PUT, 100, 9000, ERR_NONE);
	store_meter_add(&a, STORE_S3, STORE_OP_PUT, 0, 61000000, ERR_TEMP);
	store_meter_add(&a, STORE_S3, STORE_OP_PUT, 5, 700000, ERR_DENIED);
	store_meter_add(NULL, STORE_S3, STORE_OP_PUT, 5, 700000, ERR_DENIED);
	store_meter_fmt(row, &a, STORE_S3, STORE_OP_PUT);
	assert_string_equal(row, "op=PUT\ttype=s3\tn=3\tbytes=105\tus=61709000"
	    "\tbuckets=1,0,0,0,1,0,0,0,0\terrors=denied:1,temp:1");
	assert_int_equal(store_meter_scan(&b, row), 0);
	assert_memory_equal(&a, &b, sizeof a);
	store_meter_fmt(row, &a, STORE_S3, STORE_OP_PUT);
	assert_int_equal(store_meter_scan(&b, row), 0);
	assert_int_equal(b.op[STORE_S3][STORE_OP_PUT].n, 6);
	assert_int_equal(b.op[STORE_S3][STORE_OP_PUT].bucket[0], 2);
	assert_int_equal(b.op[STORE_S3][STORE_OP_PUT].error[ERR_TEMP], 2);
}

static void
what_is_no_row_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "op=PUT", "op=PUT\ttype=ftp\tn=1", "op=EAT\ttype=s3",
		"type=s3\top=PUT", "op=PUT\ttype=s3\tn",
		"op=PUT\ttype=s3\tbuckets=1,2", "op=PUT\ttype=s3\terrors=temp",
		"op=PUT\ttype=s3\tbuckets=1,0,0,0,1,0,0,0,0,7"
	};
	struct store_meter m = { 0 };
	char row[128];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		strcpy(row, bad[i]);
		if (store_meter_scan(&m, row) != -1)
			fail_msg("taken: %s", bad[i]);
	}
	strcpy(row, "op=GET\ttype=file\tnew=1\tn=2\terrors=strange:3");
	assert_int_equal(store_meter_scan(&m, row), 0);
	assert_int_equal(m.op[STORE_FILE][STORE_OP_GET].n, 2);
}

static const char *
name(void *ctx, const char *db, const char *url)
{
	(void)ctx, (void)db;
	return strstr(url, "file") ? "disk\"\xc3\xa4\xff" : NULL;
}

/* A status with one of everything, through its text. */
static struct status
example(void)
{
	struct status_replica r[2] = {
		{ .url = "file:///r", .state = "ok", .txid = 5, .bytes = 77,
		    .files = 3, .success_ms = 1500 },
		{ .url = "s3://b/p", .state = "failing", .txid = 3, .lag = 2,
		    .lag_bytes = 9, .behind_ms = 4000, .v03 = 1, .index = 6,
		    .offset = 4152, .error = { "no", "temp", 1, 4 } }
	};
	struct status_db d = { .path = "/d/a\\b.db", .state = "running",
	    .txid = 5, .disk_full = 1, .r = r, .n = 2, .stats = { 8192, 4152,
	    8272, 7, 1, 1500000, 2, 1, 30 } };
	struct status st = { .pid = 1, .time_ms = 9, .db = &d, .n = 1 }, out;
	struct err e;
	char *text;
	size_t len;

	store_meter_add(&st.meter, STORE_FILE, STORE_OP_GET, 1, 20000,
	    ERR_NONE);
	assert_int_equal(status_fmt(&st, &text, &len, &e), 0);
	if (status_scan(&out, text, len, &e) < 0)
		fail_msg("%s", e.msg);
	return out;
}

static void
everything_is_told(void **state)
{
	static const char *const want[] = {
		"ls_up 1\n",
		"\nlitestream_db_size{db=\"/d/a\\\\b.db\"} 8192\n",
		"\nlitestream_disk_full{db=\"/d/a\\\\b.db\"} 1\n",
		"\nlitestream_sync_seconds{db=\"/d/a\\\\b.db\"} 1.500000\n",
		"\nlitestream_checkpoint_seconds{db=\"/d/a\\\\b.db\",mode="
		    "\"PASSIVE\"} 0.000030\n",
		"\nlitestream_replica_wal_bytes{db=\"/d/a\\\\b.db\",name="
		    "\"disk\\\"\xc3\xa4\\\\xff\"} 77\n",
		"\nlitestream_replica_wal_index{db=\"/d/a\\\\b.db\",name="
		    "\"s3\"} 6\n",
		"\nlitestream_replica_wal_offset{db=\"/d/a\\\\b.db\",name="
		    "\"s3\"} 4152\n",
		"\nls_lag_seconds{db=\"/d/a\\\\b.db\",replica=\"s3://b/p\"} "
		    "6.250\n",
		"\nls_last_success_timestamp_seconds{db=\"/d/a\\\\b.db\","
		    "replica=\"file:///r\"} 1.500\n",
		"\nls_errors{db=\"/d/a\\\\b.db\",replica=\"s3://b/p\"} 4\n",
		"\nlitestream_shadow_wal_index{db=\"/d/a\\\\b.db\"} 6\n",
		"\nls_tend_up 1\n",
		"\nls_last_proven_restore_timestamp_seconds{db=\"/d/x.db\","
		    "replica=\"file:///r\"} 1700000000.123\n",
		"\nls_proof_failed{db=\"/d/x.db\",replica=\"file:///r\"} 0\n",
		"\nls_level_bytes{db=\"/d/x.db\",replica=\"file:///r\",level="
		    "\"1\"} 200\n",
		"\nlitestream_l0_retention_files_total{db=\"x.db\",status="
		    "\"eligible\"} 1\n",
		"{db=\"x.db\",status=\"not_compacted\"} 4\n",
		"{db=\"x.db\",status=\"too_recent\"} 1\n",
		"\nlitestream_last_validation_success{db=\"/d/x.db\",level="
		    "\"1\"} 1\n",
		"\nlitestream_validation_checks_total{db=\"/d/x.db\",level="
		    "\"1\",result=\"success\"} 7\n",
		"{db=\"/d/x.db\",level=\"1\",result=\"invalid\"} 0\n",
		"{db=\"/d/x.db\",level=\"1\",result=\"error\"} 5\n",
		"{db=\"/d/x.db\",level=\"2\",result=\"invalid\"} 1\n",
		"\nlitestream_replica_validation_total{db=\"/d/x.db\",name="
		    "\"disk\\\"\xc3\xa4\\\\xff\",status=\"ok\"} 6\n",
		"status=\"error\"} 1\n",
		"{db=\"/d/x.db\",name=\"s3\",status=\"ok\"} 0\n",
		"\nlitestream_compaction_verify_error_count{db=\"/d/x.db\"} "
		    "5\n",
		"_bucket{replica_type=\"file\",operation=\"GET\",le=\"0.01\"} "
		    "0\n",
		"_bucket{replica_type=\"file\",operation=\"GET\",le=\"0.05\"} "
		    "1\n",
		"_sum{replica_type=\"file\",operation=\"GET\"} 0.020000\n"
	};
	struct tend_replica t[2] = { { .url = "file:///r", .state = "ok",
	    .proven_txid = 4, .proven_ms = 1700000000123, .refused = 1,
	    .proofs = { 6, 1, 2 }, .miscompacted = 3,
	    .level = { { 9, 6, 600, 0, { 0 } }, { 5, 2, 200, 0, { 6, 0, 2 } },
	    { .looks = { 0, 1, 0 } } } }, { .url = "s3://b/p", .state = "ok",
	    .miscompacted = 2, .level = { [1].looks = { 1, 0, 3 } } } };
	struct tend_database td = { .path = "/d/x.db", .r = t, .n = 2 };
	struct tend_status tend = { .pid = 1, .db = &td, .n = 1 };
	struct status st = example();
	struct metrics m = { &st, &tend, 10250, 0, name, NULL };
	stralloc s = STRALLOC_ZERO;

	(void)state;
	assert_int_equal(metrics_fmt(&s, &m), 1);
	assert_int_equal(stralloc_0(&s), 1);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		if (!strstr(s.s, want[i]))
			fail_msg("missing: %s\nin:\n%s", want[i], s.s);
	assert_null(strstr(s.s, "level=\"0\",result"));
	assert_null(strstr(s.s, "wal_index{db=\"/d/a\\\\b.db\",name=\"disk"));
	s.len = 0;
	m.v03 = 1;
	assert_int_equal(metrics_fmt(&s, &m) && stralloc_0(&s), 1);
	assert_null(strstr(s.s, "duration"));
	assert_non_null(strstr(s.s, "litestream_replica_operation_total{"));
	stralloc_free(&s);
	status_free(&st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_survive_as_text),
		cmocka_unit_test(what_is_no_row_is_refused),
		cmocka_unit_test(everything_is_told)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
