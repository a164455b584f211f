#include "base/utf8.h"

size_t
utf8_len(const unsigned char *s)
{
	size_t n;
	unsigned min = 0x80, c = s[0];

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c < 0xe0)
		n = 2;
	else if (c >= 0xe0 && c < 0xf0)
		n = 3;
	else if (c >= 0xf0 && c < 0xf5)
		n = 4;
	else
		return 0;
	if (c == 0xe0)
		min = 0xa0;
	else if (c == 0xf0)
		min = 0x90;
	for (size_t i = 1; i < n; i++, min = 0x80)
		if (s[i] < min || s[i] > 0xbf)
			return 0;
	if ((c == 0xed && s[1] > 0x9f) || (c == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}
