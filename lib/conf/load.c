#include "conf/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/io.h"
#include "base/path.h"
#include "base/url.h"
#include "base/when.h"

#define DEFAULT_FILE "/etc/litestream.yml"
#define RECORDS_MAX (64u << 20)

extern char **environ;

/* ---- the child ---- */

static int
spawn(pid_t *pid, int out, const char *file, const struct conf_args *a,
    struct err *err)
{
	char path[PATH_MAX], name[] = "ls-conf", records[] = "--records";
	char c[] = "-c", plain[] = "--no-expand-env";
	char *argv[6] = { name, records, c, (char *)(uintptr_t)file,
		a->no_expand_env ? plain : 0, 0 };
	posix_spawn_file_actions_t fa;
	int r;

	if (posix_spawn_file_actions_init(&fa))
		return err_nomem(err);
	path_beside(path, sizeof path, name);
	r = posix_spawn_file_actions_adddup2(&fa, out, 1);
	if (!r && a->again)
		r = posix_spawn_file_actions_addopen(&fa, 2, "/dev/null",
		    O_WRONLY, 0);
	if (!r && *path)
		r = posix_spawn(pid, path, &fa, 0, argv, environ);
	else if (!r)
		r = posix_spawnp(pid, name, &fa, 0, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (!r)
		return 0;
	errno = r;
	err_sys(err, "run ls-conf, which reads %s", file);
	if (r == ENOENT)
		err->kind = ERR_CONF;
	return -1;
}

/* Until there is something to read. */
static int
wait_for(int fd, const struct conf_args *a, int64_t until, struct err *err)
{
	struct pollfd p[2] = { { fd, POLLIN, 0 },
		{ a->stop ? *a->stop : -1, POLLIN, 0 } };

	while (!p[0].revents) {
		int64_t left = a->limit_ms ? until - when_mono() : 3600000;

		if (left <= 0)
			return err_set(err, ERR_TEMP, "ls-conf gives no answer "
			    "within %d seconds: does a disk hang?",
			    (int)((a->limit_ms + 999) / 1000));
		if (poll(p, 2, left > 3600000 ? 3600000 : (int)left) < 0
		    && errno != EINTR)
			return err_sys(err, "wait for ls-conf");
		if (p[1].revents)
			return err_set(err, ERR_TEMP, "given up");
	}
	return 0;
}

static int
read_all(int fd, stralloc *sa, const struct conf_args *a, struct err *err)
{
	struct io_in in = io_in_fd(&fd);
	int64_t until = when_mono() + a->limit_ms;

	for (;;) {
		ssize_t r;

		if (sa->len > RECORDS_MAX)
			return err_set(err, ERR_DATA,
			    "ls-conf says more than %u bytes", RECORDS_MAX);
		if (!stralloc_readyplus(sa, 16384))
			return err_nomem(err);
		if (wait_for(fd, a, until, err) < 0)
			return -1;
		if ((r = in.read(in.ctx, sa->s + sa->len, 16384, err)) <= 0)
			return (int)r;
		sa->len += (size_t)r;
	}
}

static int
read_file(struct conf_raw *raw, const char *file, const struct conf_args *a,
    struct err *err)
{
	stralloc sa = STRALLOC_ZERO;
	pid_t pid;
	int p[2], status = 0, r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, "make a pipe");
	r = spawn(&pid, p[1], file, a, err);
	close(p[1]);
	if (!r) {
		r = read_all(p[0], &sa, a, err);
		close(p[0]);
		if (r < 0)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (!r && !sa.len)
			r = err_set(err, ERR_CONF, "ls-conf, which reads %s, "
			    "cannot run or died (wait status %d)", file,
			    status);
		else if (!r)
			r = conf_raw_read(raw, sa.s, sa.len, err);
	} else
		close(p[0]);
	if (sa.s)
		explicit_bzero(sa.s, sa.len);
	stralloc_free(&sa);
	return r;
}

/* ---- sources ---- */

static const char *
config_file(const struct conf_args *a)
{
	const char *v = getenv("LITESTREAM_CONFIG");

	if (a->file)
		return a->file;
	if (v && *v)
		return v;
	return access(DEFAULT_FILE, F_OK) < 0 ? 0 : DEFAULT_FILE;
}

static int
from_env(struct conf_raw *raw, const struct conf_args *a, int only_url,
    struct err *err)
{
	const char **urls;
	int r;

	if (!(raw->source = strdup(a->db || a->n_urls ? "arguments"
	    : "environment")))
		return err_nomem(err);
	if (!only_url)
		return conf_env(raw, a->db, 0, a->urls, a->n_urls, err);
	if (!(urls = calloc(a->n_urls + 1, sizeof *urls)))
		return err_nomem(err);
	urls[0] = a->db;
	for (size_t i = 0; i < a->n_urls; i++)
		urls[i + 1] = a->urls[i];
	r = conf_env(raw, 0, 1, urls, a->n_urls + 1, err);
	free(urls);
	return r;
}

/* Leaves only the database asked for, without replicas if it is not listed
 * and can do without. */
static int
only_db(struct conf *c, const struct conf_args *a, struct err *err)
{
	const struct conf_db *found = conf_db_find(c, a->db);
	struct conf_db *db = found ? &c->dbs[found - c->dbs] : 0, keep;
	struct conf_raw raw = { 0 };
	struct conf plain;
	int r;

	if (db) {
		keep = *db;
		*db = c->dbs[0];
		c->dbs[0] = keep;
		while (c->n > 1)
			conf_db_free(&c->dbs[--c->n]);
		return 0;
	}
	if (a->need & CONF_NEED_REPLICA)
		return err_set(err, ERR_CONF, "%s does not list %s; add it "
		    "there, or give its replica's URL as well", c->source,
		    a->db);
	if (!conf_raw_db(&raw, 0, err))
		return -1;
	r = conf_raw_set(&raw.dbs[0].set, CONF_PATH, a->db, strlen(a->db), 0,
	    err);
	if (!r)
		r = conf_resolve(&plain, &raw, 0, err);
	conf_raw_free(&raw);
	if (r < 0)
		return -1;
	conf_free(c);
	*c = plain;
	return 0;
}

/* Several where one is needed: the first of them are named. */
static int
which_db(const struct conf *c, struct err *err)
{
	char list[400] = "";
	size_t len = 0, i;

	for (i = 0; i < c->n && c->dbs[i].path
	    && len + strlen(c->dbs[i].path) + 3 < sizeof list; i++)
		len += (size_t)snprintf(list + len, sizeof list - len, "%s%s",
		    i ? ", " : "", c->dbs[i].path);
	return err_set(err, ERR_USAGE, "%s lists %zu databases; say which: "
	    "%s%s", c->source, c->n, list, i < c->n ? ", ..." : "");
}

/* What asks for encryption must not get plain files without a word. */
static int
no_encryption(const struct conf *c, struct err *err)
{
	for (size_t i = 0; i < c->n; i++)
		for (size_t k = 0; k < c->dbs[i].n; k++)
			if (store_conf_encrypts(&c->dbs[i].replicas[k].store))
				return err_set(err, ERR_CONF, "replica %s: age: "
				    "is set, but nothing encrypts yet, and "
				    "nothing is written unencrypted where it is "
				    "asked for; remove it, or keep Litestream "
				    "0.3 for this replica",
				    c->dbs[i].replicas[k].store.url);
	return 0;
}

static int
check_needs(const struct conf *c, const struct conf_args *a, struct err *err)
{
	if ((a->need & (CONF_NEED_DB | CONF_NEED_REPLICA)) && !c->n
	    && !(a->need & CONF_NONE_DO) && ((!c->n_dirs && !c->socket_enabled)
	    || !(a->need & CONF_DIRS_DO)))
		return a->file || strcmp(c->source, "environment")
		    ? err_set(err, ERR_CONF, "%s lists no database", c->source)
		    : err_set(err, ERR_USAGE, "no database given: name it, or "
		    "-c litestream.yml, or set DB_PATH and REPLICA_URL");
	if ((a->need & CONF_NEED_ONE) && c->n > 1)
		return which_db(c, err);
	for (size_t i = 0; i < c->n; i++) {
		const struct conf_db *db = &c->dbs[i];

		if ((a->need & CONF_NEED_DB) && !db->path)
			return err_set(err, ERR_USAGE, "this needs the path "
			    "of a database, not only a URL");
		if ((a->need & CONF_NEED_REPLICA) && !db->n)
			return err_set(err, ERR_CONF, "%s has no replica; "
			    "give its URL, or set REPLICA_URL", db->path);
	}
	return a->need & CONF_ONLY_READS ? 0 : no_encryption(c, err);
}

int
conf_load(struct conf *c, const struct conf_args *a, struct err *err)
{
	int only_url = a->db && url_is(a->db) && strncmp(a->db, "sqlite", 6);
	const char *file = only_url || a->n_urls ? 0 : config_file(a);
	struct conf_raw raw = { 0 };
	int r;

	memset(c, 0, sizeof *c);
	if (a->db && !*a->db)
		return err_set(err, ERR_USAGE, "the name of the database is "
		    "empty");
	if (a->file && (only_url || a->n_urls))
		return err_set(err, ERR_USAGE, "-c FILE and the URL of a "
		    "replica exclude each other; name the database instead");
	r = file ? read_file(&raw, file, a, err)
	    : from_env(&raw, a, only_url, err);
	if (!r)
		r = conf_resolve(c, &raw, 0, err);
	conf_raw_free(&raw);
	if (r < 0)
		return -1;
	if (file && a->db)
		r = only_db(c, a, err);
	if (!r)
		r = check_needs(c, a, err);
	if (r < 0)
		conf_free(c);
	return r;
}
