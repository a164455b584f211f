#include "repl/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/sa.h"
#include "base/when.h"
#include "repl/dblock.h"

#define TRIES 1000

/* Locked for us alone, or not there (*fd -1). What cannot be locked, as on
 * some network file systems or without the right to write, is taken for not
 * in use. */
static int
unused(const char *path, int *fd, struct err *e)
{
	*fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	/* a standby is owned, and locked only while it is written to */
	if (*fd < 0 || ((dblock_set(*fd, DBLOCK_EXCLUSIVE, e) == 0
	    || e->kind != ERR_BUSY) && (dblock_own(*fd, e) == 0
	    || e->kind != ERR_BUSY)))
		return 0;
	close(*fd);
	*fd = -1;
	return err_set(e, ERR_BUSY, "%s is in use and cannot be moved aside: "
	    "stop what has it open", path);
}

int
place_replaceable(const char *path, struct err *e)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "stat %s", path);
	if (S_ISLNK(st.st_mode))
		return err_set(e, ERR_CONF, "%s is a symbolic link: to move a "
		    "database aside, name the file itself", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONF, "%s is not a regular file", path);
	if (unused(path, &fd, e) < 0)
		return -1;
	if (fd >= 0)
		close(fd);
	return 0;
}

/* PATH.replaced-TIME, with a number if that is taken. */
static int
name(const char *path, int64_t now_ms, stralloc *to, struct err *e)
{
	char t[WHEN_FMT], n[24] = "";
	struct stat st;

	when_fmt_compact(t, now_ms);
	for (int i = 1; i < TRIES; i++) {
		to->len = 0;
		if (!stralloc_cats(to, path) || !stralloc_cats(to, ".replaced-")
		    || !stralloc_cats(to, t) || !stralloc_cats(to, n)
		    || !stralloc_0(to))
			return err_nomem(e);
		if (lstat(to->s, &st) < 0)
			return errno == ENOENT ? 0 : err_sys(e, "stat %s", to->s);
		snprintf(n, sizeof n, ".%d", i);
	}
	return err_set(e, ERR_EXISTS, "%s is taken", to->s);
}

/* FROM and tail becomes TO and tail: with its journals under its new name
 * the database stays whole. */
static int
one(const char *from, const char *to, const char *tail,
    const struct log *log, struct err *e)
{
	stralloc a = STRALLOC_ZERO, b = STRALLOC_ZERO;
	int r = 0;

	if (!stralloc_cats(&a, from) || !stralloc_cats(&a, tail)
	    || !stralloc_0(&a) || !stralloc_cats(&b, to)
	    || !stralloc_cats(&b, tail) || !stralloc_0(&b))
		r = err_nomem(e);
	else if (rename(a.s, b.s) == 0)
		log_event(log, LOG_WARN, "moved aside", "file", a.s, "to", b.s,
		    NULL);
	else if (errno != ENOENT)
		r = err_sys(e, "move %s aside", a.s);
	stralloc_free(&a);
	stralloc_free(&b);
	return r;
}

int
place_replace(const char *path, int64_t now_ms, const struct log *log,
    struct err *e)
{
	static const char *const tails[] = { "", "-wal", "-shm", "-journal",
		"-txid", "-follow" };
	stralloc to = STRALLOC_ZERO;
	struct stat st;
	int fd = -1, r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "stat %s", path);
	r = place_replaceable(path, e);
	if (!r)
		r = unused(path, &fd, e);
	if (!r)
		r = name(path, now_ms, &to, e);
	for (size_t i = 0; !r && i < sizeof tails / sizeof *tails; i++)
		r = one(path, to.s, tails[i], log, e);
	if (fd >= 0)
		close(fd);
	stralloc_free(&to);
	return r;
}
