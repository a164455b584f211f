#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/retry.h"
#include "base/when.h"

#define TRIES 8
#define DELAY_MS 100
#define DELAY_MAX_MS 2000
#define AFTER_MAX 86400 /* seconds: a server's word must not overflow */

void
store_tries_begin(const struct store *s, struct store_tries *t)
{
	int64_t ms = s->conf->timeout_ms;

	memset(t, 0, sizeof *t);
	t->deadline = when_mono() + (ms ? ms : HTTP_STALL_MS);
}

/* Without a time-out in conf a transfer may take as long as it moves. */
int64_t
store_tries_deadline(const struct store *s, const struct store_tries *t)
{
	if (s->conf->timeout_ms && (!s->deadline || t->deadline < s->deadline))
		return t->deadline;
	return s->deadline;
}

int64_t
store_stall_ms(const struct store *s)
{
	int64_t ms = s->conf->timeout_ms;

	return ms && ms < HTTP_STALL_MS ? ms : 0;
}

int
store_tries_next(struct store *s, struct http *h, struct store_tries *t,
    const struct http_xfer *x, int again, struct err *e)
{
	const char *said = x ? http_header(x, "retry-after") : 0;
	int64_t now = when_mono(), delay;
	long after = said && *said >= '0' && *said <= '9' ? strtol(said, 0, 10)
	    : 0;
	uint32_t random = 0;

	if (x && !s->conf->timeout_ms
	    && http_moved(x) + HTTP_STALL_MS > t->deadline)
		t->deadline = http_moved(x) + HTTP_STALL_MS;

	if (again && t->learnt < 2) {
		t->learnt++;
		return 1;
	}
	if (!retry_worth(e->kind))
		return 0;
	t->n++;
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		random = (uint32_t)now * 2654435761u;
	delay = retry_delay(t->n, DELAY_MS, DELAY_MAX_MS, random);
	if (after > AFTER_MAX)
		after = AFTER_MAX;
	if (after * INT64_C(1000) > delay)
		delay = after * INT64_C(1000);
	if (t->n >= TRIES || now + delay >= t->deadline
	    || (s->deadline && now + delay >= s->deadline)) {
		if (t->n > 1)
			err_in(e, "after %u tries", t->n);
		return 0;
	}
	http_sleep(h, delay);
	return 1;
}
