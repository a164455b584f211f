#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypt/age_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Of a test alone; the corpus begins with a file for it. */
#define KEY "AGE-SECRET-KEY-1PUDJA55F3D33S7QPYJRU5SJUE5LGFPGKAXASKVMFTFMX4" \
	"FPRVNTQLZSCH4"

struct source {
	const uint8_t *p;
	size_t n, step;
};

static ssize_t
source_read(void *ctx, void *buf, size_t n, struct err *e)
{
	struct source *s = ctx;

	(void)e;
	if (n > s->step)
		n = s->step;
	if (n > s->n)
		n = s->n;
	memcpy(buf, s->p, n);
	s->p += n;
	s->n -= n;
	return (ssize_t)n;
}

static void
identities(const uint8_t *p, size_t n)
{
	struct age_keys k = { 0 };
	struct err e;
	char *s = malloc(n + 1);

	memcpy(s, p, n);
	s[n] = 0;
	(void)age_keys_scan(&k, s, &e);
	age_keys_free(&k);
	free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct source s = { p + 1, n - 1, n ? p[0] + 1u : 1 };
	struct age_keys k = { 0 };
	unsigned char buf[1000];
	struct age *a;
	struct err e;
	ssize_t r = 1;

	if (!n)
		return 0;
	identities(p + 1, n - 1);
	if (age_keys_scan(&k, KEY, &e) < 0)
		abort();
	if (age_begin(&a, &k, (struct io_in){ source_read, &s }, &e) == 0) {
		while (r > 0)
			r = age_read(a, buf, sizeof buf, &e);
		age_free(a);
	}
	age_keys_free(&k);
	return 0;
}
