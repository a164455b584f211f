#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/opt.h"
#include "base/prog.h"
#include "base/url.h"
#include "conf/conf.h"
#include "db/state.h"
#include "repl/compact.h"
#include "repl/compact_level.h"
#include "repl/level.h"

#define PROG "ls-compact"
#define SYNOPSIS "[OPTIONS] DB [URL]|URL\n       ls-compact [-e WORD] " \
	"FILE.ltx|-..."
#define PURPOSE "Merges what a level of a replica holds and the next has not " \
	"into one file of that\nnext level; or LTX files into one on standard " \
	"output."

enum { O_NO_EXPAND = 256, O_REPLICA, O_VERIFY };

static const struct opt opts[] = {
	{ 'l', "level", "LEVEL", "into this level (the lowest that is behind)" },
	{ O_VERIFY, "verify", NULL, "read what was written" },
	{ O_REPLICA, "replica", "NAME", "only the replica of this name or URL" },
	CHANGES_OPTS,
	{ 'e', "encoding", "WORD", "of LTX files to standard output: block, "
	    "frame" },
	{ 'c', "config", "FILE", "configuration file" },
	{ O_NO_EXPAND, "no-expand-env", NULL, "leave $NAME in it alone" },
	{ 'q', "quiet", NULL, "print only warnings and errors" },
	{ 'T', "stamp", NULL, "time stamps before log lines" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	struct conf_args conf;
	const char *replica;
	unsigned level, levels;
	int verify;
	enum ltx_encoding encoding;
	struct changes changes;
	struct state_paths paths; /* of the database, if there is one */
	struct log log;
};

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	if (changes_option(&a->changes, id, arg))
		return 0;
	switch (id) {
	case 'l':
		if (*arg < '1' || *arg > '0' + LEVEL_MAX || arg[1])
			return err_set(e, ERR_USAGE, "a level is 1 to %d",
			    LEVEL_MAX);
		a->level = (unsigned)(*arg - '0');
		break;
	case O_VERIFY: a->verify = 1; break;
	case O_REPLICA: a->replica = arg; break;
	case 'e':
		if (strcmp(arg, "block") && strcmp(arg, "frame"))
			return err_set(e, ERR_USAGE, "an encoding is block or "
			    "frame");
		a->encoding = *arg == 'f' ? LTX_FRAME : LTX_BLOCK;
		break;
	case 'c': a->conf.file = arg; break;
	case O_NO_EXPAND: a->conf.no_expand_env = 1; break;
	case 'q': a->log.level = LOG_WARN; break;
	case 'T': a->log.stamp = 1; break;
	}
	return 0;
}

static int
one(void *ctx, const struct conf_db *db, const struct conf_replica *r,
    struct err *e)
{
	struct args *a = ctx;
	struct compact_level_opt opt = { a->level, a->levels, a->paths.ltx0, "",
	    db->encoding, a->verify, &a->log, &a->changes };
	struct compact_level_done d;

	if (r->format == CONF_FORMAT_V03)
		return err_set(e, ERR_CONF, "%s: of format v0.3, which has no "
		    "levels", r->store.url);
	if (compact_level(&r->store, &opt, &d, e) < 0)
		return -1;
	if (!d.made)
		log_event(&a->log, LOG_INFO, "nothing to compact", "replica",
		    r->store.url, NULL);
	return 0;
}

static void
later(void *ctx, const struct err *e)
{
	log_err(&((struct args *)ctx)->log, LOG_ERROR, e, "not compacted", NULL);
}

static int
levels(struct args *a, struct err *e)
{
	struct conf conf;
	const struct conf_db *db;
	int r = 0;

	a->conf.need = CONF_NEED_REPLICA;
	if (conf_load(&conf, &a->conf, e) < 0)
		return err_in(e, "read the configuration");
	conf_log(&conf, &a->log);
	a->levels = conf.n_levels;
	a->verify |= conf.verify_compaction;
	db = &conf.dbs[0];
	if (db->path)
		r = state_paths(&a->paths, db->path, db->meta, e);
	if (!r)
		r = conf_each_replica(db, 1, a->replica, one, later, a, e);
	state_paths_free(&a->paths);
	conf_free(&conf);
	return r;
}

/* Are they LTX files, not a database or a replica? */
static int
files(char *const *argv)
{
	return !strcmp(*argv, "-") || (!url_is(*argv) && (store_name_ltx(*argv)
	    || (argv[1] && !url_is(argv[1]))));
}

static int
merge(const struct args *a, int n, char *const *argv, struct err *e)
{
	struct compact_opt opt = { NULL, "", a->encoding, 0, 0 };
	struct compact_done done;
	int fd = 1;

	if (a->level || a->verify || a->replica || a->conf.file
	    || a->changes.listing || a->changes.say)
		return err_set(e, ERR_USAGE, "%s: to LTX files goes -e alone",
		    *argv);
	if (isatty(fd))
		return err_set(e, ERR_USAGE, "no LTX file to a terminal");
	return compact_files((const char *const *)argv, (size_t)n, &opt,
	    io_out_fd(&fd), &done, e);
}

int
main(int argc, char **argv)
{
	struct args a = { .log = { .fd = 2, .level = LOG_INFO, .prog = PROG } };
	struct err e = { 0 };
	struct opt_state st;
	int code, n, r;

	if ((code = prog_options(&prog, &st, argc, argv, option, &a)) >= 0)
		return code;
	argv += st.index;
	n = argc - st.index;
	if ((code = prog_late(&prog, &st, argv - st.index, n)) >= 0)
		return code;
	if (!n || (!files(argv) && n > 2))
		return n ? prog_usage(PROG, "%s is one argument too many",
		    argv[2]) : prog_usage(PROG, PROG " " SYNOPSIS);
	signal(SIGPIPE, SIG_IGN);
	if (files(argv)) {
		r = merge(&a, n, argv, &e);
	} else {
		a.conf.db = *argv;
		a.conf.urls = (const char *const *)argv + 1;
		a.conf.n_urls = argv[1] != NULL;
		r = levels(&a, &e);
	}
	return r < 0 ? prog_fatal(PROG, "compact", &e) : 0;
}
