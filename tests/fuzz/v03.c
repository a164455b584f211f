#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repl/v03_apply.h"
#include "v03/plan.h"
#include "v03/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct source {
	const uint8_t *p;
	size_t n;
};

static ssize_t
source_read(void *ctx, void *buf, size_t n, struct err *e)
{
	struct source *s = ctx;

	(void)e;
	if (n > s->n)
		n = s->n;
	memcpy(buf, s->p, n);
	s->p += n;
	s->n -= n;
	return (ssize_t)n;
}

/* A name comes back the same from what it says. */
static void
names(const uint8_t *p, size_t n)
{
	char text[V03_NAME_MAX], *s = malloc(n + 1);
	struct v03_name a, b;

	memcpy(s, p, n);
	s[n] = 0;
	if (!v03_name_scan(&a, s)) {
		v03_name_fmt(text, &a);
		if (strcmp(text, s) || v03_name_scan(&b, text)
		    || v03_name_cmp(&a, &b))
			abort();
	}
	free(s);
}

/* Content that no frame should make too much of. */
static void
segment(const uint8_t *p, size_t n)
{
	struct source s = { p, n };
	struct v03_segment *z;
	unsigned char buf[5000];
	struct err e;
	ssize_t r = 1;

	if (v03_segment_begin(&z, (struct io_in){ source_read, &s }, &e) < 0)
		return;
	for (int i = 0; r > 0 && i < 2000; i++)
		r = v03_segment_read(z, buf, sizeof buf, &e);
	v03_segment_free(z);
}

static int
cmp(const void *a, const void *b)
{
	return v03_name_cmp(&((const struct v03_object *)a)->name,
	    &((const struct v03_object *)b)->name);
}

/* Objects of four bytes each; what is planned must hold together. */
static void
plans(const uint8_t *p, size_t n)
{
	struct v03_object o[64];
	struct v03_generation *g;
	struct v03_target t = { V03_ANY, -1, V03_ANY };
	struct v03_plan plan;
	size_t k = 0, ng, which, other;
	unsigned doubts;
	struct err e;

	if (n < 2)
		return;
	if (p[0] & 1)
		t.index = p[1] & 7;
	if (p[0] & 2)
		t.time_ms = p[1];
	for (p += 2, n -= 2; n >= 4 && k < 64; p += 4, n -= 4, k++) {
		memset(&o[k], 0, sizeof o[k]);
		o[k].name.generation = p[0] >> 6;
		o[k].name.kind = p[0] >> 5 & 1;
		o[k].name.index = p[0] & 7;
		o[k].name.offset = o[k].name.kind == V03_WAL ? p[1] : 0;
		o[k].time_ms = p[2] ? p[2] : -1;
		o[k].size = p[3];
	}
	qsort(o, k, sizeof *o, cmp);
	if (v03_plan_generations(o, k, &g, &ng, &e) < 0)
		return;
	for (size_t i = 0; i < ng; i++) {
		if (v03_plan_make(o, &g[i], &t, &plan, &e) < 0)
			continue;
		if (o[plan.snapshot].name.kind != V03_SNAPSHOT
		    || plan.wal + plan.n_wal > k)
			abort();
		for (size_t w = plan.wal; w < plan.wal + plan.n_wal; w++)
			if (o[w].name.kind != V03_WAL
			    || o[w].name.generation != g[i].id
			    || o[w].name.index > t.index
			    || (t.time_ms >= 0 && o[w].time_ms > t.time_ms))
				abort();
	}
	if (ng && !v03_plan_choose(g, ng, &which, &other, &doubts, &e)
	    && (which >= ng || other >= ng))
		abort();
	free(g);
}

static void
apply(const uint8_t *p, size_t n)
{
	const struct v03_name snapshot = { 1, 0, 0, V03_SNAPSHOT, 0, 0 };
	const struct v03_name wal = { 1, 0, 0, V03_WAL, 0, 0 };
	struct source s = { p, n < 512 ? n : 512 }, w = { p + s.n, n - s.n };
	struct apply_done done = { 0 };
	struct v03_apply *a;
	struct err e;
	int fd = io_anon("", &e);

	if (fd < 0)
		return;
	if (v03_apply_begin(&a, fd, &e) == 0) {
		if (!v03_apply_snapshot(a, &snapshot,
		    (struct io_in){ source_read, &s }, &e)
		    && !v03_apply_wal(a, &wal,
		    (struct io_in){ source_read, &w }, &e))
			(void)v03_apply_end(a, &done, &e);
		v03_apply_free(a);
	}
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (!n)
		return 0;
	switch (p[0] & 3) {
	case 0: names(p + 1, n - 1); break;
	case 1: segment(p + 1, n - 1); break;
	case 2: plans(p + 1, n - 1); break;
	case 3: apply(p + 1, n - 1); break;
	}
	return 0;
}
