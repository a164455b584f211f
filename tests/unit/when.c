#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include "base/when.h"

static void
times_are_written(void **state)
{
	char s[WHEN_FMT];

	(void)state;
	assert_int_equal(when_fmt(s, 0), 24);
	assert_string_equal(s, "1970-01-01T00:00:00.000Z");
	when_fmt(s, INT64_C(1763673458398));
	assert_string_equal(s, "2025-11-20T21:17:38.398Z");
	when_fmt(s, INT64_C(951782399999));
	assert_string_equal(s, "2000-02-28T23:59:59.999Z");
	when_fmt(s, INT64_C(951782400000));
	assert_string_equal(s, "2000-02-29T00:00:00.000Z");
	when_fmt(s, -1);
	assert_string_equal(s, "1969-12-31T23:59:59.999Z");
	when_fmt(s, INT64_MIN);
	assert_string_equal(s, "0000-01-01T00:00:00.000Z");
	when_fmt(s, INT64_MAX);
	assert_string_equal(s, "9999-12-31T23:59:59.999Z");
	assert_int_equal(when_fmt_compact(s, INT64_C(1763673458398)), 14);
	assert_string_equal(s, "20251120211738");
}

static void
times_are_read(void **state)
{
	static const struct { const char *s; int64_t ms; } good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01 00:00:00z", 0 },
		{ "1970-01-01t00:00:00.5Z", 500 },
		{ "1970-01-01T00:00:00.123456789Z", 123 },
		{ "1970-01-01T00:00:00.0009Z", 0 },
		{ "1970-01-01T01:00:00+01:00", 0 },
		{ "1969-12-31T18:30:00-05:30", 0 },
		{ "1969-12-31T23:59:59.999Z", -1 },
		{ "2000-02-29T00:00:00Z", INT64_C(951782400000) },
		{ "2024-02-29T12:00:00Z", INT64_C(1709208000000) },
		{ "2100-03-01T00:00:00Z", INT64_C(4107542400000) },
		{ "0000-02-29T00:00:00Z", INT64_C(-62162121600000) },
		{ "9999-12-31T23:59:59.999Z", INT64_C(253402300799999) },
		{ "2026-11-20T21:17:37.398Z", INT64_C(1795209457398) },
	};
	static const char *const bad[] = {
		"", "1970", "1970-01-01", "1970-01-01T00:00:00",
		"1970-01-01T00:00Z", "1970-1-01T00:00:00Z",
		"2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z", "1970-04-31T00:00:00Z",
		"1970-00-01T00:00:00Z", "1970-13-01T00:00:00Z",
		"1970-01-00T00:00:00Z", "1970-01-32T00:00:00Z",
		"1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z",
		"1970-01-01T00:00:60Z", "1970-01-01T00:00:00.Z",
		"1970-01-01T00:00:00ZZ", "1970-01-01T00:00:00Z ",
		" 1970-01-01T00:00:00Z", "1970-01-01T00:00:00+0100",
		"1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+01:60",
		"1970-01-01X00:00:00Z", "-970-01-01T00:00:00Z",
		"1970-01-01T00:00:00 Z", "10000-01-01T00:00:00Z",
		"1970-01-01T00:00:00,5Z", "1970-01-01T00:00:00.5",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(when_scan(good[i].s, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (when_scan(bad[i], &ms) != -1)
			fail_msg("accepted: %s", bad[i]);
}

static void
every_day_of_four_centuries_comes_back(void **state)
{
	(void)state;
	for (int64_t d = -10000; d < 140000; d++) {
		char s[WHEN_FMT];
		int64_t back;

		when_fmt(s, d * 86400000 + 43200001);
		assert_int_equal(when_scan(s, &back), 0);
		assert_int_equal(back, d * 86400000 + 43200001);
	}
}

static void
http_dates(void **state)
{
	static const char *const bad[] = {
		"", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun 06 Nov 1994 08:49:37 GMT", "Son, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nav 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMT ", "Sun,", "Sun, 06 N",
		"Sun, 06 Nov 1994 08:49:37 EST",
	};
	int64_t ms;

	(void)state;
	assert_int_equal(
	    when_scan_http("Sun, 06 Nov 1994 08:49:37 GMT", &ms), 0);
	assert_int_equal(ms, INT64_C(784111777000));
	assert_int_equal(when_scan_http("2026-11-20T21:17:37.398Z", &ms), 0);
	assert_int_equal(ms, INT64_C(1795209457398));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (when_scan_http(bad[i], &ms) != -1)
			fail_msg("accepted: %s", bad[i]);
}

static void
durations_are_read_as_go_does(void **state)
{
	static const struct { const char *s; int64_t ms; } good[] = {
		{ "0", 0 }, { "+0", 0 }, { "-0", 0 }, { "0s", 0 },
		{ "1s", 1000 }, { "1.5s", 1500 }, { ".5s", 500 },
		{ "1.s", 1000 }, { "500ms", 500 }, { "1h30m", 5400000 },
		{ "1h15m30.918s", 4530918 }, { "-1.5h", -5400000 },
		{ "999us", 0 }, { "1500us", 1 }, { "2000\xc2\xb5s", 2 },
		{ "2000\xce\xbcs", 2 }, { "3000000ns", 3 }, { "24h", 86400000 },
		{ "1d", 86400000 }, { "1d12h", 129600000 }, { "+5m", 300000 },
		{ "0.000000000000000000000000000000001h", 0 },
		{ "0.3333333333333333333h", 1199999 },
		{ "2562047h", INT64_C(9223369200000) },
	};
	static const char *const bad[] = {
		"", "1", "s", "-", "+", ".", ".s", "1..5s", "1x", "1s ", " 1s",
		"1S", "1.5", "1h30", "--1s", "1 s", "1hm", "3000000h",
		"99999999999999999999s", "106752d", "9223372036s9223372036s",
		"1minute", "5sec",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		if (when_dur_scan(good[i].s, &ms) || ms != good[i].ms)
			fail_msg("%s: %lld", good[i].s, (long long)ms);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (when_dur_scan(bad[i], &ms) != -1)
			fail_msg("accepted: %s", bad[i]);
}

static void
durations_are_written_as_go_does(void **state)
{
	static const struct { int64_t ms; const char *s; } t[] = {
		{ 0, "0s" }, { 1, "1ms" }, { 999, "999ms" }, { 1000, "1s" },
		{ 1500, "1.5s" }, { 1010, "1.01s" }, { 60000, "1m0s" },
		{ 60001, "1m0.001s" }, { 5400000, "1h30m0s" },
		{ 86400000, "24h0m0s" }, { -1500, "-1.5s" }, { -1, "-1ms" },
		{ INT64_MIN, "-2562047788015h12m55.808s" },
	};
	char s[WHEN_FMT];

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		assert_int_equal(when_dur_fmt(s, t[i].ms), strlen(t[i].s));
		assert_string_equal(s, t[i].s);
	}
}

static void
clocks_run(void **state)
{
	int64_t mono = when_mono();

	(void)state;
	assert_true(when_now() > INT64_C(1600000000000));
	assert_true(mono > 0 && when_boot() >= mono && when_mono() >= mono);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(every_day_of_four_centuries_comes_back),
		cmocka_unit_test(http_dates),
		cmocka_unit_test(durations_are_read_as_go_does),
		cmocka_unit_test(durations_are_written_as_go_does),
		cmocka_unit_test(clocks_run),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
