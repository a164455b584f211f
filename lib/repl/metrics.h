#ifndef LS_REPL_METRICS_H
#define LS_REPL_METRICS_H

#include "base/sa.h"
#include "repl/status.h"
#include "repl/tend_status.h"

/* The status as Prometheus text (exposition format 0.0.4): every name of
 * Litestream 0.5 and 0.3 with its labels and type, as far as there is
 * something to say under it, and ours, which begin with ls_. Pure.
 *
 * The label "name" of Litestream 0.3 is what name() says of a replica, by its
 * database and URL; where that is NULL or says NULL it is the kind of store.
 */
struct metrics {
	const struct status *st;
	const struct tend_status *tend; /* NULL: not looked for */
	int64_t now_ms;
	int v03;  /* no names without a db label but those that Litestream 0.3
	             has: readers of its time know no others */
	const char *(*name)(void *ctx, const char *db, const char *url);
	void *ctx;
};

/* Appends. 1, or 0 for want of memory. */
int metrics_fmt(stralloc *, const struct metrics *);

#endif
