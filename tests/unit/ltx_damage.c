/* Malformed LTX: an error with the offset and the reason, never a crash. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <lz4.h>
#include <lz4frame.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/crc64.h"
#include "ltx/internal.h"
#include "ltx_mem.h"

/* A file taken together by hand, checksums and index right, so that one
 * fault alone can be looked at. */
struct hand {
	struct mem m;
	uint64_t crc;
	unsigned char idx[500];
	size_t idx_len;
	int version;
};

static void
hand_put(struct hand *h, const void *p, size_t n)
{
	h->crc = crc64(h->crc, p, n);
	mem_write(&h->m, p, n, NULL);
}

static struct hand
hand_begin(const struct ltx_header *hd, int version)
{
	struct hand h = { .m = mem_new(), .version = version };
	unsigned char b[LTX_HEADER_SIZE];

	ltx_header_pack(b, hd);
	hand_put(&h, b, sizeof b);
	return h;
}

/* flags 1: a block; 0: payload is a frame. page: what is summed. */
static void
hand_page(struct hand *h, uint32_t pgno, unsigned flags, const void *payload,
    size_t n, const void *page, size_t page_size)
{
	struct ltx_index_entry e = { pgno, h->m.len, 0 };
	unsigned char b[10];
	size_t head = h->version == 2 ? 4 : flags ? 10 : 6;

	be32_pack(b, pgno);
	be16_pack(b + 4, (uint16_t)flags);
	be32_pack(b + 6, (uint32_t)n);
	hand_put(h, b, head);
	mem_write(&h->m, payload, n, NULL);
	h->crc = crc64(h->crc, page, page_size);
	e.size = head + n;
	h->idx_len += ltx_index_pack(h->idx + h->idx_len, &e);
}

static void
hand_end(struct hand *h, uint64_t post)
{
	unsigned char b[16] = { 0 };

	hand_put(h, b, h->version < 3 ? 4 : 6);
	if (h->version > 1) {
		hand_put(h, h->idx, h->idx_len);
		hand_put(h, b, 1);
		be64_pack(b, h->idx_len + 1);
		hand_put(h, b, 8);
	}
	be64_pack(b, post);
	hand_put(h, b, 8);
	be64_pack(b, h->crc | LTX_CHECKSUM_FLAG);
	mem_write(&h->m, b, 8, NULL);
}

static void
expect(struct mem *m, long pages, const char *why)
{
	struct err err = { 0 };
	long n = mem_decode(m, &err);

	if (n != pages)
		fail_msg("%ld pages, not %ld: %s", n, pages, err.msg);
	if (why && strcmp(err.msg, why))
		fail_msg("said: %s\nnot: %s", err.msg, why);
	if (why)
		assert_int_equal(err.kind, ERR_DATA);
	m->chunk = 1;
	assert_int_equal(mem_decode(m, &err), pages);
	m->chunk = 0;
}

static size_t
block(unsigned char *out, const unsigned char *page, int size)
{
	int n = LZ4_compress_default((const char *)page, (char *)out, size,
	    LZ4_compressBound(size));

	assert_true(n > 0);
	return (size_t)n;
}

/* One block page in an otherwise right file. */
static void
one_block(uint32_t pgno, unsigned flags, const void *payload, size_t n,
    const void *page, const char *why)
{
	struct ltx_header hd = mem_header(512, 3000000, 2, 2);
	struct hand h = hand_begin(&hd, 3);

	hand_page(&h, pgno, flags, payload, n, page, 512);
	hand_end(&h, 0);
	expect(&h.m, why ? -1 : 1, why);
	mem_free(&h.m);
}

static void
faults_of_pages_are_named(void **state)
{
	unsigned char page[1024], z[3000] = { 0 };
	size_t n;

	(void)state;
	mem_page(page, sizeof page, 1, 1);
	n = block(z, page, 512);
	one_block(7, 1, z, n, page, NULL);
	one_block(3000001, 1, z, n, page,
	    "byte 100: page 3000001: past the database size");
	one_block(2097153, 1, z, n, page,
	    "byte 100: page 2097153: is the lock page");
	one_block(7, 1, z, 0, page, "byte 100: page 7: empty payload");
	one_block(7, 1, z, 531, page,
	    "byte 100: page 7: payload is too long");
	one_block(7, 1, z, n - 1, page,
	    "byte 100: page 7: damaged LZ4 block");
	one_block(7, 0, z, n, page, "byte 100: page 7: no LZ4 frame");
	n = block(z, page, 511);
	one_block(7, 1, z, n, page,
	    "byte 100: page 7: LZ4 block is shorter than a page");
	n = block(z, page, 400);
	memset(page, 0, sizeof page);
	n = block(z, page, 1024);
	one_block(7, 1, z, n, page,
	    "byte 100: page 7: damaged LZ4 block");
}

#define FLAGS_3 0x10000 /* on b: page flags of the future */

static void
two_pages(uint64_t min, uint32_t a, uint32_t b, const char *why)
{
	struct ltx_header hd = mem_header(512, 3, min, 2);
	struct hand h = hand_begin(&hd, 3);
	unsigned char page[512], z[600];
	size_t n;

	mem_page(page, sizeof page, 1, 1);
	n = block(z, page, 512);
	hand_page(&h, a, 1, z, n, page, 512);
	if (b)
		hand_page(&h, b & 0xffff, b & FLAGS_3 ? 3 : 1, z, n, page,
		    512);
	hand_end(&h, 0);
	expect(&h.m, why ? -1 : 1 + !!b, why);
	mem_free(&h.m);
}

static void
faults_of_order_are_named(void **state)
{
	char s[100];
	unsigned char page[512], z[600];
	unsigned second;

	(void)state;
	mem_page(page, sizeof page, 1, 1);
	second = 110 + (unsigned)block(z, page, 512);
	two_pages(2, 1, 2, NULL);
	two_pages(2, 3, 0, NULL);
	snprintf(s, sizeof s, "byte %u: page 2: unknown page flags", second);
	two_pages(2, 1, 2 | FLAGS_3, s);
	snprintf(s, sizeof s, "byte %u: page 2: out of order", second);
	two_pages(2, 2, 2, s);
	two_pages(1, 2, 0, "byte 100: page 2: snapshot misses the page "
	    "before");
	snprintf(s, sizeof s, "byte %u: page 3: snapshot misses the page "
	    "before", second);
	two_pages(1, 1, 3, s);
	snprintf(s, sizeof s, "byte %u: snapshot ends before its last page",
	    2 * second - 100);
	two_pages(1, 1, 2, s);
}

static void
faults_of_the_end_are_named(void **state)
{
	struct ltx_header hd = mem_header(512, 3, 2, 2);
	unsigned char page[512], z[600];
	size_t n, end;
	struct hand h;
	char s[100];

	(void)state;
	mem_page(page, sizeof page, 1, 1);
	n = block(z, page, 512);
	for (int fault = 0; fault < 6; fault++) {
		h = hand_begin(&hd, 3);
		hand_page(&h, 1, 1, z, n, page, 512);
		end = h.m.len;
		if (fault == 0) { /* an entry that is none */
			h.idx[1]++;
			snprintf(s, sizeof s, "byte %zu: page index does not "
			    "match the pages", end + 6);
		}
		if (fault == 1) { /* one too many */
			memcpy(h.idx + 4, "\2\2\2\2", 4);
			h.idx_len += 4;
			snprintf(s, sizeof s, "byte %zu: page index does not "
			    "match the pages", end + 6);
		}
		hand_end(&h, fault == 2 ? LTX_CHECKSUM_FLAG : 0);
		if (fault == 2)
			snprintf(s, sizeof s, "byte %zu: invalid post-apply "
			    "checksum", h.m.len - 16);
		if (fault == 3) { /* only the size of the index */
			h.m.p[h.m.len - 17]++;
			snprintf(s, sizeof s, "byte %zu: wrong page index "
			    "size", h.m.len - 24);
		}
		if (fault == 4) {
			h.m.p[h.m.len - 1]++;
			snprintf(s, sizeof s, "byte %zu: file checksum "
			    "mismatch", h.m.len - 8);
		}
		if (fault == 5) {
			h.m.len -= 20;
			snprintf(s, sizeof s, "byte %zu: unexpected end of "
			    "file in the page index", h.m.len);
		}
		expect(&h.m, -1, s);
		mem_free(&h.m);
	}
}

static void
tracked_files_need_a_post_apply_checksum(void **state)
{
	struct ltx_header hd = mem_header(512, 3, 2, 2);
	struct hand h;

	(void)state;
	hd.flags = 0;
	hd.pre_apply = LTX_CHECKSUM_FLAG;
	h = hand_begin(&hd, 3);
	hand_end(&h, LTX_CHECKSUM_FLAG | 3);
	expect(&h.m, 0, NULL);
	mem_free(&h.m);
	h = hand_begin(&hd, 3);
	hand_end(&h, 3);
	expect(&h.m, -1, "byte 115: invalid post-apply checksum");
	mem_free(&h.m);
}

/* Without pages there is nothing but zeros to tell the versions by. */
static void
empty_files_of_every_version(void **state)
{
	struct mem all = mem_new();

	(void)state;
	for (int version = 1; version <= 3; version++)
		for (int tracked = 0; tracked < 2; tracked++) {
			struct ltx_header hd = mem_header(512, 0, 2, 2);
			struct err err = { 0 };
			struct ltx_dec *d;
			struct hand h;

			if (tracked) {
				hd.flags = 0;
				hd.pre_apply = LTX_CHECKSUM_FLAG;
			}
			h = hand_begin(&hd, version);
			hand_end(&h, tracked ? LTX_CHECKSUM_FLAG : 0);
			expect(&h.m, 0, NULL);
			assert_int_equal(ltx_dec_begin(&d, mem_in(&h.m),
			    &err), 0);
			assert_int_equal(ltx_dec_format(d), version == 1
			    ? LTX_FORMAT_1 : version == 2 ? LTX_FORMAT_2
			    : LTX_FORMAT_3);
			ltx_dec_free(d);
			mem_write(&all, h.m.p, h.m.len, NULL);
			mem_free(&h.m);
		}
	expect(&all, 0, NULL);
	mem_free(&all);
}

/* A raw version 1 page that begins as an overflow page does: the number of
 * the next page, which looks like version 3 flags. */
static void
raw_pages_are_not_taken_for_version_3(void **state)
{
	static const unsigned char starts[][8] = {
		{ 0, 1, 2, 3 }, { 0, 1, 0, 0, 'x', 'y', 'z' },
		{ 0, 0, 0, 9, 4, 5, 6, 7 }, { 0, 1, 0xff, 0xff, 0, 0, 0, 1 }
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct ltx_header hd = mem_header(4096, 100, 2, 2);
		unsigned char page[4096] = { 0 };
		struct hand h;

		hd.flags = 0;
		hd.pre_apply = LTX_CHECKSUM_FLAG;
		memcpy(page, starts[i], 8);
		h = hand_begin(&hd, 1);
		hand_put(&h, "\0\0\0\7", 4);
		hand_put(&h, page, sizeof page);
		hand_end(&h, LTX_CHECKSUM_FLAG);
		expect(&h.m, 1, NULL);
		mem_free(&h.m);
	}
}

static size_t
frame(unsigned char *out, size_t cap, const unsigned char *page, size_t size,
    unsigned shape)
{
	static const LZ4F_blockSizeID_t sizes[] = { LZ4F_max64KB,
		LZ4F_max256KB, LZ4F_max1MB, LZ4F_max4MB };
	LZ4F_preferences_t p;
	size_t n;

	memset(&p, 0, sizeof p);
	p.frameInfo.blockSizeID = sizes[shape & 3];
	p.frameInfo.blockMode = shape & 4 ? LZ4F_blockIndependent
	    : LZ4F_blockLinked;
	p.frameInfo.contentChecksumFlag = shape & 8
	    ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum;
	p.frameInfo.blockChecksumFlag = shape & 16
	    ? LZ4F_blockChecksumEnabled : LZ4F_noBlockChecksum;
	p.frameInfo.contentSize = shape & 32 ? size : 0;
	if (shape & 64) { /* several blocks */
		LZ4F_cctx *c;

		p.autoFlush = 1;
		assert_false(LZ4F_isError(LZ4F_createCompressionContext(&c,
		    LZ4F_VERSION)));
		n = LZ4F_compressBegin(c, out, cap, &p);
		n += LZ4F_compressUpdate(c, out + n, cap - n, page, size / 2,
		    NULL);
		n += LZ4F_compressUpdate(c, out + n, cap - n, page + size / 2,
		    size - size / 2, NULL);
		n += LZ4F_compressEnd(c, out + n, cap - n, NULL);
		LZ4F_freeCompressionContext(c);
	} else {
		n = LZ4F_compressFrame(out, cap, page, size, &p);
	}
	assert_false(LZ4F_isError(n));
	return n;
}

static void
any_legal_frame_is_read(void **state)
{
	static unsigned char page[3][65537], z[200000];

	(void)state;
	for (uint32_t size = 512; size <= 65536; size *= 128)
		for (unsigned shape = 0; shape < 128; shape++)
			for (int version = 2; version <= 3; version++) {
				struct ltx_header hd = mem_header(size, 9, 2,
				    2);
				struct hand h = hand_begin(&hd, version);
				size_t n;

				mem_page(page[1], size, 1, 1);
				for (uint32_t i = 0; i < size; i++)
					page[2][i] = (unsigned char)
					    (i * i * 2654435761u >> 13);
				for (uint32_t i = 0; i < 3; i++) {
					n = frame(z, sizeof z, page[i], size,
					    shape);
					hand_page(&h, i + 1, 0, z, n, page[i],
					    size);
				}
				hand_end(&h, 0);
				expect(&h.m, 3, NULL);
				mem_free(&h.m);
			}
}

#define NOISE 128 /* the frame has a stored block */

static void
one_frame(size_t size, unsigned shape, const char *why)
{
	static unsigned char page[65536], z[200000];
	struct ltx_header hd = mem_header(512, 9, 2, 2);
	struct hand h = hand_begin(&hd, 3);
	uint32_t x = 1;
	size_t n;

	memset(page, 0, sizeof page);
	for (size_t i = 0; shape & NOISE && i < size; i++) {
		x = x * 1664525u + 1013904223u;
		page[i] = (unsigned char)(x >> 24);
	}
	n = frame(z, sizeof z, page, size, shape);
	assert_int_equal(z[10] >> 7, shape & NOISE ? 1 : 0);
	hand_page(&h, 1, 0, z, n, page, size);
	hand_end(&h, 0);
	expect(&h.m, -1, why);
	mem_free(&h.m);
}

static void
frames_of_another_length_are_refused(void **state)
{
	struct ltx_header hd = mem_header(512, 9, 2, 2);
	struct hand h = hand_begin(&hd, 3);

	(void)state;
	one_frame(511, 12, "byte 100: page 1: LZ4 block is shorter than a "
	    "page");
	one_frame(513, 12, "byte 100: page 1: damaged LZ4 block");
	one_frame(511, 12 | NOISE, "byte 100: page 1: LZ4 frame is shorter "
	    "than a page");
	one_frame(513, 12 | NOISE, "byte 100: page 1: LZ4 frame is longer "
	    "than a page");
	one_frame(511, 0, "byte 100: page 1: LZ4 frame is shorter than a "
	    "page");
	one_frame(513, 0, "byte 100: page 1: LZ4 frame is longer than a page");
	one_frame(65536, 64, "byte 100: page 1: LZ4 frame is longer than a "
	    "page");
	/* Blocks that decode to nothing, more than any buffer takes. */
	hand_put(&h, "\0\0\0\1\0\0", 6);
	hand_put(&h, ltx_lz4_head, LTX_FRAME_HEAD);
	for (int i = 0; i < 40000; i++)
		hand_put(&h, "\1\0\0\0\0", 5);
	expect(&h.m, -1, "byte 100: page 1: LZ4 frame is too long");
	mem_free(&h.m);
}

static void
frame_checksums_are_verified(void **state)
{
	struct ltx_header hd = mem_header(512, 9, 2, 2);
	unsigned char page[512], z[1000];

	(void)state;
	mem_page(page, sizeof page, 1, 1);
	for (unsigned shape = 12; shape <= 76; shape += 64) {
		struct hand h = hand_begin(&hd, 3);
		size_t n = frame(z, sizeof z, page, 512, shape);

		z[n - 1] ^= 1;
		hand_page(&h, 1, 0, z, n, page, 512);
		hand_end(&h, 0);
		expect(&h.m, -1, shape == 12 ? "byte 100: page 1: LZ4 frame: "
		    "wrong content checksum" : "byte 100: LZ4 frame: "
		    "ERROR_contentChecksum_invalid");
		mem_free(&h.m);
	}
}

/* A version 1 body in one LZ4 frame: cut short, too long, no frame. */
static void
faults_of_lz4_bodies_are_named(void **state)
{
	struct ltx_header hd = mem_header(512, 9, 2, 2);
	unsigned char body[520] = { 0, 0, 0, 4 }, z[1000], b[16];

	(void)state;
	hd.flags |= LTX_FLAG_LZ4;
	for (size_t len = 515; len <= 521; len++) {
		struct hand h = hand_begin(&hd, 1);
		unsigned char longer[600] = { 0 };
		size_t n;

		memcpy(longer, body, sizeof body);
		n = frame(z, sizeof z, longer, len, 12);
		mem_write(&h.m, z, n, NULL);
		h.crc = crc64(h.crc, body, 520);
		memset(b, 0, sizeof b);
		h.crc = crc64(h.crc, b, 8);
		be64_pack(b + 8, h.crc | LTX_CHECKSUM_FLAG);
		mem_write(&h.m, b, 16, NULL);
		if (len == 520) {
			expect(&h.m, 1, NULL);
		} else {
			struct err err = { 0 };

			assert_int_equal(mem_decode(&h.m, &err), -1);
			assert_non_null(strstr(err.msg, len < 520
			    ? "page block is cut short"
			    : "page block has bytes after its end"));
		}
		h.m.p[100] ^= 1;
		expect(&h.m, -1, "byte 100: no LZ4 frame");
		mem_free(&h.m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_of_pages_are_named),
		cmocka_unit_test(faults_of_order_are_named),
		cmocka_unit_test(faults_of_the_end_are_named),
		cmocka_unit_test(tracked_files_need_a_post_apply_checksum),
		cmocka_unit_test(empty_files_of_every_version),
		cmocka_unit_test(raw_pages_are_not_taken_for_version_3),
		cmocka_unit_test(any_legal_frame_is_read),
		cmocka_unit_test(frames_of_another_length_are_refused),
		cmocka_unit_test(frame_checksums_are_verified),
		cmocka_unit_test(faults_of_lz4_bodies_are_named),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
