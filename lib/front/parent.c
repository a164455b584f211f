#include "front/parent.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/when.h"

#define TWICE_MS 250     /* the same signal to the process and to its group */
#define SOON_MS 10000    /* an end this soon after a start makes waits longer */
#define RESTART_MAX_MS 60000

static const char *const programs[PARTS] = { "ls-walship", "ls-tend",
	"ls-statusd", NULL };

/* ---- starting ---- */

static size_t
arguments(const struct parent *p, enum parent_part i, const char **av)
{
	const struct front_opts *o = &p->f->opts;
	enum log_level ignored;
	size_t n = 0;

	if (i == PART_SHIP) {
		av[n++] = p->last ? "--once" : "--signals-of-parent";
		av[n++] = "-d";
		av[n++] = "3";
	}
	if (i == PART_STATUS)
		return front_conf_args(p->f, av);
	/* what 0.3 tells of every object it writes; the rest is not relayed */
	if (i == PART_SHIP && p->f->old && p->f->log.level == LOG_INFO) {
		av[n++] = "--log-level";
		av[n++] = "debug";
	} else if (o->log_level
	    && log_level_scan(o->log_level, &ignored) == 0) {
		av[n++] = "--log-level";
		av[n++] = o->log_level;
	}
	n += front_conf_args(p->f, av + n);
	for (size_t k = 0; p->operands[k] && n < FRONT_ARGS - 2; k++)
		av[n++] = p->operands[k];
	return n;
}

static void
later(struct part *t)
{
	int64_t wait = 1000;

	for (unsigned i = 1; i < t->fails && wait < RESTART_MAX_MS; i++)
		wait *= 2;
	t->next = when_mono() + (wait < RESTART_MAX_MS ? wait : RESTART_MAX_MS);
}

void
parent_start(struct parent *p, enum parent_part i)
{
	struct part *t = &p->part[i];
	const char *av[FRONT_ARGS];
	char path[PATH_MAX];
	struct err e = { 0 };
	size_t n = 1;
	int r;

	t->fatal[0] = 0;
	t->since = when_mono();
	t->next = INT64_MAX;
	if (i == PART_APP) {
		r = front_spawn(&t->c, 0, p->app, 0, NULL, &e);
	} else {
		front_find(programs[i], path, sizeof path);
		av[0] = path;
		n += arguments(p, i, av + 1);
		av[n] = NULL;
		r = front_spawn(&t->c, -1, (char *const *)(uintptr_t)av,
		    FRONT_ERR | (i == PART_SHIP ? FRONT_READY : 0), p->dir, &e);
	}
	if (r == 0)
		return;
	log_err(&p->f->log, LOG_ERROR, &e, "cannot be started", "program",
	    i == PART_APP ? p->app[0] : programs[i], NULL);
	t->fails++;
	later(t);
}

/* As the peer says that there is no such program, or 0. */
static int
no_app(struct parent *p)
{
	const char *name = p->app[0], *path = getenv("PATH");
	char full[PATH_MAX];
	size_t n;

	if (strchr(name, '/')) {
		if (access(name, X_OK) == 0)
			return 0;
		err_set(&p->why, ERR_CONF, "cannot start exec command: fork/exec "
		    "%s: %s", name, errno == EACCES ? "permission denied"
		    : "no such file or directory");
		return 1;
	}
	for (; path && *path; path += n + (path[n] == ':')) {
		n = strcspn(path, ":");
		if (snprintf(full, sizeof full, "%.*s/%s", (int)n, path, name)
		    < (int)sizeof full && access(full, X_OK) == 0)
			return 0;
	}
	err_set(&p->why, ERR_CONF, "cannot start exec command: exec: \"%s\": "
	    "executable file not found in $PATH", name);
	return 1;
}

/* ---- ending ---- */

/* Trying again does not help. */
static int
hopeless(const struct part *t)
{
	return t->code == 100 || t->code == 102 || t->code == 126
	    || t->code == 127;
}

static void
tell(struct parent *p, enum parent_part i, int sig)
{
	if (p->part[i].c.pid > 0)
		kill(p->part[i].c.pid, sig);
}

static void
end(struct parent *p, int stage)
{
	const struct conf *c = &p->f->conf;
	int64_t wait = c->shutdown_sync_timeout_ms + 5000;

	if (p->ending >= stage)
		return;
	p->ending = stage;
	/* what ships goes on for as long as the application writes */
	for (int i = 0; i < PARTS; i++)
		if (stage > 1 || i != PART_SHIP)
			p->part[i].next = INT64_MAX;
	if (stage < 2)
		return;
	if (wait < c->shutdown_timeout_ms)
		wait = c->shutdown_timeout_ms;
	p->deadline = when_mono() + wait;
	for (int i = 0; i < PARTS; i++)
		tell(p, i, stage > 2 && i == PART_APP ? SIGKILL : SIGTERM);
	/* it died, and was to be started again: what is left it ships now */
	if (stage == 2 && p->part[PART_SHIP].c.pid <= 0
	    && !hopeless(&p->part[PART_SHIP])) {
		p->last = 1;
		parent_start(p, PART_SHIP);
		if (p->part[PART_SHIP].c.pid <= 0)
			err_set(&p->why, ERR_TEMP, "not everything was "
			    "shipped");
		p->part[PART_SHIP].next = INT64_MAX;
	}
}

/* The application, if there is one, before what ships for it. */
static void
end_all(struct parent *p)
{
	if (p->part[PART_APP].c.pid > 0) {
		tell(p, PART_APP, SIGTERM);
		end(p, 1);
	} else {
		end(p, 2);
	}
}

static void
told(struct parent *p, int sig)
{
	const struct log *l = &p->f->log;
	int64_t now = when_mono();

	if (p->told) {
		if (now - p->told_mono < TWICE_MS)
			return;
		log_event(l, LOG_WARN, "second signal received, exiting at once",
		    NULL);
		err_set(&p->why, ERR_TEMP, "told again to end, at once");
		end(p, 3);
		return;
	}
	p->told = sig;
	p->told_mono = now;
	log_event(l, LOG_INFO, "signal received, litestream shutting down",
	    "signal", p->f->old ? NULL : sig == SIGINT ? "interrupt"
	    : sig == SIGTERM ? "terminated" : sig == SIGHUP ? "hangup" : "quit",
	    NULL);
	if (p->part[PART_APP].c.pid <= 0) {
		end(p, 2);
		return;
	}
	if (p->f->old) {
		log_event(l, LOG_INFO, "sending signal to exec process", NULL);
		log_event(l, LOG_INFO, "waiting for exec process to close",
		    NULL);
	}
	tell(p, PART_APP, sig);
	end(p, 1);
}

/* ---- what has ended ---- */

static void
app_ended(struct parent *p, const struct part *t)
{
	static const char *const how[] = { "exit status", "signal:" };
	int sig = t->code > 128 ? t->code - 128 : 0;
	const char *name = sig == SIGKILL ? "killed" : sig == SIGTERM
	    ? "terminated" : sig == SIGINT ? "interrupt" : sig == SIGSEGV
	    ? "segmentation fault" : sig == SIGABRT ? "aborted" : NULL;
	char text[80];

	p->app_done = 1;
	if (!p->told)
		log_event(&p->f->log, LOG_INFO,
		    "subprocess exited, litestream shutting down", NULL);
	if (t->code && p->why.kind == ERR_NONE && !(sig && p->told)) {
		if (name)
			snprintf(text, sizeof text, "%s %s", how[1], name);
		else
			snprintf(text, sizeof text, "%s %d", how[!!sig],
			    sig ? sig : t->code);
		err_set(&p->why, ERR_NO, "%s%s", p->told
		    ? "cannot wait for exec process: " : "", text);
	}
	end(p, 2);
}

static void
part_ended(struct parent *p, enum parent_part i)
{
	struct part *t = &p->part[i];
	char code[16];

	if (i == PART_SHIP && p->ending && !(p->ending == 1 && t->code
	    && !hopeless(t))) {
		if (t->code && p->why.kind == ERR_NONE && p->app_done < 2)
			err_set(&p->why, ERR_TEMP, "%s", *t->fatal ? t->fatal
			    : "not everything was shipped");
		return;
	}
	if (p->ending && i != PART_SHIP)
		return;
	if (t->code == 127 || (i == PART_SHIP && hopeless(t))) {
		if (*t->fatal)
			err_set(&p->why, ERR_CONF, "%s", t->fatal);
		else
			err_set(&p->why, ERR_CONF, t->code == 127
			    ? "%s is not there: it belongs beside litestream"
			    : "%s cannot run", programs[i]);
		end_all(p);
		return;
	}
	t->fails = when_mono() - t->since < SOON_MS ? t->fails + 1 : 1;
	later(t);
	snprintf(code, sizeof code, "%d", t->code);
	log_event(&p->f->log, LOG_ERROR, "died, it is started again",
	    "program", programs[i], "code", code, "error",
	    *t->fatal ? t->fatal : NULL, NULL);
}

/* Lines a child has written: kept if fatal, else passed on. */
static void
drain(struct parent *p, enum parent_part i)
{
	struct part *t = &p->part[i];
	char buf[4096], *nl;
	const char *fatal;
	ssize_t n = read(t->c.err, buf, sizeof buf);

	if (n <= 0 && !(n < 0 && errno == EINTR)) {
		close(t->c.err);
		t->c.err = -1;
	}
	if (n > 0 && !stralloc_catb(&t->line, buf, (size_t)n))
		t->line.len = 0;
	while (t->line.len && ((nl = memchr(t->line.s, '\n', t->line.len))
	    || t->line.len > sizeof buf)) {
		size_t len = nl ? (size_t)(nl - t->line.s) + 1
		    : sizeof buf;

		t->line.s[len - 1] = 0;
		if ((fatal = front_fatal(t->line.s)))
			snprintf(t->fatal, sizeof t->fatal, "%s", fatal);
		else
			front_relay(p->f, t->line.s);
		t->line.len -= len;
		memmove(t->line.s, t->line.s + len, t->line.len);
	}
}

static void
reap(struct parent *p)
{
	int st, i;
	pid_t pid;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
		for (i = 0; i < PARTS && p->part[i].c.pid != pid; i++)
			;
		if (i == PARTS) {
			p->workers -= p->workers > 0;
			continue;
		}
		p->part[i].code = WIFEXITED(st) ? WEXITSTATUS(st)
		    : 128 + WTERMSIG(st);
		p->part[i].c.pid = 0;
		/* its children may hold the pipe open: only what is there */
		for (int k = 0; k < 64 && p->part[i].c.err >= 0; k++) {
			struct pollfd f = { p->part[i].c.err, POLLIN, 0 };

			if (poll(&f, 1, 0) <= 0)
				break;
			drain(p, i);
		}
		front_child_close(&p->part[i].c);
		p->part[i].line.len = 0;
		if (i == PART_APP)
			app_ended(p, &p->part[i]);
		else
			part_ended(p, i);
	}
}

/* ---- the loop ---- */

static void
signals(struct parent *p)
{
	struct signalfd_siginfo si;

	while (read(p->signals, &si, sizeof si) == (ssize_t)sizeof si) {
		int sig = (int)si.ssi_signo;

		if (sig == SIGCHLD)
			continue;
		if (sig == SIGUSR1 || sig == SIGUSR2)
			tell(p, PART_APP, sig);
		else
			told(p, sig);
	}
	reap(p);
}

/* ls-walship follows everything: now the others. */
static void
readiness(struct parent *p)
{
	struct front_child *c = &p->part[PART_SHIP].c;
	char b;
	ssize_t n = read(c->ready, &b, 1);

	if (n < 0 && errno == EINTR)
		return;
	close(c->ready);
	c->ready = -1;
	if (n != 1 || p->ready || p->ending)
		return;
	p->ready = 1;
	for (int i = PART_TEND; i < PART_APP; i++)
		if (p->part[i].wanted)
			parent_start(p, i);
	if (!p->app)
		return;
	if (no_app(p))
		end(p, 2);
	else
		parent_start(p, PART_APP);
}

static int
pause_ms(const struct parent *p)
{
	int64_t due = INT64_MAX, now = when_mono();

	if (p->ending >= 2)
		due = p->deadline;
	for (int i = 0; i < PARTS; i++)
		if (p->part[i].next < due)
			due = p->part[i].next;
	if (due == INT64_MAX)
		return -1;
	return due <= now ? 0 : due - now > 60000 ? 60000 : (int)(due - now);
}

static void
on_time(struct parent *p)
{
	int64_t now = when_mono();

	if (p->ending >= 2 && now >= p->deadline) {
		for (int i = 0; i < PARTS; i++)
			tell(p, i, SIGKILL);
		p->deadline = INT64_MAX;
	}
	for (int i = 0; i < PARTS; i++)
		if (now >= p->part[i].next)
			parent_start(p, i);
}

static int
busy(const struct parent *p)
{
	for (int i = 0; i < PARTS; i++)
		if (p->part[i].c.pid > 0)
			return 1;
	return p->ending < 2;
}

static void
once_around(struct parent *p)
{
	struct pollfd f[2 + PARTS * 2];
	size_t n = 0, k, n_err;

	f[n++] = (struct pollfd){ p->signals, POLLIN, 0 };
	f[n++] = (struct pollfd){ p->workers < PARENT_WORKERS ? p->sock : -1,
	    POLLIN, 0 };
	for (int i = 0; i < PARTS; i++)
		f[n++] = (struct pollfd){ p->part[i].c.err, POLLIN, 0 };
	n_err = n;
	f[n++] = (struct pollfd){ p->part[PART_SHIP].c.ready, POLLIN, 0 };
	if (poll(f, n, pause_ms(p)) < 0)
		return;
	for (k = 2; k < n_err; k++)
		if (f[k].revents)
			drain(p, (enum parent_part)(k - 2));
	if (f[n_err].revents)
		readiness(p);
	if (f[1].revents)
		answer_begin(p);
	if (f[0].revents)
		signals(p);
}

static int
block_signals(struct parent *p, struct err *e)
{
	static const int which[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT,
		SIGUSR1, SIGUSR2 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof which / sizeof *which; i++)
		if (which[i] != SIGHUP || !front_nohup())
			sigaddset(&set, which[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* what our programs leave behind is reaped here */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signals < 0 ? err_sys(e, "make a signalfd") : 0;
}

int
parent_loop(struct parent *p)
{
	struct err e = { 0 };

	if (block_signals(p, &e) < 0)
		return front_fail_err(p->f, &e);
	parent_start(p, PART_SHIP);
	while (busy(p)) {
		once_around(p);
		on_time(p);
	}
	close(p->signals);
	if (p->why.kind != ERR_NONE)
		return front_fail_err(p->f, &p->why);
	log_event(&p->f->log, LOG_INFO, "litestream shut down", NULL);
	return 0;
}
