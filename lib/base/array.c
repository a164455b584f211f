#include "base/array.h"

#include <stdlib.h>

void *
array_room(void *a, size_t n, size_t *room, size_t size)
{
	size_t more = *room + *room / 2 + 16;

	if (n < *room)
		return a;
	if ((a = realloc(a, more * size)))
		*room = more;
	return a;
}
