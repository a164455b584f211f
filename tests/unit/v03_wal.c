#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <lz4frame.h>

#include "base/bytes.h"
#include "ltx_mem.h"
#include "repl/v03_wal.h"
#include "v03/pack.h"

static struct err e;

static void
drain(struct io_in in, struct mem *m)
{
	unsigned char buf[1000];
	ssize_t n;

	while ((n = in.read(in.ctx, buf, sizeof buf, &e)) > 0)
		assert_int_equal(mem_write(m, buf, (size_t)n, &e), 0);
	assert_int_equal(n, 0);
}

/* LTX file n of these pages as the segment at *at, appended to m. */
static int
segment(struct v03_wal *at, uint32_t commit, uint64_t n, const uint32_t *pgno,
    uint32_t pages, struct mem *m)
{
	struct ltx_header h = mem_header(at->page_size, commit, n, n);
	struct mem file = mem_new();
	struct v03_wal_seg *s;
	struct ltx_dec *dec;
	struct io_in in;
	int r;

	assert_int_equal(mem_ltx(&file, &h, LTX_BLOCK, pgno, pages,
	    (uint32_t)n, &e), 0);
	assert_int_equal(ltx_dec_begin(&dec, mem_in(&file), &e), 0);
	r = v03_wal_begin(&s, at, dec, &e);
	if (r == 0) {
		in = v03_wal_in(s);
		if (pages) {
			drain(in, m);
			*at = v03_wal_end(s);
		} else {
			r = in.read(in.ctx, &h, 1, &e) < 0 ? -1 : 0;
		}
	}
	v03_wal_free(s);
	ltx_dec_free(dec);
	mem_free(&file);
	return r;
}

/* SQLite's checksum, from its description alone. */
static void
sum(const unsigned char *p, size_t len, uint32_t s[2])
{
	for (size_t i = 0; i < len; i += 8) {
		s[0] += le32_unpack(p + i) + s[1];
		s[1] += le32_unpack(p + i + 4) + s[0];
	}
}

static void
frame(unsigned char *p, uint32_t size, uint32_t pgno, uint32_t commit,
    uint32_t version, const unsigned char *head, uint32_t s[2])
{
	be32_pack(p, pgno);
	be32_pack(p + 4, commit);
	memcpy(p + 8, head + 16, 8);
	mem_page(p + 24, size, pgno, version);
	sum(p, 8, s);
	sum(p + 24, size, s);
	be32_pack(p + 16, s[0]);
	be32_pack(p + 20, s[1]);
}

static void
segments_are_a_log_byte_for_byte(void **state)
{
	static const uint32_t one[] = { 1, 3, 4 }, two[] = { 2 };
	struct v03_wal at = { .generation = UINT64_C(0x0123456789abcdef),
	    .index = 7, .page_size = 512 };
	unsigned char want[32 + 4 * 536];
	struct mem got = mem_new();
	uint32_t s[2] = { 0, 0 };

	(void)state;
	assert_int_equal(segment(&at, 4, 5, one, 3, &got), 0);
	assert_int_equal(at.offset, 32 + 3 * 536);
	assert_int_equal(segment(&at, 4, 6, two, 1, &got), 0);
	assert_int_equal(at.offset, sizeof want);

	be32_pack(want, 0x377f0682);
	be32_pack(want + 4, 3007000);
	be32_pack(want + 8, 512);
	be32_pack(want + 12, 7);
	be32_pack(want + 16, 0x01234567 + 7);
	be32_pack(want + 20, 0x4f9ea651);
	sum(want, 24, s);
	be32_pack(want + 24, s[0]);
	be32_pack(want + 28, s[1]);
	frame(want + 32, 512, 1, 0, 5, want, s);
	frame(want + 32 + 536, 512, 3, 0, 5, want, s);
	frame(want + 32 + 2 * 536, 512, 4, 4, 5, want, s);
	frame(want + 32 + 3 * 536, 512, 2, 4, 6, want, s);
	assert_int_equal(got.len, sizeof want);
	assert_memory_equal(got.p, want, sizeof want);
	assert_int_equal(at.sum[0], s[0]);
	assert_int_equal(at.sum[1], s[1]);
	mem_free(&got);
}

/* lib/wal says so, at every page size. */
static void
the_chain_of_checksums_holds(void **state)
{
	static const uint32_t a[] = { 1, 2, 9 }, b[] = { 1 }, c[] = { 4, 5 };

	(void)state;
	for (uint32_t size = 512; size <= 65536; size *= 2) {
		struct v03_wal at = { .generation = size * 77777777ull,
		    .index = 3, .page_size = size };
		struct mem got = mem_new();
		struct wal_header h;
		uint32_t s[2], n = 0, commits = 0;

		assert_int_equal(segment(&at, 9, 2, a, 3, &got), 0);
		assert_int_equal(segment(&at, 1, 3, b, 1, &got), 0);
		assert_int_equal(segment(&at, 5, 4, c, 2, &got), 0);
		assert_int_equal(wal_header_unpack(&h, got.p, &e), 0);
		assert_int_equal(h.page_size, size);
		memcpy(s, h.sum, sizeof s);
		for (size_t p = 32; p < got.len; p += 24 + size, n++) {
			assert_true(wal_frame_ok(&h, got.p + p, s));
			commits += be32_unpack(got.p + p + 4) != 0;
		}
		assert_int_equal(n, 6);
		assert_int_equal(commits, 3);
		assert_int_equal(be32_unpack(got.p + 32 + 2 * (24 + size) + 4),
		    9);
		assert_int_equal(be32_unpack(got.p + 32 + 3 * (24 + size) + 4),
		    1);
		mem_free(&got);
	}
}

static void
what_is_made_twice_is_the_same(void **state)
{
	static const uint32_t p[] = { 2, 3 };
	struct v03_wal at = { .generation = 9, .page_size = 1024 }, b = at;
	struct mem x = mem_new(), y = mem_new();
	struct wal_header h, i;

	(void)state;
	assert_int_equal(segment(&at, 4, 8, p, 2, &x), 0);
	assert_int_equal(segment(&b, 4, 8, p, 2, &y), 0);
	assert_int_equal(x.len, y.len);
	assert_memory_equal(x.p, y.p, x.len);
	mem_free(&x);
	mem_free(&y);
	/* and every index has other salts */
	v03_wal_header(&at, &h);
	at.index++;
	v03_wal_header(&at, &i);
	assert_int_equal(i.salt1, h.salt1 + 1);
	assert_int_not_equal(i.salt2, h.salt2);
}

static void
what_cannot_be_a_segment_is_refused(void **state)
{
	struct v03_wal at = { .generation = 9, .page_size = 1024 };
	struct ltx_header h = mem_header(512, 2, 2, 2);
	struct mem file = mem_new(), got = mem_new();
	struct v03_wal_seg *s;
	struct ltx_dec *dec;

	(void)state;
	assert_int_equal(segment(&at, 4, 8, NULL, 0, &got), -1);
	assert_int_equal(e.kind, ERR_DATA);
	assert_int_equal(mem_ltx(&file, &h, LTX_BLOCK, NULL, 2, 1, &e), 0);
	assert_int_equal(ltx_dec_begin(&dec, mem_in(&file), &e), 0);
	assert_int_equal(v03_wal_begin(&s, &at, dec, &e), -1);
	assert_int_equal(e.kind, ERR_CONF);
	ltx_dec_free(dec);
	mem_free(&file);
}

/* ---- the image ---- */

static int
image(struct mem *file, struct mem *out)
{
	struct v03_image i;
	struct ltx_dec *dec;
	struct io_in in;
	unsigned char buf[700];
	ssize_t n;

	assert_int_equal(ltx_dec_begin(&dec, mem_in(file), &e), 0);
	v03_image_init(&i, dec);
	in = v03_image_in(&i);
	while ((n = in.read(in.ctx, buf, sizeof buf, &e)) > 0)
		mem_write(out, buf, (size_t)n, &e);
	if (n == 0)
		assert_int_equal(in.read(in.ctx, buf, 1, &e), 0);
	ltx_dec_free(dec);
	return (int)n;
}

static void
a_full_file_is_the_database(void **state)
{
	static const uint32_t hole[] = { 1, 2, 4 };
	struct ltx_header h = mem_header(512, 4, 9, 9);
	struct mem file = mem_new(), out = mem_new();
	unsigned char page[512];

	(void)state;
	assert_int_equal(mem_ltx(&file, &h, LTX_FRAME, NULL, 4, 9, &e), 0);
	assert_int_equal(image(&file, &out), 0);
	assert_int_equal(out.len, 4 * 512);
	for (uint32_t p = 1; p <= 4; p++) {
		mem_page(page, 512, p, 9);
		assert_memory_equal(out.p + (p - 1) * 512, page, 512);
	}
	file.len = 0;
	assert_int_equal(mem_ltx(&file, &h, LTX_BLOCK, hole, 3, 9, &e), 0);
	assert_int_equal(image(&file, &out), -1);
	assert_string_equal(e.msg, "page 3 is missing");
	file.len = 0;
	assert_int_equal(mem_ltx(&file, &h, LTX_BLOCK, NULL, 3, 9, &e), 0);
	assert_int_equal(image(&file, &out), -1);
	assert_string_equal(e.msg, "page 4 is missing");
	/* damage at the end is found before the end is told */
	file.len = 0;
	assert_int_equal(mem_ltx(&file, &h, LTX_BLOCK, NULL, 4, 9, &e), 0);
	file.p[file.len - 1] ^= 1;
	assert_int_equal(image(&file, &out), -1);
	assert_int_equal(e.kind, ERR_DATA);
	mem_free(&file);
	mem_free(&out);
}

/* A page past the lock page of 64 KiB pages. */
static void
the_lock_page_is_zeros(void **state)
{
	static unsigned char page[65536], zero[65536];
	const uint32_t lock = ltx_lock_page(65536), commit = lock + 1;
	struct ltx_header h = mem_header(65536, commit, 1, 1);
	struct mem file = mem_new();
	struct ltx_enc *enc;
	struct ltx_dec *dec;
	struct v03_image i;

	(void)state;
	assert_int_equal(ltx_enc_begin(&enc, &h, LTX_BLOCK, mem_out(&file),
	    NULL, &e), 0);
	for (uint32_t p = 1; p <= commit; p++) {
		be32_pack(page, p);
		if (p != lock)
			assert_int_equal(ltx_enc_page(enc, p, page, &e), 0);
	}
	assert_int_equal(ltx_enc_end(enc, 0, &e), 0);
	ltx_enc_free(enc);
	assert_int_equal(ltx_dec_begin(&dec, mem_in(&file), &e), 0);
	v03_image_init(&i, dec);
	for (uint32_t p = 1; p <= commit; p++) {
		assert_int_equal(io_readn(v03_image_in(&i), page, sizeof page,
		    &e), 0);
		assert_int_equal(be32_unpack(page), p == lock ? 0 : p);
		if (p == lock)
			assert_memory_equal(page, zero, sizeof page);
	}
	assert_int_equal(v03_image_in(&i).read(&i, page, 1, &e), 0);
	ltx_dec_free(dec);
	mem_free(&file);
}

/* ---- LZ4 ---- */

static void
pack(struct mem *raw, struct mem *out)
{
	struct v03_pack *p;

	assert_int_equal(v03_pack_begin(&p, mem_in(raw), &e), 0);
	drain(v03_pack_in(p), out);
	v03_pack_free(p);
}

static void
frames_are_as_litestream_writes_them(void **state)
{
	static const size_t lens[] = { 0, 1, 568, 262143, 262144, 262145,
	    1000000 };
	static const unsigned char head[] = { 4, 0x22, 0x4d, 0x18, 0x64, 0x70,
	    0xb9 };

	(void)state;
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		struct mem raw = mem_new(), out = mem_new();
		unsigned char *back = malloc(lens[i] + 1);
		size_t n = lens[i] + 1, m;
		LZ4F_dctx *ctx;

		raw.p = malloc(lens[i] + 1);
		raw.len = raw.cap = lens[i];
		for (size_t j = 0; j < lens[i]; j++)
			raw.p[j] = (unsigned char)(j * j >> 7);
		raw.chunk = 1000; /* sources give what they like */
		pack(&raw, &out);
		assert_memory_equal(out.p, head, sizeof head);
		assert_int_equal(LZ4F_createDecompressionContext(&ctx,
		    LZ4F_VERSION), 0);
		for (size_t at = 0, got = 0; at < out.len; at += m) {
			m = out.len - at;
			n = lens[i] + 1 - got;
			assert_false(LZ4F_isError(LZ4F_decompress(ctx,
			    back + got, &n, out.p + at, &m, NULL)));
			got += n;
			if (at + m == out.len)
				assert_int_equal(got, lens[i]);
		}
		LZ4F_freeDecompressionContext(ctx);
		assert_memory_equal(back, raw.p, lens[i]);
		free(back);
		mem_free(&raw);
		mem_free(&out);
	}
}

/* Nothing of a source that failed ends as a whole frame. */
static void
an_error_of_the_source_comes_through(void **state)
{
	unsigned char buf[4096];
	struct mem raw = mem_new();
	struct v03_pack *p;
	struct io_in in;
	ssize_t n;

	(void)state;
	raw.p = calloc(1, 100000);
	raw.len = 100000;
	raw.chunk = 1000;
	raw.fail_in = 50;
	assert_int_equal(v03_pack_begin(&p, mem_in(&raw), &e), 0);
	in = v03_pack_in(p);
	while ((n = in.read(in.ctx, buf, sizeof buf, &e)) > 0)
		;
	assert_int_equal(n, -1);
	assert_string_equal(e.msg, "made to fail");
	assert_int_equal(in.read(in.ctx, buf, sizeof buf, &e), -1);
	v03_pack_free(p);
	mem_free(&raw);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_are_a_log_byte_for_byte),
		cmocka_unit_test(the_chain_of_checksums_holds),
		cmocka_unit_test(what_is_made_twice_is_the_same),
		cmocka_unit_test(what_cannot_be_a_segment_is_refused),
		cmocka_unit_test(a_full_file_is_the_database),
		cmocka_unit_test(the_lock_page_is_zeros),
		cmocka_unit_test(frames_are_as_litestream_writes_them),
		cmocka_unit_test(an_error_of_the_source_comes_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
