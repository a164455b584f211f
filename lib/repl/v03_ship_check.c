#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "repl/v03_ship_in.h"
#include "v03/name.h"

/* What a replica holds, against what we know of it. */

const char *
v03_ship_path(struct store *st)
{
	const struct store_conf *c = store_conf(st);
	const char *path = c->path ? c->path : "";

	return c->type == STORE_S3 ? path + strspn(path, "/") : path;
}

struct look {
	const struct v03_pos *pos;
	size_t base;             /* bytes of a key before "generations/" */
	int snapshot, any, seen; /* a snapshot; a segment; the last one known */
	struct v03_name last;
	uint64_t size;
};

static int
look_at(void *ctx, const char *key, const struct store_stat *st,
    struct err *e)
{
	struct look *l = ctx;
	struct v03_name n;

	(void)e;
	if (strlen(key) < l->base || v03_name_scan(&n, key + l->base) < 0
	    || n.generation != l->pos->wal.generation)
		return 0;
	if (n.kind == V03_SNAPSHOT) {
		l->snapshot = 1;
		return 0;
	}
	l->seen |= l->pos->any && n.index == l->pos->last_index
	    && n.offset == l->pos->last_offset
	    && st->size == l->pos->last_size;
	if (!l->any || v03_name_cmp(&n, &l->last) > 0) {
		l->last = n;
		l->size = st->size;
	}
	l->any = 1;
	return 0;
}

/* A name just before that of the last segment: what it lists after is all
 * that matters. NULL in *key where there is none. */
static int
before_last(const char *path, const struct v03_pos *p, char **key,
    struct err *e)
{
	struct v03_name n = { .generation = p->wal.generation,
	    .kind = V03_WAL, .index = p->last_index,
	    .offset = p->last_offset };

	*key = NULL;
	if (!p->any || (!n.index && !n.offset))
		return 0;
	if (n.offset) {
		n.offset--;
	} else {
		n.index--;
		n.offset = UINT32_MAX;
	}
	return v03_name_key(path, &n, key, e);
}

/* The folder "snapshots/" or "wal/" of the generation. */
static int
list(struct store *st, const struct v03_pos *p, const char *folder,
    const char *after, struct look *l, struct err *e)
{
	const char *path = v03_ship_path(st);
	char *key, *whole;
	size_t len;
	int r = -1;

	if (v03_name_folder(path, p->wal.generation, &key, e) < 0)
		return -1;
	len = strlen(key) + strlen(folder) + 1;
	if ((whole = realloc(key, len))) {
		strcat(whole, folder);
		r = store_list(st, whole, after, look_at, l, e);
		free(whole);
	} else {
		free(key);
		err_nomem(e);
	}
	return r;
}

int
v03_ship_check(struct ship *s, struct store *st, struct err *e)
{
	struct v03_ship *v = s->v03;
	const struct v03_pos *p = &v->pos;
	struct look l = { .pos = p };
	char *after = NULL, *prefix;
	enum v03_pos_is is;
	int r;

	if (v03_name_prefix(v03_ship_path(st), &prefix, &l.base, e) < 0)
		return -1;
	free(prefix);
	r = before_last(v03_ship_path(st), p, &after, e);
	if (r == 0)
		r = list(st, p, "snapshots/", NULL, &l, e);
	if (r == 0)
		r = list(st, p, "wal/", after, &l, e);
	free(after);
	if (r < 0)
		return -1;
	s->check_mono = when_mono() + SHIP_CHECK_MS;
	v->there = 0;
	is = v03_pos_judge(p, l.any, l.last.index, l.last.offset, l.size);
	if (!l.snapshot)
		v03_ship_lose(s, 0, "its snapshots are gone");
	else if (p->any && !l.seen)
		v03_ship_lose(s, 0, "its last segment is gone or not ours");
	else if (is == V03_POS_OTHER)
		v03_ship_lose(s, 0, "another writer has been in its "
		    "generation");
	else if (is != V03_POS_LAST)
		v->there = is == V03_POS_ROLLED ? 2 : 1;
	return 0;
}

int
v03_ship_same(struct store *st, const char *key, int fd, uint64_t size,
    struct err *e)
{
	unsigned char a[16384], b[sizeof a];
	struct store_stat stat;
	struct store_get *g;
	uint64_t at = 0;
	int same = 1;

	if (store_head(st, key, &stat, e) < 0)
		return -1;
	if (stat.size != size)
		return 0;
	if (store_get(st, key, 0, 0, &g, e) < 0)
		return -1;
	while (same > 0 && at < size) {
		size_t n = size - at < sizeof a ? (size_t)(size - at)
		    : sizeof a;

		if (io_readn(store_get_in(g), a, n, e) < 0
		    || io_preadn(fd, b, n, (int64_t)at, e) < 0)
			same = -1;
		else
			same = !memcmp(a, b, n);
		at += n;
	}
	store_get_close(g);
	return same;
}
