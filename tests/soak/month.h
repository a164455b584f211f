#ifndef LS_TESTS_MONTH_H
#define LS_TESTS_MONTH_H

/* The model of month.c: what the database was at each TXID. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/when.h"
#include "repl/level.h"
#include "repl/retain.h"

#define PS 512
#define PAGES_MAX 64
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define START INT64_C(1772323200000) /* 2026-03-01 */
#define LENGTH (31 * DAY)

static const int64_t levels[] = { 30 * SECOND, 300 * SECOND, HOUR };

/* ---- the model ---- */

static struct {
	uint64_t seed, rng;
	int64_t now;
	unsigned char page[PAGES_MAX][PS];
	uint32_t pages;
	uint64_t txid;
	uint64_t *sum;        /* checksum of the database at each TXID */
	int64_t *time;        /* of its commit */
	char dir[200], ltx0[256];
	struct store_conf conf;
	struct level_conf level;
	struct level_last last;
	struct retain_rules rules;
	unsigned fail;        /* in a thousand: renames that fail */
	unsigned lost, healed, mended, restores, points, failed, deleted;
	int broken;           /* an object was lost, and no full copy made since */
	uint64_t whole;       /* the TXID of the last full copy */
} m;

static struct err err;

__attribute__((format(printf, 1, 2), noreturn)) static void
wrong(const char *fmt, ...)
{
	char t[WHEN_FMT];
	va_list ap;

	when_fmt(t, m.now);
	fprintf(stderr, "month: %s, TXID %llu: ", t,
	    (unsigned long long)m.txid);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nmonth: again with LS_SEED=%llu\n",
	    (unsigned long long)m.seed);
	exit(1);
}

static uint64_t
rnd(uint64_t n)
{
	m.rng ^= m.rng << 13;
	m.rng ^= m.rng >> 7;
	m.rng ^= m.rng << 17;
	return (m.rng >> 11) % n;
}

#endif
