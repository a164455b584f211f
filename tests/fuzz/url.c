#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
scan(const char *s)
{
	struct err e = { 0 };
	struct url u;

	if (url_scan(&u, s, &e)) {
		if (e.kind != ERR_CONF || !e.msg[0] || u.path || u.bucket)
			abort();
		return;
	}
	if (!u.path || (u.kind == URL_S3 && (!u.bucket || !*u.bucket))
	    || (u.kind == URL_FILE && *u.path != '/'))
		abort();
	if (u.endpoint && strncmp(u.endpoint, "http", 4))
		abort();
	url_free(&u);
}

static void
clean(char *s)
{
	char *once;

	path_clean(s);
	once = malloc(strlen(s) + 2);
	strcpy(once, s);
	path_clean(once);
	if (strcmp(once, s) || strstr(s, "//"))
		abort();
	free(once);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = malloc(n + 2), *shown, *endpoint;
	struct err e = { 0 };

	memcpy(s, p, n);
	s[n] = 0;
	scan(s);
	if (!(shown = url_redact(s)))
		abort();
	free(shown);
	if (!url_endpoint(s, 1, &endpoint, &e))
		free(endpoint);
	url_is_local(s);
	clean(s);
	free(s);
	return 0;
}
