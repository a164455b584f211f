#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/spill.h"
#include "ltx/ltx.h"
#include "ltx_mem.h"
#include "repl/listing.h"
#include "repl/listing_fmt.h"
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

static void
what_is_printed_is_read(void **state)
{
	static const struct replica_file f[] = {
		{ 1, 1, 4096, 1700000000123, 0, 0, 0 },
		{ 2, UINT64_MAX, UINT64_C(1) << 40, -1, 3, 0, 0 },
		{ 1, 0x2a, 0, 0, 9, 0, 0 },
	};
	stralloc s = STRALLOC_ZERO;
	struct listing l = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_true(stralloc_cats(&s, "# s3://b/p\n" LISTING_FMT_HEAD "\n"));
	for (size_t i = 3; i-- > 0;)
		assert_true(listing_fmt_tsv(&s, &f[i])
		    && stralloc_cats(&s, "\n"));
	assert_true(stralloc_cats(&s, "\n# 3 other objects\n"));
	assert_int_equal(listing_fmt_scan(&l, s.s, s.len, &e), 0);
	assert_int_equal(l.n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(l.f[i].level, f[i].level);
		assert_true(l.f[i].min == f[i].min && l.f[i].max == f[i].max);
		assert_true(l.f[i].size == f[i].size);
		assert_true(l.f[i].time_ms == f[i].time_ms);
		assert_false(l.f[i].time_exact || l.f[i].full);
	}
	listing_free(&l);
	stralloc_free(&s);
}

static void
what_is_no_listing_is_refused(void **state)
{
#define A "0000000000000001"
#define B "0000000000000002"
	static const char *const bad[] = {
		"x\n", "0\n", "10\t" A "\t" B "\t5\t-\n",
		"local\t" A "\t" B "\t5\t-\n", "0\t" A "\t" B "\t5\n",
		"0\t" A "\t" B "\t5\t-", "0\t" A "\t" B "\t5\t-\tmore\n",
		"0\t" A "\t" B "\t5\t\n", "0\t" A "\t" B "\t-5\t-\n",
		"0\t" A "\t" B "\t5\tnow\n", "0\t" B "\t" A "\t5\t-\n",
		"0\t0000000000000000\t" B "\t5\t-\n", "0\t1\t2\t5\t-\n",
		"0\t" A "\t" B "\t99999999999999999999\t-\n",
		"0\t" A "\t" A A A A "\t5\t-\n",
	};
	struct listing l = { 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		err_clear(&e);
		assert_int_equal(listing_fmt_scan(&l, bad[i], strlen(bad[i]),
		    &e), -1);
		assert_int_equal(e.kind, ERR_DATA);
	}
	assert_int_equal(l.n, 0);
	listing_free(&l);
}

/* Names are bytes, JSON is UTF-8. */
static void
json_strings_are_utf8(void **state)
{
	stralloc s = STRALLOC_ZERO;

	(void)state;
	assert_true(json_string(&s, "a\"\\\t\x7f \xc3\xa4 \xe4 \xe2\x82"));
	assert_true(stralloc_0(&s));
	assert_string_equal(s.s, "\"a\\\"\\\\\\u0009\\u007f \xc3\xa4 \\ufffd "
	    "\\ufffd\\ufffd\"");
	stralloc_free(&s);
}

/* ---- changes ---- */

#define MANY 100000

static struct replica_file
file(unsigned level, uint64_t n)
{
	return (struct replica_file){ .min = n, .max = n, .size = n,
	    .level = (uint8_t)level };
}

static void
note(struct listing_changes *c, unsigned level, uint64_t n, int there)
{
	struct replica_file f = file(level, n);
	struct err e;

	assert_int_equal(listing_note(c, &f, there, &e), 0);
}

/* Retention after a long time without: what goes is told one by one, here
 * the newest first, the dearest way for a row taken out at once. */
static void
many_deletions_are_one_pass(void **state)
{
	struct listing_changes c = { 0 };
	struct listing l = { 0 };
	struct replica_file *was;
	struct err e;

	(void)state;
	for (uint64_t i = 1; i <= MANY; i++) {
		struct replica_file f = file(0, i);

		assert_int_equal(listing_add(&l, &f, &e), 0);
	}
	was = l.f;
	for (uint64_t i = MANY; i > 1; i--)
		note(&c, 0, i - 1, 0);
	assert_ptr_equal(l.f, was);
	assert_int_equal(l.n, MANY); /* nothing is moved for each of them */
	assert_int_equal(listing_apply(&l, &c, &e), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.f[0].max, MANY);
	assert_int_equal(c.n, 0);
	listing_free(&l);
}

/* Of each file the last change counts; against a model, by a fixed seed. */
static void
changes_are_as_one_by_one(void **state)
{
	enum { TXIDS = 12, LEVELS = 3, ROUNDS = 300 };
	char there[LEVELS][TXIDS] = { { 0 } };
	struct listing_changes c = { 0 };
	struct listing l = { .foreign = 7 };
	unsigned seed = 5;
	struct err e;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		size_t n = 0;

		for (int i = rand_r(&seed) % 20; i > 0; i--) {
			unsigned k = (unsigned)rand_r(&seed) % LEVELS;
			unsigned t = (unsigned)rand_r(&seed) % TXIDS;

			there[k][t] = rand_r(&seed) & 1;
			note(&c, k, t + 1, there[k][t]);
		}
		assert_int_equal(listing_apply(&l, &c, &e), 0);
		for (unsigned k = 0; k < LEVELS; k++)
			for (unsigned t = 0; t < TXIDS; t++)
				if (there[k][t]) {
					assert_true(n < l.n);
					assert_int_equal(l.f[n].level, k);
					assert_int_equal(l.f[n++].max, t + 1);
				}
		assert_int_equal(l.n, n);
		assert_int_equal(l.foreign, 7);
	}
	listing_free(&l);
}

/* ---- the pages of a file ---- */

static uint32_t
hole(uint32_t page_size, uint32_t commit, const uint32_t *pgno, size_t n)
{
	static unsigned char page[65536];
	const struct ltx_header h = { .flags = LTX_FLAG_NOCHECKSUM,
	    .page_size = page_size, .commit = commit, .min_txid = 2,
	    .max_txid = 2, .time_ms = 1700000000123 };
	const struct replica_file f = { .min = 2, .max = 2 };
	struct mem m = { .fail_in = -1 };
	struct ltx_spill spill;
	struct listing_facts facts;
	struct ltx_enc *enc;
	struct spill s;
	struct err e = { 0 };

	spill_init(&s, NULL);
	spill = (struct ltx_spill){ spill_out(&s), spill_in(&s), spill_rewind,
	    &s };
	assert_int_equal(ltx_enc_begin(&enc, &h, LTX_BLOCK,
	    (struct io_out){ mem_write, &m }, &spill, &e), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(ltx_enc_page(enc, pgno[i], page, &e), 0);
	assert_int_equal(ltx_enc_end(enc, 0, &e), 0);
	ltx_enc_free(enc);
	spill_free(&s);
	assert_int_equal(listing_check_in((struct io_in){ mem_read, &m }, &f,
	    &facts, &e), 0);
	assert_int_equal(facts.time_ms, 1700000000123);
	assert_memory_equal(m.p + m.len - 8, ((unsigned char[]){
	    (unsigned char)(facts.checksum >> 56),
	    (unsigned char)(facts.checksum >> 48) }), 2);
	free(m.p);
	return facts.hole;
}

static void
the_last_hole_is_told(void **state)
{
	const uint32_t all[] = { 1, 2, 3, 4 }, lock = 16385; /* of 64 KB pages */

	(void)state;
	assert_int_equal(hole(4096, 4, all, 4), 0);
	assert_int_equal(hole(4096, 5, all, 4), 5);
	assert_int_equal(hole(4096, 9, all, 4), 9);
	assert_int_equal(hole(4096, 4, all + 1, 3), 1);
	assert_int_equal(hole(4096, 4, all + 3, 1), 3);
	assert_int_equal(hole(4096, 4, all, 0), 4);
	assert_int_equal(hole(4096, 3, (uint32_t[]){ 1, 3 }, 2), 2);
	/* the page SQLite leaves out is no hole */
	assert_int_equal(hole(65536, lock + 1, (uint32_t[]){ lock - 1,
	    lock + 1 }, 2), lock - 2);
	assert_int_equal(hole(65536, lock + 1, (uint32_t[]){ 1, lock + 1 },
	    2), lock - 1);
	assert_int_equal(hole(65536, lock, (uint32_t[]){ lock - 1 }, 1),
	    lock - 2);
	assert_int_equal(hole(65536, lock + 1, (uint32_t[]){ lock - 1 }, 1),
	    lock + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hole_is_looked_at_again),
		cmocka_unit_test(what_is_printed_is_read),
		cmocka_unit_test(what_is_no_listing_is_refused),
		cmocka_unit_test(json_strings_are_utf8),
		cmocka_unit_test(many_deletions_are_one_pass),
		cmocka_unit_test(changes_are_as_one_by_one),
		cmocka_unit_test(the_last_hole_is_told),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
