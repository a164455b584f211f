#include "db/pagemap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"

#define FIRST 512u        /* pairs allocated at first */
#define RUN_BUFFER 512u   /* pairs read at once from a run */

void
pagemap_init(struct pagemap *m, size_t memory)
{
	memset(m, 0, sizeof *m);
	m->dir = "";
	m->fd = -1;
	m->max = memory / sizeof *m->pair;
	if (m->max < FIRST)
		m->max = FIRST;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorted by page, then frame: the last of a page is its newest. */
static void
compact(struct pagemap *m)
{
	size_t i, n = 0;

	if (m->n)
		qsort(m->pair, m->n, sizeof *m->pair, compare);
	for (i = 0; i < m->n; i++)
		if (i + 1 == m->n
		    || m->pair[i] >> 32 != m->pair[i + 1] >> 32)
			m->pair[n++] = m->pair[i];
	m->n = n;
}

static int
spill(struct pagemap *m, struct err *err)
{
	struct pagemap_run *run;
	size_t len = m->n * sizeof *m->pair;

	if (m->fd < 0 && (m->fd = io_anon(m->dir, err)) < 0)
		return -1;
	run = realloc(m->run, (m->runs + 1) * sizeof *run);
	if (!run)
		return err_nomem(err);
	m->run = run;
	if (io_pwriten(m->fd, m->pair, len, m->spilled, err) < 0)
		return err_in(err, "spill of the page map");
	memset(run + m->runs, 0, sizeof *run);
	run[m->runs].at = m->spilled;
	m->spilled += len;
	run[m->runs++].end = m->spilled;
	m->n = 0;
	return 0;
}

static int
make_room(struct pagemap *m, struct err *err)
{
	size_t want = m->alloc ? m->alloc * 2 : FIRST;
	uint64_t *p;

	if (m->alloc < m->max) {
		if (want > m->max)
			want = m->max;
		p = realloc(m->pair, want * sizeof *p);
		if (!p)
			return err_nomem(err);
		m->pair = p;
		m->alloc = want;
		return 0;
	}
	compact(m);
	/* Hot pages met again and again need no disk */
	return m->n > m->max / 2 ? spill(m, err) : 0;
}

int
pagemap_add(struct pagemap *m, uint32_t pgno, uint32_t frame,
    struct err *err)
{
	if (m->n == m->alloc && make_room(m, err) < 0)
		return -1;
	m->pair[m->n++] = (uint64_t)pgno << 32 | frame;
	return 0;
}

int
pagemap_sort(struct pagemap *m, struct err *err)
{
	size_t i;

	compact(m);
	m->pos = 0;
	for (i = 0; i < m->runs; i++) {
		m->run[i].buf = malloc(RUN_BUFFER * sizeof *m->pair);
		if (!m->run[i].buf)
			return err_nomem(err);
	}
	return 0;
}

/* 1: *pair is the run's first; 0: the run is empty. */
static int
run_peek(struct pagemap *m, struct pagemap_run *r, uint64_t *pair,
    struct err *err)
{
	if (r->pos == r->have) {
		int64_t len = r->end - r->at;

		if (!len)
			return 0;
		if (len > (int64_t)(RUN_BUFFER * sizeof *pair))
			len = RUN_BUFFER * sizeof *pair;
		if (io_preadn(m->fd, r->buf, len, r->at, err) < 0)
			return -1;
		r->at += len;
		r->have = len / sizeof *pair;
		r->pos = 0;
	}
	*pair = r->buf[r->pos];
	return 1;
}

int
pagemap_next(struct pagemap *m, uint32_t *pgno, uint32_t *frame,
    struct err *err)
{
	uint64_t best = UINT64_MAX, p;
	size_t i;
	int r;

	/* Smallest page; of its versions the largest frame */
	for (i = 0; i <= m->runs; i++) {
		if (i < m->runs) {
			if ((r = run_peek(m, m->run + i, &p, err)) < 0)
				return -1;
		} else if ((r = m->pos < m->n)) {
			p = m->pair[m->pos];
		}
		if (r && (p >> 32 < best >> 32
		    || (p >> 32 == best >> 32 && p > best)))
			best = p;
	}
	if (best == UINT64_MAX)
		return 0;
	for (i = 0; i < m->runs; i++)
		if (m->run[i].pos < m->run[i].have
		    && m->run[i].buf[m->run[i].pos] >> 32 == best >> 32)
			m->run[i].pos++;
	if (m->pos < m->n && m->pair[m->pos] >> 32 == best >> 32)
		m->pos++;
	*pgno = best >> 32;
	*frame = best & 0xffffffff;
	return 1;
}

void
pagemap_free(struct pagemap *m)
{
	size_t i;

	for (i = 0; i < m->runs; i++)
		free(m->run[i].buf);
	free(m->run);
	free(m->pair);
	if (m->fd >= 0)
		close(m->fd);
	memset(m, 0, sizeof *m);
	m->fd = -1;
}
