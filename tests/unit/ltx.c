#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "ltx_mem.h"

static const enum ltx_encoding encodings[] = { LTX_BLOCK, LTX_FRAME, LTX_V1 };

static void
names_round_trip_and_foreign_ones_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "x", "0000000000000001-0000000000000002",
		"0000000000000001-0000000000000002.ltx.tmp",
		"0000000000000001-0000000000000002.LTX",
		"000000000000000A-000000000000000B.ltx",
		"0000000000000001_0000000000000002.ltx",
		"0000000000000000-0000000000000002.ltx",
		"0000000000000003-0000000000000002.ltx",
		"000000000000001-00000000000000002.ltx",
		"000000000000000g-000000000000000h.ltx",
	};
	char s[LTX_NAME_LEN + 1];
	uint64_t a = 7, b = 7;

	(void)state;
	assert_int_equal(ltx_name_fmt(s, 1, 0xabcdef0123456789), 37);
	assert_string_equal(s, "0000000000000001-abcdef0123456789.ltx");
	assert_int_equal(ltx_name_scan(s, &a, &b), 0);
	assert_true(a == 1 && b == 0xabcdef0123456789);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(ltx_name_scan(bad[i], &a, &b), -1);
	assert_true(a == 1 && b == 0xabcdef0123456789);
}

static void
lock_page_follows_the_page_size(void **state)
{
	(void)state;
	assert_int_equal(ltx_lock_page(512), 2097153);
	assert_int_equal(ltx_lock_page(4096), 262145);
	assert_int_equal(ltx_lock_page(65536), 16385);
	for (uint32_t n = 0; n <= 131072; n++) {
		int ok = n == 512 || n == 1024 || n == 2048 || n == 4096
		    || n == 8192 || n == 16384 || n == 32768 || n == 65536;

		assert_int_equal(!!ltx_page_size_ok(n), ok);
	}
}

static void
headers_keep_every_field(void **state)
{
	struct ltx_header h = {
		.flags = 0, .page_size = 65536, .commit = 0x01020304,
		.min_txid = 0x1112131415161718, .max_txid = 0x2122232425262728,
		.time_ms = -5, .pre_apply = 0x8182838485868788,
		.wal_offset = 0x3132333435363738,
		.wal_size = 0x4142434445464748, .salt1 = 0x51525354,
		.salt2 = 0x61626364, .node = 0x7172737475767778
	}, g;
	unsigned char b[LTX_HEADER_SIZE];
	struct err err = { 0 };

	(void)state;
	ltx_header_pack(b, &h);
	assert_memory_equal(b, "LTX1", 4);
	assert_true(be32_unpack(b + 8) == 65536);
	assert_true(be64_unpack(b + 32) == UINT64_MAX - 4);
	for (size_t i = 80; i < 100; i++)
		assert_int_equal(b[i], 0);
	b[90] = 1; /* reserved bytes are not looked at */
	assert_int_equal(ltx_header_unpack(&g, b, &err), 0);
	assert_true(g.flags == h.flags && g.page_size == h.page_size
	    && g.commit == h.commit && g.min_txid == h.min_txid
	    && g.max_txid == h.max_txid && g.time_ms == h.time_ms
	    && g.pre_apply == h.pre_apply && g.wal_offset == h.wal_offset
	    && g.wal_size == h.wal_size && g.salt1 == h.salt1
	    && g.salt2 == h.salt2 && g.node == h.node);
}

static void
refuse(struct ltx_header h, const char *why)
{
	struct err err = { 0 };

	assert_int_equal(ltx_header_check(&h, &err), -1);
	assert_int_equal(err.kind, ERR_DATA);
	assert_string_equal(err.msg, why);
}

static void
invalid_headers_are_named(void **state)
{
	const struct ltx_header good = mem_header(4096, 3, 2, 3);
	struct ltx_header h = good;
	unsigned char b[LTX_HEADER_SIZE];
	struct err err = { 0 };

	(void)state;
	assert_int_equal(ltx_header_check(&h, &err), 0);
	h.flags = 6;
	refuse(h, "header: unknown flags 0x6");
	h = good, h.page_size = 1;
	refuse(h, "header: invalid page size 1");
	h = good, h.min_txid = 0;
	refuse(h, "header: minimum TXID is 0");
	h = good, h.max_txid = 0;
	refuse(h, "header: maximum TXID is 0");
	h = good, h.min_txid = 4;
	refuse(h, "header: minimum TXID is above the maximum");
	h = good, h.wal_offset = -1;
	refuse(h, "header: negative WAL offset");
	h = good, h.wal_size = -1;
	refuse(h, "header: negative WAL size");
	h = good, h.salt2 = 1;
	refuse(h, "header: WAL salt without a WAL offset");
	h = good, h.wal_size = 1;
	refuse(h, "header: WAL size without a WAL offset");
	h = good, h.pre_apply = LTX_CHECKSUM_FLAG;
	refuse(h, "header: pre-apply checksum in a file without checksums");
	h = good, h.flags = 0;
	refuse(h, "header: pre-apply checksum missing or invalid");
	h.pre_apply = 1;
	refuse(h, "header: pre-apply checksum missing or invalid");
	h.pre_apply = LTX_CHECKSUM_FLAG;
	assert_int_equal(ltx_header_check(&h, &err), 0);
	h.min_txid = 1;
	refuse(h, "header: pre-apply checksum in a snapshot");
	ltx_header_pack(b, &good);
	b[3] = '2';
	assert_int_equal(ltx_header_unpack(&h, b, &err), -1);
	assert_string_equal(err.msg, "header: not an LTX file");
}

/* The two-page vector of the format notes; its database checksums do not
 * depend on the compressor. */
static void
tracked_checksums_of_the_reference(void **state)
{
	unsigned char p1[512] = { 'A' }, p2[512];
	const unsigned char *data;
	struct ltx_header h = { 0 };
	struct err err = { 0 };
	uint64_t post = 0xe2de8a53c0d9c151;

	(void)state;
	for (unsigned i = 0; i < 512; i++)
		p2[i] = (unsigned char)(7 * i + i / 3);
	assert_true(ltx_page_checksum(1, p1, 512) == 0x8356444fecd9901e);
	assert_true(ltx_page_checksum(2, p2, 512) == 0xe188ce1c2c00514f);
	h.page_size = 512;
	h.commit = 2;
	h.min_txid = h.max_txid = 1;
	h.time_ms = 1000;
	for (size_t i = 0; i < 3; i++) {
		struct mem m = mem_new();
		struct ltx_enc *e;
		struct ltx_dec *d;
		uint32_t pgno;

		assert_int_equal(ltx_enc_begin(&e, &h, encodings[i],
		    mem_out(&m), NULL, &err), 0);
		assert_int_equal(ltx_enc_page(e, 1, p1, &err), 0);
		assert_int_equal(ltx_enc_page(e, 2, p2, &err), 0);
		assert_int_equal(ltx_enc_end(e, post, &err), 0);
		assert_int_equal(ltx_enc_size(e), m.len);
		assert_int_equal(ltx_dec_begin(&d, mem_in(&m), &err), 0);
		assert_int_equal(ltx_dec_page(d, &pgno, &data, &err), 1);
		assert_memory_equal(data, p1, 512);
		assert_int_equal(ltx_dec_page(d, &pgno, &data, &err), 1);
		assert_memory_equal(data, p2, 512);
		assert_int_equal(ltx_dec_page(d, &pgno, &data, &err), 0);
		assert_true(ltx_dec_post_apply(d) == post);
		assert_true(ltx_dec_checksum(d) == ltx_enc_checksum(e));
		ltx_dec_free(d);
		ltx_enc_free(e);
		/* The same with a wrong post-apply checksum, file checksum
		 * right: the pages tell. */
		mem_free(&m);
		assert_int_equal(ltx_enc_begin(&e, &h, encodings[i],
		    mem_out(&m), NULL, &err), 0);
		assert_int_equal(ltx_enc_page(e, 1, p1, &err), 0);
		assert_int_equal(ltx_enc_page(e, 2, p2, &err), 0);
		assert_int_equal(ltx_enc_end(e, post ^ 1, &err), 0);
		ltx_enc_free(e);
		assert_int_equal(mem_decode(&m, &err), -1);
		assert_non_null(strstr(err.msg, "post-apply checksum does not "
		    "match the pages"));
		mem_free(&m);
	}
}

static void
round_trip(uint32_t page_size, enum ltx_encoding encoding, unsigned flags,
    size_t chunk)
{
	static const enum ltx_format formats[] = { LTX_FORMAT_3, LTX_FORMAT_3,
		LTX_FORMAT_1, LTX_FORMAT_1_LZ4 };
	uint32_t n = page_size < 8192 ? 200 : 20, pgno;
	struct ltx_header h = mem_header(page_size, 3 * n, 5, 9);
	static unsigned char page[LTX_PAGE_MAX];
	const unsigned char *data;
	struct mem m = mem_new();
	struct ltx_enc *e;
	struct ltx_dec *d;
	struct err err = { 0 };

	h.flags |= flags;
	h.wal_offset = 32;
	h.wal_size = 4152;
	h.salt1 = 1;
	h.node = 77;
	assert_int_equal(ltx_enc_begin(&e, &h, encoding, mem_out(&m), NULL,
	    &err), 0);
	for (uint32_t i = 1; i <= n; i++) {
		mem_page(page, page_size, 3 * i, i);
		if (i % 5 == 0) /* zero and incompressible pages too */
			memset(page, 0, page_size);
		else if (i % 5 == 1)
			for (uint32_t k = 0; k < page_size; k++)
				page[k] = (unsigned char)((k * k * 31 + i * k)
				    >> 7 ^ k * 97 * i);
		assert_int_equal(ltx_enc_page(e, 3 * i, page, &err), 0);
	}
	assert_int_equal(ltx_enc_end(e, 0, &err), 0);
	assert_int_equal(ltx_enc_pages(e), n);
	m.chunk = chunk;
	assert_int_equal(ltx_dec_begin(&d, mem_in(&m), &err), 0);
	assert_int_equal(ltx_dec_format(d), formats[encoding + flags]);
	assert_true(ltx_dec_header(d)->node == 77);
	assert_true(ltx_dec_header(d)->wal_size == 4152);
	for (uint32_t i = 1; i <= n; i++) {
		assert_int_equal(ltx_dec_page(d, &pgno, &data, &err), 1);
		assert_int_equal(pgno, 3 * i);
		assert_int_equal(ltx_dec_payload(d).encoding, encoding);
		mem_page(page, page_size, 3 * i, i);
		if (i % 5 > 1)
			assert_memory_equal(data, page, page_size);
	}
	assert_int_equal(ltx_dec_page(d, &pgno, &data, &err), 0);
	assert_int_equal(ltx_dec_page(d, &pgno, &data, &err), 0);
	assert_true(ltx_dec_checksum(d) == ltx_enc_checksum(e));
	assert_int_equal(ltx_dec_offset(d), m.len);
	assert_int_equal(ltx_dec_next(d, &err), 0);
	ltx_dec_free(d);
	ltx_enc_free(e);
	mem_free(&m);
}

static void
every_page_size_goes_round(void **state)
{
	(void)state;
	for (uint32_t s = 512; s <= 65536; s *= 2) {
		for (size_t i = 0; i < 3; i++) {
			round_trip(s, encodings[i], 0, 0);
			round_trip(s, encodings[i], 0, 977);
		}
		round_trip(s, LTX_V1, LTX_FLAG_LZ4, 0);
		round_trip(s, LTX_V1, LTX_FLAG_LZ4, 977);
	}
	round_trip(512, LTX_BLOCK, 0, 1);
	round_trip(512, LTX_FRAME, 0, 1);
	round_trip(512, LTX_V1, LTX_FLAG_LZ4, 1);
}

static void
several_files_follow_each_other(void **state)
{
	struct mem m = mem_new();
	struct ltx_header h = mem_header(512, 3, 1, 1);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(mem_ltx(&m, &h, LTX_BLOCK, NULL, 3, 1, &err), 0);
	h = mem_header(65536, 5, 2, 7);
	assert_int_equal(mem_ltx(&m, &h, LTX_FRAME, NULL, 5, 1, &err), 0);
	h = mem_header(1024, 0, 3, 3); /* no pages at all */
	assert_int_equal(mem_ltx(&m, &h, LTX_BLOCK, NULL, 0, 1, &err), 0);
	h = mem_header(1024, 4, 3, 3);
	assert_int_equal(mem_ltx(&m, &h, LTX_BLOCK, NULL, 4, 1, &err), 0);
	assert_int_equal(mem_decode(&m, &err), 12);
	m.chunk = 1;
	assert_int_equal(mem_decode(&m, &err), 12);
	m.len--;
	assert_int_equal(mem_decode(&m, &err), -1);
	assert_int_equal(err.kind, ERR_DATA);
	m.len++;
	m.p[m.len] = 0; /* there is room: capacity doubles */
	m.len++;
	assert_int_equal(mem_decode(&m, &err), -1);
	assert_string_equal(err.msg,
	    "byte 1: unexpected end of file in the header");
	mem_free(&m);
}

static void
files_without_pages_are_legal(void **state)
{
	struct ltx_header h = mem_header(4096, 0, 1, 1);
	struct mem m = mem_new();
	struct err err = { 0 };

	(void)state;
	assert_int_equal(mem_ltx(&m, &h, LTX_BLOCK, NULL, 0, 0, &err), 0);
	assert_int_equal(m.len, 131);
	assert_int_equal(mem_decode(&m, &err), 0);
	h = mem_header(4096, 10, 4, 5);
	assert_int_equal(mem_ltx(&m, &h, LTX_FRAME, NULL, 0, 0, &err), 0);
	assert_int_equal(mem_decode(&m, &err), 0);
	mem_free(&m);
}

static void
encode_fails(const struct ltx_header *h, const uint32_t *pgno, uint32_t n,
    enum err_kind kind, const char *why)
{
	struct mem m = mem_new();
	struct err err = { 0 };

	assert_int_equal(mem_ltx(&m, h, LTX_BLOCK, pgno, n, 1, &err), -1);
	assert_int_equal(err.kind, kind);
	assert_string_equal(err.msg, why);
	mem_free(&m);
}

static void
encoder_keeps_the_rules_of_page_numbers(void **state)
{
	struct ltx_header h = mem_header(65536, 20000, 2, 2);
	struct mem m = mem_new();
	struct err err = { 0 };

	(void)state;
	encode_fails(&h, (uint32_t[]){ 3, 3 }, 2, ERR_BUG,
	    "page 3 after page 3");
	encode_fails(&h, (uint32_t[]){ 3, 2 }, 2, ERR_BUG,
	    "page 2 after page 3");
	encode_fails(&h, (uint32_t[]){ 0 }, 1, ERR_BUG, "page 0 after page 0");
	encode_fails(&h, (uint32_t[]){ 16385 }, 1, ERR_BUG,
	    "page 16385 is the lock page");
	encode_fails(&h, (uint32_t[]){ 20001 }, 1, ERR_BUG,
	    "page 20001 is past the database size of 20000 pages");
	assert_int_equal(mem_ltx(&m, &h, LTX_BLOCK,
	    (uint32_t[]){ 16384, 16386, 20000 }, 3, 1, &err), 0);
	assert_int_equal(mem_decode(&m, &err), 3);
	mem_free(&m);
	h = mem_header(65536, 20000, 1, 2);
	encode_fails(&h, (uint32_t[]){ 1, 3 }, 2, ERR_DATA, "nonsequential "
	    "page numbers in snapshot transaction: 1,3");
	encode_fails(&h, (uint32_t[]){ 2 }, 1, ERR_DATA, "nonsequential "
	    "page numbers in snapshot transaction: 0,2");
	encode_fails(&h, NULL, 2, ERR_DATA, "snapshot ends at page 2 of 20000");
}

/* Snapshots that end at and after the lock page, at 64 KiB pages: the
 * smallest number of pages, and still 4 GiB to sum. LS_TEST_FAST leaves it
 * out, for valgrind. */
static void
snapshots_jump_over_the_lock_page(void **state)
{
	uint32_t lock = 16385;
	unsigned char *page = calloc(1, 65536);
	struct err err = { 0 };

	(void)state;
	for (uint32_t commit = lock; commit <= lock + 1
	    && !getenv("LS_TEST_FAST"); commit++) {
		struct ltx_header h = mem_header(65536, commit, 1, 1);
		struct mem m = mem_new();
		struct ltx_enc *e;

		assert_int_equal(ltx_enc_begin(&e, &h, LTX_BLOCK, mem_out(&m),
		    NULL, &err), 0);
		for (uint32_t p = 1; p <= commit; p++) {
			be32_pack(page, p);
			if (p != lock)
				assert_int_equal(ltx_enc_page(e, p, page,
				    &err), 0);
		}
		assert_int_equal(ltx_enc_end(e, 0, &err), 0);
		ltx_enc_free(e);
		assert_int_equal(mem_decode(&m, &err), commit - 1);
		mem_free(&m);
	}
	free(page);
}

struct spill_mem {
	struct mem m;
	int rewound;
};

static int
spill_mem_rewind(void *ctx, struct err *err)
{
	struct spill_mem *s = ctx;

	(void)err;
	s->m.at = 0;
	s->rewound++;
	return 0;
}

static void
long_indexes_are_spilled(void **state)
{
	/* About 150,000 pages: 1.3 MB of index, past the 1 MiB kept. */
	struct ltx_header h = mem_header(512, 150000, 1, 1);
	struct spill_mem s = { mem_new(), 0 };
	struct ltx_spill spill = { mem_out(&s.m), mem_in(&s.m),
		spill_mem_rewind, &s };
	struct mem m[2] = { mem_new(), mem_new() };
	unsigned char page[512] = { 0 };
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct ltx_enc *e;

		assert_int_equal(ltx_enc_begin(&e, &h, LTX_BLOCK,
		    mem_out(&m[i]), i ? &spill : NULL, &err), 0);
		for (uint32_t p = 1; p <= h.commit; p++) {
			be32_pack(page, p);
			assert_int_equal(ltx_enc_page(e, p, page, &err), 0);
		}
		assert_int_equal(ltx_enc_end(e, 0, &err), 0);
		ltx_enc_free(e);
	}
	assert_true(s.m.len > 1000000);
	assert_int_equal(s.rewound, 1);
	assert_int_equal(m[0].len, m[1].len);
	assert_memory_equal(m[0].p, m[1].p, m[0].len);
	assert_int_equal(mem_decode(&m[1], &err), 150000);
	mem_free(&s.m);
	mem_free(&m[0]);
	mem_free(&m[1]);
}

static void
index_gives_random_access(void **state)
{
	static const uint32_t pgno[] = { 1, 2, 130, 20000 };
	struct ltx_header h = mem_header(1024, 20000, 3, 3);
	struct ltx_index_entry e;
	struct mem m = mem_new();
	struct err err = { 0 };
	uint64_t size, next = LTX_HEADER_SIZE;
	size_t pos = 0, n = 0;
	unsigned char *idx;
	int r;

	(void)state;
	assert_int_equal(mem_ltx(&m, &h, LTX_BLOCK, pgno, 4, 1, &err), 0);
	size = be64_unpack(m.p + m.len - 24);
	idx = m.p + m.len - 24 - size;
	while ((r = ltx_index_step(idx, size, &pos, &e)) > 0) {
		assert_int_equal(e.pgno, pgno[n++]);
		assert_true(e.offset == next);
		next += e.size;
		assert_int_equal(be32_unpack(m.p + e.offset), e.pgno);
	}
	assert_int_equal(r, 0);
	assert_int_equal(n, 4);
	for (size_t cut = 0; cut < size; cut++) {
		for (pos = 0; (r = ltx_index_step(idx, cut, &pos, &e)) > 0; )
			;
		assert_int_equal(r, -1);
	}
	pos = 0; /* a number of more than 64 bits, one of more than 32 */
	assert_int_equal(ltx_index_step((const unsigned char *)
	    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, &pos, &e), -1);
	pos = 0;
	assert_int_equal(ltx_index_step((const unsigned char *)
	    "\xff\xff\xff\xff\x1f\1\1", 7, &pos, &e), -1);
	mem_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_round_trip_and_foreign_ones_are_refused),
		cmocka_unit_test(lock_page_follows_the_page_size),
		cmocka_unit_test(headers_keep_every_field),
		cmocka_unit_test(invalid_headers_are_named),
		cmocka_unit_test(tracked_checksums_of_the_reference),
		cmocka_unit_test(every_page_size_goes_round),
		cmocka_unit_test(several_files_follow_each_other),
		cmocka_unit_test(files_without_pages_are_legal),
		cmocka_unit_test(encoder_keeps_the_rules_of_page_numbers),
		cmocka_unit_test(snapshots_jump_over_the_lock_page),
		cmocka_unit_test(long_indexes_are_spilled),
		cmocka_unit_test(index_gives_random_access),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
