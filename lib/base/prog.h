#ifndef LS_BASE_PROG_H
#define LS_BASE_PROG_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "base/io.h"
#include "base/opt.h"
#include "base/sa.h"

/* For main() of the programs in bin/ alone: library code never prints. Where
 * an exit code is returned, -1 means to go on. */

struct prog {
	const char *name, *synopsis, *purpose; /* of -h */
	const struct opt *opts;
};

/* The end of every table of options. */
#define PROG_OPTS \
	{ 'h', "help", NULL, "print this and exit" }, \
	{ 'V', "version", NULL, "print the version and exit" }, \
	{ 0, NULL, NULL, NULL }

/* Prints "PROG: usage: TEXT" (printf format); returns 100. */
__attribute__((format(printf, 2, 3))) static inline int
prog_usage(const char *prog, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: usage: ", prog);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return err_exit(ERR_USAGE);
}

/* Prints "PROG: fatal: unable to DOING: MSG", or what is wrong with the
 * arguments; returns the exit code. */
static inline int
prog_fatal(const char *prog, const char *doing, const struct err *err)
{
	if (err->kind == ERR_USAGE)
		return prog_usage(prog, "%s", err->msg);
	fprintf(stderr, "%s: fatal: unable to %s: %s\n", prog, doing, err->msg);
	/* a folder named for a file stays one, and a file for a folder */
	return err_exit(err->sys == EISDIR || err->sys == ENOTDIR
	    || err->sys == ELOOP || err->sys == ENXIO ? ERR_CONF
	    : err->kind);
}

/* Prints "PROG: warning: TEXT". */
static inline void
prog_warn(const char *prog, const char *text)
{
	fprintf(stderr, "%s: warning: %s\n", prog, text);
}

/* Writes out what standard output still holds: 0, or 111 with a message. */
static inline int
prog_flush(const char *prog)
{
	struct err e;

	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	err_sys(&e, "standard output");
	return prog_fatal(prog, "write", &e);
}

/* Becomes another program; returns 127 or 126 where that cannot be. */
static inline int
prog_exec(const char *prog, char *const *argv)
{
	struct err e;

	execvp(argv[0], argv);
	err_sys(&e, "%s", argv[0]);
	prog_fatal(prog, "run", &e);
	return e.sys == ENOENT ? 127 : 126;
}

/* Writes text to standard output past its buffer, wipes and frees it. ok 0:
 * it could not be made for want of memory. */
static inline int
prog_put(stralloc *s, int ok, struct err *e)
{
	int fd = 1, r = ok ? 0 : err_nomem(e);

	if (ok)
		r = io_out_fd(&fd).write(&fd, s->s, s->len, e);
	if (s->s)
		explicit_bzero(s->s, s->len);
	stralloc_free(s);
	return r;
}

/* "usage: PROG SYNOPSIS", what it is for and the table of options, which the
 * completions are made of. */
static inline void
prog_help(const struct prog *p)
{
	printf("usage: %s %s\n%s\n", p->name, p->synopsis, p->purpose);
	for (const struct opt *o = p->opts; o->id; o++) {
		char s[80] = "";
		int n = 0;

		if (o->id < 256)
			n = snprintf(s, sizeof s, "-%c", o->id);
		if (o->name)
			n += snprintf(s + n, sizeof s - (size_t)n, "%s--%s",
			    n ? ", " : "    ", o->name);
		if (o->arg)
			snprintf(s + n, sizeof s - (size_t)n, " %s", o->arg);
		printf("  %-32s %s\n", s, o->help);
	}
}

/* First thing in main: takes up closed standard descriptors, then gives each
 * option to option(), whose errors are of usage; answers -h and -V itself. After -1 st->index is the first operand. */
static inline int
prog_options(const struct prog *p, struct opt_state *st, int argc,
    char *const *argv, int (*option)(void *ctx, int id, const char *arg,
    struct err *), void *ctx)
{
	struct err e = { 0 };

	io_hold_std();
	opt_init(st, p->name, p->opts);
	for (int id; (id = opt_next(st, argc, argv)) != OPT_END;) {
		if (id == OPT_BAD)
			return prog_usage(p->name, "%s", st->bad);
		if (id == 'h')
			prog_help(p);
		else if (id == 'V')
			printf("%s " LS_VERSION "\n", p->name);
		else if (option(ctx, id, st->arg, &e) < 0)
			return prog_usage(p->name, "%s", e.msg);
		if (id == 'h' || id == 'V')
			return prog_flush(p->name);
	}
	return -1;
}

/* Is there an option among the operands, which comes too late? What follows
 * "--" is none. Looks at the first n alone. */
static inline int
prog_late(const struct prog *p, const struct opt_state *st,
    char *const *argv, int n)
{
	char *const *v = argv + st->index;

	if (st->index > 1 && !strcmp(v[-1], "--"))
		return -1;
	for (int i = 1; i < n && v[i - 1] && v[i]; i++)
		if (v[i][0] == '-' && v[i][1])
			return prog_usage(p->name, "%s after %s: options come "
			    "first (a file of this name is ./%s)", v[i], v[0],
			    v[i]);
	return -1;
}

/* Are there min to max operands, and no option among them? */
static inline int
prog_operands(const struct prog *p, const struct opt_state *st, int argc,
    char *const *argv, int min, int max)
{
	int n = argc - st->index, code = prog_late(p, st, argv, n);

	if (code >= 0)
		return code;
	if (n > max)
		return prog_usage(p->name, "%s is one argument too many: %s %s",
		    argv[st->index + max], p->name, p->synopsis);
	return n >= min ? -1 : prog_usage(p->name, "%s %s", p->name,
	    p->synopsis);
}

/* The whole command line: options, then min to max operands, which *argv
 * leads to after -1. */
static inline int
prog_args(const struct prog *p, int argc, char ***argv,
    int (*option)(void *ctx, int id, const char *arg, struct err *),
    void *ctx, int min, int max)
{
	struct opt_state st;
	int code = prog_options(p, &st, argc, *argv, option, ctx);

	if (code < 0)
		code = prog_operands(p, &st, argc, *argv, min, max);
	*argv += st.index;
	return code;
}

#endif
