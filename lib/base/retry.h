#ifndef LS_BASE_RETRY_H
#define LS_BASE_RETRY_H

#include <stdint.h>
#include "base/err.h"

/* The one place that decides about retries. Pure: random is an argument. */

/* Is an error of this kind worth another try of the same thing? TEMP, BUSY
 * yes; the rest no (FULL is waited for by its owner, not retried here). */
int retry_worth(enum err_kind);

/* Milliseconds to wait before try number n (1 is the first repetition):
 * base doubling up to max, times 0.5 to 1 by the 32 random bits. */
int64_t retry_delay(unsigned n, int64_t base_ms, int64_t max_ms,
    uint32_t random);

#endif
