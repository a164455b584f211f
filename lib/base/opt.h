#ifndef LS_BASE_OPT_H
#define LS_BASE_OPT_H

/* Command lines: one table per program drives parsing, -h, the completions
 * and the test of the manual page. Long options with two dashes, short with
 * one; options end at the first argument that is none, or at "--". */

struct opt {
	int id;            /* returned; a letter, or >= 256 without one */
	const char *name;  /* long name without dashes, or NULL */
	const char *arg;   /* name of its argument for -h, NULL: none */
	const char *help;  /* one line */
};

struct opt_state {
	const char *prog;
	const struct opt *opts; /* ended by id 0 */
	const char *arg;        /* argument of the option just returned */
	int index;              /* first argument not yet consumed */
	char bad[128];          /* message of an error */
};

#define OPT_END 0
#define OPT_BAD (-1)

/* prog: the program's name. argv as main has it, NULL-terminated. Not
 * reentrant (getopt_long). */
void opt_init(struct opt_state *, const char *prog, const struct opt *opts);

/* Next option's id, OPT_END, or OPT_BAD with ->bad set. */
int opt_next(struct opt_state *, int argc, char *const *argv);

#endif
