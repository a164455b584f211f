#include "front/front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/path.h"
#include "base/url.h"

#define DEFAULT_FILE "/etc/litestream.yml"

/* ---- saying ---- */

static void
say(int fd, stralloc *s)
{
	struct err ignored;
	struct io_out out = io_out_fd(&fd);

	out.write(out.ctx, s->s, s->len, &ignored);
	stralloc_free(s);
}

/* Go's quotes, as far as texts of ours need them. */
static int
quoted(stralloc *s, const char *text)
{
	int ok = stralloc_append(s, '"');

	for (; *text && ok; text++)
		if (!strncmp(text, "\xc2\xa0", 2)) {
			ok = stralloc_cats(s, "\\u00a0");
			text++;
		} else {
			ok = (!strchr("\"\\", *text)
			    || stralloc_append(s, '\\'))
			    && stralloc_append(s, *text);
		}
	return ok && stralloc_append(s, '"');
}

/* As the default logger of 0.3, before it is set up: an error, or a message
 * of its own. */
static void
early(const char *error, const char *msg)
{
	stralloc s = STRALLOC_ZERO;
	char t[32];

	log_date(t, sizeof t);
	if (stralloc_cats(&s, t) && (error
	    ? stralloc_cats(&s, " ERROR failed to run error=")
	    && quoted(&s, error) : stralloc_cats(&s, " INFO ")
	    && stralloc_cats(&s, msg)) && stralloc_cats(&s, "\n"))
		say(2, &s);
	else
		stralloc_free(&s);
}

void
front_info_line(const struct front *f, const char *msg)
{
	if (f->old && !f->set_up)
		early(NULL, msg);
	else
		log_event(&f->log, LOG_INFO, msg, NULL);
}

int
front_try(const struct front *f, const char *text, const char *how)
{
	stralloc s = STRALLOC_ZERO;

	if (f->old && f->set_up) {
		log_event(&f->log, LOG_ERROR, "failed to run", "error", text,
		    NULL);
	} else if (f->old) {
		early(text, NULL);
	} else if (stralloc_cats(&s, "Error: ") && stralloc_cats(&s, text)
	    && stralloc_cats(&s, "\n") && (!how
	    || (stralloc_cats(&s, "Try: litestream ")
	    && stralloc_cats(&s, how) && stralloc_cats(&s, "\n")))) {
		say(2, &s);
		return 1;
	}
	stralloc_free(&s);
	return 1;
}

int
front_fail(const struct front *f, const char *text)
{
	return front_try(f, text, NULL);
}

int
front_fail_err(const struct front *f, const struct err *e)
{
	return front_fail(f, e->msg);
}

int
front_put(const struct front *f, stralloc *s, int ok)
{
	struct io_out out;
	struct err e = { 0 };
	int fd = 1, r = ok ? 0 : err_nomem(&e);

	out = io_out_fd(&fd);
	if (!r && s->len)
		r = out.write(out.ctx, s->s, s->len, &e);
	stralloc_free(s);
	return r < 0 ? front_fail_err(f, &e) : 0;
}

void
front_warn(const char *text)
{
	stralloc s = STRALLOC_ZERO;

	if (stralloc_cats(&s, text) && stralloc_cats(&s, "\n"))
		say(2, &s);
	else
		stralloc_free(&s);
}

const char *
front_version(int old)
{
	return old ? FRONT_LIKE_OLD " (ls-s6 " LS_VERSION ")"
	    : FRONT_LIKE " (ls-s6 " LS_VERSION ")";
}

const char *
front_type(const struct store_conf *s)
{
	return s->type == STORE_S3 ? "s3" : s->type == STORE_SFTP ? "sftp"
	    : "file";
}

int
front_version_cmd(struct front *f)
{
	stralloc s = STRALLOC_ZERO;
	int ok;

	if (f->opts.verbose)
		ok = stralloc_cats(&s, "Version:     ")
		    && stralloc_cats(&s, front_version(f->old))
		    && stralloc_cats(&s, "\nProgram:     ls-s6 " LS_VERSION
		    ", in C, not Litestream's own\nOS/Arch:     linux/")
		    && stralloc_cats(&s,
#if defined __x86_64__
		    "amd64\n"
#elif defined __aarch64__
		    "arm64\n"
#else
		    "other\n"
#endif
		    );
	else
		ok = stralloc_cats(&s, front_version(f->old))
		    && stralloc_cats(&s, "\n");
	return front_put(f, &s, ok);
}

/* ---- configuration ---- */

/* The file the peer would read; whether it was asked for. NULL: none, and
 * the environment has a replica. */
static const char *
config_file(const struct front *f)
{
	static const char *const names[] = { "REPLICA_URL",
	    "LITESTREAM_REPLICA_URL", "LITESTREAM_REPLICA_BUCKET",
	    "LITESTREAM_REPLICA_PATH" };
	const char *v = getenv("LITESTREAM_CONFIG");

	if (f->opts.config)
		return f->opts.config;
	if (v && *v)
		return v;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if ((v = getenv(names[i])) && *v
		    && access(DEFAULT_FILE, F_OK) < 0)
			return NULL;
	return DEFAULT_FILE;
}

static int
not_found(const struct front *f, const char *file)
{
	struct err e = { 0 };
	char *abs;

	if (conf_path(file, &abs, &e) < 0)
		return front_fail_err(f, &e);
	err_set(&e, ERR_CONF, "config file not found: %s", abs);
	free(abs);
	return front_fail_err(f, &e);
}

/* The log is as the configuration has it, and so is whom it speaks like. */
static void
set_up(struct front *f)
{
	f->set_up = 1;
	f->log.date = 0;
	f->log.fd = f->conf.log_stderr ? 2 : 1;
	f->log.level = f->conf.log_level;
	f->log.json = f->conf.log_json;
	if (f->opts.log_level)
		log_level_scan(f->opts.log_level, &f->log.level);
	for (size_t i = 0; i < f->conf.n; i++)
		for (size_t k = 0; k < f->conf.dbs[i].n; k++)
			if (f->conf.dbs[i].replicas[k].format
			    == CONF_FORMAT_V03)
				f->old = 1;
}

int
front_conf(struct front *f, const char *db, const char *const *urls,
    size_t n_urls, unsigned need)
{
	struct conf_args a = { .file = f->opts.config, .db = db, .urls = urls,
	    .n_urls = n_urls, .no_expand_env = f->opts.no_expand, .need = need };
	int bare = n_urls || (db && url_is(db) && strncmp(db, "sqlite", 6));
	const char *file = bare ? NULL : config_file(f);
	struct err e = { 0 };

	if (f->cmd->run != front_replicate)
		a.need |= CONF_ONLY_READS;
	if (bare && f->opts.config)
		return front_fail(f, "cannot specify a replica URL and the "
		    "-config flag");
	if (file && access(file, F_OK) < 0)
		return not_found(f, file);
	a.file = file;
	if (conf_load(&f->conf, &a, &e) < 0)
		return front_fail_err(f, &e);
	/* 0.3 sets up no log without a file */
	if (!bare || (f->cmd->run == front_replicate && !f->old))
		set_up(f);
	return 0;
}

int
front_conf_one(struct front *f, const char *db)
{
	const struct conf_db *found;
	struct err e = { 0 };
	char *abs;
	int url = url_is(db) && strncmp(db, "sqlite", 6), code;

	if (url || !config_file(f)) {
		code = front_conf(f, db, NULL, 0, CONF_NEED_REPLICA);
		f->db = code ? NULL : &f->conf.dbs[0];
		return code;
	}
	if ((code = front_conf(f, NULL, NULL, 0, 0)))
		return code;
	if ((found = conf_db_find(&f->conf, db))) {
		f->db = &f->conf.dbs[found - f->conf.dbs];
		return 0;
	}
	if (conf_path(db, &abs, &e) < 0)
		return front_fail_err(f, &e);
	err_set(&e, ERR_CONF, "database not found in config: %s", abs);
	free(abs);
	return front_fail_err(f, &e);
}

size_t
front_conf_args(const struct front *f, const char **av)
{
	size_t n = 0;

	if (f->opts.config) {
		av[n++] = "-c";
		av[n++] = f->opts.config;
	}
	if (f->opts.no_expand)
		av[n++] = "--no-expand-env";
	return n;
}

/* ---- command lines ---- */

static int
help(const struct front *f, const struct front_cmd *c)
{
	stralloc s = STRALLOC_ZERO;

	return front_put(f, &s, front_help(&s, c, f->old));
}

/* What only 0.3 has makes it speak like that. */
static int
is_old(const struct front *f)
{
	const struct front_opts *o = &f->opts;

	if (f->cmd->run == front_wal || f->cmd->run == front_restore)
		return o->generation || o->index || o->replica;
	return f->cmd->in == FRONT_IN_OLD;
}

static void
speak_old(struct front *f)
{
	f->old = 1;
	f->log.fd = 2;
	f->log.date = 1;
}

static int
command(struct front *f, int argc, char *const *argv)
{
	struct err e = { 0 };
	int n = 0, r;

	r = front_flags(f->cmd, argc, argv, &f->opts, &n, &e);
	if (r > 0)
		return help(f, f->cmd);
	if (r < 0) {
		help(f, f->cmd);
		front_warn(e.msg);
		return front_fail_err(f, &e);
	}
	/* an empty one, as of an unset variable, is none */
	if (f->opts.config && !*f->opts.config)
		f->opts.config = NULL;
	f->argc = argc - n;
	f->argv = argv + n;
	if (is_old(f))
		speak_old(f);
	r = f->cmd->run(f);
	conf_free(&f->conf);
	return r;
}

int
front_main(int argc, char *const *argv)
{
	const char *compat = getenv("LITESTREAM_COMPAT");
	struct front f = { .log = { .fd = 1, .level = LOG_INFO, .stamp = 1,
	    .upper = 1 } };
	struct err e = { 0 };
	const char *name = argc > 1 ? argv[1] : "";

	if (compat && !strncmp(compat, "v0.3", 4))
		speak_old(&f);
	if (!strcmp(name, "help") || !strcmp(name, "-h")
	    || !strcmp(name, "-help") || !strcmp(name, "--help"))
		return help(&f, NULL);
	if (!*name || *name == '-')
		return help(&f, NULL), 1;
	if (!(f.cmd = front_cmd_find(name))) {
		err_set(&e, ERR_USAGE, "litestream %s: unknown command", name);
		return front_fail_err(&f, &e);
	}
	return command(&f, argc - 2, argv + 2);
}
