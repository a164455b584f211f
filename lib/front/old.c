#include "front/front.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/when.h"
#include "front/old.h"

/* The lists of 0.3: of what ls-list says of a replica in that format. */

#define FIELDS 7

/* Go's duration as 0.3 shortens it. */
void
old_lag(char s[WHEN_FMT], int64_t ms)
{
	int64_t size = ms < 0 ? -ms : ms;

	if (size > 10000)
		ms -= ms % 1000;
	else if (size > 1000)
		ms -= ms % 100;
	when_dur_fmt(s, ms);
}

/* When the database was last written, or now where only a URL is known. */
static int64_t
written(const struct front *f)
{
	char wal[PATH_MAX];
	struct stat a, b;

	if (!f->db->path || stat(f->db->path, &a) < 0)
		return when_now();
	snprintf(wal, sizeof wal, "%s-wal", f->db->path);
	if (!stat(wal, &b) && (b.st_mtim.tv_sec > a.st_mtim.tv_sec
	    || (b.st_mtim.tv_sec == a.st_mtim.tv_sec
	    && b.st_mtim.tv_nsec > a.st_mtim.tv_nsec)))
		a = b;
	return (int64_t)a.st_mtim.tv_sec * 1000 + a.st_mtim.tv_nsec / 1000000;
}

/* Splits a line, which is changed, at its tabs. How many fields. */
static size_t
split(char *line, char *f[FIELDS])
{
	size_t n = 0;

	while (line && n < FIELDS) {
		f[n++] = line;
		if ((line = strchr(line, '\t')))
			*line++ = 0;
	}
	return n;
}

/* A time without decimals; "-" is "". */
static const char *
whole(char *t)
{
	char *dot = strchr(t, '.');

	if (dot)
		strcpy(dot, "Z");
	return t;
}

int
old_row(stralloc *s, const char *what, char *line, int64_t updated,
    const char *generation)
{
	char *f[FIELDS], lag[WHEN_FMT] = "-", out[600];
	size_t n = split(line, f);
	int64_t end;

	if (n < 5 || (generation && strcmp(generation, f[1])))
		return 1;
	if (!strcmp(what, "generations")) {
		if (when_scan(f[3], &end) == 0)
			old_lag(lag, updated - end);
		snprintf(out, sizeof out, "%s\t%s\t%s\t%s\t%s\n", f[0], f[1],
		    lag, whole(f[2]), whole(f[3]));
	} else if (!strcmp(what, "snapshots")) {
		snprintf(out, sizeof out, "%s\t%s\t%s\t%s\t%s\n", f[0], f[1],
		    f[2], f[3], whole(f[4]));
	} else if (n >= 6) {
		snprintf(out, sizeof out, "%s\t%s\t%s\t%s\t%s\t%s\n", f[0],
		    f[1], f[2], f[3], f[4], whole(f[5]));
	} else {
		return 1;
	}
	return stralloc_cats(s, out);
}

static int
rows(stralloc *s, const char *what, stralloc *tsv, int64_t updated,
    const char *generation)
{
	static const char *const heads[] = {
		"name\tgeneration\tlag\tstart\tend\n",
		"replica\tgeneration\tindex\tsize\tcreated\n",
		"replica\tgeneration\tindex\toffset\tsize\tcreated\n"
	};
	char *line, *next;

	if (!stralloc_cats(s, heads[*what == 'g' ? 0 : *what == 's' ? 1 : 2])
	    || !stralloc_0(tsv))
		return 0;
	/* after the names of the columns */
	for (line = strchr(tsv->s, '\n'); line && *++line; line = next) {
		if ((next = strchr(line, '\n')))
			*next = 0;
		if (*line != '#'
		    && !old_row(s, what, line, updated, generation))
			return 0;
	}
	return 1;
}

static int
replica_there(const struct front *f)
{
	char text[PATH_MAX + 200];

	if (!f->opts.replica)
		return 0;
	for (size_t i = 0; i < f->db->n; i++)
		if (!strcmp(f->db->replicas[i].name, f->opts.replica))
			return 0;
	snprintf(text, sizeof text, "replica \"%s\" not found for database "
	    "\"%s\"", f->opts.replica, f->db->path ? f->db->path : "");
	return front_fail(f, text);
}

static int
list(struct front *f, const char *what)
{
	char path[PATH_MAX];
	const char *av[FRONT_ARGS];
	stralloc tsv = STRALLOC_ZERO, text = STRALLOC_ZERO, s = STRALLOC_ZERO;
	struct front_said said = { .f = f, .quiet = 1 };
	struct err e = { 0 };
	size_t n = 0;
	int code, r;

	if (!f->argc)
		return front_fail(f, *what == 'g' ? "database path or replica "
		    "URL required" : "database path required");
	if (f->argc > 1)
		return front_fail(f, "too many arguments");
	if ((code = front_conf_one(f, f->argv[0]))
	    || (code = replica_there(f)))
		return code;
	front_find("ls-list", path, sizeof path);
	av[n++] = path;
	av[n++] = "--v03";
	av[n++] = what;
	n += front_conf_args(f, av + n);
	if (f->opts.replica) {
		av[n++] = "--replica";
		av[n++] = f->opts.replica;
	}
	av[n++] = f->argv[0];
	av[n] = NULL;
	r = front_capture((char *const *)(uintptr_t)av, &tsv, front_listen,
	    &said, &code, &e);
	if (r < 0 || code) {
		stralloc_free(&tsv);
		return front_fail(f, r < 0 ? e.msg : said.fatal);
	}
	r = rows(&text, what, &tsv, written(f), f->opts.generation)
	    && front_table(&s, text.s, text.len);
	stralloc_free(&tsv);
	stralloc_free(&text);
	return front_put(f, &s, r);
}

int
front_generations(struct front *f)
{
	return list(f, "generations");
}

int
front_snapshots(struct front *f)
{
	return list(f, "snapshots");
}

/* 0.5 has the name for what ltx lists. The configuration may be what says
 * which of the two it is. */
int
front_wal(struct front *f)
{
	int code;

	if (!f->old && f->argc == 1) {
		if ((code = front_conf_one(f, f->argv[0])))
			return code;
		conf_free(&f->conf);
		f->db = NULL;
	}
	if (f->old)
		return list(f, "wal");
	front_warn("Warning: 'wal' command is deprecated, please use 'ltx' "
	    "instead");
	return front_ltx(f);
}
