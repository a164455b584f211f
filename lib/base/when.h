#ifndef LS_BASE_WHEN_H
#define LS_BASE_WHEN_H

#include <stddef.h>
#include <stdint.h>

/* Times are int64_t milliseconds since the Unix epoch, UTC; durations are
 * int64_t milliseconds. Pure but for the two clocks. */

#define WHEN_FMT 32

/* RFC 3339 with three decimals, "2006-01-02T15:04:05.000Z"; returns length,
 * not counting the final NUL it writes. Years 0 to 9999, clamped. */
size_t when_fmt(char s[WHEN_FMT], int64_t ms);

/* YYYYMMDDHHMMSS, UTC, for file names. */
size_t when_fmt_compact(char s[WHEN_FMT], int64_t ms);

/* RFC 3339 (any number of decimals truncated to ms, "Z" or offset, "T" or
 * blank, lower case allowed). 0, or -1 if it is not one. Whole string. */
int when_scan(const char *s, int64_t *ms);

/* HTTP date (RFC 1123) and ISO listings' times: as when_scan. */
int when_scan_http(const char *s, int64_t *ms);

/* Go duration: "1h30m", "500ms", "1.5s", "0"; units ns us µs ms s m h and,
 * beyond Go, d. Result truncated to ms. 0 or -1. */
int when_dur_scan(const char *s, int64_t *ms);

/* "1h30m0s" as Go prints it. Returns the length. */
size_t when_dur_fmt(char s[WHEN_FMT], int64_t ms);

int64_t when_now(void);  /* CLOCK_REALTIME */
int64_t when_mono(void); /* CLOCK_MONOTONIC: for deadlines and timers */
uint64_t when_mono_us(void); /* the same in microseconds, to measure */
int64_t when_boot(void); /* CLOCK_BOOTTIME: goes on while suspended */

#endif
