#include "http/http_int.h"

#include <pthread.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/when.h"

/* libssh2 reads on while more comes: a server that sends anything but what the
 * protocol has next keeps us inside libcurl, where no deadline of ours is
 * looked at. So another thread waits for the deadline, and shuts the sockets.
 * Which one it is cannot be told: all of this thread's are shut, and whatever
 * was under way on them is done again. */

#define DOG_SOCKETS 128
#define DOG_STACK 65536

struct http_dog {
	pthread_t thread;
	pthread_mutex_t mu;   /* of what follows */
	pthread_cond_t wake;
	int64_t at;           /* when_mono to bite, 0: sit */
	int64_t until;        /* it sleeps, if nobody wakes it */
	int ends, bit;
	int fd[DOG_SOCKETS];
	unsigned n;
};

static void
dog_bite(struct http_dog *d)
{
	for (unsigned i = 0; i < d->n; i++)
		shutdown(d->fd[i], SHUT_RDWR);
	d->bit = 1;
	d->at = 0;
}

static void *
dog_run(void *ctx)
{
	struct http_dog *d = ctx;

	pthread_mutex_lock(&d->mu);
	while (!d->ends) {
		int64_t at = d->at;
		struct timespec t = { .tv_sec = (time_t)(at / 1000),
			.tv_nsec = (long)(at % 1000) * 1000000 };

		d->until = at ? at : INT64_MAX;
		if (!at) {
			pthread_cond_wait(&d->wake, &d->mu);
		} else if (at <= when_mono()) {
			dog_bite(d);
		} else {
			pthread_cond_timedwait(&d->wake, &d->mu, &t);
		}
	}
	pthread_mutex_unlock(&d->mu);
	return 0;
}

/* A thread that no signal goes to. */
static int
dog_thread(struct http_dog *d)
{
	sigset_t all, old;
	pthread_attr_t a;
	int r;

	if (pthread_attr_init(&a))
		return -1;
	pthread_attr_setstacksize(&a, DOG_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&d->thread, &a, dog_run, d);
	pthread_sigmask(SIG_SETMASK, &old, 0);
	pthread_attr_destroy(&a);
	return r ? -1 : 0;
}

int
http_dog_new(struct http *h, struct err *e)
{
	struct http_dog *d;
	pthread_condattr_t a;

	if (h->dog)
		return 0;
	if (!(d = calloc(1, sizeof *d)))
		return err_nomem(e);
	pthread_mutex_init(&d->mu, 0);
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&d->wake, &a);
	pthread_condattr_destroy(&a);
	if (dog_thread(d)) {
		free(d);
		return err_set(e, ERR_TEMP, "unable to start a thread");
	}
	h->dog = d;
	return 0;
}

void
http_dog_set(struct http *h, int64_t at)
{
	struct http_dog *d = h->dog;

	if (!d)
		return;
	pthread_mutex_lock(&d->mu);
	/* else it wakes by itself, and finds that it is to sleep on */
	if (at && at < d->until)
		pthread_cond_signal(&d->wake);
	d->at = at;
	pthread_mutex_unlock(&d->mu);
}

int
http_dog_bit(struct http *h)
{
	struct http_dog *d = h->dog;
	int bit;

	if (!d)
		return 0;
	pthread_mutex_lock(&d->mu);
	bit = d->bit;
	d->bit = 0;
	pthread_mutex_unlock(&d->mu);
	return bit;
}

void
http_dog_free(struct http *h)
{
	struct http_dog *d = h->dog;

	if (!d)
		return;
	pthread_mutex_lock(&d->mu);
	d->ends = 1;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->mu);
	pthread_join(d->thread, 0);
	pthread_cond_destroy(&d->wake);
	pthread_mutex_destroy(&d->mu);
	free(d);
	h->dog = 0;
}

static long
dog_port(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	socklen_t n = sizeof a;

	if (getsockname(fd, &a.any, &n))
		return 0;
	return a.any.sa_family == AF_INET ? ntohs(a.v4.sin_port)
	    : a.any.sa_family == AF_INET6 ? ntohs(a.v6.sin6_port) : 0;
}

void
http_dog_shut(struct http *h, long port)
{
	struct http_dog *d = h->dog;

	if (!d || !port)
		return;
	pthread_mutex_lock(&d->mu);
	for (unsigned i = 0; i < d->n; i++)
		if (dog_port(d->fd[i]) == port)
			shutdown(d->fd[i], SHUT_RDWR);
	pthread_mutex_unlock(&d->mu);
}

curl_socket_t
http_dog_open(void *ctx, curlsocktype what, struct curl_sockaddr *a)
{
	struct http *h = ctx;
	struct http_dog *d = h->dog;
	int fd = -1;

	(void)what;
	pthread_mutex_lock(&d->mu);
	if (d->n < DOG_SOCKETS)
		fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	if (fd >= 0)
		d->fd[d->n++] = fd;
	pthread_mutex_unlock(&d->mu);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

int
http_dog_close(void *ctx, curl_socket_t fd)
{
	struct http_dog *d = ((struct http *)ctx)->dog;

	pthread_mutex_lock(&d->mu);
	for (unsigned i = 0; i < d->n; i++)
		if (d->fd[i] == fd)
			d->fd[i] = d->fd[--d->n];
	pthread_mutex_unlock(&d->mu);
	return close(fd);
}
