#include "base/when.h"
#include "repl/walship_in.h"

/* Under load a capture looks every few dozen milliseconds, and most of the
 * time has nothing to tell. Handing each look over to a thread and its result
 * back costs more than the look: so the thread that made the last one waits
 * for the next itself. One database at a time has a thread for that; the
 * others of the pool stay for everybody. */

/* Steps further away than this are the polling thread's to wait for. */
#define LINGER_MS 200

int
walship_linger_init(struct wlinger *l, struct err *e)
{
	pthread_condattr_t at;

	if (pthread_condattr_init(&at)
	    || pthread_condattr_setclock(&at, CLOCK_MONOTONIC)
	    || pthread_cond_init(&l->wake, &at))
		return err_nomem(e);
	pthread_condattr_destroy(&at);
	pthread_mutex_init(&l->mu, NULL);
	l->made = 1;
	return 0;
}

void
walship_linger_free(struct wlinger *l)
{
	if (!l->made)
		return;
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->mu);
	l->made = 0;
}

/* Is the next step by time alone, soon, and is there nothing to tell? */
static int
silent(const struct wdb *d)
{
	return d->rc == 0 && d->res.state == CAPTURE_RUNNING
	    && !d->res.new_files && !d->res.arm && d->res.next_ms >= 0
	    && d->res.next_ms - when_mono() <= LINGER_MS;
}

/* Under the lock. 1: the time has come; 0: called back. */
static int
waited(struct wlinger *l, const struct wdb *d)
{
	int64_t at = d->res.next_ms;
	struct timespec ts = { at / 1000, at % 1000 * 1000000 };

	while (!d->called && when_mono() < at)
		pthread_cond_timedwait(&l->wake, &l->mu, &ts);
	return !d->called;
}

void
walship_linger(struct wdb *d)
{
	struct wlinger *l = &d->w->linger;

	if (!silent(d))
		return;
	pthread_mutex_lock(&l->mu);
	if (!l->taken) {
		l->taken = 1;
		while (silent(d) && waited(l, d)) {
			pthread_mutex_unlock(&l->mu);
			d->rc = capture_step(d->cap, CAPTURE_TIMER, &d->res,
			    &d->err);
			pthread_mutex_lock(&l->mu);
		}
		l->taken = 0;
	}
	pthread_mutex_unlock(&l->mu);
}

void
walship_linger_call(struct wdb *d)
{
	struct wlinger *l = &d->w->linger;

	pthread_mutex_lock(&l->mu);
	d->called = 1;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->mu);
}
