#include "conf/raw.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/path.h"
#include "base/when.h"

const char *
conf_get(const struct conf_values *own, const struct conf_values *all,
    enum conf_key_id id)
{
	if (own && own->v[id])
		return own->v[id];
	return all && (conf_key(id)->scope & CONF_IN_ALL) ? all->v[id] : 0;
}

const char *
conf_get_format(const struct conf_values *own, const struct conf_values *all)
{
	const char *v = conf_get(own, all, CONF_FORMAT);
	const char *compat = getenv("LITESTREAM_COMPAT");

	return v ? v : compat && !strcmp(compat, "v0.3") ? compat : 0;
}

/* A value that conf_key_check has accepted, or what holds without one. */
#define GETTER(name, type, scan) \
type \
name(const struct conf_values *own, const struct conf_values *all, \
    enum conf_key_id id, type dflt) \
{ \
	const char *s = conf_get(own, all, id); \
	type v; \
\
	return s && !scan(s, &v) ? v : dflt; \
}

GETTER(conf_get_dur, int64_t, when_dur_scan)
GETTER(conf_get_number, int64_t, conf_value_number)
GETTER(conf_get_bool, int, conf_value_bool)
GETTER(conf_get_size, uint64_t, conf_value_size)

/* The home folder: of the user database, as Litestream, else $HOME. */
static int
home(char *buf, size_t size, struct err *err)
{
	char space[4096];
	struct passwd pw, *found = 0;
	const char *dir = 0;

	if (!getpwuid_r(getuid(), &pw, space, sizeof space, &found) && found)
		dir = pw.pw_dir;
	if (!dir || !*dir)
		dir = getenv("HOME");
	if (!dir || !*dir || strlen(dir) >= size)
		return err_set(err, ERR_CONF, "no home folder to expand ~ to");
	strcpy(buf, dir);
	return 0;
}

int
conf_path(const char *s, char **out, struct err *err)
{
	char base[4096] = "";
	size_t n;

	if (!strncmp(s, "sqlite://", 9))
		s += 9;
	else if (!strncmp(s, "sqlite3://", 10))
		s += 10;
	if (*s == '~' && (!s[1] || s[1] == '/')) {
		if (home(base, sizeof base, err) < 0)
			return -1;
		s++;
	} else if (*s != '/' && !getcwd(base, sizeof base))
		return err_sys(err, "find the current folder");
	n = strlen(base) + strlen(s) + 3;
	if (!(*out = malloc(n)))
		return err_nomem(err);
	snprintf(*out, n, "%s%s%s", base, *base ? "/" : "", s);
	path_clean(*out);
	return 0;
}

void
conf_log(struct conf *c, const struct log *log)
{
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < c->dbs[i].n; k++)
			c->dbs[i].replicas[k].store.log = log;
}
