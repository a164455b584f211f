#include "ltx/ltx.h"

#include <string.h>

#include "base/hex.h"

size_t
ltx_name_fmt(char s[LTX_NAME_LEN + 1], uint64_t min, uint64_t max)
{
	hex64_fmt(s, min);
	s[16] = '-';
	hex64_fmt(s + 17, max);
	memcpy(s + 33, ".ltx", 5);
	return LTX_NAME_LEN;
}

int
ltx_name_scan(const char *s, uint64_t *min, uint64_t *max)
{
	uint64_t a, b;

	if (strlen(s) != LTX_NAME_LEN || s[16] != '-'
	    || memcmp(s + 33, ".ltx", 4))
		return -1;
	if (hex64_scan(s, &a) || hex64_scan(s + 17, &b) || !a || a > b)
		return -1;
	*min = a;
	*max = b;
	return 0;
}

int
ltx_name_fits(const char *key, const struct ltx_header *h)
{
	const char *slash = strrchr(key, '/');
	uint64_t min, max;

	return ltx_name_scan(slash ? slash + 1 : key, &min, &max) < 0
	    || (min == h->min_txid && max == h->max_txid);
}
