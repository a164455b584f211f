#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <lz4frame.h>
#include <cmocka.h>

#include "v03/segment.h"

struct source {
	const unsigned char *p;
	size_t n, at, step;
	int fails;
};

static ssize_t
source_read(void *ctx, void *buf, size_t n, struct err *e)
{
	struct source *s = ctx;

	if (s->fails && s->at == s->n)
		return err_set(e, ERR_TEMP, "gone");
	if (n > s->step)
		n = s->step;
	if (n > s->n - s->at)
		n = s->n - s->at;
	memcpy(buf, s->p + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

static struct io_in
source_in(struct source *s)
{
	return (struct io_in){ source_read, s };
}

#define TEXT 300000

static void
text(unsigned char *p)
{
	for (size_t i = 0; i < TEXT; i++)
		p[i] = (unsigned char)(i % 251 * (i / 1000));
}

/* A frame of the first n bytes of text. */
static size_t
frame(unsigned char *out, size_t max, const unsigned char *p, size_t n,
    LZ4F_blockSizeID_t id, LZ4F_blockMode_t mode, LZ4F_contentChecksum_t sum)
{
	LZ4F_preferences_t pref;
	size_t r;

	memset(&pref, 0, sizeof pref);
	pref.frameInfo.blockSizeID = id;
	pref.frameInfo.blockMode = mode;
	pref.frameInfo.contentChecksumFlag = sum;
	r = LZ4F_compressFrame(out, max, p, n, &pref);
	assert_false(LZ4F_isError(r));
	return r;
}

/* All of it, step bytes in and want bytes out at a time. */
static ssize_t
all(struct v03_segment *s, unsigned char *out, size_t want, struct err *e)
{
	size_t got = 0;
	ssize_t r;

	while ((r = v03_segment_read(s, out + got, want, e)) > 0)
		got += (size_t)r;
	return r < 0 ? -1 : (ssize_t)got;
}

static void
frames_of_every_kind(void **state)
{
	static const LZ4F_blockSizeID_t ids[] = { LZ4F_max64KB, LZ4F_max256KB,
		LZ4F_max1MB, LZ4F_max4MB };
	static const size_t sizes[] = { 0, 1, 65536, TEXT };
	unsigned char *p = malloc(TEXT), *z = malloc(2 * TEXT);
	unsigned char *out = malloc(2 * TEXT + 65536);
	struct v03_segment *s = NULL;
	struct err e;

	(void)state;
	text(p);
	for (unsigned i = 0; i < 4 * 4 * 2 * 2; i++) {
		size_t n = sizes[i / 4 % 4];
		size_t len = frame(z, 2 * TEXT, p, n, ids[i % 4], i / 16 % 2
		    ? LZ4F_blockLinked : LZ4F_blockIndependent, i / 32
		    ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum);
		struct source src = { z, len, 0, 4099, 0 };

		if (!s)
			assert_int_equal(v03_segment_begin(&s, source_in(&src),
			    &e), 0);
		else
			v03_segment_next(s, source_in(&src));
		assert_int_equal(all(s, out, i % 2 ? 777 : 65536, &e), n);
		assert_memory_equal(out, p, n);
	}
	v03_segment_free(s);
	v03_segment_free(NULL);
	free(p);
	free(z);
	free(out);
}

static void
frames_one_after_the_other(void **state)
{
	unsigned char *p = malloc(TEXT), *z = malloc(3 * TEXT);
	unsigned char *out = malloc(3 * TEXT);
	struct v03_segment *s;
	struct err e;
	size_t n, one;

	(void)state;
	text(p);
	one = n = frame(z, TEXT, p, 1000, LZ4F_max4MB, LZ4F_blockIndependent, 1);
	/* a skippable frame between */
	memcpy(z + n, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
	n += 11;
	n += frame(z + n, TEXT, p + 1000, TEXT - 1000, LZ4F_max64KB,
	    LZ4F_blockLinked, 0);
	for (size_t step = 1; step < 100000; step = step * 30 + 1) {
		struct source src = { z, n, 0, step, 0 };

		assert_int_equal(v03_segment_begin(&s, source_in(&src), &e), 0);
		assert_int_equal(all(s, out, 5000, &e), TEXT);
		assert_memory_equal(out, p, TEXT);
		/* and what is behind them is no frame */
		src = (struct source){ z, one + 3, 0, step, 0 };
		v03_segment_next(s, source_in(&src));
		assert_int_equal(all(s, out, 5000, &e), -1);
		assert_int_equal(e.kind, ERR_DATA);
		v03_segment_free(s);
	}
	free(p);
	free(z);
	free(out);
}

static void
damage_is_found(void **state)
{
	unsigned char *p = malloc(TEXT), z[2000], *out = malloc(TEXT);
	struct v03_segment *s;
	struct source src = { z, 0, 0, 100, 0 };
	struct err e;
	size_t n;

	(void)state;
	text(p);
	n = frame(z, sizeof z, p + 200000, 600, LZ4F_max4MB,
	    LZ4F_blockIndependent, LZ4F_contentChecksumEnabled);
	assert_int_equal(v03_segment_begin(&s, source_in(&src), &e), 0);
	for (size_t i = 0; i < n; i++) {
		/* cut off */
		src = (struct source){ z, i, 0, 100, 0 };
		v03_segment_next(s, source_in(&src));
		assert_int_equal(all(s, out, 100, &e), -1);
		assert_int_equal(e.kind, ERR_DATA);
		assert_int_equal(v03_segment_read(s, out, 1, &e), -1);
		/* changed */
		z[i] ^= 0x20;
		src = (struct source){ z, n, 0, 100, 0 };
		v03_segment_next(s, source_in(&src));
		assert_int_equal(all(s, out, 100, &e), -1);
		assert_int_equal(e.kind, ERR_DATA);
		z[i] ^= 0x20;
	}
	/* what the source says comes through */
	src = (struct source){ z, 50, 0, 100, 1 };
	v03_segment_next(s, source_in(&src));
	assert_int_equal(all(s, out, 100, &e), -1);
	assert_int_equal(e.kind, ERR_TEMP);
	v03_segment_free(s);
	free(p);
	free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_every_kind),
		cmocka_unit_test(frames_one_after_the_other),
		cmocka_unit_test(damage_is_found),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
