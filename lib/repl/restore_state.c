#include "repl/restore_state.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/sa.h"
#include "db/state.h"
#include "ltx/ltx.h"

static int
move(const char *path, int64_t now_ms, const struct log *log, struct err *e)
{
	char *to;
	int r = io_move_aside(path, now_ms, &to, e);

	if (r > 0)
		log_event(log, LOG_WARN, "local files that do not lead to what "
		    "was restored, moved aside", "path", path, "to", to, NULL);
	free(to);
	return r < 0 ? -1 : 0;
}

/* Files past txid, each by itself. */
static int
move_past(const struct restore_state *s, struct err *e)
{
	stralloc path = STRALLOC_ZERO;
	DIR *d = opendir(s->ltx0);
	uint64_t min, max;
	struct dirent *de;
	int r = 0;

	if (!d)
		return err_sys(e, "open %s", s->ltx0);
	while (!r && (de = readdir(d))) {
		if (ltx_name_scan(de->d_name, &min, &max) < 0 || max <= s->txid)
			continue;
		path.len = 0;
		if (!stralloc_cats(&path, s->ltx0) || !stralloc_cats(&path, "/")
		    || !stralloc_cats(&path, de->d_name) || !stralloc_0(&path))
			r = err_nomem(e);
		else
			r = move(path.s, s->now_ms, s->log, e);
	}
	closedir(d);
	stralloc_free(&path);
	return r;
}

/* The whole ltx folder. */
static int
move_all(const struct restore_state *s, struct err *e)
{
	stralloc path = STRALLOC_ZERO;
	int r;

	if (!stralloc_cats(&path, s->dir) || !stralloc_cats(&path, "/ltx")
	    || !stralloc_0(&path))
		r = err_nomem(e);
	else
		r = move(path.s, s->now_ms, s->log, e);
	stralloc_free(&path);
	return r;
}

/* The lock of an ls-walship that may have the folder; *fd -1: none. Nothing
 * is created: the owner of the lock may be somebody else. */
static int
lock(const struct restore_state *s, int *fd, struct err *e)
{
	stralloc path = STRALLOC_ZERO;
	int there;

	*fd = -1;
	if (!stralloc_cats(&path, s->dir) || !stralloc_cats(&path, "/lock")
	    || !stralloc_0(&path)) {
		stralloc_free(&path);
		return err_nomem(e);
	}
	there = access(path.s, F_OK) == 0;
	stralloc_free(&path);
	if (!there)
		return 0;
	*fd = state_lock(s->dir, e);
	return *fd >= 0 ? 0 : -1;
}

static int
marker(const struct restore_state *s, const char *db, struct err *e)
{
	struct state_marker m = { .kind = MARKER_RESTORE, .txid = s->txid };

	if (io_mkdirs(s->dir, s->perm, e) < 0
	    || state_facts_read(db, &m.facts, e) < 0)
		return -1;
	m.facts.wal_ino = m.facts.wal_size = 0;
	m.facts.wal_mtime_ns = 0;
	snprintf(m.url, sizeof m.url, "%s", s->url ? s->url : "");
	return state_marker_write(s->dir, &m, e);
}

static int
leave(const struct restore_state *s, const char *db, int in_use,
    struct err *e)
{
	uint64_t min, max;
	int contig;

	if (s->stranger) {
		if (state_scan(s->ltx0, &min, &max, &contig, e) < 0
		    || (max && !in_use && move_all(s, e) < 0))
			return -1;
	}
	if (!s->latest)
		return access(s->dir, F_OK) < 0 ? 0
		    : state_marker_remove(s->dir, e);
	if (state_scan(s->ltx0, &min, &max, &contig, e) < 0)
		return -1;
	if (in_use && max > s->txid) {
		log_event(s->log, LOG_WARN, "ls-walship is at work in the state "
		    "folder, whose files go on from another state; it has to "
		    "judge", "folder", s->dir, NULL);
		return 0;
	}
	if (max && s->continues && max >= s->txid) {
		if (move_past(s, e) < 0)
			return -1;
	} else if (max && !in_use && move_all(s, e) < 0)
		return -1;
	return marker(s, db, e);
}

int
restore_state_leave(const struct restore_state *s, const char *db,
    struct err *e)
{
	int fd, r, in_use = 0;

	if (lock(s, &fd, e) < 0) {
		if (e->kind != ERR_BUSY)
			return err_in(e, "state folder");
		in_use = 1;
	}
	r = leave(s, db, in_use, e);
	if (fd >= 0)
		close(fd);
	return r < 0 ? err_in(e, "state folder") : 0;
}
