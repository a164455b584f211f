/* Files of the real writers, tests/vectors/ltx/README.md. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "ltx_mem.h"

#define DIR "tests/vectors/ltx/"

static struct mem
load(const char *name)
{
	struct mem m = mem_new();
	unsigned char b[4096];
	char path[200];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, DIR "%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	while ((n = fread(b, 1, sizeof b, f)) > 0)
		mem_write(&m, b, n, NULL);
	fclose(f);
	return m;
}

static void
vector_page(unsigned char *p, uint32_t size, uint32_t pgno, uint32_t version)
{
	uint32_t x = pgno * 2654435761u + version * 40503u + 1;

	memset(p, 0, size);
	for (uint32_t i = 0; i < size; i++) {
		x = x * 1664525u + 1013904223u;
		if (pgno % 4 == 3 || (pgno % 4 && (i >> 6) % 3 != 1))
			p[i] = (unsigned char)(x >> 24);
	}
}

static void
tiny_page(unsigned char *p, uint32_t size, uint32_t pgno, uint32_t version)
{
	(void)version;
	memset(p, 0, size);
	p[0] = 'A';
	for (uint32_t i = 0; pgno == 2 && i < size; i++)
		p[i] = (unsigned char)(7 * i + i / 3);
}

struct vector {
	const char *name;
	enum ltx_format format;
	uint64_t checksum, post_apply;
	uint32_t pages, version;
	uint32_t pgno[5];
	void (*fill)(unsigned char *, uint32_t, uint32_t, uint32_t);
};

#define ALL 5, 1, { 1, 2, 3, 4, 5 }, vector_page
#define SOME 2, 2, { 2, 5 }, vector_page
#define THREE 3, 3, { 1, 2, 3 }, vector_page
#define BIG 2, 1, { 4, 40000 }, vector_page
#define NONE 0, 0, { 0 }, vector_page
#define TINY 2, 0, { 1, 2 }, tiny_page
#define RAW LTX_FORMAT_1
#define LZ4 LTX_FORMAT_1_LZ4
#define TWO LTX_FORMAT_2
#define NEW LTX_FORMAT_3
#define POST_ALL 0xd04b8e893ab934bc
#define POST_SOME 0x90a8e5cb5bf2ee7b
#define POST_BIG 0x91861c02dffac80b
#define POST_TINY 0xe2de8a53c0d9c151
#define POST_NONE LTX_CHECKSUM_FLAG

static const struct vector vectors[] = {
	{ "ltx-0.3.14-big-pages.ltx", LZ4, 0xfa7a028cc0014774,
	    POST_BIG, BIG },
	{ "ltx-0.3.14-changes-tracked.ltx", LZ4, 0xf7478cb479172ac4,
	    POST_SOME, SOME },
	{ "ltx-0.3.14-deletion.ltx", RAW, 0xe60059279a64a48d,
	    POST_NONE, NONE },
	{ "ltx-0.3.14-snapshot-tracked-lz4.ltx", LZ4, 0xb80f932b3a743479,
	    POST_ALL, ALL },
	{ "ltx-0.3.14-snapshot-tracked.ltx", RAW, 0xda1f3579f151c98d,
	    POST_ALL, ALL },
	{ "ltx-0.3.18-big-pages.ltx", LZ4, 0xfa7a028cc0014774,
	    POST_BIG, BIG },
	{ "ltx-0.3.18-changes-tracked.ltx", LZ4, 0xf7478cb479172ac4,
	    POST_SOME, SOME },
	{ "ltx-0.3.18-changes.ltx", LZ4, 0xb956eaef7bef8020,
	    0, SOME },
	{ "ltx-0.3.18-deletion.ltx", RAW, 0xe60059279a64a48d,
	    POST_NONE, NONE },
	{ "ltx-0.3.18-snapshot-tracked-lz4.ltx", LZ4, 0xb80f932b3a743479,
	    POST_ALL, ALL },
	{ "ltx-0.3.18-snapshot-tracked.ltx", RAW, 0xda1f3579f151c98d,
	    POST_ALL, ALL },
	{ "ltx-0.3.18-snapshot.ltx", LZ4, 0xce7306efeca1633a,
	    0, THREE },
	{ "ltx-0.3.18-tiny.ltx", RAW, 0xf11e918cbbdff821,
	    POST_TINY, TINY },
	{ "ltx-0.4.0-big-pages.ltx", TWO, 0xb6fed15cde70d680,
	    POST_BIG, BIG },
	{ "ltx-0.4.0-changes-tracked.ltx", TWO, 0xc5c01d850169ee3d,
	    POST_SOME, SOME },
	{ "ltx-0.4.0-changes.ltx", TWO, 0x8120813725422255,
	    0, SOME },
	{ "ltx-0.4.0-deletion.ltx", TWO, 0x8b2f5f84fd22430f,
	    POST_NONE, NONE },
	{ "ltx-0.4.0-snapshot-tracked.ltx", TWO, 0x95b6284d57eb1f84,
	    POST_ALL, ALL },
	{ "ltx-0.4.0-snapshot.ltx", TWO, 0xf9352a64ea767dc5,
	    0, THREE },
	{ "ltx-0.4.0-tiny.ltx", TWO, 0xc8f7ff9ca63e7242,
	    POST_TINY, TINY },
	{ "ltx-0.5.1-big-pages.ltx", NEW, 0x82db9f732dbe3224,
	    POST_BIG, BIG },
	{ "ltx-0.5.1-changes-tracked.ltx", NEW, 0xaab10876dd7bd9eb,
	    POST_SOME, SOME },
	{ "ltx-0.5.1-changes.ltx", NEW, 0xd72bef6f68079092,
	    0, SOME },
	{ "ltx-0.5.1-deletion.ltx", NEW, 0x80c18a6a5f84fdfa,
	    POST_NONE, NONE },
	{ "ltx-0.5.1-snapshot-tracked.ltx", NEW, 0xceb206e7721c3c18,
	    POST_ALL, ALL },
	{ "ltx-0.5.1-snapshot.ltx", NEW, 0x852d84ec773e6870,
	    0, THREE },
	{ "ltx-0.5.1-tiny.ltx", NEW, 0x9ecc687d1f99361d,
	    POST_TINY, TINY },
	{ "ltx-0.5.3-big-pages.ltx", NEW, 0xe5876e0fdc36c86a,
	    POST_BIG, BIG },
	{ "ltx-0.5.3-changes-tracked.ltx", NEW, 0xd3243c65239b2d6b,
	    POST_SOME, SOME },
	{ "ltx-0.5.3-changes.ltx", NEW, 0xb042fb8c078c2feb,
	    0, SOME },
	{ "ltx-0.5.3-deletion.ltx", NEW, 0x80c18a6a5f84fdfa,
	    POST_NONE, NONE },
	{ "ltx-0.5.3-snapshot-tracked.ltx", NEW, 0xc5145ac18d259ae1,
	    POST_ALL, ALL },
	{ "ltx-0.5.3-snapshot.ltx", NEW, 0xfa4f797462b5933c,
	    0, THREE },
	{ "ltx-0.5.3-tiny.ltx", NEW, 0xbf8d067655e93c87,
	    POST_TINY, TINY },
};

static void
read_vector(const struct vector *v, size_t chunk)
{
	static unsigned char page[LTX_PAGE_MAX];
	struct mem m = load(v->name);
	const unsigned char *data;
	struct err err = { 0 };
	struct ltx_dec *d;
	uint32_t pgno;

	m.chunk = chunk;
	if (ltx_dec_begin(&d, mem_in(&m), &err))
		fail_msg("%s: %s", v->name, err.msg);
	assert_int_equal(ltx_dec_format(d), v->format);
	for (uint32_t i = 0; i < v->pages; i++) {
		if (ltx_dec_page(d, &pgno, &data, &err) != 1)
			fail_msg("%s: %s", v->name, err.msg);
		assert_int_equal(pgno, v->pgno[i]);
		v->fill(page, ltx_dec_header(d)->page_size, pgno, v->version);
		assert_memory_equal(data, page, ltx_dec_header(d)->page_size);
	}
	if (ltx_dec_page(d, &pgno, &data, &err))
		fail_msg("%s: %s", v->name, err.msg);
	assert_int_equal(ltx_dec_eof(d, &err), 0);
	assert_true(ltx_dec_checksum(d) == v->checksum);
	assert_true(ltx_dec_post_apply(d) == v->post_apply);
	assert_int_equal(ltx_dec_offset(d), m.len);
	ltx_dec_free(d);
	mem_free(&m);
}

static void
every_version_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		read_vector(&vectors[i], 0);
		read_vector(&vectors[i], 1);
	}
}

static void
tracked_files_follow_each_other(void **state)
{
	struct mem m = load("ltx-0.5.1-snapshot-tracked.ltx");
	struct mem b = load("ltx-0.3.14-snapshot-tracked-lz4.ltx");
	struct err err = { 0 };

	(void)state;
	mem_write(&m, b.p, b.len, &err);
	mem_free(&b);
	b = load("ltx-0.5.3-tiny.ltx");
	mem_write(&m, b.p, b.len, &err);
	assert_int_equal(mem_decode(&m, &err), 12);
	mem_free(&b);
	mem_free(&m);
}

static void
header_fields_are_where_the_writers_put_them(void **state)
{
	struct mem m = load("ltx-0.3.14-changes-tracked.ltx");
	const struct ltx_header *h;
	struct err err = { 0 };
	struct ltx_dec *d;

	(void)state;
	assert_int_equal(ltx_dec_begin(&d, mem_in(&m), &err), 0);
	h = ltx_dec_header(d);
	assert_int_equal(h->flags, LTX_FLAG_LZ4);
	assert_int_equal(h->page_size, 512);
	assert_int_equal(h->commit, 5);
	assert_true(h->min_txid == 2 && h->max_txid == 9);
	assert_true(h->time_ms == 1700000000123);
	assert_true(h->pre_apply == (LTX_CHECKSUM_FLAG | 0x77));
	assert_true(h->wal_offset == 4152 && h->wal_size == 8240);
	assert_true(h->salt1 == 0x11223344 && h->salt2 == 0x55667788);
	assert_true(h->node == 0x1234);
	ltx_dec_free(d);
	mem_free(&m);
}

/* Reusing the payloads must reproduce a file byte for byte; without, the
 * pages are the same and LZ4 differs. */
static void
recode(const char *name, enum ltx_encoding encoding)
{
	struct mem m = load(name), out = mem_new();
	const unsigned char *data;
	struct err err = { 0 };
	struct ltx_dec *d;
	struct ltx_enc *e;
	uint32_t pgno;
	int r;

	assert_int_equal(ltx_dec_begin(&d, mem_in(&m), &err), 0);
	assert_int_equal(ltx_enc_begin(&e, ltx_dec_header(d), encoding,
	    mem_out(&out), NULL, &err), 0);
	while ((r = ltx_dec_page(d, &pgno, &data, &err)) > 0) {
		struct ltx_payload p = ltx_dec_payload(d);

		assert_int_equal(p.encoding, encoding);
		assert_non_null(p.data);
		assert_int_equal(ltx_enc_page_reuse(e, pgno, data, &p, &err),
		    0);
	}
	assert_int_equal(r, 0);
	assert_int_equal(ltx_enc_end(e, ltx_dec_post_apply(d), &err), 0);
	assert_int_equal(out.len, m.len);
	assert_memory_equal(out.p, m.p, m.len);
	ltx_enc_free(e);
	ltx_dec_free(d);
	mem_free(&out);
	mem_free(&m);
}

static void
reused_payloads_reproduce_files(void **state)
{
	static const char *const names[] = { "big-pages", "changes-tracked",
		"changes", "deletion", "snapshot", "snapshot-tracked", "tiny" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char s[100];

		snprintf(s, sizeof s, "ltx-0.5.1-%s.ltx", names[i]);
		recode(s, LTX_FRAME);
		snprintf(s, sizeof s, "ltx-0.5.3-%s.ltx", names[i]);
		recode(s, LTX_BLOCK);
	}
	recode("litestream-0.5.18/9/0000000000000001-0000000000000004.ltx",
	    LTX_BLOCK);
}

/* Version 1 is written too: raw it must be the same, byte for byte; the
 * LZ4 frame must have the same shape and contents. */
static void
version_1_is_written(void **state)
{
	static const char *const names[] = { "ltx-0.3.14-snapshot-tracked.ltx",
		"ltx-0.3.18-tiny.ltx", "ltx-0.3.14-deletion.ltx",
		"ltx-0.3.14-snapshot-tracked-lz4.ltx",
		"ltx-0.3.14-changes-tracked.ltx",
		"ltx-0.3.14-big-pages.ltx", "ltx-0.3.18-changes.ltx" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct mem m = load(names[i]), out = mem_new();
		const unsigned char *data, *data2;
		struct err err = { 0 };
		struct ltx_dec *d, *d2;
		struct ltx_enc *e;
		uint32_t pgno, pgno2;
		int r;

		assert_int_equal(ltx_dec_begin(&d, mem_in(&m), &err), 0);
		assert_int_equal(ltx_enc_begin(&e, ltx_dec_header(d), LTX_V1,
		    mem_out(&out), NULL, &err), 0);
		while ((r = ltx_dec_page(d, &pgno, &data, &err)) > 0)
			assert_int_equal(ltx_enc_page(e, pgno, data, &err), 0);
		assert_int_equal(r, 0);
		assert_int_equal(ltx_enc_end(e, ltx_dec_post_apply(d), &err),
		    0);
		assert_int_equal(ltx_enc_size(e), out.len);
		assert_true(ltx_enc_checksum(e) == ltx_dec_checksum(d));
		assert_memory_equal(out.p, m.p, ltx_dec_header(d)->flags
		    & LTX_FLAG_LZ4 ? 107 : m.len);
		ltx_dec_free(d);
		assert_int_equal(ltx_dec_begin(&d, mem_in(&m), &err), 0);
		assert_int_equal(ltx_dec_begin(&d2, mem_in(&out), &err), 0);
		do {
			r = ltx_dec_page(d, &pgno, &data, &err);
			assert_int_equal(ltx_dec_page(d2, &pgno2, &data2,
			    &err), r);
			if (r)
				assert_memory_equal(data, data2,
				    ltx_dec_header(d)->page_size);
		} while (r > 0);
		assert_int_equal(r, 0);
		ltx_dec_free(d);
		ltx_dec_free(d2);
		ltx_enc_free(e);
		mem_free(&m);
		mem_free(&out);
	}
}

/* Our own compressor, in the frame that 0.5.1 wrote: the stored block of
 * the incompressible page and the zero page come out alike. */
static void
our_frames_have_the_shape_of_the_reference(void **state)
{
	struct mem m = load("ltx-0.5.1-snapshot-tracked.ltx");
	const unsigned char *data;
	struct err err = { 0 };
	struct ltx_dec *d;
	uint32_t pgno;
	int stored = 0;

	(void)state;
	assert_int_equal(ltx_dec_begin(&d, mem_in(&m), &err), 0);
	while (ltx_dec_page(d, &pgno, &data, &err) > 0) {
		struct ltx_payload p = ltx_dec_payload(d);
		struct ltx_header h = mem_header(512, pgno, 2, 2);
		struct mem out = mem_new();
		struct ltx_enc *e;

		assert_int_equal(ltx_enc_begin(&e, &h, LTX_FRAME,
		    mem_out(&out), NULL, &err), 0);
		assert_int_equal(ltx_enc_page(e, pgno, data, &err), 0);
		assert_int_equal(ltx_enc_end(e, 0, &err), 0);
		assert_memory_equal(out.p + 106, p.data, 7);
		if (p.data[10] & 0x80) {
			stored++;
			assert_int_equal(p.len, 512 + 19);
			assert_memory_equal(out.p + 106, p.data, p.len);
		}
		ltx_enc_free(e);
		mem_free(&out);
	}
	assert_int_equal(stored, 1);
	ltx_dec_free(d);
	mem_free(&m);
}

static void
apply(const char *name, unsigned char *db)
{
	struct mem m = load(name);
	const unsigned char *data;
	struct err err = { 0 };
	struct ltx_dec *d;
	uint32_t pgno;
	int r;

	assert_int_equal(ltx_dec_begin(&d, mem_in(&m), &err), 0);
	assert_int_equal(ltx_dec_header(d)->commit, 4);
	while ((r = ltx_dec_page(d, &pgno, &data, &err)) > 0)
		memcpy(db + 512 * (pgno - 1), data, 512);
	assert_int_equal(r, 0);
	ltx_dec_free(d);
	mem_free(&m);
}

static void
a_litestream_replica_gives_the_database(void **state)
{
	struct mem db = load("litestream-0.5.18/db");
	unsigned char a[2048] = { 0 };
	char name[100];

	(void)state;
	assert_int_equal(db.len, sizeof a);
	for (int i = 1; i <= 4; i++) {
		snprintf(name, sizeof name, "litestream-0.5.18/0/"
		    "%016x-%016x.ltx", (unsigned)i, (unsigned)i);
		apply(name, a);
	}
	assert_memory_equal(a, db.p, sizeof a);
	memset(a, 0, sizeof a);
	apply("litestream-0.5.18/9/0000000000000001-0000000000000004.ltx", a);
	assert_memory_equal(a, db.p, sizeof a);
	mem_free(&db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_is_read),
		cmocka_unit_test(tracked_files_follow_each_other),
		cmocka_unit_test(header_fields_are_where_the_writers_put_them),
		cmocka_unit_test(reused_payloads_reproduce_files),
		cmocka_unit_test(version_1_is_written),
		cmocka_unit_test(our_frames_have_the_shape_of_the_reference),
		cmocka_unit_test(a_litestream_replica_gives_the_database),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
