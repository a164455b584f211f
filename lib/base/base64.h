#ifndef LS_BASE_BASE64_H
#define LS_BASE_BASE64_H

#include <stddef.h>

/* RFC 4648 base64 with padding. */

#define BASE64_LEN(n) (((n) + 2) / 3 * 4 + 1) /* with the final NUL */

/* BASE64_LEN(n) bytes to s, NUL-ended. */
void base64_fmt(char *s, const unsigned char *, size_t n);

/* The whole string, padded, to at most max bytes; *n: how many. 0 or -1. */
int base64_scan(unsigned char *, size_t max, const char *s, size_t *n);

#endif
