#include "conf/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "crypt/age.h"

#define FILE_MAX 65536

static unsigned
line_of(const struct conf_values *own, const struct conf_values *all,
    enum conf_key_id id, unsigned line)
{
	return own->v[id] ? own->line[id] : all->v[id] ? all->line[id] : line;
}

/* Is what was said of the replica itself, or else of everything. */
static const char *
value(const struct conf_values *own, const struct conf_values *all,
    enum conf_key_id id, unsigned *line)
{
	const char *v = conf_get(own, all, id);

	if (!v || !*v)
		return NULL;
	*line = line_of(own, all, id, *line);
	return v;
}

/* Appends text and a line feed to *to. */
static int
append(char **to, const char *text, size_t n, struct err *e)
{
	size_t len = *to ? strlen(*to) : 0;
	char *s = malloc(len + n + 2);

	if (!s)
		return err_nomem(e);
	if (*to) {
		memcpy(s, *to, len);
		explicit_bzero(*to, len);
	}
	free(*to);
	memcpy(s + len, text, n);
	memcpy(s + len + n, "\n", 2);
	*to = s;
	return 0;
}

static int
read_fd(int fd, const char *path, char *buf, size_t *n, struct err *e)
{
	struct io_in in = io_in_fd(&fd);
	ssize_t r = 1;

	for (*n = 0; r > 0 && *n < FILE_MAX; *n += (size_t)r)
		if ((r = in.read(in.ctx, buf + *n, FILE_MAX - *n, e)) < 0)
			return err_in(e, "age.identities-file: %s", path);
	if (*n == FILE_MAX || memchr(buf, 0, *n))
		return err_set(e, ERR_CONF, "age.identities-file: %s is no "
		    "file of identities", path);
	return 0;
}

static int
add_file(char **to, const char *name, struct err *e)
{
	char *path, *buf = NULL;
	size_t n = 0;
	int fd, r;

	if (conf_path(name, &path, e) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		r = err_sys(e, "age.identities-file: open %s", path);
		e->kind = ERR_CONF;
	} else if (!(buf = malloc(FILE_MAX))) {
		r = err_nomem(e);
	} else {
		r = read_fd(fd, path, buf, &n, e);
	}
	if (!r)
		r = append(to, buf, n, e);
	if (fd >= 0)
		close(fd);
	if (buf)
		explicit_bzero(buf, n);
	free(buf);
	free(path);
	return r;
}

static int
check(const char *text, const char *name, struct err *e)
{
	struct age_keys k = { 0 };
	int r = age_keys_scan(&k, text, e);

	if (r < 0)
		err_in(e, "%s", name);
	else if (!k.n)
		r = err_set(e, ERR_CONF, "%s: no identity in it", name);
	age_keys_free(&k);
	return r;
}

int
conf_resolve_age(struct store_conf *s, const struct conf_values *own,
    const struct conf_values *all, unsigned *line, struct err *e)
{
	const char *v;

	v = value(own, all, CONF_AGE_IDENTITIES, line);
	if (v && (check(v, "age.identities", e) < 0
	    || append(&s->age_identities, v, strlen(v), e) < 0))
		return -1;
	v = value(own, all, CONF_AGE_FILE, line);
	if (v && (add_file(&s->age_identities, v, e) < 0
	    || check(s->age_identities, "age.identities-file", e) < 0))
		return -1;
	v = value(own, all, CONF_AGE_RECIPIENTS, line);
	return v ? append(&s->age_recipients, v, strlen(v), e) : 0;
}
