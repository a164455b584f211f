#include "db/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/hex.h"
#include "base/path.h"
#include "ltx/ltx.h"

static char *
join(const char *a, const char *b, const char *c)
{
	size_t n = strlen(a), m = strlen(b), k = strlen(c);
	char *s = malloc(n + m + k + 1);

	if (s) {
		memcpy(s, a, n);
		memcpy(s + n, b, m);
		memcpy(s + n + m, c, k + 1);
	}
	return s;
}

/* .NAME-litestream beside the file. */
static char *
hidden(const char *file)
{
	const char *slash = strrchr(file, '/');
	size_t n = slash ? (size_t)(slash + 1 - file) : 0;
	char *folder = strndup(file, n), *dot, *s;

	dot = folder ? join(folder, ".", file + n) : 0;
	s = dot ? join(dot, "-litestream", "") : 0;
	free(dot);
	free(folder);
	return s;
}

int
state_paths(struct state_paths *p, const char *db, const char *meta,
    struct err *err)
{
	char *file;

	p->dir = p->ltx0 = 0;
	if (meta) {
		p->dir = strdup(meta);
	} else if ((file = path_follow(db))) {
		p->dir = hidden(file);
		free(file);
	}
	p->ltx0 = p->dir ? join(p->dir, "/ltx/0", "") : 0;
	if (!p->ltx0) {
		state_paths_free(p);
		return err_nomem(err);
	}
	return 0;
}

void
state_paths_free(struct state_paths *p)
{
	free(p->dir);
	free(p->ltx0);
	p->dir = p->ltx0 = 0;
}

/* Level-0 files are n-n: with smallest, largest and how many there are, a
 * missing number shows. */
int
state_scan(const char *ltx0, uint64_t *min, uint64_t *max, int *contig,
    struct err *err)
{
	DIR *d = opendir(ltx0);
	struct dirent *e;
	uint64_t a, b, n = 0;
	int r = 0;

	*min = *max = 0;
	*contig = 1;
	if (!d)
		return errno == ENOENT ? 0 : err_sys(err, "open %s", ltx0);
	while (errno = 0, (e = readdir(d))) {
		if (ltx_name_scan(e->d_name, &a, &b) < 0 || a != b)
			continue;
		if (!n++ || a < *min)
			*min = a;
		if (b > *max)
			*max = b;
	}
	if (errno)
		r = err_sys(err, "read %s", ltx0);
	closedir(d);
	*contig = !n || *max - *min + 1 == n;
	return r;
}

int
state_writer_id(const char *dir, uint64_t *id, struct err *err)
{
	char buf[17], *path = join(dir, "/writer", "");
	int r = -1, fd;

	if (!path)
		return err_nomem(err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		r = read(fd, buf, 16) == 16 && !hex64_scan(buf, id) && *id
		    ? 0 : -1;
		close(fd);
	} else if (errno != ENOENT) {
		r = err_sys(err, "open %s", path);
		free(path);
		return r;
	}
	while (r < 0) {
		if (getrandom(id, sizeof *id, 0) != sizeof *id) {
			err_sys(err, "get random bytes");
			break;
		}
		if (!*id)
			continue;
		hex64_fmt(buf, *id);
		buf[16] = '\n';
		r = io_write_file(path, buf, 17, 0, err);
		if (r < 0)
			break;
	}
	free(path);
	return r;
}

static int
lock(const char *dir, const char *name, struct err *err)
{
	char buf[24], *path = join(dir, name, "");
	ssize_t n;
	int fd;

	if (!path)
		return err_nomem(err);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0) {
		err_sys(err, "open %s", path);
	} else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK) {
			n = read(fd, buf, sizeof buf - 1);
			buf[n > 0 ? n : 0] = 0;
			buf[strcspn(buf, "\n")] = 0;
			err_set(err, ERR_BUSY, "%s is held by process %s", path,
			    *buf ? buf : "?");
		} else {
			err_sys(err, "lock %s", path);
		}
		close(fd);
		fd = -1;
	} else {
		n = snprintf(buf, sizeof buf, "%ld\n", (long)getpid());
		/* only for messages: a lock without a pid is still a lock */
		if (ftruncate(fd, 0) < 0 || pwrite(fd, buf, n, 0) != n)
			errno = 0;
	}
	free(path);
	return fd;
}

int
state_lock(const char *dir, struct err *err)
{
	return lock(dir, "/lock", err);
}

int
state_lock_tend(const char *dir, struct err *err)
{
	return lock(dir, "/tend.lock", err);
}

int
state_denied(struct err *err)
{
	if (err->kind != ERR_DENIED)
		return -1;
	return err_in(err, "state folder cannot be written; make it writable "
	    "or set meta-path");
}
