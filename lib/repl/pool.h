#ifndef LS_REPL_POOL_H
#define LS_REPL_POOL_H

#include <pthread.h>
#include <stddef.h>
#include "base/err.h"

/* Worker threads for work that blocks. A pool has a queue and up to max
 * threads, made when there is work and nobody idle; an idle thread sleeps
 * without time-out. Finished jobs are collected by one owner, who polls
 * pool_done_fd. Jobs are the caller's memory, embedded in its own structs,
 * and belong to the pool from pool_put until pool_done_take returns them. */

struct pool_job {
	struct pool_job *next;
	/* runs on a worker; thread: what thread_begin returned */
	void (*run)(struct pool_job *, void *thread);
};

/* Where finished jobs go: one for all pools of a program. */
struct pool_done {
	pthread_mutex_t mu;
	struct pool_job *head, **tail;
	int fd;
};
int pool_done_init(struct pool_done *, struct err *);
int pool_done_fd(const struct pool_done *);
/* The finished jobs in order, linked by ->next, or NULL. */
struct pool_job *pool_done_take(struct pool_done *);
void pool_done_free(struct pool_done *);

struct pool_conf {
	unsigned max;       /* threads */
	size_t stack;       /* bytes per thread */
	void *(*thread_begin)(void *ctx); /* on the new thread; may be NULL */
	void (*thread_end)(void *thread); /* may be NULL */
	void *ctx;
	struct pool_done *done;
};

struct pool;

int pool_new(struct pool **, const struct pool_conf *, struct err *);
/* Queues a job. Never fails: where no thread can be made the job waits for
 * those there are; the first thread is made by pool_new. */
void pool_put(struct pool *, struct pool_job *);
/* Ends the threads, waiting for the jobs they are at, and frees. What is
 * still queued is dropped. */
void pool_free(struct pool *);

#endif
