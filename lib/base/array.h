#ifndef LS_BASE_ARRAY_H
#define LS_BASE_ARRAY_H

#include <stddef.h>

/* Arrays that grow by one element at a time. */

/* The array a of n elements of size bytes, allocated (NULL: none yet), where
 * *room are allocated, with room for one more; it may have moved. NULL: out of
 * memory, a is as it was. */
void *array_room(void *a, size_t n, size_t *room, size_t size);

#endif
