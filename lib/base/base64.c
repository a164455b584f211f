#include "base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_fmt(char *s, const unsigned char *p, size_t n)
{
	for (; n; p += n < 3 ? n : 3, n -= n < 3 ? n : 3) {
		unsigned long v = (unsigned long)p[0] << 16
		    | (n > 1 ? p[1] << 8 : 0) | (n > 2 ? p[2] : 0);

		*s++ = digits[v >> 18];
		*s++ = digits[v >> 12 & 63];
		*s++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*s++ = n > 2 ? digits[v & 63] : '=';
	}
	*s = 0;
}

int
base64_scan(unsigned char *p, size_t max, const char *s, size_t *n)
{
	size_t len = strlen(s), pad = 0;

	if (len % 4)
		return -1;
	while (pad < 2 && pad < len && s[len - 1 - pad] == '=')
		pad++;
	if (len / 4 * 3 - pad > max)
		return -1;
	*n = 0;
	for (size_t i = 0; i < len; i += 4) {
		unsigned long v = 0;

		for (size_t j = i; j < i + 4; j++) {
			const char *d = s[j] == '=' ? digits
			    : strchr(digits, s[j]);

			if (!d || (s[j] == '=' && j + pad < len))
				return -1;
			v = v << 6 | (unsigned long)(d - digits);
		}
		for (int k = 16; k >= 0 && *n < len / 4 * 3 - pad; k -= 8)
			p[(*n)++] = (unsigned char)(v >> k);
	}
	return 0;
}
