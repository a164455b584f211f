#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "store/sftp_known.h"
#include "store/sftp_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
known(void *ctx, const char *type, const char *base64, int revoked)
{
	char line[SFTP_TYPE_MAX + BASE64_LEN(SFTP_KEY_MAX) + 2];
	char t[SFTP_TYPE_MAX], *k = malloc(BASE64_LEN(SFTP_KEY_MAX));

	(void)ctx, (void)revoked;
	if (strlen(type) >= SFTP_TYPE_MAX
	    || strlen(base64) >= BASE64_LEN(SFTP_KEY_MAX))
		abort();
	/* what it tells is a line that could be pinned */
	strcat(strcat(strcpy(line, type), " "), base64);
	if (sftp_known_line(line, t, k) || strcmp(t, type)
	    || strcmp(k, base64))
		abort();
	free(k);
}

static void
listed(const char *s, size_t n)
{
	struct sftp_line l = { 0 };

	if (sftp_list_line(&l, s, n) != 1)
		return;
	if (!l.n || l.name < s || l.name + l.n != s + n)
		abort();
}

/* A listing, a known_hosts file and a key in one. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *s = malloc(n + 1), type[SFTP_TYPE_MAX];
	size_t at = 0;

	memcpy(s, p, n);
	s[n] = 0;
	sftp_known_scan(s, n, "h", known, 0);
	sftp_known_scan(s, n, "[h]:2222", known, 0);
	sftp_known_type(type, p, n);
	while (at < n) {
		const char *end = memchr(s + at, '\n', n - at);
		size_t k = end ? (size_t)(end - s) - at : n - at;
		/* of its own length, so that reading past it is seen */
		char *line = malloc(k ? k : 1);

		memcpy(line, s + at, k);
		listed(line, k);
		free(line);
		at += k + 1;
	}
	free(s);
	return 0;
}
