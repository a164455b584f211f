#include "crypt/age_int.h"

#include <string.h>

static const char letters[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t
polymod(uint32_t c, unsigned v)
{
	static const uint32_t gen[5] = {
		0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3
	};
	uint32_t top = c >> 25;

	c = (c & 0x1ffffff) << 5 ^ v;
	for (int i = 0; i < 5; i++)
		if (top >> i & 1)
			c ^= gen[i];
	return c;
}

static uint32_t
polymod_hrp(const char *hrp)
{
	uint32_t c = 1;

	for (const char *p = hrp; *p; p++)
		c = polymod(c, (unsigned char)*p >> 5);
	c = polymod(c, 0);
	for (const char *p = hrp; *p; p++)
		c = polymod(c, *p & 31);
	return c;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int
mixed(const char *s, size_t n)
{
	int up = 0, low = 0;

	while (n--) {
		up |= *s >= 'A' && *s <= 'Z';
		low |= *s >= 'a' && *s <= 'z';
		s++;
	}
	return up && low;
}

/* 52 characters of data, 6 of checksum. */
int
age_bech32_scan(const char *s, size_t n, const char *hrp,
    unsigned char out[32])
{
	size_t len = strlen(hrp), k = 0;
	uint32_t c = polymod_hrp(hrp), bits = 0;
	unsigned held = 0;

	if (n != len + 1 + 52 + 6 || mixed(s, n) || s[len] != '1')
		return -1;
	for (size_t i = 0; i < len; i++)
		if (lower(s[i]) != hrp[i])
			return -1;
	for (size_t i = 0; i < 58; i++) {
		char l = lower(s[len + 1 + i]);
		const char *at = l ? strchr(letters, l) : NULL;

		if (!at)
			return -1;
		c = polymod(c, (unsigned)(at - letters));
		if (i >= 52)
			continue;
		bits = bits << 5 | (uint32_t)(at - letters);
		held += 5;
		if (held >= 8) {
			held -= 8;
			out[k++] = (unsigned char)(bits >> held);
			bits &= (1u << held) - 1;
		}
	}
	return c == 1 && !bits ? 0 : -1;
}

static int
sextet(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z'
	    ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+'
	    ? 62 : c == '/' ? 63 : -1;
}

int
age_base64_scan(unsigned char *out, size_t len, const char *s, size_t n)
{
	uint32_t bits = 0;
	unsigned held = 0;

	if (n != (len * 8 + 5) / 6)
		return -1;
	while (n--) {
		int v = sextet(*s++);

		if (v < 0)
			return -1;
		bits = bits << 6 | (uint32_t)v;
		held += 6;
		if (held >= 8) {
			held -= 8;
			*out++ = (unsigned char)(bits >> held);
			bits &= (1u << held) - 1;
		}
	}
	return bits ? -1 : 0;
}
