#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which of the databases and replicas are meant. */

const struct conf_db *
conf_db_find(const struct conf *c, const char *path)
{
	struct err ignored;
	const struct conf_db *found = 0;
	char *full;

	if (conf_path(path, &full, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < c->n && !found; i++)
		if (c->dbs[i].path && !strcmp(c->dbs[i].path, full))
			found = &c->dbs[i];
	free(full);
	return found;
}

/* Names need not be unique, URLs are. */
static int
named(const struct conf_replica *r, const char *name)
{
	return !name || !strcmp(r->name, name) || !strcmp(r->store.url, name);
}

/* Adds ", NAME" unless it is there or does not fit. */
static void
add_name(char *list, size_t size, const char *name)
{
	size_t n = strlen(name), len = strlen(list);

	for (const char *p = list; (p = strstr(p, name)); p += n)
		if (p > list && p[-1] == ' ' && (!p[n] || p[n] == ','))
			return;
	if (len + n + 2 < size)
		snprintf(list + len, size - len, ", %s", name);
}

static int
no_replica(const struct conf_db *dbs, size_t n, const char *name,
    struct err *e)
{
	char list[400] = "";

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < dbs[i].n; k++)
			if (*dbs[i].replicas[k].name)
				add_name(list, sizeof list,
				    dbs[i].replicas[k].name);
	return err_set(e, ERR_CONF, "no replica is named %s%s%s",
	    name ? name : "", *list ? "; there is" : "", *list ? list + 1 : "");
}

struct conf_replica *
conf_replica_find(struct conf_db *db, const char *name, struct err *e)
{
	for (size_t i = 0; i < db->n; i++)
		if (named(&db->replicas[i], name))
			return &db->replicas[i];
	no_replica(db, 1, name, e);
	return 0;
}

int
conf_each_replica(const struct conf_db *dbs, size_t n, const char *name,
    conf_replica_fn *fn, void (*later)(void *ctx, const struct err *),
    void *ctx, struct err *e)
{
	struct err first = { 0 };
	size_t tried = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < dbs[i].n; k++) {
			if (!named(&dbs[i].replicas[k], name))
				continue;
			tried++;
			if (fn(ctx, &dbs[i], &dbs[i].replicas[k], e) == 0)
				continue;
			if (!first.kind)
				first = *e;
			else if (later)
				later(ctx, e);
		}
	if (!tried)
		return no_replica(dbs, n, name, e);
	*e = first;
	return first.kind ? -1 : 0;
}
