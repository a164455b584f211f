#include "repl/choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/sa.h"
#include "ltx/ltx.h"
#include "repl/pin.h"

static void
replica_free(struct choose_replica *r)
{
	listing_free(&r->listing);
	v03_set_free(&r->v03);
	if (r->st)
		store_close(r->st);
	if (r->conf)
		store_conf_free(r->conf);
	free(r->conf);
	memset(r, 0, sizeof *r);
}

/* Opens with another path and lists. */
static int
replica_open(struct choose_replica *r, const struct store_conf *conf,
    const char *path, struct err *e)
{
	char *p;

	r->conf = malloc(sizeof *r->conf);
	if (!r->conf)
		return err_nomem(e);
	store_conf_init(r->conf);
	if (store_conf_copy(r->conf, conf, e) < 0)
		return -1;
	if (r->pin && !(r->conf->pin = strdup(r->pin)))
		return err_nomem(e);
	if (path) {
		p = strdup(path);
		if (!p)
			return err_nomem(e);
		free(r->conf->path);
		r->conf->path = p;
	}
	if (store_open(&r->st, r->conf, e) < 0)
		return -1;
	return listing_read(r->st, LISTING_ALL, &r->listing, e);
}

static int
found_one(void *ctx, const char *key, const struct store_stat *st,
    struct err *e)
{
	(void)key;
	(void)st;
	*(int *)ctx = 1;
	return err_set(e, ERR_NO, "enough");
}

static int
found_ltx(void *ctx, const char *key, const struct store_stat *st,
    struct err *e)
{
	const char *name = strrchr(key, '/');
	uint64_t min, max;

	return name && !ltx_name_scan(name + 1, &min, &max)
	    ? found_one(ctx, key, st, e) : 0;
}

/* Does fn find something below the replica's path? 1, 0, -1. */
static int
holds(struct choose_replica *r, const char *below, store_list_fn *fn,
    struct err *e)
{
	const char *path = r->conf->path ? r->conf->path : "";
	stralloc s = STRALLOC_ZERO;
	int found = 0, x;

	if (!strcmp(path, "."))
		path = "";
	if (!stralloc_cats(&s, path) || (*path && !stralloc_cats(&s, "/"))
	    || !stralloc_cats(&s, below) || !stralloc_0(&s)) {
		stralloc_free(&s);
		return err_nomem(e);
	}
	x = store_list(r->st, s.s, NULL, fn, &found, e);
	stralloc_free(&s);
	return found ? 1 : x;
}

/* What is empty as a replica of this kind may be one copied from a store
 * with other keys (an s3 replica has "0000/", others "ltx/0/"). That is not
 * nothing. */
static int
refuse_other(struct choose_replica *r, struct err *e)
{
	int s3 = r->conf->type == STORE_S3;
	int x = holds(r, s3 ? "ltx/" : "000", found_ltx, e);

	if (x > 0)
		return err_set(e, ERR_DATA, "%s holds LTX files laid out as in "
		    "another kind of store: under %s instead of %s",
		    r->conf->url, s3 ? "ltx/0/" : "0000/", s3 ? "0000/"
		    : "ltx/0/");
	return x;
}

/* What Litestream makes of "path: /a/b/" in a configuration and of a URL
 * differs in slashes and in a "." alone: the other spellings of path. */
static int
spelling(const char *path, unsigned i, stralloc *s)
{
	static const char *const none[] = { ".", "", "/" };
	size_t len;

	while (*path == '/')
		path++;
	len = strlen(path);
	while (len && path[len - 1] == '/')
		len--;
	s->len = 0;
	if (!len || (len == 1 && *path == '.'))
		return i > 2 ? 0 : stralloc_cats(s, none[i]) && stralloc_0(s);
	return i > 3 ? 0 : (!(i & 1) || stralloc_cats(s, "/"))
	    && stralloc_catb(s, path, len)
	    && (!(i & 2) || stralloc_cats(s, "/")) && stralloc_0(s);
}

static int
try_spellings(struct choose_replica *r, const struct store_conf *conf,
    const struct log *log, struct err *e)
{
	const char *path = conf->path ? conf->path : "";
	struct choose_replica other = { .pin = r->pin };
	stralloc s = STRALLOC_ZERO;
	int x = 0;

	for (unsigned i = 0; !x && spelling(path, i, &s); i++) {
		if (!strcmp(s.s, path))
			continue;
		x = replica_open(&other, conf, s.s, e);
		if (!x && other.listing.n) {
			log_event(log, LOG_WARN, "replica found under another "
			    "spelling of its path", "replica", conf->url,
			    "path", s.s, NULL);
			replica_free(r);
			*r = other;
			memset(&other, 0, sizeof other);
			break;
		}
		replica_free(&other);
		other.pin = r->pin;
	}
	stralloc_free(&s);
	return x;
}

static int
replica_find(struct choose_replica *r, const struct store_conf *conf,
    int by_txid, const struct log *log, struct err *e)
{
	if (replica_open(r, conf, NULL, e) < 0)
		return -1;
	if (!r->listing.n && conf->type == STORE_S3
	    && try_spellings(r, conf, log, e) < 0)
		return -1;
	if (!r->pin && !(by_txid && r->listing.n)
	    && v03_set_read(r->st, &r->v03, e) < 0)
		return err_in(e, "list generations of Litestream 0.3");
	if (r->listing.n || r->v03.n)
		return 0;
	if (r->v03.foreign)
		return err_set(e, ERR_DATA, "%s has %zu objects below "
		    "generations/, none with a name of Litestream 0.3",
		    r->conf->url, r->v03.foreign);
	return refuse_other(r, e);
}

static int
cmp_max(const void *pa, const void *pb)
{
	const struct choose_replica *const a = pa, *const b = pb;
	return a->max > b->max ? -1 : a->max < b->max;
}

int
choose_add(struct choose *c, const struct store_conf *conf,
    const struct log *log, struct err *e)
{
	struct choose_replica *v = realloc(c->r, (c->n + 1) * sizeof *v);

	if (!v)
		return err_nomem(e);
	c->r = v;
	memset(&v[c->n], 0, sizeof *v);
	v[c->n].pin = c->pin;
	if (replica_find(&v[c->n], conf, c->by_txid, log, e) == 0) {
		v[c->n].max = listing_max(&v[c->n].listing);
		c->n++;
		return 0;
	}
	replica_free(&v[c->n]);
	/* Not there is an answer that only a listing can give. */
	if (e->kind == ERR_NOTFOUND)
		e->kind = ERR_CONF;
	err_in(e, "read replica %s", conf->url);
	if (c->unread.kind)
		log_err(log, LOG_WARN, e, "replica cannot be read", NULL);
	else
		c->unread = *e;
	return 0;
}

int
choose_any(const struct choose *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->r[i].listing.n || c->r[i].v03.n)
			return 1;
	return 0;
}

int
choose_end(struct choose *c, int newest, const struct log *log,
    struct err *e)
{
	if (c->n)
		qsort(c->r, c->n, sizeof *c->r, cmp_max);
	if (!c->unread.kind)
		return c->pin && c->n && !c->r[0].listing.n ? err_set(e, ERR_NO,
		    PIN_ABSENT, c->pin) : 0;
	if (choose_any(c) && newest && c->unread.kind != ERR_DATA) {
		*e = c->unread;
		return err_in(e, "the newest state may be where it cannot be "
		    "read; choose another replica with --replica NAME");
	}
	if (choose_any(c)) {
		log_err(log, LOG_WARN, &c->unread, "replica cannot be read", NULL);
		return 0;
	}
	*e = c->unread;
	return -1;
}

void
choose_close(struct choose *c)
{
	for (size_t i = 0; i < c->n; i++)
		replica_free(&c->r[i]);
	free(c->r);
	memset(c, 0, sizeof *c);
}
