/* LTX files, several in a row, from any bytes: no crash, no growing memory;
 * what is accepted is encoded again and must read the same. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/ltx_mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must(int ok)
{
	if (!ok)
		abort();
}

/* Sum of the pages, or 0 with *bad set. */
static uint64_t
decode(struct mem *m, struct ltx_enc *e, int *bad)
{
	const unsigned char *data;
	struct ltx_dec *d;
	struct err err = { 0 };
	uint64_t sum = 0;
	uint32_t pgno;
	int r = ltx_dec_begin(&d, mem_in(m), &err) ? -1 : 1;

	while (r > 0) {
		uint32_t size = ltx_dec_header(d)->page_size;

		while ((r = ltx_dec_page(d, &pgno, &data, &err)) > 0) {
			struct ltx_payload p = ltx_dec_payload(d);

			sum = 3 * sum + ltx_page_checksum(pgno, data, size);
			if (e)
				must(!ltx_enc_page_reuse(e, pgno, data, &p,
				    &err));
		}
		if (r || e)
			break;
		r = ltx_dec_next(d, &err);
	}
	*bad = r < 0;
	must(r >= 0 || (err.kind == ERR_DATA && !strncmp(err.msg, "byte ",
	    5)));
	ltx_dec_free(d);
	return sum;
}

static void
recode(struct mem *m)
{
	static const enum ltx_encoding encodings[] = { LTX_BLOCK, LTX_FRAME };
	struct ltx_header h;
	struct ltx_dec *d;
	struct err err = { 0 };

	must(!ltx_dec_begin(&d, mem_in(m), &err));
	h = *ltx_dec_header(d);
	ltx_dec_free(d);
	h.flags = LTX_FLAG_NOCHECKSUM;
	h.pre_apply = 0;
	for (int i = 0; i < 2; i++) {
		struct mem out = mem_new();
		struct ltx_enc *e;
		int bad;
		uint64_t sum;

		must(!ltx_enc_begin(&e, &h, encodings[i], mem_out(&out), NULL,
		    &err));
		sum = decode(m, e, &bad);
		must(!ltx_enc_end(e, 0, &err));
		must(decode(&out, NULL, &bad) == sum && !bad);
		ltx_enc_free(e);
		mem_free(&out);
	}
}

static void
small_parsers(const uint8_t *p, size_t n)
{
	struct ltx_index_entry e;
	char name[LTX_NAME_LEN + 1] = { 0 }, again[LTX_NAME_LEN + 1];
	uint64_t min, max;
	size_t pos = 0;

	while (ltx_index_step(p, n, &pos, &e) > 0)
		;
	must(pos <= n);
	memcpy(name, p, n < LTX_NAME_LEN ? n : LTX_NAME_LEN);
	if (!ltx_name_scan(name, &min, &max)) {
		ltx_name_fmt(again, min, max);
		must(!strcmp(name, again));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mem m = mem_new();
	int bad, chunked;
	uint64_t sum;

	small_parsers(p, n);
	m.p = malloc(n + 1);
	must(!!m.p);
	if (n)
		memcpy(m.p, p, n);
	m.len = m.cap = n;
	sum = decode(&m, NULL, &bad);
	m.chunk = 1 + n % 97;
	must(decode(&m, NULL, &chunked) == sum && bad == chunked);
	m.chunk = 0;
	if (!bad)
		recode(&m);
	mem_free(&m);
	return 0;
}
