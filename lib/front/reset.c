#include "front/front.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/state.h"

/* Removes the ltx folder of a state folder, while nobody is at work in it. */

#define DEPTH_MAX 4

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
no_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

/* Lists files below path into s, or, where s is NULL, removes them and the
 * folders. 0, or -1: what could not be removed is in e. */
static int
walk(const char *path, stralloc *s, unsigned depth, struct err *e)
{
	struct dirent **list;
	int n = scandir(path, &list, no_dots, by_name), r = 0;

	if (n < 0)
		return err_sys(e, "%s", path);
	for (int i = 0; i < n; i++) {
		char *sub;
		struct stat st;

		if (asprintf(&sub, "%s/%s", path, list[i]->d_name) < 0)
			sub = NULL;
		free(list[i]);
		if (!sub || r < 0 || lstat(sub, &st) < 0) {
			free(sub);
			continue;
		}
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			r = walk(sub, s, depth + 1, e);
		else if (s && (!stralloc_cats(s, "  ") || !stralloc_cats(s, sub)
		    || !stralloc_cats(s, "\n")))
			r = err_nomem(e);
		else if (!s && unlink(sub) < 0)
			r = err_sys(e, "remove %s", sub);
		free(sub);
	}
	free(list);
	return !s && !r && rmdir(path) < 0 ? err_sys(e, "remove %s", path) : r;
}

static int
say(struct front *f, const char *a, const char *b, const char *c,
    const char *d)
{
	stralloc s = STRALLOC_ZERO;

	return front_put(f, &s, stralloc_cats(&s, a) && stralloc_cats(&s, b)
	    && stralloc_cats(&s, c) && stralloc_cats(&s, d)
	    && stralloc_cats(&s, "\n"));
}

static int
preview(struct front *f, const char *db, const char *ltx)
{
	stralloc s = STRALLOC_ZERO;
	struct err e = { 0 };

	if (!stralloc_cats(&s, "Dry run: local Litestream state would be reset "
	    "for: ") || !stralloc_cats(&s, db)
	    || !stralloc_cats(&s, "\nWould remove: ")
	    || !stralloc_cats(&s, ltx)
	    || !stralloc_cats(&s, "\nFiles that would be removed:\n"))
		return front_put(f, &s, 0);
	if (access(ltx, F_OK) == 0 && walk(ltx, &s, 0, &e) < 0) {
		stralloc_free(&s);
		return front_fail_err(f, &e);
	}
	return front_put(f, &s, stralloc_cats(&s, "No files were removed.\n"));
}

static int
reset(struct front *f, const char *db, const char *dir, const char *ltx)
{
	const char *base = strrchr(db, '/');
	struct err e = { 0 };
	int lock, r = 0;

	base = base ? base + 1 : db;
	if ((lock = state_lock(dir, &e)) < 0) {
		err_in(&e, "it is being replicated, stop that first");
		return front_fail_err(f, &e);
	}
	say(f, "Resetting local Litestream state for: ", db, "\nRemoving: ",
	    ltx);
	log_event(&f->log, LOG_INFO, "resetting local litestream state", "db",
	    base, "meta_path", dir, "ltx_dir", ltx, NULL);
	if (access(ltx, F_OK) == 0)
		r = walk(ltx, NULL, 0, &e);
	/* a position that no file says any more */
	if (r == 0)
		r = state_marker_remove(dir, &e);
	close(lock);
	if (r < 0)
		return front_fail_err(f, &e);
	log_event(&f->log, LOG_INFO, "local state reset complete, next sync "
	    "will create fresh snapshot", "db", base, NULL);
	return say(f, "Reset complete. Next replication sync will create a "
	    "fresh snapshot.", "", "", "");
}

/* Where the state folder of db is: as configured, or where it is by itself. */
static int
place(struct front *f, const char *db, struct state_paths *p, int *code)
{
	const struct conf_db *known = NULL;
	struct err e = { 0 };

	if (f->opts.config || getenv("LITESTREAM_CONFIG")
	    || access("/etc/litestream.yml", F_OK) == 0) {
		if ((*code = front_conf(f, NULL, NULL, 0, 0)))
			return -1;
		known = conf_db_find(&f->conf, db);
	}
	if (state_paths(p, db, known ? known->meta : NULL, &e) == 0)
		return 0;
	*code = front_fail_err(f, &e);
	return -1;
}

int
front_reset(struct front *f)
{
	struct state_paths p;
	struct err e = { 0 };
	char *db = NULL, *ltx = NULL;
	int code = 0;

	if (!f->argc)
		return front_try(f, "database path required",
		    "reset /path/to/db");
	if (f->argc > 1)
		return front_fail(f, "too many arguments");
	if (conf_path(f->argv[0], &db, &e) < 0)
		return front_fail_err(f, &e);
	if (access(db, F_OK) < 0) {
		err_set(&e, ERR_CONF, "database does not exist: %s", db);
		code = front_fail_err(f, &e);
	} else if (place(f, db, &p, &code) == 0) {
		if (asprintf(&ltx, "%s/ltx", p.dir) < 0)
			ltx = NULL;
		if (access(p.dir, F_OK) < 0)
			code = say(f, "No local state to reset for ", db,
			    "\nMeta directory does not exist: ", p.dir);
		else if (!ltx)
			code = 1;
		else
			code = f->opts.dry_run ? preview(f, db, ltx)
			    : reset(f, db, p.dir, ltx);
		free(ltx);
		state_paths_free(&p);
	}
	free(db);
	return code;
}
