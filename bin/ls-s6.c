#include <stdio.h>
#include <string.h>

#include "base/prog.h"

/* The programs that talk to stores, in one file: installed, they are links to
 * it, since most of each is what they have in common. Which they are the
 * Makefile says: PROGRAMS is P(ls_get, "ls-get") and so on. */

#define PROG "ls-s6"

#define P(f, name) int f##_main(int argc, char **argv);
PROGRAMS
#undef P

#define P(f, name) { name, f##_main },
static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} programs[] = { PROGRAMS };
#undef P

#define P(f, name) " " name
static const struct opt opts[] = { PROG_OPTS };
static const struct prog prog = { PROG, "PROGRAM [ARGUMENT ...]",
    "Runs one of the programs it holds, as a link of that name to it does:\n"
    PROGRAMS, opts };

typedef int main_fn(int argc, char **argv);

static main_fn *
find(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		if (!strcmp(programs[i].name, name))
			return programs[i].main;
	return NULL;
}

static int
none(void *ctx, int id, const char *arg, struct err *e)
{
	(void)ctx, (void)id, (void)arg, (void)e;
	return 0;
}

int
main(int argc, char **argv)
{
	main_fn *run = argc ? find(argv[0]) : NULL;
	struct opt_state st;
	int code;

	if (run)
		return run(argc, argv);
	if (argc > 1 && (run = find(argv[1])))
		return run(argc - 1, argv + 1);
	if ((code = prog_options(&prog, &st, argc, argv, none, NULL)) >= 0)
		return code;
	return argv[st.index] ? prog_usage(PROG, "%s is none of the programs "
	    "it holds:" PROGRAMS, argv[st.index])
	    : prog_usage(PROG, "which program?" PROGRAMS);
}
