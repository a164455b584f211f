#include "repl/v03_set.h"

#include <stdlib.h>
#include <string.h>
#include "base/array.h"

struct reading {
	struct v03_set *set;
	size_t base;      /* bytes of a key before "generations/" */
};

/* Folders that consoles make, and uploads to files that were cut off. */
static int
leftover(const char *key, size_t n)
{
	return key[n - 1] == '/' || (n > 4 && !strcmp(key + n - 4, ".tmp"));
}

static int
one(void *ctx, const char *key, const struct store_stat *st, struct err *e)
{
	struct reading *r = ctx;
	struct v03_set *s = r->set;
	struct v03_object *v, o = { .size = st->size, .time_ms = st->mtime_ms };

	if (v03_name_scan(&o.name, key + r->base) < 0) {
		s->foreign += !leftover(key, strlen(key));
		return 0;
	}
	if (!(v = array_room(s->o, s->n, &s->a, sizeof *v)))
		return err_nomem(e);
	s->o = v;
	s->o[s->n++] = o;
	return 0;
}

static int
cmp(const void *a, const void *b)
{
	return v03_name_cmp(&((const struct v03_object *)a)->name,
	    &((const struct v03_object *)b)->name);
}

static int
read_below(struct store *st, const char *path, struct v03_set *s,
    struct err *e)
{
	struct reading r = { s, 0 };
	char *prefix;
	int x;

	free(s->path);
	s->path = strdup(path);
	if (!s->path)
		return err_nomem(e);
	if (v03_name_prefix(path, &prefix, &r.base, e) < 0)
		return -1;
	x = store_list(st, prefix, NULL, one, &r, e);
	free(prefix);
	return x;
}

static int
generations(struct v03_set *s, struct err *e)
{
	free(s->g);
	s->g = NULL;
	return v03_plan_generations(s->o, s->n, &s->g, &s->n_g, e);
}

int
v03_set_read(struct store *st, struct v03_set *s, struct err *e)
{
	const struct store_conf *c = store_conf(st);
	const char *path = c->path ? c->path : "";

	s->n = s->foreign = 0;
	if (read_below(st, path, s, e) < 0)
		goto err0;
	if (!s->n && c->type == STORE_S3 && *path == '/'
	    && read_below(st, path + strspn(path, "/"), s, e) < 0)
		goto err0;
	if (s->n)
		qsort(s->o, s->n, sizeof *s->o, cmp);
	if (generations(s, e) == 0)
		return 0;
err0:
	v03_set_free(s);
	return -1;
}

void
v03_set_free(struct v03_set *s)
{
	free(s->o);
	free(s->g);
	free(s->path);
	memset(s, 0, sizeof *s);
}

int
v03_set_key(const struct v03_set *s, size_t i, char **key, struct err *e)
{
	return v03_name_key(s->path, &s->o[i].name, key, e);
}

int
v03_set_time(struct store *st, struct v03_set *s, size_t i, struct err *e)
{
	struct store_stat stat;
	char *key;
	int x;

	if (s->o[i].time_ms >= 0)
		return 0;
	if (v03_set_key(s, i, &key, e) < 0)
		return -1;
	x = store_head(st, key, &stat, e);
	free(key);
	if (x < 0) {
		if (e->kind == ERR_NOTFOUND) /* went since it was listed */
			e->kind = ERR_TEMP;
		return -1;
	}
	s->o[i].time_ms = stat.mtime_ms;
	return 0;
}

int
v03_set_times(struct store *st, struct v03_set *s, size_t generation,
    int all, struct err *e)
{
	const struct v03_generation g = s->g[generation];
	size_t end = g.first + g.n_snapshots + g.n_wal;
	int asked = 0;

	for (size_t i = g.first; i < end; i++) {
		if (s->o[i].time_ms >= 0 || (!all && i > g.first
		    && i + 1 < end && i + 1 != g.first + g.n_snapshots))
			continue;
		if (v03_set_time(st, s, i, e) < 0)
			return -1;
		asked = 1;
	}
	return asked ? generations(s, e) : 0;
}
