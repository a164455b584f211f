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

/* Is --NAME the beginning of a long option? */
static int
begins(const struct opt *o, const char *name)
{
	for (; o->id; o++)
		if (o->name && !strncmp(o->name, name + 2, strlen(name) - 2))
			return 1;
	return 0;
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
	else if (optopt && optopt < 256 && !strchr(so + 2, optopt))
		snprintf(st->bad, sizeof st->bad, "unknown option -%c", optopt);
	else
		snprintf(st->bad, sizeof st->bad, optopt ? "option %s takes no "
		    "argument" : begins(st->opts, argv[optind - 1])
		    ? "option %s is ambiguous" : "unknown option %s",
		    argv[optind - 1]);
	return OPT_BAD;
}
