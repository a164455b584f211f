#include "repl/pace.h"

#include <time.h>
#include "base/when.h"

#define LEAST_MS 10 /* not worth a nap */
#define SLACK_MS 1000

void
pace_begin(struct pace *p, uint64_t rate, int64_t now)
{
	p->rate = rate;
	p->start = now;
	p->bytes = 0;
}

int64_t
pace_due(struct pace *p, uint64_t n, int64_t now)
{
	int64_t due;

	if (!p->rate)
		return 0;
	p->bytes += n;
	due = p->start + (int64_t)((double)p->bytes * 1000 / (double)p->rate);
	if (due < now - SLACK_MS)
		pace_begin(p, p->rate, now);
	return due - now >= LEAST_MS ? due - now : 0;
}

void
pace_wait(struct pace *p, uint64_t n)
{
	int64_t ms = p->rate ? pace_due(p, n, when_mono()) : 0;
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	if (ms)
		nanosleep(&t, NULL);
}
