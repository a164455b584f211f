#ifndef LS_REPL_METRICS_IN_H
#define LS_REPL_METRICS_IN_H

/* Shared by the files metrics*.c alone. */

#include "repl/metrics.h"

/* A text being made; bad: memory ran out. */
struct metrics_out {
	stralloc *s;
	const struct metrics *m;
	int bad;
	const char *name;  /* of the family that was begun last */
};

__attribute__((format(printf, 2, 3))) void
metrics_say(struct metrics_out *, const char *fmt, ...);
/* The head of a family, before the first of its samples, which follow each
 * other: one without any has none. */
void metrics_head(struct metrics_out *, const char *name, const char *type,
    const char *help);
/* That and the name of a sample, to be followed by labels. */
void metrics_sample(struct metrics_out *, const char *name, const char *type,
    const char *help);

/* One label. first: with the brace that opens them; metrics_whole or
 * metrics_millis closes it. */
void metrics_label(struct metrics_out *, int first, const char *key,
    const char *v);
/* The label "name" of Litestream 0.3, and "level". */
void metrics_name(struct metrics_out *, const char *db, const char *url);
void metrics_level(struct metrics_out *, unsigned level);

void metrics_whole(struct metrics_out *, uint64_t v);
void metrics_millis(struct metrics_out *, uint64_t ms); /* in seconds */

/* metrics_tend.c: of what ls-tend does; m->tend is not NULL. */
void metrics_tend(struct metrics_out *);

#endif
