#include "base/opt.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define OPT_MAX 64

void
opt_init(struct opt_state *st, const char *prog, const struct opt *opts)
{
	memset(st, 0, sizeof *st);
	st->prog = prog;
	st->opts = opts;
	st->index = 1;
	optind = 1;
	opterr = 0;
}

int
opt_next(struct opt_state *st, int argc, char *const *argv)
{
	struct option lo[OPT_MAX + 1];
	char so[2 * OPT_MAX + 3] = "+:";
	size_t n = 0, k = 2;
	int c;

	memset(lo, 0, sizeof lo);
	for (const struct opt *o = st->opts; o->id; o++) {
		if (o->name && n < OPT_MAX) {
			lo[n].name = o->name;
			lo[n].has_arg = o->arg ? required_argument : no_argument;
			lo[n++].val = o->id;
		}
		if (o->id < 256 && k + 2 < sizeof so) {
			so[k++] = (char)o->id;
			if (o->arg)
				so[k++] = ':';
		}
	}
	so[k] = 0;
	c = getopt_long(argc, argv, so, lo, 0);
	st->index = optind;
	st->arg = optarg;
	if (c == -1)
		return OPT_END;
	if (c != '?' && c != ':')
		return c;
	if (c == ':')
		snprintf(st->bad, sizeof st->bad, "option %s needs an argument",
		    argv[optind - 1]);
	else if (optopt > 0 && optopt < 256 && !strchr(so + 2, optopt))
		snprintf(st->bad, sizeof st->bad, "unknown option -%c", optopt);
	else
		snprintf(st->bad, sizeof st->bad, "option %s is not known, "
		    "ambiguous or takes no argument", argv[optind - 1]);
	return OPT_BAD;
}

void
opt_help(const struct opt_state *st, int fd, const char *synopsis,
    const char *purpose)
{
	dprintf(fd, "usage: %s %s\n%s\n", st->prog, synopsis, purpose);
	for (const struct opt *o = st->opts; o->id; o++) {
		char s[80];
		int n = 0;

		if (o->id < 256)
			n = snprintf(s, sizeof s, "-%c", o->id);
		if (o->name)
			n += snprintf(s + n, sizeof s - n, "%s--%s",
			    n ? ", " : "    ", o->name);
		if (o->arg)
			snprintf(s + n, sizeof s - n, " %s", o->arg);
		dprintf(fd, "  %-32s %s\n", s, o->help);
	}
}
