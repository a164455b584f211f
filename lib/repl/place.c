#include "repl/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/sa.h"
#include "base/when.h"

#define TRIES 8
#define TEMP_MARK ".ls-restore."  /* then random digits */

int
place_look(const char *path, enum place_found *found, struct err *e)
{
	char head[16];
	struct stat st;
	ssize_t r;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*found = PLACE_FREE;
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, "open %s", path);
	if (fstat(fd, &st) < 0) {
		close(fd);
		return err_sys(e, "stat %s", path);
	}
	r = S_ISREG(st.st_mode) ? pread(fd, head, sizeof head, 0) : 0;
	close(fd);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_DATA, "%s is not a regular file", path);
	if (!st.st_size)
		return err_set(e, ERR_DATA, "%s is empty (0 bytes): not a "
		    "database, and not overwritten; remove it to restore", path);
	if (r != (ssize_t)sizeof head || memcmp(head, "SQLite format 3", 16))
		return err_set(e, ERR_DATA, "%s is not a database, and not "
		    "overwritten", path);
	*found = PLACE_DATABASE;
	return 0;
}

int
place_wanted(const char *path, int if_missing, int *there,
    const struct log *log, struct err *e)
{
	enum place_found found;

	*there = 0;
	if (place_look(path, &found, e) < 0)
		return -1;
	if (found == PLACE_FREE)
		return 0;
	if (!if_missing)
		return err_set(e, ERR_CONF, "%s exists and is not overwritten",
		    path);
	*there = 1;
	log_event(log, LOG_INFO, "Database already exists, skipping restore",
	    "db", path, NULL);
	return 0;
}

int
place_beside(const char *path, int64_t now_ms, char **out, struct err *e)
{
	const char *base = strrchr(path, '/');
	const char *ext;
	stralloc s = STRALLOC_ZERO;
	char t[WHEN_FMT];

	base = base ? base + 1 : path;
	ext = strrchr(base, '.');
	if (!ext || ext == base)
		ext = base + strlen(base);
	when_fmt_compact(t, now_ms);
	if (!stralloc_catb(&s, path, (size_t)(ext - path))
	    || !stralloc_cats(&s, "-") || !stralloc_cats(&s, t)
	    || !stralloc_cats(&s, ext) || !stralloc_0(&s)) {
		stralloc_free(&s);
		return err_nomem(e);
	}
	*out = s.s;
	return 0;
}

/* The folder of path, allocated. */
static char *
folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/")
	    : strndup(path, (size_t)(slash - path));
}

/* A temporary file is locked as long as its maker lives. */
static void
sweep(const char *dir, const char *base)
{
	size_t len = strlen(base);
	struct dirent *de;
	DIR *d = opendir(dir);

	if (!d)
		return;
	while ((de = readdir(d))) {
		const char *n = de->d_name;
		int fd;

		if (strncmp(n, base, len)
		    || strncmp(n + len, TEMP_MARK, sizeof TEMP_MARK - 1))
			continue;
		fd = openat(dirfd(d), n, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			unlinkat(dirfd(d), n, 0);
		close(fd);
	}
	closedir(d);
}

int
place_owner(const char *path, struct io_perm *perm, struct err *e)
{
	char *dir;
	struct stat st;
	int r;

	if (geteuid() != 0)
		return 0;
	dir = folder(path);
	if (!dir)
		return err_nomem(e);
	r = io_mkdirs(dir, perm, e);
	if (!r && stat(dir, &st) < 0)
		r = err_sys(e, "stat %s", dir);
	if (!r && perm->uid == (uid_t)-1)
		perm->uid = st.st_uid;
	if (!r && perm->gid == (gid_t)-1)
		perm->gid = st.st_gid;
	free(dir);
	return r;
}

/* Locked, and not taken for a killed one's before it was. */
static int
temp_begin(struct place *p, const char *path, const struct io_perm *perm,
    struct err *e)
{
	struct stat st;

	for (int i = 0; i < TRIES; i++) {
		if (io_temp_unique(&p->temp, path, TEMP_MARK, perm, e) < 0)
			return -1;
		if (flock(p->temp.fd, LOCK_EX | LOCK_NB) == 0) {
			if (fstat(p->temp.fd, &st) == 0 && st.st_nlink)
				return 0;
		} else if (errno != EWOULDBLOCK) {
			err_sys(e, "lock %s", p->temp.temp);
			place_abort(p);
			return -1;
		}
		place_abort(p);
	}
	return err_set(e, ERR_BUSY, "restores to %s hinder each other", path);
}

static int
is_free(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "stat %s", path);
	if (S_ISLNK(st.st_mode) && stat(path, &st) < 0 && errno == ENOENT)
		return err_set(e, ERR_CONF, "%s is a symbolic link to a file "
		    "that is not there", path);
	return err_set(e, ERR_EXISTS, "%s came into being meanwhile", path);
}

static int
may_take(const struct place *p, const char *path, struct err *e)
{
	return p->how & PLACE_ASIDE ? place_replaceable(path, e)
	    : is_free(path, e);
}

int
place_begin(struct place *p, const char *path, const struct io_perm *perm,
    unsigned how, int64_t now_ms, struct err *e)
{
	const char *base = strrchr(path, '/');
	char *dir = folder(path);
	int r;

	memset(p, 0, sizeof *p);
	p->lock = -1;
	p->now_ms = now_ms;
	p->how = how;
	if (!dir)
		return err_nomem(e);
	r = io_mkdirs(dir, perm, e);
	if (!r)
		r = may_take(p, path, e);
	if (!r)
		sweep(dir, base ? base + 1 : path);
	free(dir);
	return r < 0 ? -1 : temp_begin(p, path, perm, e);
}

static int
move_aside(const char *path, const char *tail, int64_t now_ms,
    const struct log *log, struct err *e)
{
	stralloc from = STRALLOC_ZERO;
	char *to = NULL;
	int r;

	if (!stralloc_cats(&from, path) || !stralloc_cats(&from, tail)
	    || !stralloc_0(&from))
		r = err_nomem(e);
	else
		r = io_move_aside(from.s, now_ms, &to, e);
	if (r > 0)
		log_event(log, LOG_WARN, "left beside a missing database, moved "
		    "aside: it would have been taken for the restored one's",
		    "file", from.s, "to", to, NULL);
	stralloc_free(&from);
	free(to);
	return r < 0 ? -1 : 0;
}

int
place_lock(struct place *p, struct err *e)
{
	char *dir;
	int r;

	do
		r = fsync(p->temp.fd);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(e, "sync %s", p->temp.temp);
	dir = folder(p->temp.path);
	if (!dir)
		return err_nomem(e);
	p->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	/* Some network file systems lock no folders: what is published is
	 * still never replaced. */
	while (p->lock >= 0 && flock(p->lock, LOCK_EX) < 0 && errno == EINTR)
		;
	return may_take(p, p->temp.path, e);
}

int
place_clear(struct place *p, const struct log *log, struct err *e)
{
	static const char *const tails[] = { "-wal", "-shm", "-journal",
		"-txid", "-follow" };
	int r = 0;

	/* Journals of a database that came meanwhile are its own. */
	if (p->lock < 0)
		r = place_lock(p, e);
	if (!r && (p->how & PLACE_ASIDE))
		r = place_replace(p->temp.path, p->now_ms, log, e);
	for (size_t i = 0; !r && i < sizeof tails / sizeof *tails; i++)
		r = move_aside(p->temp.path, tails[i], p->now_ms, log, e);
	return r;
}

int
place_publish(struct place *p, struct err *e)
{
	int r = 0, held;

	/* The file's lock outlives its descriptor, which is closed before the
	 * rename: no other restore may take it for a killed one's. */
	held = fcntl(p->temp.fd, F_DUPFD_CLOEXEC, 0);
	if (held < 0)
		r = err_sys(e, "keep %s locked", p->temp.temp);
	if (!r)
		r = io_temp_commit(&p->temp, 1, -1, e);
	if (held >= 0)
		close(held);
	place_abort(p);
	return r;
}

int
place_commit(struct place *p, const struct log *log, struct err *e)
{
	if (place_clear(p, log, e) == 0)
		return place_publish(p, e);
	place_abort(p);
	return -1;
}

void
place_abort(struct place *p)
{
	io_temp_abort(&p->temp);
	if (p->lock >= 0)
		close(p->lock);
	p->lock = -1;
}
