#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/when.h"

#define ASIDE_TRIES 1000

static ssize_t
fd_read(void *ctx, void *buf, size_t len, struct err *err)
{
	ssize_t r;

	do
		r = read(*(int *)ctx, buf, len);
	while (r < 0 && errno == EINTR);
	return r < 0 ? err_sys(err, "read") : r;
}

static int
fd_write(void *ctx, const void *buf, size_t len, struct err *err)
{
	const char *p = buf;

	while (len) {
		ssize_t w = write(*(int *)ctx, p, len);

		if (w < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(err, "write");
		}
		p += w;
		len -= (size_t)w;
	}
	return 0;
}

struct io_in
io_in_fd(int *fd)
{
	return (struct io_in){ fd_read, fd };
}

struct io_out
io_out_fd(int *fd)
{
	return (struct io_out){ fd_write, fd };
}

int
io_readn(struct io_in in, void *buf, size_t len, struct err *err)
{
	char *p = buf;

	while (len) {
		ssize_t r = in.read(in.ctx, p, len, err);

		if (r < 0)
			return -1;
		if (!r)
			return err_set(err, ERR_DATA, "unexpected end");
		p += r;
		len -= (size_t)r;
	}
	return 0;
}

int
io_preadn(int fd, void *buf, size_t len, int64_t off, struct err *err)
{
	char *p = buf;

	while (len) {
		ssize_t r = pread(fd, p, len, (off_t)off);

		if (r < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(err, "read");
		}
		if (!r)
			return err_set(err, ERR_DATA,
			    "unexpected end at byte %lld", (long long)off);
		p += r;
		off += r;
		len -= (size_t)r;
	}
	return 0;
}

int
io_pwriten(int fd, const void *buf, size_t len, int64_t off, struct err *err)
{
	const char *p = buf;

	while (len) {
		ssize_t w = pwrite(fd, p, len, (off_t)off);

		if (w < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(err, "write");
		}
		p += w;
		off += w;
		len -= (size_t)w;
	}
	return 0;
}

static int
path_parent(char out[PATH_MAX], const char *path, struct err *err)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	if (n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return err_sys(err, "%.80s...", path);
	}
	memcpy(out, path, n);
	out[n] = 0;
	if (!n)
		strcpy(out, ".");
	return 0;
}

int
io_sync_file(const char *path, struct err *err)
{
	int r, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "open %s", path);
	do
		r = fsync(fd);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		err_sys(err, "sync %s", path);
	close(fd);
	return r;
}

int
io_sync_dir(const char *path, struct err *err)
{
	int r, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "open folder %s", path);
	do
		r = fsync(fd);
	while (r < 0 && errno == EINTR);
	/* EINVAL: file systems that cannot, and need not, sync folders */
	if (r < 0 && errno != EINVAL)
		err_sys(err, "sync folder %s", path);
	else
		r = 0;
	close(fd);
	return r;
}

static int
sync_parent(const char *path, struct err *err)
{
	char parent[PATH_MAX];

	if (path_parent(parent, path, err) < 0)
		return -1;
	return io_sync_dir(parent, err);
}

static int
is_dir(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static int
mkdir_one(const char *path, const struct io_perm *perm, struct err *err)
{
	if (is_dir(path))
		return 0;
	if (mkdir(path, perm && perm->dir_mode ? 0700 : 0755) < 0) {
		int n = errno;

		if (n == EEXIST && is_dir(path))
			return 0;
		errno = n == EEXIST ? ENOTDIR : n;
		return err_sys(err, "create folder %s", path);
	}
	if (perm && (perm->uid != (uid_t)-1 || perm->gid != (gid_t)-1)
	    && chown(path, perm->uid, perm->gid) < 0)
		return err_sys(err, "change owner of %s", path);
	if (perm && perm->dir_mode && chmod(path, perm->dir_mode) < 0)
		return err_sys(err, "change mode of %s", path);
	if (sync_parent(path, err) == 0)
		return 0;
	rmdir(path); /* else the next try finds it there, and syncs nothing */
	return -1;
}

int
io_mkdirs(const char *path, const struct io_perm *perm, struct err *err)
{
	char *copy, *p;
	int r = 0;

	if (is_dir(path))
		return 0;
	if (!(copy = strdup(path)))
		return err_nomem(err);
	for (p = copy; *p == '/'; p++)
		;
	while (!r && *p) {
		char c;

		p += strcspn(p, "/");
		c = *p;
		*p = 0;
		r = mkdir_one(copy, perm, err);
		*p = c;
		while (*p == '/')
			p++;
	}
	free(copy);
	return r;
}

static int
set_perm(int fd, const char *path, const struct io_perm *perm,
    struct err *err)
{
	if (!perm)
		return 0;
	if ((perm->uid != (uid_t)-1 || perm->gid != (gid_t)-1)
	    && fchown(fd, perm->uid, perm->gid) < 0)
		return err_sys(err, "change owner of %s", path);
	if (perm->file_mode && fchmod(fd, perm->file_mode) < 0)
		return err_sys(err, "change mode of %s", path);
	return 0;
}

static int
temp_open(struct io_temp *t, const char *path, const char *suffix, int flag,
    const struct io_perm *perm, struct err *err)
{
	size_t n = strlen(path), k = strlen(suffix);

	t->fd = -1;
	t->live = 0;
	t->path = strdup(path);
	t->temp = malloc(n + k + 1);
	if (!t->path || !t->temp) {
		io_temp_abort(t);
		return err_nomem(err);
	}
	memcpy(t->temp, path, n);
	memcpy(t->temp + n, suffix, k + 1);
	t->fd = open(t->temp,
	    O_RDWR | O_CREAT | flag | O_NOFOLLOW | O_CLOEXEC,
	    perm && perm->file_mode ? 0600 : 0644);
	if (t->fd < 0) {
		err_sys(err, "create %s", t->temp);
		io_temp_abort(t);
		return -1;
	}
	t->live = 1;
	if (set_perm(t->fd, t->temp, perm, err) < 0) {
		io_temp_abort(t);
		return -1;
	}
	return 0;
}

int
io_temp_begin(struct io_temp *t, const char *path, const char *suffix,
    const struct io_perm *perm, struct err *err)
{
	return temp_open(t, path, suffix ? suffix : ".tmp", O_TRUNC, perm, err);
}

int
io_temp_unique(struct io_temp *t, const char *path, const char *mark,
    const struct io_perm *perm, struct err *err)
{
	char suffix[64];
	uint64_t r;

	memset(t, 0, sizeof *t);
	t->fd = -1;
	if (getrandom(&r, sizeof r, 0) != sizeof r)
		return err_sys(err, "get random bytes");
	snprintf(suffix, sizeof suffix, "%.40s%016llx", mark,
	    (unsigned long long)r);
	return temp_open(t, path, suffix, O_EXCL, perm, err);
}

static int
rename_noreplace(const char *from, const char *to)
{
	if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (link(from, to) < 0)
		return -1;
	unlink(from);
	return 0;
}

static int
temp_time(struct io_temp *t, int64_t mtime_ms, struct err *err)
{
	struct timespec ts[2] = {
		{ 0, UTIME_OMIT },
		{ mtime_ms / 1000, mtime_ms % 1000 * 1000000 }
	};

	if (mtime_ms >= 0 && futimens(t->fd, ts) < 0)
		return err_sys(err, "set time of %s", t->temp);
	return 0;
}

static int
temp_sync(struct io_temp *t, int64_t mtime_ms, struct err *err)
{
	int r;

	if (temp_time(t, mtime_ms, err) < 0)
		return -1;
	do
		r = fsync(t->fd);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(err, "sync %s", t->temp);
	return 0;
}

int
io_temp_commit(struct io_temp *t, int noreplace, int64_t mtime_ms,
    struct err *err)
{
	int r = temp_sync(t, mtime_ms, err);

	if (!r) {
		/* NFS and FUSE tell of failed writes only here */
		r = close(t->fd);
		t->fd = -1;
		if (r < 0)
			err_sys(err, "close %s", t->temp);
	}
	if (!r) {
		r = noreplace ? rename_noreplace(t->temp, t->path)
		    : rename(t->temp, t->path);
		if (r < 0)
			err_sys(err, noreplace ? "create %s" : "rename to %s",
			    t->path);
		else
			t->live = 0;
	}
	if (!r)
		r = sync_parent(t->path, err);
	io_temp_abort(t);
	return r;
}

int
io_temp_publish(struct io_temp *t, int64_t mtime_ms, struct err *err)
{
	int r = temp_time(t, mtime_ms, err);

	if (!r && (r = rename(t->temp, t->path)) < 0)
		err_sys(err, "rename to %s", t->path);
	if (!r)
		t->live = 0;
	io_temp_abort(t);
	return r;
}

void
io_temp_abort(struct io_temp *t)
{
	if (t->path || t->temp) {
		if (t->fd >= 0)
			close(t->fd);
		if (t->live)
			unlink(t->temp);
	}
	free(t->path);
	free(t->temp);
	t->path = t->temp = 0;
	t->fd = -1;
	t->live = 0;
}

int
io_write_file(const char *path, const void *buf, size_t len,
    const struct io_perm *perm, struct err *err)
{
	struct io_temp t;

	if (io_temp_unique(&t, path, ".tmp", perm, err) < 0)
		return -1;
	if (io_pwriten(t.fd, buf, len, 0, err) < 0) {
		err_in(err, "write %s", t.temp);
		io_temp_abort(&t);
		return -1;
	}
	return io_temp_commit(&t, 0, -1, err);
}

int
io_anon(const char *dir, struct err *err)
{
	char name[PATH_MAX];
	int fd;

	if (!dir || !*dir) {
		dir = getenv("TMPDIR");
		if (!dir || !*dir)
			dir = "/tmp";
	}
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (snprintf(name, sizeof name, "%s/.ls-s6.XXXXXX", dir)
	    >= (int)sizeof name) {
		errno = ENAMETOOLONG;
		return err_sys(err, "create a temporary file");
	}
	if ((fd = mkostemp(name, O_CLOEXEC)) < 0)
		return err_sys(err, "create a temporary file in %s", dir);
	unlink(name);
	return fd;
}

/* O_PATH: no read, no write, nothing that must exist but "/"; and a program
 * run later finds them as closed as they were. */
void
io_hold_std(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF
		    && open("/", O_PATH | O_CLOEXEC) < 0)
			return;
}

int
io_move_aside(const char *path, int64_t now_ms, char **to, struct err *err)
{
	size_t n = strlen(path) + sizeof ".orphan-" + WHEN_FMT + 8;
	char t[WHEN_FMT], *s = malloc(n);
	struct stat st;
	int i = 0, r;

	*to = NULL;
	if (!s)
		return err_nomem(err);
	when_fmt_compact(t, now_ms);
	snprintf(s, n, "%s.orphan-%s", path, t);
	while (!lstat(s, &st) && i < ASIDE_TRIES)
		snprintf(s, n, "%s.orphan-%s.%d", path, t, ++i);
	r = i < ASIDE_TRIES ? rename(path, s) : (errno = EEXIST, -1);
	if (!r) {
		*to = s;
		return 1;
	}
	r = errno == ENOENT ? 0 : err_sys(err, "move %s aside", path);
	free(s);
	return r;
}

int
io_free_bytes(const char *path, uint64_t *bytes, struct err *err)
{
	struct statvfs v;

	if (statvfs(path, &v) < 0)
		return err_sys(err, "ask free space of %s", path);
	*bytes = (uint64_t)v.f_bavail * v.f_frsize;
	return 0;
}
