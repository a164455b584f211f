#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/when.h"
#include "repl/walship_in.h"

/* Signals, and the program run under the daemon. */

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
	int st;

	if (w->child <= 0 || waitpid(w->child, &st, WNOHANG) != w->child)
		return;
	w->child = 0;
	w->child_done = 1;
	w->child_code = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	log_event(w->conf->log, LOG_INFO, "the program has ended", NULL);
}

static void
told(struct walship *w, int sig)
{
	if (w->child > 0) {
		kill(w->child, sig);
		return;
	}
	if (sig != SIGTERM && sig != SIGINT)
		return;
	w->ending = w->ending ? 2 : 1;
}

void
walship_signal_read(struct walship *w)
{
	struct signalfd_siginfo si;

	while (read(w->signals, &si, sizeof si) == (ssize_t)sizeof si) {
		if (si.ssi_signo == SIGCHLD)
			reap(w);
		else
			told(w, (int)si.ssi_signo);
	}
}

int
walship_child_start(struct walship *w, struct err *e)
{
	sigset_t none;
	int fds[2], err = 0;
	ssize_t n;
	pid_t pid;

	/* exec's failure comes back through a pipe that exec closes */
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, "unable to make a pipe");
	if ((pid = fork()) < 0) {
		err_sys(e, "unable to fork");
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	if (!pid) {
		sigemptyset(&none);
		signal(SIGPIPE, SIG_DFL);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execvp(w->conf->child[0], w->conf->child);
		err = errno;
		n = write(fds[1], &err, sizeof err);
		_exit(n == (ssize_t)sizeof err && err == ENOENT ? 127 : 126);
	}
	close(fds[1]);
	while ((n = read(fds[0], &err, sizeof err)) < 0 && errno == EINTR)
		;
	close(fds[0]);
	w->child = pid;
	if (n != (ssize_t)sizeof err)
		return 0;
	waitpid(pid, NULL, 0);
	w->child = 0;
	w->child_done = 1;
	w->child_code = err == ENOENT ? 127 : 126;
	errno = err;
	return err_sys(e, "unable to run %s", w->conf->child[0]);
}
