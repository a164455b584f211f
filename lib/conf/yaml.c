#include "conf/raw.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* litestream.yml, over libyaml's document interface: aliases and "<<" work as
 * in Go's parser. Aliases can make a small file a huge or an endless tree, so
 * depth and the number of nodes visited are capped. */

#define FILE_MAX (4u << 20) /* after expansion */
#define DEPTH_MAX 10
#define VISIT_MAX 400000

struct walk {
	yaml_document_t *doc;
	struct conf_raw *raw;
	const struct conf_warn *warn;
	struct err *err;
	unsigned visits;
};

/* Where keys of a mapping go. */
struct place {
	struct conf_raw_db *db;     /* in one: its index, as arrays move */
	struct conf_values *set;
	unsigned scope;
	const char *prefix;         /* "snapshot." or "" */
	int append;                 /* values are items of a list */
};

static int walk_map(struct walk *, yaml_node_t *, const struct place *,
    unsigned depth);

static unsigned
line_of(const yaml_node_t *n)
{
	return (unsigned)n->start_mark.line + 1;
}

/* Puts FILE:LINE before the message of an error. */
static int
at_line(struct walk *w, unsigned line)
{
	return err_in(w->err, "%s:%u",
	    w->raw->source ? w->raw->source : "configuration", line);
}

static int
is_scalar(const yaml_node_t *n)
{
	return n->type == YAML_SCALAR_NODE;
}

static const char *
text(const yaml_node_t *n)
{
	return (const char *)n->data.scalar.value;
}

static int
is_null(const yaml_node_t *n)
{
	const char *s;

	if (!is_scalar(n))
		return 0;
	s = text(n);
	return n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
	    && (!*s || !strcmp(s, "~") || !strcmp(s, "null")
	    || !strcmp(s, "Null") || !strcmp(s, "NULL"));
}

static yaml_node_t *
node(struct walk *w, int id)
{
	return yaml_document_get_node(w->doc, id);
}

static int
set_scalar(struct walk *w, const struct place *p, int id, yaml_node_t *n)
{
	const char *old = p->set->v[id], *s = text(n);
	size_t len = n->data.scalar.length;
	stralloc sa = STRALLOC_ZERO;
	int r;

	if (is_null(n))
		return 0;
	if (!p->append || !old)
		r = conf_raw_set(p->set, (enum conf_key_id)id, s, len,
		    line_of(n), w->err);
	else if (!stralloc_cats(&sa, old) || !stralloc_catb(&sa, "\n", 1)
	    || !stralloc_catb(&sa, s, len))
		r = err_nomem(w->err);
	else
		r = conf_raw_set(p->set, (enum conf_key_id)id, sa.s, sa.len,
		    p->set->line[id], w->err);
	stralloc_free(&sa);
	return r < 0 ? at_line(w, line_of(n)) : 0;
}

/* Does a key of the scope begin with name and a dot? */
static int
is_prefix(const char *name, unsigned scope)
{
	size_t n = strlen(name);

	for (int i = 0; i < CONF_KEYS; i++) {
		const struct conf_key *k = conf_key((enum conf_key_id)i);

		if ((k->scope & scope) && !strncmp(k->name, name, n)
		    && k->name[n] == '.')
			return 1;
	}
	return 0;
}

static void
unknown(struct walk *w, const struct place *p, const char *name,
    unsigned line)
{
	const char *where = 0;

	if (conf_key_find(name, CONF_IN_ALL) >= 0 || is_prefix(name,
	    CONF_IN_ALL))
		where = "at the top of the file";
	else if (conf_key_find(name, CONF_IN_REPLICA) >= 0)
		where = "in a replica";
	else if (conf_key_find(name, CONF_IN_DB) >= 0)
		where = "in a database";
	if (where && !*p->prefix)
		conf_warn(w->warn, line, "%.80s: has no meaning here and is "
		    "ignored; it belongs %s", name, where);
	else
		conf_warn(w->warn, line, "%.80s: unknown key, ignored", name);
}

static int
walk_list(struct walk *w, yaml_node_t *n, const struct place *p,
    const char *name, int id, unsigned depth)
{
	char prefix[sizeof "." + 128]; /* name is of 128 bytes at most */
	struct place in = *p;

	snprintf(prefix, sizeof prefix, "%s.", name);
	in.prefix = prefix;
	in.append = 1;
	for (yaml_node_item_t *i = n->data.sequence.items.start;
	    i < n->data.sequence.items.top; i++) {
		yaml_node_t *item = node(w, *i);

		if (id >= 0 && is_scalar(item)) {
			if (set_scalar(w, &in, id, item) < 0)
				return -1;
		} else if (id < 0 && item->type == YAML_MAPPING_NODE) {
			if (walk_map(w, item, &in, depth + 1) < 0)
				return -1;
		} else {
			err_set(w->err, ERR_CONF, "%s: item of the wrong kind",
			    name);
			return at_line(w, line_of(item));
		}
	}
	return 0;
}

static int
walk_dbs(struct walk *w, yaml_node_t *n, unsigned depth)
{
	if (is_null(n))
		return 0;
	if (n->type != YAML_SEQUENCE_NODE) {
		err_set(w->err, ERR_CONF,
		    "dbs: must be a list of databases, each with a \"-\"");
		return at_line(w, line_of(n));
	}
	for (yaml_node_item_t *i = n->data.sequence.items.start;
	    i < n->data.sequence.items.top; i++) {
		yaml_node_t *item = node(w, *i);
		struct place p = { 0, 0, CONF_IN_DB, "", 0 };

		if (!(p.db = conf_raw_db(w->raw, line_of(item), w->err)))
			return at_line(w, line_of(item));
		p.set = &p.db->set;
		if (walk_map(w, item, &p, depth + 1) < 0)
			return -1;
	}
	return 0;
}

static int
walk_replica(struct walk *w, yaml_node_t *n, const struct place *db,
    unsigned depth)
{
	struct place p = { db->db, 0, CONF_IN_REPLICA, "", 0 };

	if (!(p.set = conf_raw_replica(db->db, w->err)))
		return at_line(w, line_of(n));
	return walk_map(w, n, &p, depth + 1);
}

static int
walk_replicas(struct walk *w, yaml_node_t *n, const struct place *db,
    int one, unsigned depth)
{
	if (is_null(n))
		return 0;
	if (db->db->n) {
		err_set(w->err, ERR_CONF, "a database cannot have both "
		    "replica: and replicas:");
		return at_line(w, line_of(n));
	}
	if (one)
		return walk_replica(w, n, db, depth);
	if (n->type != YAML_SEQUENCE_NODE) {
		err_set(w->err, ERR_CONF,
		    "replicas: must be a list, each with a \"-\"");
		return at_line(w, line_of(n));
	}
	for (yaml_node_item_t *i = n->data.sequence.items.start;
	    i < n->data.sequence.items.top; i++)
		if (walk_replica(w, node(w, *i), db, depth + 1) < 0)
			return -1;
	return 0;
}

static int
walk_value(struct walk *w, const char *key, yaml_node_t *value,
    const struct place *p, unsigned line, unsigned depth)
{
	char name[128];
	struct place in = *p;
	int id;

	snprintf(name, sizeof name, "%s%.60s", p->prefix, key);
	if (p->scope == CONF_IN_ALL && !strcmp(name, "dbs"))
		return walk_dbs(w, value, depth);
	if (p->scope == CONF_IN_DB && (!strcmp(name, "replica")
	    || !strcmp(name, "replicas")))
		return walk_replicas(w, value, p, !name[7], depth);
	id = conf_key_find(name, p->scope);
	if (id < 0 && !is_prefix(name, p->scope)) {
		unknown(w, p, name, line);
		return 0;
	}
	if (is_null(value))
		return 0;
	if (value->type == YAML_SEQUENCE_NODE && (id < 0
	    || conf_key((enum conf_key_id)id)->flags & CONF_LIST))
		return walk_list(w, value, p, name, id, depth);
	if (value->type == YAML_MAPPING_NODE && id < 0) {
		strcat(name, ".");
		in.prefix = name;
		return walk_map(w, value, &in, depth + 1);
	}
	if (is_scalar(value) && id >= 0)
		return set_scalar(w, p, id, value);
	err_set(w->err, ERR_CONF, id < 0
	    ? "%s: needs settings below it, not a single value"
	    : "%s: must be a single value", name);
	return at_line(w, line);
}

/* Is key among the pairs of n before (or with end NULL, all of) them? */
static int
has_key(struct walk *w, yaml_node_t *n, const char *key,
    const yaml_node_pair_t *end)
{
	for (yaml_node_pair_t *i = n->data.mapping.pairs.start;
	    i < (end ? end : n->data.mapping.pairs.top); i++) {
		yaml_node_t *k = node(w, i->key);

		if (++w->visits > VISIT_MAX)
			return 0;
		if (is_scalar(k) && !strcmp(text(k), key))
			return 1;
	}
	return 0;
}

/* The pairs of n; those that over has too are left out. */
static int
walk_pairs(struct walk *w, yaml_node_t *n, yaml_node_t *over,
    const struct place *p, unsigned depth)
{
	for (yaml_node_pair_t *i = n->data.mapping.pairs.start;
	    i < n->data.mapping.pairs.top; i++) {
		yaml_node_t *k = node(w, i->key), *v = node(w, i->value);
		unsigned line = line_of(k);

		if (++w->visits > VISIT_MAX || depth > DEPTH_MAX) {
			err_set(w->err, ERR_CONF,
			    "too deep, or too large with its aliases");
			return at_line(w, line);
		}
		if (!is_scalar(k)) {
			err_set(w->err, ERR_CONF, "key is not a word");
			return at_line(w, line);
		}
		if (!strcmp(text(k), "<<") || (over && has_key(w, over,
		    text(k), 0)))
			continue;
		if (has_key(w, n, text(k), i)) {
			err_set(w->err, ERR_CONF, "%.80s: given twice",
			    text(k));
			return at_line(w, line);
		}
		if (walk_value(w, text(k), v, p, line, depth) < 0)
			return -1;
	}
	return 0;
}

static int
walk_merges(struct walk *w, yaml_node_t *n, const struct place *p,
    unsigned depth)
{
	for (yaml_node_pair_t *i = n->data.mapping.pairs.start;
	    i < n->data.mapping.pairs.top; i++) {
		yaml_node_t *k = node(w, i->key), *v = node(w, i->value);

		if (!is_scalar(k) || strcmp(text(k), "<<"))
			continue;
		if (v->type != YAML_MAPPING_NODE) {
			err_set(w->err, ERR_CONF,
			    "<<: must be an alias of a mapping");
			return at_line(w, line_of(k));
		}
		if (walk_pairs(w, v, n, p, depth) < 0)
			return -1;
	}
	return 0;
}

static int
walk_map(struct walk *w, yaml_node_t *n, const struct place *p,
    unsigned depth)
{
	if (is_null(n))
		return 0;
	if (n->type != YAML_MAPPING_NODE) {
		err_set(w->err, ERR_CONF, "must be settings, as \"key: "
		    "value\", not %s", is_scalar(n) ? "a single value"
		    : "a list");
		return at_line(w, line_of(n));
	}
	if (walk_pairs(w, n, 0, p, depth) < 0)
		return -1;
	return walk_merges(w, n, p, depth);
}

int
conf_yaml(struct conf_raw *raw, const char *s, size_t n,
    const struct conf_warn *warn, struct err *err)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	struct walk w = { &doc, raw, warn, err, 0 };
	struct place top = { 0, &raw->set, CONF_IN_ALL, "", 0 };
	yaml_node_t *root;
	int r = 0;

	if (n > FILE_MAX)
		return err_set(err, ERR_CONF, "longer than %u bytes",
		    FILE_MAX);
	if (!yaml_parser_initialize(&parser))
		return err_nomem(err);
	yaml_parser_set_input_string(&parser, (const unsigned char *)s, n);
	if (!yaml_parser_load(&parser, &doc)) {
		if (parser.error == YAML_MEMORY_ERROR)
			r = err_nomem(err);
		else {
			err_set(err, ERR_CONF, "not valid YAML: %s",
			    parser.problem ? parser.problem : "unknown");
			r = at_line(&w, (unsigned)parser.problem_mark.line
			    + 1);
		}
	} else {
		if ((root = yaml_document_get_root_node(&doc)))
			r = walk_map(&w, root, &top, 0);
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	return r;
}
