#include "conf/raw.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16
#define FOUND_MAX CONF_MAX_DBS

struct find {
	char **path;
	size_t n, room;
	const struct conf_warn *warn;
	struct err *err;
};

static int
is_sqlite(int at, const char *name)
{
	char head[16];
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK
	    | O_NOFOLLOW);
	int yes;

	if (fd < 0)
		return 0;
	yes = read(fd, head, 16) == 16
	    && !memcmp(head, "SQLite format 3", 16);
	close(fd);
	return yes;
}

static int
found(struct find *f, const char *path)
{
	char **p;

	if (f->n >= FOUND_MAX)
		return err_set(f->err, ERR_CONF, "more than %d databases",
		    FOUND_MAX);
	if (f->n == f->room) {
		f->room = f->room ? 2 * f->room : 16;
		if (!(p = realloc(f->path, f->room * sizeof *p)))
			return err_nomem(f->err);
		f->path = p;
	}
	return (f->path[f->n++] = strdup(path)) ? 0 : err_nomem(f->err);
}

static int find_dir(struct find *, const char *path, int fd, unsigned depth);

/* A name in the folder at dir: a database, a folder to look into, or not.
 * Our own and Litestream's state folders are not looked into. */
static int
find_entry(struct find *f, const char *dir, int at, const char *name,
    unsigned depth)
{
	size_t n = strlen(dir) + strlen(name) + 2, k = strlen(name);
	struct stat st;
	char *path;
	int fd, r = 0;

	if (!strcmp(name, ".") || !strcmp(name, "..")
	    || (k > 11 && !strcmp(name + k - 11, "-litestream"))
	    || fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!(path = malloc(n)))
		return err_nomem(f->err);
	snprintf(path, n, "%s/%s", strcmp(dir, "/") ? dir : "", name);
	if (S_ISREG(st.st_mode) && is_sqlite(at, name))
		r = found(f, path);
	else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
		fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW
		    | O_CLOEXEC);
		if (fd >= 0)
			r = find_dir(f, path, fd, depth + 1);
		else
			conf_warn(f->warn, 0, "%s: %s", path, strerror(errno));
	}
	free(path);
	return r;
}

/* Takes fd over. */
static int
find_dir(struct find *f, const char *path, int fd, unsigned depth)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!d) {
		close(fd);
		return err_sys(f->err, "read folder %s", path);
	}
	while (!r && (e = readdir(d)))
		r = find_entry(f, path, dirfd(d), e->d_name, depth);
	closedir(d);
	return r;
}

static int
find_path(struct find *f, const char *arg)
{
	struct stat st;
	char *path;
	int r = 0, fd;

	if (conf_path(arg, &path, f->err) < 0)
		return -1;
	if (stat(path, &st) < 0)
		r = err_sys(f->err, "look at %s", path);
	else if (S_ISDIR(st.st_mode)) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? err_sys(f->err, "read folder %s", path)
		    : find_dir(f, path, fd, 0);
	} else if (is_sqlite(AT_FDCWD, path))
		r = found(f, path);
	else
		r = err_set(f->err, ERR_DATA,
		    "%s is not a SQLite database", path);
	free(path);
	return r;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A double-quoted YAML string, safe from variable expansion too: '$' is
 * written as its escape. */
static int
put_quoted(stralloc *out, const char *s)
{
	if (!stralloc_catb(out, "\"", 1))
		return 0;
	for (; *s; s++) {
		char e[8];

		if (*s == '"' || *s == '\\')
			snprintf(e, sizeof e, "\\%c", *s);
		else if ((unsigned char)*s < ' ' || *s == 0x7f || *s == '$')
			snprintf(e, sizeof e, "\\x%02x", (unsigned char)*s);
		else
			snprintf(e, sizeof e, "%c", *s);
		if (!stralloc_cats(out, e))
			return 0;
	}
	return stralloc_catb(out, "\"", 1);
}

static int
put_all(const struct find *f, stralloc *out)
{
	static const char head[] =
"# Variables are taken from the environment of the program that reads this.\n"
"# Credentials: LITESTREAM_ACCESS_KEY_ID and LITESTREAM_SECRET_ACCESS_KEY, or\n"
"# any other way of AWS tools; they need not be written here.\n";

	if (!stralloc_cats(out, head) || !stralloc_cats(out, f->n ? "dbs:\n"
	    : "# No SQLite database was found.\ndbs: []\n"))
		return 0;
	for (size_t i = 0; i < f->n; i++)
		if (!stralloc_cats(out, "  - path: ")
		    || !put_quoted(out, f->path[i])
		    || !stralloc_cats(out, "\n    replica:\n"
		    "      type: s3\n"
		    "      bucket: $LITESTREAM_REPLICA_BUCKET\n"
		    "      endpoint: $LITESTREAM_REPLICA_ENDPOINT\n"
		    "      region: $LITESTREAM_REPLICA_REGION\n"
		    "      path: ")
		    || !put_quoted(out, f->path[i] + 1)
		    || !stralloc_catb(out, "\n", 1))
			return 0;
	return 1;
}

int
conf_init_text(const char *const *paths, size_t n, stralloc *out,
    const struct conf_warn *warn, struct err *err)
{
	struct find f = { 0, 0, 0, warn, err };
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = find_path(&f, paths[i]);
	if (f.n)
		qsort(f.path, f.n, sizeof *f.path, by_name);
	for (size_t i = 0; i < f.n; i++)
		if (kept && !strcmp(f.path[kept - 1], f.path[i]))
			free(f.path[i]);
		else
			f.path[kept++] = f.path[i];
	f.n = kept;
	if (!r && !put_all(&f, out))
		r = err_nomem(err);
	for (size_t i = 0; i < f.n; i++)
		free(f.path[i]);
	free(f.path);
	return r;
}
