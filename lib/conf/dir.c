#include "conf/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/path.h"
#include "base/sa.h"

/* "dir:" of a database: one like it for each SQLite file there, with the
 * file's path below the folder appended to state folder and replicas, as
 * Litestream does. */

static int
copy_values(struct conf_values *to, const struct conf_values *from,
    struct err *err)
{
	for (int i = 0; i < CONF_KEYS; i++)
		if (from->v[i] && conf_raw_set(to, (enum conf_key_id)i,
		    from->v[i], strlen(from->v[i]), from->line[i], err) < 0)
			return -1;
	return 0;
}

static int
set(struct conf_values *to, enum conf_key_id id, const char *v, unsigned line,
    struct err *err)
{
	return conf_raw_set(to, id, v, v ? strlen(v) : 0, line, err);
}

/* a/b, cleaned; b may be followed by an end. */
static int
join(struct conf_values *to, enum conf_key_id id, const char *a,
    const char *b, const char *end, struct err *err)
{
	size_t n = strlen(a) + strlen(b) + strlen(end) + 3;
	char *s = malloc(n);
	int r;

	if (!s)
		return err_nomem(err);
	snprintf(s, n, "%s%s%s%s", a, *a ? "/" : "", b, end);
	path_clean(s);
	r = set(to, id, s, to->line[id], err);
	free(s);
	return r;
}

/* The URL with rel before its query, percent-escaped. */
static int
join_url(struct conf_values *r, const char *rel, struct err *err)
{
	static const char safe[] = "-_.~$&+,/:;=@0123456789"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *url = r->v[CONF_URL];
	size_t n = strcspn(url, "?#"), k = n;
	stralloc sa = STRALLOC_ZERO;
	int ok;

	while (k && url[k - 1] == '/')
		k--;
	ok = stralloc_catb(&sa, url, k) && stralloc_catb(&sa, "/", 1);
	for (; ok && *rel; rel++) {
		char e[4] = { *rel, 0 };

		if (!strchr(safe, *rel))
			snprintf(e, sizeof e, "%%%02X", (unsigned char)*rel);
		ok = stralloc_cats(&sa, e);
	}
	ok = ok && stralloc_cats(&sa, url + n);
	n = ok ? (size_t)conf_raw_set(r, CONF_URL, sa.s, sa.len,
	    r->line[CONF_URL], err) : (size_t)err_nomem(err);
	stralloc_free(&sa);
	return (int)n;
}

static int
replica_below(struct conf_values *r, const char *rel, struct err *err)
{
	const char *path = r->v[CONF_PATH], *type = r->v[CONF_TYPE];

	if (r->v[CONF_URL])
		return join_url(r, rel, err);
	if (!path && (!type || !strcmp(type, "file")))
		return 0; /* told of when it is resolved */
	return join(r, CONF_PATH, path ? path : "", rel, "", err);
}

static int
state_below(struct conf_values *v, const char *rel, struct err *err)
{
	const char *dir = v->v[CONF_META_DIR], *path = v->v[CONF_META_PATH];
	const char *base = strrchr(rel, '/');
	char *hidden;
	size_t n = strlen(rel) + 3;
	int r;

	if (dir) {
		v->line[CONF_META_PATH] = v->line[CONF_META_DIR];
		r = join(v, CONF_META_PATH, dir, rel, "-litestream", err);
		return r < 0 ? r : set(v, CONF_META_DIR, 0, 0, err);
	}
	if (!path)
		return 0;
	if (!(hidden = malloc(n)))
		return err_nomem(err);
	base = base ? base + 1 : rel;
	snprintf(hidden, n, "%.*s.%s", (int)(base - rel), rel, base);
	r = join(v, CONF_META_PATH, path, hidden, "-litestream", err);
	free(hidden);
	return r;
}

/* One database of the template, for the file. */
static int
instance(struct conf_raw *out, const struct conf_raw_db *of, const char *file,
    const char *rel, struct err *err)
{
	static const enum conf_key_id gone[] = {
		CONF_DIR, CONF_PATTERN, CONF_RECURSIVE, CONF_WATCH
	};
	struct conf_raw_db *db = conf_raw_db(out, of->line, err);

	if (!db || copy_values(&db->set, &of->set, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
		if (set(&db->set, gone[i], 0, 0, err) < 0)
			return -1;
	if (set(&db->set, CONF_PATH, file, of->set.line[CONF_DIR], err) < 0
	    || state_below(&db->set, rel, err) < 0)
		return -1;
	for (size_t i = 0; i < of->n; i++) {
		struct conf_values *r = conf_raw_replica(db, err);

		if (!r || copy_values(r, &of->replicas[i], err) < 0
		    || replica_below(r, rel, err) < 0)
			return -1;
	}
	return 0;
}

/* What says where to look, for programs that go on looking. */
static int
watched(struct conf_raw *out, const struct conf_raw_db *of, const char *dir,
    struct err *err)
{
	static const enum conf_key_id kept[] = {
		CONF_PATTERN, CONF_RECURSIVE
	};
	struct conf_raw_db *d = conf_raw_dir(out, of->line, err);

	if (!d || set(&d->set, CONF_DIR, dir, of->set.line[CONF_DIR], err) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++)
		if (set(&d->set, kept[i], of->set.v[kept[i]],
		    of->set.line[kept[i]], err) < 0)
			return -1;
	return 0;
}

static int
instances(struct conf_raw *out, const struct conf_raw_db *of,
    const struct conf_warn *warn, struct err *err)
{
	const struct conf_values *v = &of->set;
	struct conf_found f = { 0, 0, 0 };
	int watch = conf_get_bool(v, 0, CONF_WATCH, 0), r;
	char *dir;
	size_t n;

	if (conf_path(v->v[CONF_DIR], &dir, err) < 0)
		return -1;
	n = strcmp(dir, "/") ? strlen(dir) + 1 : 1;
	r = conf_find(&f, dir, v->v[CONF_PATTERN],
	    conf_get_bool(v, 0, CONF_RECURSIVE, 0), warn, err);
	conf_found_sort(&f);
	if (!r && watch)
		r = watched(out, of, dir, err);
	if (!r && !f.n && !watch)
		r = err_set(err, ERR_CONF, "dir: no SQLite database %s in %s",
		    v->v[CONF_PATTERN], dir);
	for (size_t i = 0; i < f.n && !r; i++)
		r = instance(out, of, f.path[i], f.path[i] + n, err);
	conf_found_free(&f);
	free(dir);
	return r;
}

int
conf_dirs(struct conf_raw *raw, const struct conf_warn *warn,
    struct err *err)
{
	struct conf_raw out = { 0 };
	int r = 0, any = 0;

	for (size_t i = 0; i < raw->n; i++)
		any |= !!raw->dbs[i].set.v[CONF_DIR];
	if (!any)
		return 0;
	for (size_t i = 0; i < raw->n && !r; i++) {
		struct conf_raw_db *db = &raw->dbs[i], *to;

		/* what cannot be is told of when it is resolved */
		if (db->set.v[CONF_DIR] && db->set.v[CONF_PATTERN]
		    && !db->set.v[CONF_PATH]) {
			r = instances(&out, db, warn, err);
			if (r < 0) {
				err->kind = err->kind == ERR_NOTFOUND
				    ? ERR_CONF : err->kind;
				err_in(err, "%s:%u", raw->source, db->line);
			}
			continue;
		}
		if (!(to = conf_raw_db(&out, db->line, err))) {
			r = -1;
			continue;
		}
		*to = *db;
		memset(db, 0, sizeof *db);
	}
	if (r < 0) {
		conf_raw_free(&out);
		return -1;
	}
	out.set = raw->set;
	out.source = raw->source;
	memset(&raw->set, 0, sizeof raw->set);
	raw->source = 0;
	conf_raw_free(raw);
	*raw = out;
	return 0;
}
