#include "repl/listing.h"

#include <stdlib.h>
#include <string.h>

/* A listing as a set of files: no store is needed for it. */

int
listing_add(struct listing *l, const struct replica_file *f, struct err *e)
{
	if (l->n == l->a) {
		size_t a = l->a ? l->a + l->a / 2 : 64;
		struct replica_file *v = realloc(l->f, a * sizeof *v);

		if (!v)
			return err_nomem(e);
		l->f = v;
		l->a = a;
	}
	l->f[l->n++] = *f;
	return 0;
}

static int
cmp_file(const void *pa, const void *pb)
{
	const struct replica_file *a = pa, *b = pb;

	if (a->level != b->level)
		return a->level < b->level ? -1 : 1;
	if (a->min != b->min)
		return a->min < b->min ? -1 : 1;
	return a->max < b->max ? -1 : a->max > b->max;
}

void
listing_sort(struct listing *l)
{
	if (l->n)
		qsort(l->f, l->n, sizeof *l->f, cmp_file);
}

void
listing_free(struct listing *l)
{
	free(l->f);
	memset(l, 0, sizeof *l);
}

uint64_t
listing_max(const struct listing *l)
{
	uint64_t max = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->f[i].max > max)
			max = l->f[i].max;
	return max;
}
