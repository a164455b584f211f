#include "conf/conf.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/array.h"
#include "conf/folders.h"

/* Databases that appear in folders. A thread waits for them and reads the
 * configuration anew, which may take as long as a disk hangs: what it has found
 * it leaves where others get it without waiting. */

#define LOAD_MS 60000      /* for ls-conf, which looks through all folders */
#define END_MS 300         /* for the thread to end, if it does not hang */
#define STACK (512 * 1024)

struct conf_watch {
	struct folders folders; /* of the thread alone, once it runs */
	struct conf_args args;
	pthread_t thread;
	int runs;
	int stop, told, over;  /* eventfds: to the thread, from it, at its end */
	pthread_mutex_t mu;    /* of what follows */
	struct conf **found;   /* one database each */
	size_t n_found, room, taken;
	struct err err;        /* kind 0: none */
};

/* Database i of c alone. */
static struct conf *
take(struct conf *c, size_t i, struct err *err)
{
	struct conf *one = calloc(1, sizeof *one);

	if (!one || !(one->dbs = malloc(sizeof *one->dbs))) {
		free(one);
		err_nomem(err);
		return NULL;
	}
	one->dbs[0] = c->dbs[i];
	one->n = 1;
	c->dbs[i] = c->dbs[--c->n];
	return one;
}

/* ---- what the thread leaves ---- */

static int
tell(int fd)
{
	uint64_t one = 1;

	/* what was told before and not read will do */
	return write(fd, &one, sizeof one) < 0 && errno != EAGAIN ? -1 : 0;
}

static void
tell_err(struct conf_watch *w, const struct err *err)
{
	pthread_mutex_lock(&w->mu);
	w->err = *err;
	pthread_mutex_unlock(&w->mu);
	tell(w->told);
}

static int
leave(struct conf_watch *w, struct conf *one, struct err *err)
{
	struct conf **a;
	int r = 0;

	pthread_mutex_lock(&w->mu);
	if ((a = array_room(w->found, w->n_found, &w->room, sizeof *a))) {
		w->found = a;
		w->found[w->n_found++] = one;
	} else {
		r = err_nomem(err);
	}
	pthread_mutex_unlock(&w->mu);
	return r;
}

/* The databases nobody knew. */
static int
pick(struct conf_watch *w, struct conf *c, struct err *err)
{
	struct conf *one;
	int r;

	for (size_t i = 0; i < c->n;) {
		if ((r = folders_know(&w->folders, c->dbs[i].path, err)) < 0)
			return -1;
		if (!r) {
			i++;
			continue;
		}
		if (!(one = take(c, i, err)))
			return -1;
		if (leave(w, one, err) < 0) {
			conf_free(one);
			free(one);
			return -1;
		}
	}
	return 0;
}

static int
look(struct conf_watch *w, struct err *err)
{
	struct conf c;
	int r = folders_due(&w->folders, err);

	if (r <= 0)
		return r;
	if (conf_load(&c, &w->args, err) < 0)
		return folders_later(&w->folders);
	r = pick(w, &c, err);
	conf_free(&c);
	tell(w->told);
	return r;
}

static void *
run(void *arg)
{
	struct conf_watch *w = arg;
	const struct folders *f = &w->folders;
	struct pollfd p[3] = { { w->stop, POLLIN, 0 }, { f->timer, POLLIN, 0 },
		{ f->poll_ms ? -1 : f->inotify, POLLIN, 0 } };
	struct err err = { 0 };

	for (;;) {
		int r = poll(p, 3, -1);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			err_sys(&err, "wait for new databases");
			tell_err(w, &err);
		}
		if (r < 0 || p[0].revents)
			break;
		if (look(w, &err) < 0)
			tell_err(w, &err);
		err_clear(&err);
	}
	tell(w->over);
	return NULL;
}

/* ---- the other side ---- */

int
conf_watch_next(struct conf_watch *w, struct conf **one, struct err *err)
{
	uint64_t n;
	int r = 0;

	pthread_mutex_lock(&w->mu);
	if (w->taken < w->n_found) {
		*one = w->found[w->taken++];
		r = 1;
	} else {
		w->n_found = w->taken = 0;
		/* the thread leaves first, and then tells */
		if (read(w->told, &n, sizeof n) < 0 && errno != EAGAIN)
			r = err_sys(err, "read an eventfd");
		if (w->err.kind != ERR_NONE) {
			*err = w->err;
			err_clear(&w->err);
			r = -1;
		}
	}
	pthread_mutex_unlock(&w->mu);
	return r;
}

int
conf_watch_fd(const struct conf_watch *w)
{
	return w->told;
}

/* Signals are not for it. */
static int
begin_thread(struct conf_watch *w, struct err *err)
{
	pthread_attr_t at;
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_attr_init(&at);
	pthread_attr_setstacksize(&at, STACK);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->thread, &at, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&at);
	if (!r)
		return w->runs = 1, 0;
	errno = r;
	return err_sys(err, "start a thread");
}

int
conf_watch_new(struct conf_watch **out, const struct conf *c,
    const struct conf_args *args, int64_t poll_ms, int force_poll,
    struct err *err)
{
	struct conf_watch *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return err_nomem(err);
	w->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->over = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&w->mu, NULL);
	w->args = *args;
	w->args.again = 1;
	w->args.limit_ms = LOAD_MS;
	w->args.stop = &w->stop;
	r = folders_begin(&w->folders, c, poll_ms, force_poll, err);
	if (r == 0 && (w->stop < 0 || w->told < 0 || w->over < 0))
		r = err_sys(err, "watch folders");
	if (r < 0 || begin_thread(w, err) < 0) {
		conf_watch_free(w);
		return -1;
	}
	*out = w;
	return 0;
}

/* 1: it does not end. */
static int
end_thread(struct conf_watch *w)
{
	struct pollfd p = { w->over, POLLIN, 0 };

	if (!w->runs)
		return 0;
	if (tell(w->stop) < 0 || poll(&p, 1, END_MS) != 1)
		return 1;
	pthread_join(w->thread, NULL);
	return 0;
}

int
conf_watch_free(struct conf_watch *w)
{
	int fds[3];

	if (!w)
		return 0;
	if (end_thread(w))
		return 1;
	fds[0] = w->stop;
	fds[1] = w->told;
	fds[2] = w->over;
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (size_t i = w->taken; i < w->n_found; i++) {
		conf_free(w->found[i]);
		free(w->found[i]);
	}
	pthread_mutex_destroy(&w->mu);
	free(w->found);
	folders_free(&w->folders);
	free(w);
	return 0;
}
