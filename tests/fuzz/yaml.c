#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/raw.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
said(void *ctx, unsigned line, const char *text)
{
	(void)ctx;
	(void)line;
	if (!*text || strlen(text) > 500)
		abort();
}

static void
must_have_said(int r, const struct err *e)
{
	if (r && (!e->kind || !e->msg[0]))
		abort();
}

/* What was read and found good must survive its way through records. */
static void
there_and_back(const struct conf_raw *raw)
{
	struct conf_raw again = { 0 };
	stralloc a = STRALLOC_ZERO, b = STRALLOC_ZERO;
	struct err e = { 0 };

	if (conf_raw_write(raw, &a, &e) || conf_raw_read(&again, a.s, a.len,
	    &e) || conf_raw_write(&again, &b, &e) || a.len != b.len
	    || memcmp(a.s, b.s, a.len))
		abort();
	conf_raw_free(&again);
	stralloc_free(&a);
	stralloc_free(&b);
}

/* A file as ls-conf reads it; the same bytes as records. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct conf_warn warn = { said, 0 };
	struct conf_raw raw = { 0 };
	stralloc full = STRALLOC_ZERO, shown = STRALLOC_ZERO;
	struct err e = { 0 };
	struct conf c;
	int r;

	r = conf_expand(&full, (const char *)p, n, &warn, &e);
	if (!r)
		r = conf_yaml(&raw, full.s ? full.s : "", full.len, &warn, &e);
	if (!r) {
		there_and_back(&raw);
		r = conf_resolve(&c, &raw, &warn, &e);
		if (!r) {
			if (conf_show(&c, &shown, &e))
				abort();
			conf_free(&c);
		}
	}
	must_have_said(r, &e);
	conf_raw_free(&raw);
	stralloc_free(&full);
	stralloc_free(&shown);
	err_clear(&e);
	r = conf_raw_read(&raw, (const char *)p, n, &e);
	must_have_said(r, &e);
	conf_raw_free(&raw);
	return 0;
}
