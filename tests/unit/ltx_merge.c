#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "ltx_mem.h"

#define MAX 64

/* An input file: TXIDs, commit, its pages; the version of its pages is its
 * maximum TXID. */
struct in {
	uint64_t min, max;
	uint32_t commit;
	uint32_t n;
	uint32_t pgno[12];
};

struct set {
	size_t n;
	struct mem mem[MAX];
	struct ltx_dec *dec[MAX];
	struct ltx_merge *merge;
};

static void
set_add(struct set *s, const struct in *in, uint32_t page_size,
    enum ltx_encoding encoding)
{
	struct ltx_header h = mem_header(page_size, in->commit, in->min,
	    in->max);
	struct err err = { 0 };
	struct mem *m = &s->mem[s->n];

	h.node = 5;
	h.wal_offset = 32;
	*m = mem_new();
	if (mem_ltx(m, &h, encoding, in->pgno, in->n, (uint32_t)in->max, &err)
	    || ltx_dec_begin(&s->dec[s->n], mem_in(m), &err))
		fail_msg("%s", err.msg);
	s->n++;
}

static struct set
set_of(const struct in *in, size_t n)
{
	struct set s = { 0 };

	for (size_t i = 0; i < n; i++)
		set_add(&s, &in[i], 512, i % 2 ? LTX_FRAME : LTX_BLOCK);
	return s;
}

static void
set_free(struct set *s)
{
	ltx_merge_free(s->merge);
	for (size_t i = 0; i < s->n; i++) {
		ltx_dec_free(s->dec[i]);
		mem_free(&s->mem[i]);
	}
}

static void
expect_page(struct set *s, uint32_t pgno, uint32_t version)
{
	unsigned char page[512];
	const unsigned char *data;
	struct ltx_payload pl;
	struct err err = { 0 };
	uint32_t got;

	if (ltx_merge_page(s->merge, &got, &data, &pl, &err) != 1)
		fail_msg("page %u: %s", pgno, err.msg);
	assert_int_equal(got, pgno);
	mem_page(page, 512, pgno, version);
	assert_memory_equal(data, page, 512);
	assert_non_null(pl.data);
}

static void
expect_end(struct set *s)
{
	const unsigned char *data;
	struct err err = { 0 };
	uint32_t pgno;

	for (int i = 0; i < 2; i++)
		if (ltx_merge_page(s->merge, &pgno, &data, NULL, &err))
			fail_msg("%s", err.msg);
}

static void
merge_fails(const struct in *in, size_t n, const char *why)
{
	struct set s = set_of(in, n);
	const unsigned char *data;
	struct err err = { 0 };
	uint32_t pgno;
	int r = ltx_merge_begin(&s.merge, s.dec, n, &err);

	while (!r && (r = ltx_merge_page(s.merge, &pgno, &data, NULL, &err))
	    > 0)
		r = 0;
	assert_int_equal(r, -1);
	assert_int_equal(err.kind, ERR_DATA);
	assert_string_equal(err.msg, why);
	set_free(&s);
}

static void
newest_version_of_each_page_wins(void **state)
{
	static const struct in in[] = {
		{ 1, 1, 5, 5, { 1, 2, 3, 4, 5 } },
		{ 2, 3, 6, 3, { 2, 3, 6 } },
		{ 4, 4, 6, 2, { 3, 5 } },
	};
	struct set s = set_of(in, 3);
	const struct ltx_header *h;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ltx_merge_begin(&s.merge, s.dec, 3, &err), 0);
	h = ltx_merge_header(s.merge);
	assert_true(h->min_txid == 1 && h->max_txid == 4);
	assert_int_equal(h->commit, 6);
	assert_int_equal(h->page_size, 512);
	assert_int_equal(h->flags, LTX_FLAG_NOCHECKSUM);
	assert_true(h->time_ms == 4000);
	assert_true(!h->wal_offset && !h->node);
	expect_page(&s, 1, 1);
	expect_page(&s, 2, 3);
	expect_page(&s, 3, 4);
	expect_page(&s, 4, 1);
	expect_page(&s, 5, 4);
	expect_page(&s, 6, 3);
	expect_end(&s);
	set_free(&s);
}

static void
pages_past_the_commit_are_dropped(void **state)
{
	static const struct in in[] = {
		{ 5, 5, 9, 4, { 2, 7, 8, 9 } },
		{ 6, 6, 3, 1, { 3 } },
	};
	static const struct in gone[] = {
		{ 5, 5, 9, 2, { 8, 9 } },
		{ 6, 6, 3, 0, { 0 } },
	};
	struct set s = set_of(in, 2);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ltx_merge_begin(&s.merge, s.dec, 2, &err), 0);
	expect_page(&s, 2, 5);
	expect_page(&s, 3, 6);
	expect_end(&s);
	set_free(&s);
	s = set_of(gone, 2);
	assert_int_equal(ltx_merge_begin(&s.merge, s.dec, 2, &err), 0);
	expect_end(&s);
	set_free(&s);
}

static void
overlaps_are_legal_and_gaps_are_not(void **state)
{
	static const struct in overlap[] = {
		{ 2, 6, 4, 2, { 1, 2 } },
		{ 4, 8, 4, 2, { 2, 3 } },
	};
	struct set s = set_of(overlap, 2);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ltx_merge_begin(&s.merge, s.dec, 2, &err), 0);
	expect_page(&s, 1, 6);
	expect_page(&s, 2, 8);
	expect_page(&s, 3, 8);
	expect_end(&s);
	set_free(&s);
	merge_fails((struct in[]){ { 2, 3, 4, 1, { 1 } },
	    { 5, 5, 4, 1, { 2 } } }, 2,
	    "LTX 0000000000000002-0000000000000003 and "
	    "0000000000000005-0000000000000005 leave a gap");
	merge_fails((struct in[]){ { 2, 5, 4, 1, { 1 } },
	    { 5, 5, 4, 1, { 2 } } }, 2,
	    "LTX 0000000000000002-0000000000000005 and "
	    "0000000000000005-0000000000000005 are not in order");
	s = (struct set){ 0 };
	set_add(&s, &overlap[0], 512, LTX_BLOCK);
	set_add(&s, &overlap[1], 1024, LTX_BLOCK);
	assert_int_equal(ltx_merge_begin(&s.merge, s.dec, 2, &err), -1);
	assert_non_null(strstr(err.msg, "have different page sizes"));
	set_free(&s);
}

static void
growth_holes_are_found(void **state)
{
	(void)state;
	/* A snapshot that grows by 3 pages of which one never appears. */
	merge_fails((struct in[]){ { 1, 1, 2, 2, { 1, 2 } },
	    { 2, 2, 5, 2, { 3, 5 } } }, 2, "page 4 is missing: the database "
	    "grew from 0 to 5 pages in LTX 0000000000000001-0000000000000002 "
	    "and no file holds it");
	/* The last page. */
	merge_fails((struct in[]){ { 7, 7, 2, 1, { 1 } },
	    { 8, 8, 4, 2, { 1, 3 } } }, 2, "page 4 is missing: the database "
	    "grew from 2 to 4 pages in LTX 0000000000000007-0000000000000008 "
	    "and no file holds it");
	/* Pages there were before need not be in the range. */
	{
		static const struct in in[] = {
			{ 7, 7, 20, 1, { 19 } }, { 8, 8, 20, 1, { 3 } },
			{ 9, 9, 21, 1, { 21 } }
		};
		struct set s = set_of(in, 3);
		struct err err = { 0 };

		assert_int_equal(ltx_merge_begin(&s.merge, s.dec, 3, &err), 0);
		expect_page(&s, 3, 8);
		expect_page(&s, 19, 7);
		expect_page(&s, 21, 9);
		expect_end(&s);
		set_free(&s);
	}
}

static void
lock_page_is_no_hole(void **state)
{
	struct set s = { 0 };
	static const struct in in[] = {
		{ 7, 7, 16383, 1, { 1 } },
		{ 8, 8, 16386, 2, { 16384, 16386 } },
		{ 9, 9, 16385, 0, { 0 } }
	};
	const unsigned char *data;
	struct err err = { 0 };
	uint32_t pgno;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		set_add(&s, &in[i], 65536, LTX_BLOCK);
	assert_int_equal(ltx_merge_begin(&s.merge, s.dec, 2, &err), 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(ltx_merge_page(s.merge, &pgno, &data, NULL,
		    &err), 1);
		assert_int_equal(pgno, in[i ? 1 : 0].pgno[i ? i - 1 : 0]);
	}
	expect_end(&s);
	ltx_merge_free(s.merge);
	for (size_t i = 0; i < 3; i++) {
		ltx_dec_free(s.dec[i]);
		assert_int_equal(ltx_dec_begin(&s.dec[i], mem_in(&s.mem[i]),
		    &err), 0);
	}
	assert_int_equal(ltx_merge_begin(&s.merge, s.dec, 3, &err), 0);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(ltx_merge_page(s.merge, &pgno, &data, NULL,
		    &err), 1);
	expect_end(&s);
	set_free(&s);
}

static void
damage_in_any_input_is_found_and_named(void **state)
{
	static const struct in in[] = {
		{ 1, 1, 3, 3, { 1, 2, 3 } },
		{ 2, 2, 3, 2, { 2, 3 } },
		{ 3, 3, 1, 1, { 1 } },
	};

	(void)state;
	/* The last bytes, which only matter after the last page. */
	for (size_t k = 0; k < 3; k++) {
		struct set s = set_of(in, 3);
		const unsigned char *data;
		struct err err = { 0 };
		uint32_t pgno;
		int r;

		ltx_dec_free(s.dec[k]);
		s.mem[k].p[s.mem[k].len - 1] ^= 1;
		assert_int_equal(ltx_dec_begin(&s.dec[k], mem_in(&s.mem[k]),
		    &err), 0);
		assert_int_equal(ltx_merge_begin(&s.merge, s.dec, 3, &err), 0);
		while ((r = ltx_merge_page(s.merge, &pgno, &data, NULL, &err))
		    > 0)
			;
		assert_int_equal(r, -1);
		assert_int_equal(err.kind, ERR_DATA);
		assert_non_null(strstr(err.msg, "file checksum mismatch"));
		assert_int_equal(err.msg[19], '1' + (int)k);
		r = ltx_merge_page(s.merge, &pgno, &data, NULL, &err);
		assert_int_equal(r, -1);
		set_free(&s);
	}
}

/* Random histories against a plain model; the merged file is written with
 * reused payloads and read back. */
static void
random_merges_equal_a_model(void **state)
{
	uint32_t x = 12345;

	(void)state;
	for (int round = 0; round < 60; round++) {
		uint32_t model[40] = { 0 }, commit = 0;
		struct set s = { 0 };
		struct mem out = mem_new();
		const unsigned char *data;
		struct ltx_payload pl;
		struct err err = { 0 };
		struct ltx_enc *e;
		struct ltx_dec *d;
		uint32_t pgno;
		size_t files;
		int r;

		x = x * 1664525 + 1013904223;
		files = 1 + (x >> 16) % 40;
		for (uint32_t t = 1; t <= files; t++) {
			struct in in = { t, t, 0, 0, { 0 } };
			uint32_t old = commit;

			x = x * 1664525 + 1013904223;
			commit = 1 + (x >> 16) % 12;
			in.commit = commit;
			for (uint32_t p = 1; p <= commit; p++) {
				x = x * 1664525 + 1013904223;
				if (p > old || (x >> 16) % 3 == 0) {
					in.pgno[in.n++] = p;
					model[p] = t;
				}
			}
			set_add(&s, &in, 512, x >> 16 & 1 ? LTX_BLOCK
			    : LTX_FRAME);
		}
		assert_int_equal(ltx_merge_begin(&s.merge, s.dec, s.n, &err),
		    0);
		assert_int_equal(ltx_enc_begin(&e, ltx_merge_header(s.merge),
		    LTX_BLOCK, mem_out(&out), NULL, &err), 0);
		while ((r = ltx_merge_page(s.merge, &pgno, &data, &pl, &err))
		    > 0)
			assert_int_equal(ltx_enc_page_reuse(e, pgno, data, &pl,
			    &err), 0);
		assert_int_equal(r, 0);
		assert_int_equal(ltx_enc_end(e, 0, &err), 0);
		ltx_enc_free(e);
		assert_int_equal(ltx_dec_begin(&d, mem_in(&out), &err), 0);
		for (uint32_t p = 1; p <= commit; p++) {
			unsigned char page[512];

			assert_int_equal(ltx_dec_page(d, &pgno, &data, &err),
			    1);
			assert_int_equal(pgno, p);
			mem_page(page, 512, p, model[p]);
			assert_memory_equal(data, page, 512);
		}
		assert_int_equal(ltx_dec_page(d, &pgno, &data, &err), 0);
		ltx_dec_free(d);
		mem_free(&out);
		set_free(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newest_version_of_each_page_wins),
		cmocka_unit_test(pages_past_the_commit_are_dropped),
		cmocka_unit_test(overlaps_are_legal_and_gaps_are_not),
		cmocka_unit_test(growth_holes_are_found),
		cmocka_unit_test(lock_page_is_no_hole),
		cmocka_unit_test(damage_in_any_input_is_found_and_named),
		cmocka_unit_test(random_merges_equal_a_model),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
