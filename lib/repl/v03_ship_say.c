#include <stdio.h>

#include "base/when.h"
#include "repl/v03_ship_in.h"
#include "v03/name.h"

void
v03_ship_say(const struct ship *s, const char *what, const struct v03_wal *at,
    int64_t since, uint64_t size)
{
	char g[17], pos[64], took[WHEN_FMT], n[24];

	v03_generation_fmt(g, at->generation);
	snprintf(pos, sizeof pos, "%s/%08llx:%llu", g,
	    (unsigned long long)at->index, (unsigned long long)at->offset);
	when_dur_fmt(took, when_mono() - since);
	snprintf(n, sizeof n, "%llu", (unsigned long long)size);
	log_event(s->conf.log, LOG_DEBUG, what, "db", s->conf.db, "replica",
	    s->conf.store->url, "position", pos, "elapsed", since ? took : NULL,
	    "sz", since ? n : NULL, NULL);
}

ssize_t
v03_ship_count(void *ctx, void *buf, size_t n, struct err *e)
{
	struct v03_ship_counted *c = ctx;
	ssize_t r = c->in.read(c->in.ctx, buf, n, e);

	c->n += r > 0 ? (uint64_t)r : 0;
	return r;
}
