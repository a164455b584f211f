#ifndef LS_REPL_METER_H
#define LS_REPL_METER_H

#include <stdint.h>
#include "base/log.h"

/* How far a long job is, for people: a bar redrawn in place where log->fd
 * is a terminal, else a log line every few seconds. Zeroed with a log set
 * is valid; without a log nothing is shown. */
struct meter {
	const struct log *log;
	const char *what;     /* "restoring" */
	int tty;
	int64_t start, last;  /* when_mono */
	uint64_t done, total; /* bytes */
	unsigned shown;       /* width of the bar drawn */
};

void meter_begin(struct meter *, const struct log *, const char *what);
/* As restore_opt.progress: ctx is the struct meter. Cheap: looks at the
 * clock once a mebibyte. */
void meter_tick(void *ctx, uint64_t done, uint64_t total);
/* Takes the bar away. */
void meter_end(struct meter *);

#endif
