#ifndef LS_BASE_CRC64_H
#define LS_BASE_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* CRC-64/GO-ISO (reflected polynomial 0xD800000000000000, inverted in and
 * out), as LTX uses it. Start with 0; feed the last result back in:
 * crc64(crc64(0, a, n), b, m) is the CRC of a then b.
 * crc64(0, "123456789", 9) is 0xB90956C775A41001. */
uint64_t crc64(uint64_t crc, const void *, size_t);

#endif
