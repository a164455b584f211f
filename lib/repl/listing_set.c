#include "repl/listing.h"

#include <stdlib.h>
#include <string.h>
#include "base/array.h"

/* A listing as a set of files: no store is needed for it. */

int
listing_add(struct listing *l, const struct replica_file *f, struct err *e)
{
	struct replica_file *v = array_room(l->f, l->n, &l->a, sizeof *v);

	if (!v)
		return err_nomem(e);
	l->f = v;
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

/* ---- many changes at once ---- */

int
listing_note(struct listing_changes *c, const struct replica_file *f,
    int there, struct err *e)
{
	struct listing_change *v = array_room(c->c, c->n, &c->a, sizeof *v);

	if (!v)
		return err_nomem(e);
	c->c = v;
	c->c[c->n] = (struct listing_change){ *f, c->n, there };
	c->n++;
	return 0;
}

static int
cmp_change(const void *pa, const void *pb)
{
	const struct listing_change *a = pa, *b = pb;
	int r = cmp_file(&a->f, &b->f);

	return r ? r : a->turn < b->turn ? -1 : a->turn > b->turn;
}

int
listing_apply(struct listing *l, struct listing_changes *c, struct err *e)
{
	struct listing to = { .foreign = l->foreign };
	size_t i = 0;
	int r = 0;

	if (!c->n)
		return 0;
	listing_sort(l);
	qsort(c->c, c->n, sizeof *c->c, cmp_change);
	for (size_t k = 0; k < c->n && !r; k++) {
		const struct replica_file *f = &c->c[k].f;

		if (k + 1 < c->n && !cmp_file(f, &c->c[k + 1].f))
			continue;
		for (; i < l->n && cmp_file(&l->f[i], f) < 0 && !r; i++)
			r = listing_add(&to, &l->f[i], e);
		while (i < l->n && !cmp_file(&l->f[i], f))
			i++;
		if (c->c[k].there && !r)
			r = listing_add(&to, f, e);
	}
	for (; i < l->n && !r; i++)
		r = listing_add(&to, &l->f[i], e);
	listing_changes_free(c);
	listing_free(r ? &to : l);
	if (!r)
		*l = to;
	return r;
}

void
listing_changes_free(struct listing_changes *c)
{
	free(c->c);
	memset(c, 0, sizeof *c);
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
