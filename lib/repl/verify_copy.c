#include "repl/verify_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "repl/restore_job.h"

#define MARK "ls-verify."
#define LOCK "lock"   /* in it; a restore locks the folder itself */
#define YOUNG_S 60 /* it may not be locked yet */

/* A folder of ours whose maker was killed: nobody holds its lock. */
static void
sweep_one(int tmp, const char *name)
{
	int fd = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW
	    | O_CLOEXEC), lock;
	struct dirent *de;
	struct stat st;
	DIR *d = NULL;

	if (fd < 0)
		return;
	lock = openat(fd, LOCK, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid()
	    && st.st_mtime < time(NULL) - YOUNG_S
	    && (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0))
		d = fdopendir(fd);
	while (d && (de = readdir(d)))
		unlinkat(fd, de->d_name, 0);
	if (d) {
		unlinkat(tmp, name, AT_REMOVEDIR);
		closedir(d);
	} else {
		close(fd);
	}
	if (lock >= 0)
		close(lock);
}

static void
sweep(const char *tmp)
{
	DIR *d = opendir(tmp);
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (!strncmp(de->d_name, MARK, sizeof MARK - 1)
		    && strlen(de->d_name) == sizeof MARK - 1 + 6)
			sweep_one(dirfd(d), de->d_name);
	if (d)
		closedir(d);
}

static int
folder(struct verify_copy *v, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	char s[3800];

	if (!tmp || !*tmp)
		tmp = "/tmp";
	if (snprintf(s, sizeof s, "%s/" MARK "XXXXXX", tmp)
	    >= (int)sizeof s)
		return err_set(e, ERR_CONF, "path too long: %s", tmp);
	sweep(tmp);
	if (!mkdtemp(s))
		return err_sys(e, "make a folder in %s", tmp);
	v->dir = strdup(s);
	if (!v->dir) {
		rmdir(s);
		return err_nomem(e);
	}
	strcpy(s + strlen(v->dir), "/" LOCK);
	v->lock = open(s, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (v->lock < 0 || flock(v->lock, LOCK_EX | LOCK_NB) < 0)
		return err_sys(e, "lock %s", s);
	strcpy(s + strlen(v->dir), "/restored.db");
	v->path = strdup(s);
	return v->path ? 0 : err_nomem(e);
}

int
verify_copy(struct verify_copy *v, struct choose *c, const struct log *log,
    struct err *e)
{
	struct restore_job job = { .perm = { (uid_t)-1, (gid_t)-1, 0600, 0 },
	    .opt = { .target = { 0, -1 }, .log = log } };
	struct restore_report rep;

	memset(v, 0, sizeof *v);
	v->lock = -1;
	if (folder(v, e) < 0)
		return -1;
	job.out = v->path;
	if (restore_job_replica(&job, c, &rep, e) < 0)
		return -1;
	v->done = rep.done;
	return 0;
}

void
verify_copy_free(struct verify_copy *v)
{
	static const char *const ends[] = { "/restored.db", "/restored.db-wal",
		"/restored.db-shm", "/restored.db-journal", ("/" LOCK) };
	char s[4096];

	for (size_t i = 0; v->dir && i < sizeof ends / sizeof *ends; i++)
		if (snprintf(s, sizeof s, "%s%s", v->dir, ends[i])
		    < (int)sizeof s)
			unlink(s);
	if (v->dir)
		rmdir(v->dir);
	if (v->dir && v->lock >= 0)
		close(v->lock);
	free(v->dir);
	free(v->path);
	memset(v, 0, sizeof *v);
}
