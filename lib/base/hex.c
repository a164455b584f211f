#include "base/hex.h"

static const char digits[] = "0123456789abcdef";

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

size_t
hex64_fmt(char s[17], uint64_t v)
{
	for (int i = 15; i >= 0; i--, v >>= 4)
		s[i] = digits[v & 15];
	s[16] = 0;
	return 16;
}

int
hex64_scan(const char *s, uint64_t *v)
{
	uint64_t r = 0;

	for (int i = 0; i < 16; i++) {
		int d = hex_digit(s[i]);

		if (d < 0 || (s[i] >= 'A' && s[i] <= 'F'))
			return -1;
		r = r << 4 | (unsigned)d;
	}
	*v = r;
	return 0;
}

void
hex_fmt(char *s, const unsigned char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		*s++ = digits[b[i] >> 4];
		*s++ = digits[b[i] & 15];
	}
	*s = 0;
}

int
hex_scan(unsigned char *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(s[2 * i]);
		int lo = hi < 0 ? -1 : hex_digit(s[2 * i + 1]);

		if (lo < 0)
			return -1;
		b[i] = (unsigned char)(hi << 4 | lo);
	}
	return 0;
}
