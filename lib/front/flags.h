#ifndef LS_FRONT_FLAGS_H
#define LS_FRONT_FLAGS_H

#include <stddef.h>

/* A flag of the front-end: kind 'b' is a switch, an int at its place in
 * struct front_opts; the others are strings of which the kind says what is
 * valid: 's' any, 'n' a number, 'd' a duration, 't' a TXID, 'l' a level. */
struct front_flag {
	const char *name, *arg; /* arg: of help, NULL for a switch */
	char kind;
	size_t at;
	const char *help;       /* lines apart by \n */
};

/* The flag of that name (n bytes), if it is among names. */
const struct front_flag *front_flag_of(const char *names, const char *name,
    size_t n);

#endif
