#include "conf/raw.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "base/crc64.h"

#define DEPTH_MAX 16

struct find {
	struct conf_found *out;
	const struct conf_news *news; /* then nothing is opened */
	const char *pattern;
	int recursive;
	const struct conf_warn *warn;
	struct err *err;
};

static int
is_sqlite(int at, const char *name)
{
	char head[16];
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
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
	struct conf_found *o = f->out;
	char **p;

	if (o->n >= CONF_MAX_DBS)
		return err_set(f->err, ERR_CONF, "more than %d databases",
		    CONF_MAX_DBS);
	if (!(p = array_room(o->path, o->n, &o->room, sizeof *p)))
		return err_nomem(f->err);
	o->path = p;
	if (!(o->path[o->n] = strdup(path)))
		return err_nomem(f->err);
	o->n++;
	return 0;
}

static int find_dir(struct find *, const char *path, int fd, unsigned depth);

static int
find_below(struct find *f, const char *path, int at, const char *name,
    unsigned depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW
	    | O_CLOEXEC);

	if (fd >= 0)
		return find_dir(f, path, fd, depth + 1);
	conf_warn(f->warn, 0, "%.300s: %s", path, strerror(errno));
	return 0;
}

/* Into the sum, unless it is known. */
static int
add_news(struct find *f, const char *path, int at, const char *name)
{
	struct stat st;
	uint64_t v[4];

	if (fstatat(at, name, &st, 0) < 0 || !S_ISREG(st.st_mode)
	    || f->news->known(f->news->ctx, path))
		return 0;
	v[0] = st.st_ino;
	v[1] = (uint64_t)st.st_size;
	v[2] = (uint64_t)st.st_mtim.tv_sec;
	v[3] = (uint64_t)st.st_mtim.tv_nsec;
	*f->news->sum ^= crc64(crc64(0, path, strlen(path)), v, sizeof v);
	return 0;
}

/* A name in the folder at dir: a database, a folder to look into, or not.
 * State folders, our own and Litestream's, are not looked into, nor what
 * links to folders lead to. */
static int
find_entry(struct find *f, const char *dir, int at, const char *name,
    unsigned depth)
{
	size_t n = strlen(dir) + strlen(name) + 2, k = strlen(name);
	struct stat st;
	char *path;
	int r = 0;

	if (!strcmp(name, ".") || !strcmp(name, "..")
	    || (k > 11 && !strcmp(name + k - 11, "-litestream"))
	    || fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!(path = malloc(n)))
		return err_nomem(f->err);
	snprintf(path, n, "%s/%s", strcmp(dir, "/") ? dir : "", name);
	if (S_ISDIR(st.st_mode)) {
		if (f->recursive && depth < DEPTH_MAX)
			r = find_below(f, path, at, name, depth);
	} else if ((S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
	    && (!f->pattern || !fnmatch(f->pattern, name, 0)))
		r = f->news ? add_news(f, path, at, name)
		    : is_sqlite(at, name) ? found(f, path) : 0;
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

int
conf_find(struct conf_found *out, const char *where, const char *pattern,
    int recursive, const struct conf_warn *warn, struct err *err)
{
	struct find f = { out, NULL, pattern, recursive, warn, err };
	struct stat st;
	char *path;
	int r = 0, fd;

	if (conf_path(where, &path, err) < 0)
		return -1;
	if (stat(path, &st) < 0)
		r = err_sys(err, "look at %s", path);
	else if (S_ISDIR(st.st_mode)) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? err_sys(err, "read folder %s", path)
		    : find_dir(&f, path, fd, 0);
	} else if (is_sqlite(AT_FDCWD, path))
		r = found(&f, path);
	else
		r = err_set(err, ERR_DATA,
		    "%s is not a SQLite database", path);
	free(path);
	return r;
}

int
conf_find_news(const char *where, const char *pattern, int recursive,
    const struct conf_news *news, struct err *err)
{
	struct find f = { NULL, news, pattern, recursive, NULL, err };
	int fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, "read folder %s", where)
	    : find_dir(&f, where, fd, 0);
}

int
conf_find_dirs(struct conf_found *out, const char *where, struct err *err)
{
	struct find f = { out, NULL, NULL, 0, NULL, err };
	size_t n = strlen(where), k;
	DIR *d = opendir(where);
	struct dirent *e;
	struct stat st;
	char *path;
	int r = 0;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
		    ? 0 : err_sys(err, "read folder %s", where);
	while (!r && (e = readdir(d))) {
		k = strlen(e->d_name);
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")
		    || (k > 11 && !strcmp(e->d_name + k - 11, "-litestream"))
		    || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW)
		    < 0 || !S_ISDIR(st.st_mode))
			continue;
		if (!(path = malloc(n + k + 2))) {
			r = err_nomem(err);
			break;
		}
		snprintf(path, n + k + 2, "%s/%s", n > 1 ? where : "",
		    e->d_name);
		r = found(&f, path);
		free(path);
	}
	closedir(d);
	return r;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
conf_found_sort(struct conf_found *f)
{
	size_t kept = 0;

	if (f->n)
		qsort(f->path, f->n, sizeof *f->path, by_name);
	for (size_t i = 0; i < f->n; i++)
		if (kept && !strcmp(f->path[kept - 1], f->path[i]))
			free(f->path[i]);
		else
			f->path[kept++] = f->path[i];
	f->n = kept;
}

void
conf_found_free(struct conf_found *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->path[i]);
	free(f->path);
	memset(f, 0, sizeof *f);
}
