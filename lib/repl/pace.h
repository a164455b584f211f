#ifndef LS_REPL_PACE_H
#define LS_REPL_PACE_H

#include <stdint.h>

/* No more than so many bytes a second, for work that has time. */
struct pace {
	uint64_t rate;   /* bytes a second, 0: any */
	int64_t start;   /* when_mono() */
	uint64_t bytes;  /* since then */
};

void pace_begin(struct pace *, uint64_t rate, int64_t now);
/* n more bytes have come: how many milliseconds to wait before the next. What
 * others held up for longer than a second is not made up for. Pure. */
int64_t pace_due(struct pace *, uint64_t n, int64_t now);
/* The same, and waits. */
void pace_wait(struct pace *, uint64_t n);

#endif
