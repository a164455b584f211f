#include "store/sftp_list.h"

#include <string.h>

static size_t
digits(const char *s, size_t n)
{
	size_t k = 0;

	while (k < n && s[k] >= '0' && s[k] <= '9')
		k++;
	return k;
}

static int
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static size_t
blanks(const char *s, size_t n)
{
	size_t k = 0;

	while (k < n && s[k] == ' ')
		k++;
	return k;
}

/* "Nov 21 08:10 " or "Nov 21  2025 ": how long it is, 0 if it is none. */
static size_t
date(const char *s, size_t n)
{
	size_t at = 3, k;

	if (n < 4 || !is_letter(s[0]) || !is_letter(s[1]) || !is_letter(s[2])
	    || !(k = blanks(s + at, n - at)))
		return 0;
	at += k;
	k = digits(s + at, n - at);
	if (!k || k > 2)
		return 0;
	at += k;
	if (!(k = blanks(s + at, n - at)))
		return 0;
	at += k;
	k = digits(s + at, n - at);
	at += k;
	if (k == 2 && n - at > 2 && s[at] == ':'
	    && digits(s + at + 1, n - at - 1) == 2)
		at += 3;
	else if (k != 4)
		return 0;
	return at < n && s[at] == ' ' ? at + 1 : 0;
}

/* Owners and groups may have blanks: the size is the first number that a
 * date follows. */
int
sftp_list_line(struct sftp_line *l, const char *s, size_t n)
{
	size_t at, k, d;

	if (n < 11 || !strchr("-dlbcps", s[0]) || !s[0]
	    || !strchr("r-", s[1]) || !s[1])
		return -1;
	if (s[0] != '-' && s[0] != 'd')
		return 0;
	l->folder = s[0] == 'd';
	for (at = 10; at < n; at += k ? k : 1) {
		k = s[at - 1] == ' ' ? digits(s + at, n - at) : 0;
		if (!k || at + k >= n || s[at + k] != ' ')
			continue;
		if (!(d = date(s + at + k + 1, n - at - k - 1)))
			continue;
		l->name = s + at + k + 1 + d;
		l->n = n - (size_t)(l->name - s);
		if (!l->n || k > 19)
			return -1;
		for (l->size = 0; k; k--, at++)
			l->size = l->size * 10 + (uint64_t)(s[at] - '0');
		return 1;
	}
	return -1;
}
