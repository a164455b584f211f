#ifndef LS_BASE_UTF8_H
#define LS_BASE_UTF8_H

#include <stddef.h>

/* Length of the valid UTF-8 sequence at s (NUL-terminated), 0 if there is
 * none. A NUL is one of length 1. */
size_t utf8_len(const unsigned char *s);

#endif
