#include "conf/raw.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
conf_warn(const struct conf_warn *w, unsigned line, const char *fmt, ...)
{
	char text[500];
	va_list ap;

	if (!w || !w->say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	w->say(w->ctx, line, text);
}

static void
wipe(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

int
conf_raw_set(struct conf_values *set, enum conf_key_id id, const char *s,
    size_t n, unsigned line, struct err *err)
{
	char *v = 0;

	if (n > CONF_MAX_VALUE)
		return err_set(err, ERR_CONF, "%s: value longer than %d bytes",
		    conf_key(id)->name, CONF_MAX_VALUE);
	if (n && memchr(s, 0, n))
		return err_set(err, ERR_CONF, "%s: value holds a NUL byte",
		    conf_key(id)->name);
	if (n) {
		if (!(v = malloc(n + 1)))
			return err_nomem(err);
		memcpy(v, s, n);
		v[n] = 0;
	}
	wipe(set->v[id]);
	set->v[id] = v;
	set->line[id] = line;
	return 0;
}

/* Room for one more in an array of n that grows by doubling. */
static int
grow(void **array, size_t n, size_t size, struct err *err)
{
	void *p;

	if (n & (n - 1))
		return 0;
	if (!(p = realloc(*array, (n ? 2 * n : 1) * size)))
		return err_nomem(err);
	*array = p;
	return 0;
}

struct conf_raw_db *
conf_raw_db(struct conf_raw *raw, unsigned line, struct err *err)
{
	void *p = raw->dbs;

	if (raw->n >= CONF_MAX_DBS) {
		err_set(err, ERR_CONF, "more than %d databases", CONF_MAX_DBS);
		return 0;
	}
	if (grow(&p, raw->n, sizeof *raw->dbs, err) < 0)
		return 0;
	raw->dbs = p;
	memset(&raw->dbs[raw->n], 0, sizeof *raw->dbs);
	raw->dbs[raw->n].line = line;
	return &raw->dbs[raw->n++];
}

struct conf_raw_db *
conf_raw_dir(struct conf_raw *raw, unsigned line, struct err *err)
{
	void *p = raw->dirs;

	if (raw->n_dirs >= CONF_MAX_DBS) {
		err_set(err, ERR_CONF, "more than %d folders", CONF_MAX_DBS);
		return 0;
	}
	if (grow(&p, raw->n_dirs, sizeof *raw->dirs, err) < 0)
		return 0;
	raw->dirs = p;
	memset(&raw->dirs[raw->n_dirs], 0, sizeof *raw->dirs);
	raw->dirs[raw->n_dirs].line = line;
	return &raw->dirs[raw->n_dirs++];
}

struct conf_values *
conf_raw_replica(struct conf_raw_db *db, struct err *err)
{
	void *p = db->replicas;

	if (db->n >= CONF_MAX_REPLICAS) {
		err_set(err, ERR_CONF, "more than %d replicas of one database",
		    CONF_MAX_REPLICAS);
		return 0;
	}
	if (grow(&p, db->n, sizeof *db->replicas, err) < 0)
		return 0;
	db->replicas = p;
	memset(&db->replicas[db->n], 0, sizeof *db->replicas);
	return &db->replicas[db->n++];
}

static void
values_free(struct conf_values *set)
{
	for (int i = 0; i < CONF_KEYS; i++)
		wipe(set->v[i]);
}

void
conf_raw_free(struct conf_raw *raw)
{
	values_free(&raw->set);
	for (size_t i = 0; i < raw->n; i++) {
		values_free(&raw->dbs[i].set);
		for (size_t k = 0; k < raw->dbs[i].n; k++)
			values_free(&raw->dbs[i].replicas[k]);
		free(raw->dbs[i].replicas);
	}
	for (size_t i = 0; i < raw->n_dirs; i++)
		values_free(&raw->dirs[i].set);
	free(raw->dirs);
	free(raw->dbs);
	free(raw->source);
	memset(raw, 0, sizeof *raw);
}
