/* Merging. First byte even: the rest is LTX files, each after two bytes of
 * length, which any bytes may pretend to be. Odd: a description of valid
 * files, whose merge must equal a plain model. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/ltx_mem.h"

#define FILES 16
#define PAGES 24

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(int ok)
{
	if (!ok)
		abort();
}

struct set {
	struct mem mem[FILES];
	struct ltx_dec *dec[FILES];
	size_t n;
	/* The model: commit, and the file that holds a page last. */
	uint32_t commit;
	uint32_t file[PAGES + 1];
	int any_hole, order;
};

static void
set_free(struct set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		ltx_dec_free(s->dec[i]);
		mem_free(&s->mem[i]);
	}
}

static void
raw(struct set *s, const uint8_t *p, size_t n)
{
	struct err err = { 0 };

	while (n >= 2 && s->n < FILES) {
		size_t len = (size_t)(p[0] << 8 | p[1]);
		struct mem *m = &s->mem[s->n];

		p += 2, n -= 2;
		if (len > n)
			len = n;
		*m = mem_new();
		mem_write(m, p, len, &err);
		p += len, n -= len;
		if (ltx_dec_begin(&s->dec[s->n], mem_in(m), &err)) {
			mem_free(m);
			continue;
		}
		s->n++;
	}
}

/* A file is: TXIDs it goes on from the last, and how far; commit; three
 * bytes of which pages it holds. */
static void
described(struct set *s, const uint8_t *p, size_t n)
{
	uint32_t lowest = PAGES;
	uint64_t last = 0;

	for (; n >= 5 && s->n < FILES; p += 5, n -= 5) {
		uint64_t min = s->n ? last + 1 - (p[0] & 3) % (last + 1)
		    : 1 + (p[0] & 1);
		uint64_t max = min + (p[0] >> 2 & 7);
		uint32_t pages[PAGES], k = 0, commit = p[1] % (PAGES + 1);
		struct ltx_header h;
		struct err err = { 0 };
		struct mem *m = &s->mem[s->n];

		if (!min)
			min = 1;
		if (max < min)
			max = min;
		if (s->n && max <= last)
			s->order = 1;
		for (uint32_t i = 1; i <= commit; i++)
			if (min == 1 || p[2 + (i - 1) / 8] >> (i - 1) % 8 & 1) {
				pages[k++] = i;
				s->file[i] = (uint32_t)s->n + 1;
			}
		h = mem_header(512, commit, min, max);
		*m = mem_new();
		must(!mem_ltx(m, &h, p[0] & 0x80 ? LTX_FRAME : LTX_BLOCK,
		    pages, k, (uint32_t)s->n + 1, &err));
		must(!ltx_dec_begin(&s->dec[s->n], mem_in(m), &err));
		if (!s->n)
			lowest = min == 1 ? 0 : commit;
		else if (commit < lowest)
			lowest = commit;
		s->commit = commit;
		last = max;
		s->n++;
	}
	for (uint32_t i = lowest + 1; i <= s->commit; i++)
		if (!s->file[i])
			s->any_hole = 1;
}

static int
merge(struct set *s, int described)
{
	struct mem out = mem_new();
	struct ltx_merge *m;
	struct ltx_enc *e;
	struct err err = { 0 };
	const unsigned char *data;
	unsigned char page[512];
	struct ltx_payload pl;
	uint32_t pgno, next = 1;
	int r = ltx_merge_begin(&m, s->dec, s->n, &err);

	must(!r || (err.kind == ERR_DATA && (!described || s->order)));
	if (r)
		return -1;
	must(!ltx_enc_begin(&e, ltx_merge_header(m), LTX_BLOCK,
	    mem_out(&out), NULL, &err));
	while ((r = ltx_merge_page(m, &pgno, &data, &pl, &err)) > 0) {
		must(!ltx_enc_page_reuse(e, pgno, data, &pl, &err));
		if (!described)
			continue;
		for (; next < pgno; next++)
			must(!s->file[next]);
		mem_page(page, 512, pgno, s->file[pgno]);
		must(!memcmp(page, data, 512));
		next++;
	}
	for (; described && !r && next <= s->commit; next++)
		must(!s->file[next]);
	must(!r || err.kind == ERR_DATA);
	must(!described || !!r == s->any_hole);
	if (!r) {
		must(!ltx_enc_end(e, 0, &err));
		must(mem_decode(&out, &err) == (long)ltx_enc_pages(e));
	}
	ltx_enc_free(e);
	ltx_merge_free(m);
	mem_free(&out);
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct set s;

	memset(&s, 0, sizeof s);
	if (n < 3)
		return 0;
	if (p[0] & 1)
		described(&s, p + 1, n - 1);
	else
		raw(&s, p + 1, n - 1);
	if (s.n)
		merge(&s, p[0] & 1);
	set_free(&s);
	return 0;
}
