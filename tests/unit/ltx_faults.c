/* Every cut, every flipped bit, every failing call. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "ltx_mem.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

static long alloc_left = -1; /* >= 0: so many allocations succeed */

#if defined(__GLIBC__) && !defined(SANITIZED)
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

static int
alloc_fails(void)
{
	if (alloc_left < 0 || alloc_left-- > 0)
		return 0;
	alloc_left = 0;
	return 1;
}

void *
malloc(size_t n)
{
	return alloc_fails() ? NULL : __libc_malloc(n);
}

void *
calloc(size_t n, size_t m)
{
	return alloc_fails() ? NULL : __libc_calloc(n, m);
}

void *
realloc(void *p, size_t n)
{
	return alloc_fails() ? NULL : __libc_realloc(p, n);
}
#endif

/* Not under sanitizers and valgrind, which bring their own malloc. */
static int
can_fail(void)
{
	void *volatile p;

	alloc_left = 0;
	p = malloc(1);
	alloc_left = -1;
	free(p);
	return !p;
}

static const char *const files[] = {
	"ltx-0.5.3-tiny.ltx", "ltx-0.5.3-changes.ltx", "ltx-0.5.1-tiny.ltx",
	"ltx-0.5.1-changes.ltx", "ltx-0.4.0-tiny.ltx",
	"ltx-0.3.14-changes-tracked.ltx", "ltx-0.3.18-tiny.ltx",
	"ltx-0.5.3-deletion.ltx", "ltx-0.4.0-deletion.ltx",
	"ltx-0.3.14-deletion.ltx"
};
#define FILES (sizeof files / sizeof *files)

static struct mem
load(const char *name)
{
	struct mem m = mem_new();
	unsigned char b[4096];
	char path[200];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "tests/vectors/ltx/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	while ((n = fread(b, 1, sizeof b, f)) > 0)
		mem_write(&m, b, n, NULL);
	fclose(f);
	return m;
}

/* The pages one after the other, and the number of bytes; -1 damaged. */
static long
pages_of(struct mem *m, unsigned char out[4096], struct err *err)
{
	const unsigned char *data;
	struct ltx_dec *d;
	uint32_t pgno;
	long n = 0;
	int r = ltx_dec_begin(&d, mem_in(m), err);

	while (!r && (r = ltx_dec_page(d, &pgno, &data, err)) > 0) {
		r = 0;
		memcpy(out + n, data, 512);
		n += 512;
	}
	if (!r)
		r = ltx_dec_eof(d, err);
	ltx_dec_free(d);
	return r ? -1 : n;
}

static void
every_cut_is_an_error(void **state)
{
	unsigned char page[4096];

	(void)state;
	for (size_t f = 0; f < FILES; f++) {
		struct mem m = load(files[f]);
		size_t whole = m.len;

		for (m.len = 0; m.len < whole; m.len++) {
			struct err err = { 0 };

			if (pages_of(&m, page, &err) != -1)
				fail_msg("%s cut at %zu", files[f], m.len);
			assert_int_equal(err.kind, ERR_DATA);
			assert_memory_equal(err.msg, "byte ", 5);
		}
		mem_free(&m);
	}
}

static void
every_flipped_bit_is_an_error(void **state)
{
	unsigned char want[4096], got[4096];

	(void)state;
	for (size_t f = 0; f < FILES; f++) {
		struct mem m = load(files[f]);
		struct err err = { 0 };
		long n = pages_of(&m, want, &err);

		assert_true(n >= 0);
		for (size_t bit = 0; bit < 8 * m.len; bit++) {
			long k;

			m.p[bit / 8] ^= (unsigned char)(1 << bit % 8);
			k = pages_of(&m, got, &err);
			m.p[bit / 8] ^= (unsigned char)(1 << bit % 8);
			if (k == -1) {
				assert_int_equal(err.kind, ERR_DATA);
				assert_memory_equal(err.msg, "byte ", 5);
				continue;
			}
			/* LZ4 can say the same in several ways. */
			if (k != n || memcmp(want, got, (size_t)n)
			    || bit / 8 < 104 || bit / 8 + 24 > m.len)
				fail_msg("%s bit %zu", files[f], bit);
		}
		mem_free(&m);
	}
}

static void
every_byte_changed_or_added_is_no_crash(void **state)
{
	unsigned char got[65536];

	(void)state;
	for (size_t f = 0; f < FILES; f++) {
		struct mem m = load(files[f]);
		struct err err = { 0 };

		for (size_t i = 0; i < m.len; i++) {
			static const unsigned char values[] = { 0, 1, 0x7f,
				0x80, 0xff };
			unsigned char old = m.p[i];

			for (size_t v = 0; v < sizeof values; v++) {
				m.p[i] = values[v];
				pages_of(&m, got, &err);
			}
			m.p[i] = old;
		}
		mem_write(&m, "x", 1, &err);
		assert_int_equal(pages_of(&m, got, &err), -1);
		assert_non_null(strstr(err.msg, "bytes after the end"));
		mem_free(&m);
	}
}

static void
failing_reads_are_passed_on(void **state)
{
	unsigned char page[4096];

	(void)state;
	for (size_t f = 0; f < FILES; f++) {
		struct mem m = load(files[f]);
		long calls;

		m.chunk = 7;
		for (calls = 0; ; calls++) {
			struct err err = { 0 };

			m.fail_in = calls;
			if (pages_of(&m, page, &err) >= 0)
				break;
			assert_int_equal(err.kind, ERR_TEMP);
			assert_non_null(strstr(err.msg, "made to fail"));
		}
		assert_true(calls > (long)m.len / 7);
		mem_free(&m);
	}
}

struct spill_mem {
	struct mem m;
	long rewinds; /* so many succeed */
};

static int
spill_mem_rewind(void *ctx, struct err *err)
{
	struct spill_mem *s = ctx;

	s->m.at = 0;
	return s->rewinds-- > 0 ? 0 : err_set(err, ERR_TEMP, "made to fail");
}

/* So many pages of 512 zeros that the index is spilled. */
static int
write_spilled(struct mem *m, struct spill_mem *s, struct err *err)
{
	static const unsigned char page[512];
	struct ltx_spill spill = { mem_out(&s->m), mem_in(&s->m),
		spill_mem_rewind, s };
	struct ltx_header h = mem_header(512, 160000, 2, 2);
	struct ltx_enc *e;
	int r = ltx_enc_begin(&e, &h, LTX_BLOCK, mem_out(m), &spill, err);

	for (uint32_t p = 1; !r && p <= h.commit; p++)
		r = ltx_enc_page(e, p, page, err);
	if (!r)
		r = ltx_enc_end(e, 0, err);
	ltx_enc_free(e);
	return r;
}

static void
failing_spills_are_passed_on(void **state)
{
	struct spill_mem s = { mem_new(), 1 };
	struct mem m = mem_new();
	struct err err = { 0 };
	long calls;

	(void)state;
	assert_int_equal(write_spilled(&m, &s, &err), 0);
	calls = (long)s.m.calls;
	assert_true(calls > 3);
	for (long i = 0; i <= calls; i += calls / 3) {
		s.m.len = m.len = 0;
		s.m.fail_in = i < calls ? i : -1;
		s.rewinds = i < calls;
		assert_int_equal(write_spilled(&m, &s, &err), -1);
		assert_int_equal(err.kind, ERR_TEMP);
	}
	mem_free(&s.m);
	mem_free(&m);
}

static void
failing_writes_are_passed_on(void **state)
{
	struct ltx_header h = mem_header(65536, 20, 1, 1);

	(void)state;
	for (int v1 = 0; v1 < 3; v1++) {
		struct mem m = mem_new();
		long calls;

		h.flags = v1 == 2 ? LTX_FLAG_LZ4 | LTX_FLAG_NOCHECKSUM
		    : LTX_FLAG_NOCHECKSUM;
		for (calls = 0; ; calls++) {
			struct err err = { 0 };

			m.fail_in = calls;
			m.len = 0;
			if (!mem_ltx(&m, &h, v1 ? LTX_V1 : LTX_FRAME, NULL,
			    20, 1, &err))
				break;
			assert_int_equal(err.kind, ERR_TEMP);
			assert_string_equal(err.msg, "made to fail");
		}
		assert_true(calls > 10);
		mem_free(&m);
	}
}

static void
an_encoder_that_failed_stays_failed(void **state)
{
	struct ltx_header h = mem_header(65536, 20, 1, 1);
	static unsigned char page[65536];
	struct mem m = mem_new();
	struct err err = { 0 };
	struct ltx_enc *e;
	uint32_t p = 1;

	(void)state;
	m.fail_in = 1;
	assert_int_equal(ltx_enc_begin(&e, &h, LTX_FRAME, mem_out(&m), NULL,
	    &err), 0);
	for (; p <= 20; p++) {
		mem_page(page, 65536, p, 1);
		if (ltx_enc_page(e, p, page, &err))
			break;
	}
	assert_true(p < 20);
	m.fail_in = -1;
	assert_int_equal(ltx_enc_page(e, p + 1, page, &err), -1);
	assert_int_equal(err.kind, ERR_BUG);
	assert_int_equal(ltx_enc_end(e, 0, &err), -1);
	ltx_enc_free(e);
	ltx_enc_free(NULL);
	ltx_dec_free(NULL);
	ltx_merge_free(NULL);
	mem_free(&m);
}

/* Reads two files, merges and writes the result. out is allocated before. */
static int
merge_two(struct mem *a, struct mem *b, struct mem *out, struct err *err)
{
	struct ltx_dec *d[2] = { NULL, NULL };
	struct ltx_merge *m = NULL;
	struct ltx_enc *e = NULL;
	const unsigned char *data;
	struct ltx_payload pl;
	uint32_t pgno;
	int r;

	out->len = 0;
	r = ltx_dec_begin(&d[0], mem_in(a), err)
	    || ltx_dec_begin(&d[1], mem_in(b), err)
	    || ltx_merge_begin(&m, d, 2, err)
	    || ltx_enc_begin(&e, ltx_merge_header(m), LTX_BLOCK, mem_out(out),
	    NULL, err) ? -1 : 0;
	while (!r && (r = ltx_merge_page(m, &pgno, &data, &pl, err)) > 0)
		r = ltx_enc_page_reuse(e, pgno, data, &pl, err);
	if (!r)
		r = ltx_enc_end(e, 0, err);
	ltx_enc_free(e);
	ltx_merge_free(m);
	ltx_dec_free(d[0]);
	ltx_dec_free(d[1]);
	return r;
}

static void
failing_allocations_are_errors(void **state)
{
	struct mem a = mem_new(), b = mem_new(), out = mem_new();
	struct ltx_header h = mem_header(512, 5, 2, 2);
	struct err err = { 0 };
	long calls;

	(void)state;
	assert_int_equal(mem_ltx(&a, &h, LTX_BLOCK, NULL, 5, 1, &err), 0);
	h.min_txid = h.max_txid = 3;
	assert_int_equal(mem_ltx(&b, &h, LTX_FRAME, NULL, 5, 1, &err), 0);
	assert_int_equal(merge_two(&a, &b, &out, &err), 0);
	for (calls = 0; can_fail(); calls++) {
		int r;

		alloc_left = calls;
		r = merge_two(&a, &b, &out, &err);
		alloc_left = -1;
		if (!r)
			break;
		assert_int_equal(err.kind, ERR_TEMP);
	}
	assert_true(!can_fail() || calls > 8);
	mem_free(&a);
	mem_free(&b);
	mem_free(&out);
}

/* The same where liblz4 allocates: bodies and frames of a foreign shape. */
static void
failing_allocations_of_liblz4_are_errors(void **state)
{
	struct mem m = load("ltx-0.3.14-changes-tracked.ltx");
	unsigned char page[4096] = { 0 };
	struct ltx_header h = mem_header(512, 3, 1, 1);
	struct mem out = mem_new();
	long calls;

	(void)state;
	h.flags |= LTX_FLAG_LZ4;
	mem_write(&out, page, sizeof page, NULL);
	for (calls = 0; can_fail(); calls++) {
		struct err err = { 0 };
		int r;

		out.len = 0;
		alloc_left = calls;
		r = mem_ltx(&out, &h, LTX_V1, NULL, 3, 1, &err);
		alloc_left = -1;
		if (!r)
			break;
		assert_int_equal(err.kind, ERR_TEMP);
	}
	assert_true(!can_fail() || calls > 4);
	mem_free(&out);
	for (calls = 0; can_fail(); calls++) {
		struct err err = { 0 };
		long n;

		alloc_left = calls;
		n = pages_of(&m, page, &err);
		alloc_left = -1;
		if (n >= 0)
			break;
		assert_int_equal(err.kind, ERR_TEMP);
	}
	assert_true(!can_fail() || calls > 4);
	mem_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut_is_an_error),
		cmocka_unit_test(every_flipped_bit_is_an_error),
		cmocka_unit_test(every_byte_changed_or_added_is_no_crash),
		cmocka_unit_test(failing_reads_are_passed_on),
		cmocka_unit_test(failing_spills_are_passed_on),
		cmocka_unit_test(failing_writes_are_passed_on),
		cmocka_unit_test(an_encoder_that_failed_stays_failed),
		cmocka_unit_test(failing_allocations_are_errors),
		cmocka_unit_test(failing_allocations_of_liblz4_are_errors),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
