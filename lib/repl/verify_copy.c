#include "repl/verify_copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "repl/restore_job.h"

static int
folder(struct verify_copy *v, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	char s[3800];

	if (!tmp || !*tmp)
		tmp = "/tmp";
	if (snprintf(s, sizeof s, "%s/ls-verify.XXXXXX", tmp)
	    >= (int)sizeof s)
		return err_set(e, ERR_CONF, "path too long: %s", tmp);
	if (!mkdtemp(s))
		return err_sys(e, "make a folder in %s", tmp);
	v->dir = strdup(s);
	if (!v->dir) {
		rmdir(s);
		return err_nomem(e);
	}
	strcat(s, "/restored.db");
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
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	char s[4096];

	for (size_t i = 0; v->path && i < sizeof ends / sizeof *ends; i++)
		if (snprintf(s, sizeof s, "%s%s", v->path, ends[i])
		    < (int)sizeof s)
			unlink(s);
	if (v->dir)
		rmdir(v->dir);
	free(v->dir);
	free(v->path);
	memset(v, 0, sizeof *v);
}
