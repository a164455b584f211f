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

int64_t
conf_get_dur(const struct conf_values *own, const struct conf_values *all,
    enum conf_key_id id, int64_t dflt)
{
	const char *s = conf_get(own, all, id);
	int64_t v;

	return s && !when_dur_scan(s, &v) ? v : dflt;
}

int64_t
conf_get_number(const struct conf_values *own, const struct conf_values *all,
    enum conf_key_id id, int64_t dflt)
{
	const char *s = conf_get(own, all, id);
	int64_t v;

	return s && !conf_value_number(s, &v) ? v : dflt;
}

int
conf_get_bool(const struct conf_values *own, const struct conf_values *all,
    enum conf_key_id id, int dflt)
{
	const char *s = conf_get(own, all, id);
	int v;

	return s && !conf_value_bool(s, &v) ? v : dflt;
}

uint64_t
conf_get_size(const struct conf_values *own, const struct conf_values *all,
    enum conf_key_id id, uint64_t dflt)
{
	const char *s = conf_get(own, all, id);
	uint64_t v;

	return s && !conf_value_size(s, &v) ? v : dflt;
}

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
