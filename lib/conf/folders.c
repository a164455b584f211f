#include "conf/folders.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "base/array.h"
#include "conf/raw.h"
#include "db/watch.h"

/* Only that something may have come is told; what it is, the configuration read
 * anew says. A name is of interest while it is not known, and so is what SQLite
 * makes beside it: a database that was made empty is one only when it is
 * written to.
 *
 * The timer is of the time after which names have settled; where inotify tells
 * nothing, of a look at the folders at an interval. */

#define SETTLE_MS 250      /* as Litestream */
#define TRIES 6            /* a name that is no database yet: 0.25 to 8 s */
#define AGAIN_MS 8000      /* after a configuration that cannot be read */
#define MASK (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_MOVE_SELF \
	| IN_ONLYDIR)
#define DEPTH_MAX 16

static int
arm(struct folders *w, int64_t ms, struct err *err)
{
	struct itimerspec t = { .it_value = { ms / 1000, ms % 1000 * 1000000 } };

	return timerfd_settime(w->timer, 0, &t, NULL) < 0
	    ? err_sys(err, "set a timer") : 0;
}

/* It may have been moved within what is watched. */
static int
renamed(struct folders_one *f, const char *path, unsigned depth, struct err *err)
{
	char *p;

	f->depth = depth;
	if (!strcmp(f->path, path))
		return 0;
	if (!(p = strdup(path)))
		return err_nomem(err);
	free(f->path);
	f->path = p;
	return 0;
}

static int
add_folder(struct folders *w, size_t of, const char *path, unsigned depth,
    struct err *err)
{
	int wd = inotify_add_watch(w->inotify, path, MASK);
	struct folders_one *f;

	/* as folders that may not be read are passed over when databases are
	 * looked for */
	if (wd < 0)
		return errno == ENOENT || errno == ENOTDIR
		    || (errno == EACCES && depth) ? 0
		    : errno == ENOSPC ? err_set(err, ERR_CONF, "watch %s: "
		    "there are no more inotify watches: raise "
		    "fs.inotify.max_user_watches", path)
		    : err_sys(err, "watch %s", path);
	for (size_t i = 0; i < w->n; i++)
		if (w->f[i].wd == wd && w->f[i].of == of)
			return renamed(&w->f[i], path, depth, err);
	if (!(f = array_room(w->f, w->n, &w->room, sizeof *f)))
		return err_nomem(err);
	w->f = f;
	w->f[w->n] = (struct folders_one){ wd, of, depth, strdup(path) };
	return w->f[w->n].path ? (w->n++, 0) : err_nomem(err);
}

/* A folder and, where that is wanted, those below it. */
static int
add_tree(struct folders *w, size_t of, const char *path, unsigned depth,
    struct err *err)
{
	struct conf_found below = { 0 };
	int r = add_folder(w, of, path, depth, err);

	if (!r && w->dirs[of].recursive && depth < DEPTH_MAX)
		r = conf_find_dirs(&below, path, err);
	for (size_t i = 0; i < below.n && !r; i++)
		r = add_tree(w, of, below.path[i], depth + 1, err);
	conf_found_free(&below);
	return r;
}

/* Those that are there and not watched yet. */
static int
add_all(struct folders *w, struct err *err)
{
	for (size_t i = 0; i < w->n_dirs; i++)
		if (add_tree(w, i, w->dirs[i].path, 0, err) < 0)
			return -1;
	return 0;
}

/* One that is gone: 1 if it was one of the configuration, which may come
 * again, and tells nothing then. */
static int
drop_folder(struct folders *w, int wd)
{
	int root = 0;

	for (size_t i = w->n; i-- > 0;)
		if (w->f[i].wd == wd) {
			root |= !w->f[i].depth;
			free(w->f[i].path);
			w->f[i] = w->f[--w->n];
		}
	return root;
}

static int
is_known(const struct folders *w, const char *path, size_t n)
{
	for (size_t i = 0; i < w->n_known; i++)
		if (!strncmp(w->known[i], path, n) && !w->known[i][n])
			return 1;
	return 0;
}

/* May the name be of a database that nobody knows yet? */
static int
is_news(const struct folders *w, const struct folders_one *f, const char *name)
{
	static const char *const ends[] = { "-wal", "-shm", "-journal" };
	char base[NAME_MAX + 1], path[PATH_MAX];
	size_t n = strlen(name);

	for (size_t i = 0; i < 3; i++) {
		size_t k = strlen(ends[i]);

		if (n > k && !strcmp(name + n - k, ends[i])) {
			n -= k;
			break;
		}
	}
	if (n >= sizeof base)
		return 0;
	memcpy(base, name, n);
	base[n] = 0;
	if (fnmatch(w->dirs[f->of].pattern, base, 0))
		return 0;
	n = (size_t)snprintf(path, sizeof path, "%s/%s",
	    strcmp(f->path, "/") ? f->path : "", base);
	return n < sizeof path && !is_known(w, path, n);
}

/* 1: worth a look, 0: not, -1. */
static int
event(struct folders *w, const struct inotify_event *ev, struct err *err)
{
	char path[PATH_MAX];
	int news = 0;

	for (size_t i = 0; ev->mask & IN_MOVE_SELF && i < w->n; i++)
		if (w->f[i].wd == ev->wd && !w->f[i].depth)
			inotify_rm_watch(w->inotify, ev->wd); /* IN_IGNORED */
	if (ev->mask & IN_IGNORED)
		return w->again_all |= drop_folder(w, ev->wd);
	if (ev->mask & IN_Q_OVERFLOW)
		return w->again_all = 1;
	for (size_t i = 0; i < w->n && ev->len; i++) {
		struct folders_one f = w->f[i];

		if (f.wd != ev->wd)
			continue;
		if (!(ev->mask & IN_ISDIR)) {
			news |= is_news(w, &f, ev->name);
			continue;
		}
		if (!w->dirs[f.of].recursive
		    || snprintf(path, sizeof path, "%s/%s", f.path, ev->name)
		    >= (int)sizeof path)
			continue;
		if (add_tree(w, f.of, path, f.depth + 1, err) < 0)
			return -1;
		news = 1; /* what was in it already */
	}
	return news;
}

static int
events(struct folders *w, struct err *err)
{
	union {
		struct inotify_event align;
		char b[4096];
	} buf;
	int news = 0, failed = 0, r;
	ssize_t n;

	while ((n = read(w->inotify, buf.b, sizeof buf.b)) > 0)
		for (ssize_t at = 0; at < n;) {
			struct inotify_event *ev = (void *)(buf.b + at);

			/* the others are no less of interest */
			if ((r = event(w, ev, err)) < 0)
				failed = -1;
			news |= r != 0;
			at += (ssize_t)(sizeof *ev + ev->len);
		}
	if (!news)
		return 0;
	w->tries = 0;
	r = arm(w, SETTLE_MS, err);
	return failed ? failed : r;
}

static int
known(void *ctx, const char *path)
{
	return is_known(ctx, path, strlen(path));
}

/* By looking, where nobody tells. */
static int
poll_dirs(struct folders *w, struct err *err)
{
	uint64_t sum = 0;
	struct conf_news news = { known, w, &sum };
	int changed;

	if (arm(w, w->poll_ms, err) < 0)
		return -1;
	for (size_t i = 0; i < w->n_dirs; i++)
		if (conf_find_news(w->dirs[i].path, w->dirs[i].pattern,
		    w->dirs[i].recursive, &news, err) < 0)
			return -1;
	changed = sum && sum != w->sum;
	w->sum = sum;
	return changed;
}

int
folders_later(struct folders *w)
{
	struct err ign;

	w->sum = 0;
	w->again_all = 1;
	if (!w->poll_ms)
		arm(w, AGAIN_MS, &ign);
	return -1;
}

int
folders_due(struct folders *w, struct err *err)
{
	uint64_t ticks;

	if (!w->poll_ms && events(w, err) < 0)
		return -1;
	if (read(w->timer, &ticks, sizeof ticks) != sizeof ticks)
		return 0;
	if (w->poll_ms)
		return poll_dirs(w, err);
	if (w->again_all) {
		w->again_all = 0;
		if (add_all(w, err) < 0)
			return folders_later(w);
	}
	/* what has been made may be written only later */
	if (++w->tries < TRIES && arm(w, SETTLE_MS << w->tries, err) < 0)
		return -1;
	return 1;
}

int
folders_know(struct folders *w, const char *path, struct err *err)
{
	char **a;

	if (is_known(w, path, strlen(path)))
		return 0;
	if (!(a = array_room(w->known, w->n_known, &w->known_room, sizeof *a)))
		return err_nomem(err);
	w->known = a;
	if (!(w->known[w->n_known] = strdup(path)))
		return err_nomem(err);
	w->n_known++;
	return 1;
}

int
folders_begin(struct folders *w, const struct conf *c, int64_t poll_ms,
    int force_poll, struct err *err)
{
	w->timer = w->inotify = -1;
	w->dirs = c->dirs;
	w->n_dirs = c->n_dirs;
	w->tries = TRIES;
	for (size_t i = 0; i < w->n_dirs; i++)
		if (force_poll || !watch_tells(w->dirs[i].path))
			w->poll_ms = poll_ms;
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->timer < 0 || w->inotify < 0)
		return err_sys(err, "watch folders");
	if (!w->poll_ms && add_all(w, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		if (folders_know(w, c->dbs[i].path, err) < 0)
			return -1;
	/* what came since the configuration was read */
	return arm(w, w->poll_ms ? w->poll_ms : SETTLE_MS, err);
}

void
folders_free(struct folders *w)
{
	if (w->timer >= 0)
		close(w->timer);
	if (w->inotify >= 0)
		close(w->inotify);
	for (size_t i = 0; i < w->n; i++)
		free(w->f[i].path);
	for (size_t i = 0; i < w->n_known; i++)
		free(w->known[i]);
	free(w->f);
	free(w->known);
}
