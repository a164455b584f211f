#include "repl/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct pool {
	struct pool_conf conf;
	pthread_mutex_t mu;
	pthread_cond_t work;
	struct pool_job *head, **tail;
	pthread_t *threads;
	unsigned n, idle;
	size_t queued;
	int end;
};

int
pool_done_init(struct pool_done *d, struct err *e)
{
	d->head = NULL;
	d->tail = &d->head;
	d->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->fd < 0)
		return err_sys(e, "unable to make an eventfd");
	pthread_mutex_init(&d->mu, NULL);
	return 0;
}

int
pool_done_fd(const struct pool_done *d)
{
	return d->fd;
}

static void
done_put(struct pool_done *d, struct pool_job *j)
{
	uint64_t one = 1;
	int first;

	j->next = NULL;
	pthread_mutex_lock(&d->mu);
	first = !d->head;
	*d->tail = j;
	d->tail = &j->next;
	pthread_mutex_unlock(&d->mu);
	if (first)
		while (write(d->fd, &one, sizeof one) < 0 && errno == EINTR)
			;
}

struct pool_job *
pool_done_take(struct pool_done *d)
{
	struct pool_job *j;
	uint64_t n;

	/* before the list: a job that ends in between wakes the owner again */
	while (read(d->fd, &n, sizeof n) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&d->mu);
	j = d->head;
	d->head = NULL;
	d->tail = &d->head;
	pthread_mutex_unlock(&d->mu);
	return j;
}

void
pool_done_free(struct pool_done *d)
{
	if (!d->tail)
		return;
	close(d->fd);
	pthread_mutex_destroy(&d->mu);
	d->tail = NULL;
}

static void *
worker(void *arg)
{
	struct pool *p = arg;
	struct pool_job *j;
	void *ctx = NULL;

	if (p->conf.thread_begin)
		ctx = p->conf.thread_begin(p->conf.ctx);
	pthread_mutex_lock(&p->mu);
	while (!p->end) {
		if (!(j = p->head)) {
			p->idle++;
			pthread_cond_wait(&p->work, &p->mu);
			p->idle--;
			continue;
		}
		if (!(p->head = j->next))
			p->tail = &p->head;
		p->queued--;
		pthread_mutex_unlock(&p->mu);
		j->run(j, ctx);
		pthread_mutex_lock(&p->mu);
		done_put(p->conf.done, j);
	}
	pthread_mutex_unlock(&p->mu);
	if (p->conf.thread_end)
		p->conf.thread_end(ctx);
	return NULL;
}

/* Under the lock. Workers take no signals: those are the owner's. */
static int
spawn(struct pool *p)
{
	sigset_t all, old;
	pthread_attr_t at;
	int r;

	if (p->n == p->conf.max || pthread_attr_init(&at))
		return -1;
	pthread_attr_setstacksize(&at, p->conf.stack);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&p->threads[p->n], &at, worker, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&at);
	if (r) {
		errno = r;
		return -1;
	}
	p->n++;
	return 0;
}

int
pool_new(struct pool **out, const struct pool_conf *conf, struct err *e)
{
	struct pool *p = calloc(1, sizeof *p);

	if (!p)
		return err_nomem(e);
	p->conf = *conf;
	p->tail = &p->head;
	if (!(p->threads = calloc(conf->max, sizeof *p->threads))) {
		free(p);
		return err_nomem(e);
	}
	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->work, NULL);
	if (spawn(p) < 0) {
		err_sys(e, "unable to start a thread");
		pool_free(p);
		return -1;
	}
	*out = p;
	return 0;
}

void
pool_put(struct pool *p, struct pool_job *j)
{
	j->next = NULL;
	pthread_mutex_lock(&p->mu);
	*p->tail = j;
	p->tail = &j->next;
	p->queued++;
	if (p->queued > p->idle)
		spawn(p);
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->mu);
}

void
pool_free(struct pool *p)
{
	unsigned i;

	if (!p)
		return;
	pthread_mutex_lock(&p->mu);
	p->end = 1;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->mu);
	for (i = 0; i < p->n; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->mu);
	free(p->threads);
	free(p);
}
