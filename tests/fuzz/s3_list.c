#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/s3_list.h"
#include "store/s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
seen(void *ctx, const char *key, const struct store_stat *st, struct err *e)
{
	(void)ctx;
	(void)st;
	if (strlen(key) > 1024)
		abort();
	if (!strcmp(key, "stop"))
		return err_set(e, ERR_NO, "stopped");
	return 0;
}

/* The first byte says how the rest is cut into pieces. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	size_t chunk = n ? (size_t)p[0] + 1 : 1;
	struct err e = { 0 };
	struct s3_error se;
	struct s3_list *l;
	const char *token;
	int r = 0;

	if (n)
		p++, n--;
	s3_error_scan(&se, p, n);
	if (s3_list_begin(&l, seen, 0, &e))
		return 0;
	for (size_t i = 0; !r && i < n; i += chunk)
		r = s3_list_feed(l, p + i, n - i < chunk ? n - i : chunk, &e);
	if (!r)
		r = s3_list_end(l, &token, &e);
	if (r && (!e.kind || !e.msg[0]))
		abort();
	s3_list_free(l);
	return 0;
}
