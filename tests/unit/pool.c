#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "repl/pool.h"

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static int now, most, begun, ended;

struct job {
	struct pool_job j;
	int ran;
};

static void
work(struct pool_job *j, void *thread)
{
	struct timespec ts = { 0, 2000000 };

	assert_ptr_equal(thread, &begun);
	pthread_mutex_lock(&mu);
	if (++now > most)
		most = now;
	pthread_mutex_unlock(&mu);
	nanosleep(&ts, NULL);
	((struct job *)j)->ran++;
	pthread_mutex_lock(&mu);
	now--;
	pthread_mutex_unlock(&mu);
}

static void *
begin(void *ctx)
{
	pthread_mutex_lock(&mu);
	begun++;
	pthread_mutex_unlock(&mu);
	return ctx;
}

static void
end(void *thread)
{
	(void)thread;
	pthread_mutex_lock(&mu);
	ended++;
	pthread_mutex_unlock(&mu);
}

static void
every_job_comes_back_once(void **state)
{
	struct pool_done done;
	struct pool_conf c = { .max = 3, .stack = 65536, .thread_begin = begin,
	    .thread_end = end, .ctx = &begun, .done = &done };
	struct job jobs[50] = { 0 };
	struct pool_job *j;
	struct err e = { 0 };
	struct pool *p;
	int i, n = 0;

	(void)state;
	assert_int_equal(pool_done_init(&done, &e), 0);
	assert_int_equal(pool_new(&p, &c, &e), 0);
	for (i = 0; i < 50; i++) {
		jobs[i].j.run = work;
		pool_put(p, &jobs[i].j);
	}
	while (n < 50) {
		struct pollfd f = { .fd = pool_done_fd(&done),
		    .events = POLLIN };

		assert_int_equal(poll(&f, 1, 5000), 1);
		for (j = pool_done_take(&done); j; j = j->next)
			n++;
	}
	for (i = 0; i < 50; i++)
		assert_int_equal(jobs[i].ran, 1);
	assert_int_equal(most, 3);
	pool_free(p);
	assert_int_equal(begun, 3);
	assert_int_equal(ended, 3);
	pool_done_free(&done);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_comes_back_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
