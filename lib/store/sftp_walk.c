#include "store/sftp_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"

#include "store/sftp_list.h"

#define SFTP_LINE 8192       /* bytes of a line that is understood */
#define SFTP_NAMES 20000000u /* in one folder */

#define SFTP_DEPTH 32

struct walk_call {
	struct sftp *s;
	const char *after;
	store_list_fn *fn;
	void *ctx;
};

/* One folder. */
struct walk {
	const struct walk_call *call;
	struct sftp *s;
	const char *dir, *base; /* dir ends in "/", or is "" */
	size_t base_len;
	unsigned depth;
	stralloc names;      /* each ended by a NUL, of folders by "/" before */
	struct walk_file {
		size_t name;
		uint64_t size;
	} *f;
	size_t n, a;
	char line[SFTP_LINE];
	size_t len;
	int strange;         /* lines that are not understood */
};

static char *
walk_key(const struct walk *w, const char *name)
{
	char *s;

	return asprintf(&s, "%s%s", w->dir, name) < 0 ? 0 : s;
}

/* Temporary files named as ours (struct sftp, suffix) are nobody's, and
 * perhaps old. */
static void
walk_temp(struct walk *w, const char *name)
{
	char **t = w->s->pool->temps;
	size_t n = strlen(name);

	if (n < 13 || name[n - 13] != '.'
	    || strspn(name + n - 12, "0123456789abcdef") != 8)
		return;
	for (int i = 0; i < SFTP_TEMPS; i++)
		if (!t[i]) {
			t[i] = walk_key(w, name);
			return;
		}
}

static int
walk_name(struct walk *w, const struct sftp_line *line, struct err *e)
{
	size_t at = w->names.len, n = line->n;
	const char *name = line->name;
	struct walk_file *f;

	if (memchr(name, 0, n) || memchr(name, '/', n)
	    || (n == 1 && *name == '.') || (n == 2 && !memcmp(name, "..", 2)))
		return 0;
	if (!stralloc_catb(&w->names, name, n)
	    || (line->folder && !stralloc_catb(&w->names, "/", 1))
	    || !stralloc_0(&w->names))
		return err_nomem(e);
	name = w->names.s + at;
	if (n > 4 && !strcmp(name + n - 4, ".tmp")) {
		walk_temp(w, name);
		w->names.len = at;
		return 0;
	}
	if (strncmp(name, w->base, w->base_len)) {
		w->names.len = at;
		return 0;
	}
	if (w->n >= SFTP_NAMES)
		return err_set(e, ERR_DATA, "more than %u files", SFTP_NAMES);
	if (!(f = array_room(w->f, w->n, &w->a, sizeof *f)))
		return err_nomem(e);
	w->f = f;
	w->f[w->n++] = (struct walk_file){ at, line->size };
	return 0;
}

static int
walk_line(struct walk *w, int names, struct err *e)
{
	/* of a name alone: ours have a dot, folders' have none */
	struct sftp_line l = { w->line, w->len, 0,
		!memchr(w->line, '.', w->len) };
	int r = w->len >= SFTP_LINE ? -1 : names ? 1
	    : sftp_list_line(&l, w->line, w->len);

	w->len = 0;
	if (r < 0)
		w->strange = 1;
	return r > 0 ? walk_name(w, &l, e) : 0;
}

static int
walk_feed(struct walk *w, const char *s, size_t n, int names, struct err *e)
{
	for (; n; s++, n--) {
		if (*s == '\n') {
			if (walk_line(w, names, e))
				return -1;
		} else if (w->len < SFTP_LINE) {
			w->line[w->len++] = *s;
		}
	}
	return 0;
}

static int
walk_try(struct walk *w, struct sftp_op *op, const struct store_tries *t,
    struct http_xfer **x, int *again, struct err *e)
{
	char buf[16384];
	ssize_t n;

	w->n = w->names.len = w->len = 0;
	w->strange = 0;
	if (sftp_once(w->s, op, t, x, again, e))
		return -1;
	while ((n = http_read(*x, buf, sizeof buf, e)) > 0)
		if (walk_feed(w, buf, (size_t)n, op->names, e))
			return -1;
	if (n < 0)
		sftp_judge(w->s, *x, again, e);
	return n < 0 ? -1 : 0;
}

static int
walk_read(struct walk *w, int names, struct err *e)
{
	struct sftp_op op = { .what = "list", .method = "GET", .key = w->dir,
		.stream = 1, .names = names, .body.fd = -1 };
	struct store_tries t;
	struct http_xfer *x;
	int again, more;

	store_tries_begin(&w->s->st, &t);
	for (;;) {
		x = 0;
		if (!walk_try(w, &op, &t, &x, &again, e)) {
			http_end(x);
			return 0;
		}
		/* what is not there holds nothing */
		if (e->kind == ERR_NOTFOUND && x && http_moved(x)) {
			e->kind = ERR_TEMP;
		} else if (e->kind == ERR_NOTFOUND) {
			http_end(x);
			err_clear(e);
			w->n = 0;
			return 0;
		}
		more = store_tries_next(&w->s->st, w->s->pool->h, &t, x,
		    again, e);
		http_end(x);
		if (!more)
			return sftp_in(w->s, &op, e);
	}
}

/* Where lines are not understood each name is asked for. */
static int
walk_ask(struct walk *w, struct err *e)
{
	struct store_stat st;
	size_t kept = 0;
	char *key;
	int r = walk_read(w, 1, e);

	for (size_t i = 0; !r && i < w->n; i++) {
		if (!(key = walk_key(w, w->names.s + w->f[i].name)))
			return err_nomem(e);
		if (key[strlen(key) - 1] == '/') {
			w->f[kept++] = w->f[i];
			free(key);
			continue;
		}
		r = sftp_head(&w->s->st, key, &st, e);
		free(key);
		if (!r) {
			w->f[kept] = w->f[i];
			w->f[kept++].size = st.size;
		} else if (e->kind == ERR_NOTFOUND) {
			err_clear(e);
			r = 0;
		}
	}
	w->n = kept;
	return r;
}

static int
walk_cmp(const void *a, const void *b, void *names)
{
	return strcmp((char *)names + ((const struct walk_file *)a)->name,
	    (char *)names + ((const struct walk_file *)b)->name);
}

static int walk_folder(const struct walk_call *, const char *dir,
    const char *base, unsigned depth, struct err *);

static int
walk_one(struct walk *w, const struct walk_file *f, struct err *e)
{
	const struct walk_call *c = w->call;
	struct store_stat st = { f->size, -1, -1 };
	char *key = walk_key(w, w->names.s + f->name);
	size_t n;
	int r = 0;

	if (!key)
		return err_nomem(e);
	n = strlen(key);
	if (key[n - 1] == '/') {
		/* everything below sorts before start_after? */
		if (!c->after || strncmp(key, c->after, n) >= 0)
			r = w->depth < SFTP_DEPTH
			    ? walk_folder(c, key, "", w->depth + 1, e)
			    : err_set(e, ERR_DATA, "%s: folders nested too "
			        "deep", key);
	} else if (!c->after || strcmp(key, c->after) > 0) {
		r = c->fn(c->ctx, key, &st, e);
	}
	free(key);
	return r;
}

static int
walk_folder(const struct walk_call *c, const char *dir, const char *base,
    unsigned depth, struct err *e)
{
	struct walk *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return err_nomem(e);
	w->call = c;
	w->s = c->s;
	w->dir = dir;
	w->base = base;
	w->base_len = strlen(base);
	w->depth = depth;
	r = walk_read(w, 0, e);
	if (!r && w->strange)
		r = walk_ask(w, e);
	if (!r && w->n)
		qsort_r(w->f, w->n, sizeof *w->f, walk_cmp, w->names.s);
	for (size_t i = 0; !r && i < w->n; i++)
		r = walk_one(w, &w->f[i], e);
	stralloc_free(&w->names);
	free(w->f);
	free(w);
	return r;
}

int
sftp_walk(struct store *st, const char *prefix, const char *after,
    store_list_fn *fn, void *ctx, struct err *e)
{
	const struct walk_call c = { (struct sftp *)st, after, fn, ctx };
	const char *slash = strrchr(prefix, '/');
	char *dir = strndup(prefix, slash ? (size_t)(slash - prefix) + 1 : 0);
	int r = dir ? walk_folder(&c, dir, slash ? slash + 1 : prefix, 0, e)
	    : err_nomem(e);

	free(dir);
	return r;
}
