#include "repl/listing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "base/sa.h"
#include "ltx/ltx.h"
#include "repl/pin.h"

#define TIMES_AHEAD 8
#define HOLE_TRIES 6

struct reading {
	struct listing *l;
	size_t skip;      /* bytes of the prefix before level or name */
	int level;        /* -1: a digit and "/" stand before the name */
	unsigned levels;
};

static int
listing_object(void *ctx, const char *key, const struct store_stat *st,
    struct err *e)
{
	struct reading *r = ctx;
	struct replica_file f = { .size = st->size, .time_ms = st->mtime_ms };
	const char *s = key + r->skip;
	int level = r->level;

	if (level < 0) {
		if (s[0] < '0' || s[0] > '9' || s[1] != '/') {
			r->l->foreign++;
			return 0;
		}
		level = s[0] - '0';
		s += 2;
	}
	if (ltx_name_scan(s, &f.min, &f.max) < 0) {
		r->l->foreign += *s != 0; /* consoles make "folder/" objects */
		return 0;
	}
	if (!(r->levels >> level & 1))
		return 0;
	f.level = (uint8_t)level;
	return listing_add(r->l, &f, e);
}

/* The keys of s3 levels differ in one digit, "<path>/000N/": listing what
 * they share is one series of requests instead of ten. Of sftp, "ltx/N/", it
 * tells which there are: asking for the others would cost more. */
static int
read_together(struct store *st, unsigned levels, struct listing *l,
    struct err *e)
{
	struct reading r = { l, 0, -1, levels };
	char *prefix;
	int x;

	if (store_level_prefix(store_conf(st), 0, &prefix, e) < 0)
		return -1;
	r.skip = strlen(prefix) - 2;
	prefix[r.skip] = 0;
	x = store_list(st, prefix, NULL, listing_object, &r, e);
	free(prefix);
	return x;
}

static int
read_level(struct store *st, unsigned level, struct listing *l,
    struct err *e)
{
	struct reading r = { l, 0, (int)level, 1u << level };
	char *prefix;
	int x;

	if (store_level_prefix(store_conf(st), level, &prefix, e) < 0)
		return -1;
	r.skip = strlen(prefix);
	x = store_list(st, prefix, NULL, listing_object, &r, e);
	free(prefix);
	return x;
}

static int
read_levels(struct store *st, unsigned levels, struct listing *l,
    struct err *e)
{
	int x = 0;

	l->n = l->foreign = 0;
	if (store_conf(st)->type != STORE_FILE && levels == LISTING_ALL)
		x = read_together(st, levels, l, e);
	else
		for (unsigned i = 0; i < STORE_LEVELS && !x; i++)
			if (levels >> i & 1)
				x = read_level(st, i, l, e);
	if (x < 0) {
		l->n = l->foreign = 0;
		return -1;
	}
	listing_sort(l);
	return 0;
}

/* The first TXID missing between files of level 0, 0: none. */
static uint64_t
hole(const struct listing *l)
{
	for (size_t i = 1; i < l->n && !l->f[i].level; i++)
		if (l->f[i].min > l->f[i - 1].max + 1)
			return l->f[i - 1].max + 1;
	return 0;
}

/* A folder that is written to while it is read may show a new file and not
 * the one before it. Looked at again, a hole that was none is closed. */
int
listing_read(struct store *st, unsigned levels, struct listing *l,
    struct err *e)
{
	uint64_t was, is = 0;
	int tries = 0;

	if (store_conf(st)->pin)
		return pin_view(st, l, e);
	do {
		was = is;
		if (read_levels(st, levels, l, e) < 0)
			return -1;
		is = hole(l);
	} while (is && is != was && ++tries < HOLE_TRIES);
	return 0;
}

int
listing_read_from(struct store *st, unsigned level, uint64_t min,
    struct listing *l, struct err *e)
{
	struct reading r = { l, 0, (int)level, 1u << level };
	char *prefix, *after, hex[17];
	int x;

	l->n = l->foreign = 0;
	if (store_level_prefix(store_conf(st), level, &prefix, e) < 0)
		return -1;
	r.skip = strlen(prefix);
	after = malloc(r.skip + sizeof hex + 1);
	if (!after) {
		free(prefix);
		return err_nomem(e);
	}
	hex64_fmt(hex, min);
	memcpy(after, prefix, r.skip);
	memcpy(after + r.skip, hex, 16);
	strcpy(after + r.skip + 16, "-");
	x = store_list(st, prefix, after, listing_object, &r, e);
	free(after);
	free(prefix);
	if (x < 0)
		l->n = 0;
	listing_sort(l);
	return x;
}

int
listing_key(struct store *st, const struct replica_file *f, char **key,
    struct err *e)
{
	return store_ltx_key(store_conf(st), f->level, f->min, f->max, key, e);
}

int
listing_get(struct store *st, const struct replica_file *f, uint64_t off,
    uint64_t len, struct store_get **g, struct err *e)
{
	char *key;
	int x;

	if (listing_key(st, f, &key, e) < 0)
		return -1;
	x = store_get(st, key, off, len, g, e);
	free(key);
	return x;
}

int
listing_get_range(struct store *st, const struct replica_file *f,
    uint64_t off, void *buf, size_t len, struct err *e)
{
	struct store_get *g;
	int x;

	if (listing_get(st, f, off, len, &g, e) < 0)
		return -1;
	x = io_readn(store_get_in(g), buf, len, e);
	store_get_close(g);
	return x;
}

static int
header_time(struct store_get *g, struct replica_file *f, struct err *e)
{
	unsigned char b[LTX_HEADER_SIZE];
	struct ltx_header h;
	char name[LTX_NAME_LEN + 1];

	if (io_readn(store_get_in(g), b, sizeof b, e) < 0
	    || ltx_header_unpack(&h, b, e) < 0) {
		ltx_name_fmt(name, f->min, f->max);
		return err_in(e, "level %u file %s", f->level, name);
	}
	f->time_ms = h.time_ms;
	f->time_exact = 1;
	return 0;
}

int
listing_times(struct store *st, struct listing *l, size_t from, size_t to,
    struct err *e)
{
	struct store_get *g[TIMES_AHEAD] = { 0 };
	size_t opened = from;
	int x = 0;

	for (size_t i = from; i < to && !x; i++) {
		while (!x && opened < to && opened < i + TIMES_AHEAD) {
			if (!l->f[opened].time_exact)
				x = listing_get(st, &l->f[opened], 0,
				    LTX_HEADER_SIZE, &g[opened % TIMES_AHEAD], e);
			opened++;
		}
		if (x || l->f[i].time_exact)
			continue;
		x = header_time(g[i % TIMES_AHEAD], &l->f[i], e);
		store_get_close(g[i % TIMES_AHEAD]);
		g[i % TIMES_AHEAD] = NULL;
	}
	for (size_t i = 0; i < TIMES_AHEAD; i++)
		if (g[i])
			store_get_close(g[i]);
	return x;
}

int
listing_open_local(const char *ltx0, uint64_t min, uint64_t max,
    struct err *e)
{
	stralloc path = STRALLOC_ZERO;
	char name[LTX_NAME_LEN + 1];
	int fd;

	ltx_name_fmt(name, min, max);
	if (!stralloc_cats(&path, ltx0) || !stralloc_cats(&path, "/")
	    || !stralloc_cats(&path, name) || !stralloc_0(&path)) {
		stralloc_free(&path);
		return err_nomem(e);
	}
	fd = open(path.s, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err_sys(e, "open %s", path.s);
	stralloc_free(&path);
	return fd;
}
