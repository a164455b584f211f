#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/when.h"
#include "repl/walship_in.h"

/* Signals, and the program run under the daemon. */

#define TWICE_MS 250

static const int passed[] = {
	SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2
};

int
walship_signals(struct walship *w, struct err *e)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (i = 0; i < sizeof passed / sizeof *passed; i++)
		sigaddset(&set, passed[i]);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return err_sys(e, "unable to block signals");
	signal(SIGPIPE, SIG_IGN);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w->signals < 0)
		return err_sys(e, "unable to make a signalfd");
	return 0;
}

static void
reap(struct walship *w)
{
	char code[16];
	int st;

	if (w->child <= 0 || waitpid(w->child, &st, WNOHANG) != w->child)
		return;
	w->child = 0;
	w->child_done = 1;
	w->child_code = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	snprintf(code, sizeof code, "%d", w->child_code);
	log_event(w->conf->log, LOG_INFO, "the program has ended", "code",
	    code, NULL);
}

/* The same signal may come twice at once, to the process and to its group:
 * only a later one says "at once". */
static void
told(struct walship *w, int sig)
{
	int end = sig == SIGTERM || sig == SIGINT;
	int64_t now = when_mono();
	int again = end && w->told_mono && now - w->told_mono >= TWICE_MS;

	if (end && !w->told_mono)
		w->told_mono = now;
	if (w->child > 0) {
		kill(w->child, sig);
		return;
	}
	if (!end || (w->ending && !again))
		return;
	if (w->ending == 1)
		log_event(w->conf->log, LOG_WARN, "told again to end, at once",
		    NULL);
	w->ending = w->ending ? 2 : 1;
}

void
walship_signal_read(struct walship *w)
{
	struct signalfd_siginfo si;

	while (read(w->signals, &si, sizeof si) == (ssize_t)sizeof si) {
		if (si.ssi_signo == SIGCHLD)
			reap(w);
		else if (!w->conf->parent
		    || (pid_t)si.ssi_pid == w->conf->parent)
			told(w, (int)si.ssi_signo);
	}
}

int
walship_child_start(struct walship *w, struct err *e)
{
	posix_spawnattr_t at;
	sigset_t none, dfl;
	int r;

	sigemptyset(&none);
	sigemptyset(&dfl);
	sigaddset(&dfl, SIGPIPE);
	if (posix_spawnattr_init(&at))
		return err_nomem(e);
	posix_spawnattr_setsigmask(&at, &none);
	posix_spawnattr_setsigdefault(&at, &dfl);
	posix_spawnattr_setflags(&at,
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(&w->child, w->conf->child[0], NULL, &at,
	    w->conf->child, environ);
	posix_spawnattr_destroy(&at);
	if (!r)
		return 0;
	w->child = 0;
	w->child_done = 1;
	w->child_code = r == ENOENT ? 127 : 126;
	errno = r;
	return err_sys(e, "unable to run %s", w->conf->child[0]);
}
