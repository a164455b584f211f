#ifndef LS_BASE_JSON_H
#define LS_BASE_JSON_H

#include "base/sa.h"

/* Appends any bytes as a JSON string, in its quotes; those that are no UTF-8 as
 * U+FFFD each. 1, or 0: out of memory. */
int json_string(stralloc *, const char *);

#endif
