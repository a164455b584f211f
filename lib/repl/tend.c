#include "repl/tend.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/ready.h"
#include "base/retry.h"
#include "base/when.h"
#include "repl/record.h"
#include "repl/tend_in.h"

/* The loop: sleep until the status file of ls-walship is replaced, a child says
 * something or ends, or something is due. */

#define TWICE_MS 250    /* one signal, to the process and to its group */
#define LOOK_MS 5000    /* between two looks at a status that keeps changing */
#define BUSY_MS 30000   /* until a database that another one has is tried again */

void
tend_failed(struct tend_rep *r, const struct err *e, const char *msg)
{
	struct tend *t = r->db->t;

	r->error = *e;
	r->error_ms = when_now();
	r->errors++;
	r->fails++;
	r->next_mono = when_mono() + retry_delay(r->fails, TEND_BACKOFF_MS,
	    TEND_BACKOFF_MAX_MS, (uint32_t)rand_r(&t->random));
	t->dirty = 1;
	if (msg)
		log_err(t->conf->log, LOG_ERROR, e, msg, "db",
		    r->db->conf->path, "replica", r->conf->url, NULL);
}

/* ---- each replica ---- */

struct all {
	size_t d, r;
};

static struct tend_rep *
next(struct tend *t, struct all *a)
{
	for (; a->d < t->n; a->d++, a->r = 0)
		if (a->r < t->db[a->d]->conf->n)
			return &t->db[a->d]->r[a->r++];
	return NULL;
}

/* ---- the status of ls-walship ---- */

/* Its file is replaced and never written to, so that its end is the event; of
 * one that is not there it is that of the folder. Watched before it is read. */
static void
watch(struct tend *t)
{
	if (t->watched)
		return;
	t->watched = inotify_add_watch(t->inotify, t->walship_path, IN_ATTRIB
	    | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONESHOT) >= 0
	    || inotify_add_watch(t->inotify, t->conf->run_dir, IN_MOVED_TO
	    | IN_CREATE | IN_ONESHOT) >= 0;
}

static const struct status_replica *
find(const struct status *st, const char *path, const char *url)
{
	for (size_t i = 0; i < st->n; i++)
		for (size_t k = 0; k < st->db[i].n
		    && !strcmp(st->db[i].path, path); k++)
			if (!strcmp(st->db[i].r[k].url, url))
				return &st->db[i].r[k];
	return NULL;
}

static void
shipped(struct tend *t, const struct status *st)
{
	struct all a = { 0, 0 };
	struct tend_rep *r;

	while ((r = next(t, &a)))
		tend_rep_shipped(r, find(st, r->db->conf->path,
		    r->conf->url));
}

static void
look(struct tend *t)
{
	struct err e = { 0 };
	struct status st;

	t->look_mono = TEND_NEVER;
	watch(t);
	if (!t->watched)
		t->look_mono = when_mono() + LOOK_MS;
	if (status_read(t->walship_path, &st, &e) < 0)
		return; /* it comes, or comes whole */
	shipped(t, &st);
	tend_more_release(t);
	if (tend_more_look(t, &st))
		shipped(t, &st);
	status_free(&st);
}

/* It may go on changing: no look before the last one is some time ago. */
static void
events(struct tend *t)
{
	int64_t wait = t->conf->levels.n && t->conf->levels.level_ms[0] / 4
	    < LOOK_MS ? t->conf->levels.level_ms[0] / 4 : LOOK_MS;
	char buf[4096];
	int got = 0;

	while (read(t->inotify, buf, sizeof buf) > 0)
		got = 1;
	if (!got)
		return;
	t->watched = 0;
	if (t->look_mono == TEND_NEVER)
		t->look_mono = when_mono() + (wait < 100 ? 100 : wait);
}

/* ---- signals ---- */

static void
kill_all(struct tend *t, int sig)
{
	struct all a = { 0, 0 };
	struct tend_rep *r;

	while ((r = next(t, &a))) {
		if (r->c.pid)
			kill(r->c.pid, sig);
		if (r->proof.pid)
			kill(r->proof.pid, sig);
	}
}

static void
read_signals(struct tend *t)
{
	struct signalfd_siginfo si;
	int64_t now = when_mono();

	while (read(t->signals, &si, sizeof si) == (ssize_t)sizeof si) {
		if (si.ssi_signo == SIGCHLD)
			continue;
		if (!t->ending) {
			t->ending = 1;
			t->told_mono = now;
			kill_all(t, SIGTERM);
		} else if (now - t->told_mono >= TWICE_MS) {
			t->ending = 2;
			kill_all(t, SIGKILL);
		}
	}
}

/* ---- one turn ---- */

static void
collect(struct tend *t)
{
	struct all a = { 0, 0 };
	struct tend_rep *r;

	while ((r = next(t, &a))) {
		tend_child_read(r, &r->c);
		tend_child_read(r, &r->proof);
		if (tend_child_ended(r, &r->c))
			tend_rep_ended(r, &r->c);
		if (tend_child_ended(r, &r->proof))
			tend_proof_ended(r, &r->proof);
	}
}

static void
sooner(int64_t *ms, int64_t x)
{
	if (x < *ms)
		*ms = x;
}

static void
clock_step(struct tend *t, int64_t now)
{
	if (level_clock_step(&t->clock, now, when_boot(),
	    t->conf->levels.retention_ms))
		log_event(t->conf->log, LOG_WARN, "the clock jumped forward: "
		    "nothing is deleted for its age until one retention has "
		    "passed", NULL);
}

/* Starts what is due. Each is asked first in turn, so that with few places
 * nobody waits for ever. Returns ms until something is. */
static int64_t
decide(struct tend *t)
{
	int64_t now = when_now(), mono = when_mono(), ms = TEND_NEVER;
	int waits = 0;

	clock_step(t, now);
	for (size_t i = 0; i < t->n; i++) {
		struct tend_db *d = t->db[(t->turn + i) % t->n];

		for (size_t k = 0; k < d->conf->n; k++) {
			sooner(&ms, tend_rep_step(&d->r[k], now, mono));
			sooner(&ms, tend_proof_step(&d->r[k], now));
			waits |= d->r[k].busy;
		}
		if (d->keep)
			tend_keep_write(d);
	}
	t->turn++;
	if (waits)
		sooner(&ms, BUSY_MS);
	return ms;
}

static int
sleep_until(struct tend *t, int64_t ms, struct err *e)
{
	struct pollfd *p = calloc(2 + 4 * (t->running + t->proving), sizeof *p);
	struct all a = { 0, 0 };
	struct tend_rep *r;
	size_t n = 2;
	int64_t mono = when_mono();
	int x;

	if (!p)
		return err_nomem(e);
	p[0] = (struct pollfd){ .fd = t->signals, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = t->inotify, .events = POLLIN };
	while ((r = next(t, &a))) {
		n += tend_child_poll(&r->c, p + n);
		n += tend_child_poll(&r->proof, p + n);
	}
	if (t->look_mono != TEND_NEVER)
		sooner(&ms, t->look_mono - mono);
	if (t->dirty)
		sooner(&ms, t->write_mono + TEND_STATUS_MS - mono);
	x = poll(p, n, ms == TEND_NEVER ? -1 : ms <= 0 ? 0 : ms > 3600000
	    ? 3600000 : (int)ms + 1);
	free(p);
	return x < 0 && errno != EINTR ? err_sys(e, "poll") : 0;
}

static int
loop(struct tend *t, struct err *e)
{
	int64_t ms = TEND_NEVER;

	while (t->ending < 2 && (!t->ending || t->running || t->proving)) {
		if (!t->ending) {
			if (t->look_mono <= when_mono())
				look(t);
			ms = decide(t);
		}
		if (t->dirty && when_mono() >= t->write_mono + TEND_STATUS_MS)
			tend_keep_status(t);
		if (sleep_until(t, ms, e) < 0)
			return -1;
		read_signals(t);
		events(t);
		collect(t);
	}
	return 0;
}

/* ---- setting up ---- */

static char *
beneath(const char *dir, const char *name)
{
	size_t n = strlen(dir) + strlen(name) + 2;
	char *p = malloc(n);

	if (p)
		snprintf(p, n, "%s/%s", dir, name);
	return p;
}

static int
set_signals(struct tend *t, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	t->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return t->signals < 0 ? err_sys(e, "signalfd") : 0;
}

static int
begin(struct tend *t, struct err *e)
{
	const char *dir = t->conf->run_dir;
	struct io_perm perm = { .uid = (uid_t)-1, .gid = (gid_t)-1,
	    .dir_mode = 0755 };

	t->status_path = beneath(dir, "tend.status");
	t->walship_path = beneath(dir, "walship.status");
	t->sock_path = beneath(dir, "walship.sock");
	if (!t->status_path || !t->walship_path || !t->sock_path)
		return err_nomem(e);
	t->start = record_proc_start((uint64_t)getpid());
	t->random = (unsigned)(when_now() ^ getpid());
	t->dirty = 1;
	if (set_signals(t, e) < 0 || io_mkdirs(dir, &perm, e) < 0)
		return -1;
	t->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (t->inotify < 0)
		return err_sys(e, "inotify");
	for (size_t i = 0; i < t->conf->n; i++)
		if (tend_more_add(t, &t->conf->dbs[i], e) < 0)
			return -1;
	return 0;
}

static void
finish(struct tend *t)
{
	tend_more_free(t);
	free(t->status_path);
	free(t->walship_path);
	free(t->sock_path);
	if (t->signals >= 0)
		close(t->signals);
	if (t->inotify >= 0)
		close(t->inotify);
}

int
tend_run(const struct tend_conf *conf, struct err *e)
{
	struct tend t = { .conf = conf, .signals = -1, .inotify = -1 };
	int r = begin(&t, e);

	if (!r) {
		look(&t);
		log_event(conf->log, LOG_INFO, "ready", NULL);
		ready_say(conf->ready_fd);
		r = loop(&t, e);
		tend_keep_status(&t);
	}
	finish(&t);
	return r;
}
