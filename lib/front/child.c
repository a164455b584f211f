#include "front/front.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUT_MAX (256u << 20)
#define LINE 4096

extern char **environ;

/* The path of the running program, without links. */
static int
own_path(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);

	if (n <= 0)
		return -1;
	path[n] = 0;
	return 0;
}

int
front_find(const char *name, char *path, size_t size)
{
	char self[PATH_MAX], *slash;

	if (!own_path(self, sizeof self) && (slash = strrchr(self, '/'))) {
		*slash = 0;
		if (snprintf(path, size, "%s/%s", self, name) < (int)size
		    && !access(path, X_OK))
			return 1;
	}
	snprintf(path, size, "%s", name);
	return 0;
}

/* PID and the program, as this one starts itself: front_spawn. A program that
 * is to die with its parent has to say so itself. */
int
front_under(int argc, char **argv)
{
	if (argc < 2)
		return 100;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != (pid_t)strtol(argv[0], NULL, 10))
		return 111;
	execvp(argv[1], argv + 1);
	return errno == ENOENT ? 127 : 126;
}

static int
make_pipes(int p[3][2], unsigned how, struct err *e)
{
	for (int i = 0; i < 3; i++) {
		p[i][0] = p[i][1] = -1;
		if ((how & (1u << i)) && pipe2(p[i], O_CLOEXEC) < 0)
			return err_sys(e, "make a pipe");
	}
	return 0;
}

static void
close_pipes(int p[3][2], int which)
{
	for (int i = 0; i < 3; i++)
		if (p[i][which] >= 0)
			close(p[i][which]);
}

/* The environment with LS_RUN_DIR; allocated, its first string too. */
static char **
with_dir(const char *dir)
{
	size_t n = 0, k = 1;
	char **env;

	while (environ[n])
		n++;
	if (!(env = calloc(n + 2, sizeof *env)))
		return NULL;
	if (!(env[0] = malloc(strlen(dir) + 16))) {
		free(env);
		return NULL;
	}
	sprintf(env[0], "LS_RUN_DIR=%s", dir);
	for (size_t i = 0; i < n; i++)
		if (strncmp(environ[i], "LS_RUN_DIR=", 11))
			env[k++] = environ[i];
	return env;
}

static int
start(struct front_child *c, int in, char *const *argv, int p[3][2],
    char **env)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t none, all;
	char self[PATH_MAX];
	int r = own_path(self, sizeof self) < 0 ? ENOENT : 0;

	sigemptyset(&none);
	sigfillset(&all);
	/* under nohup, all are */
	sigdelset(&all, SIGHUP);
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	posix_spawnattr_setsigmask(&at, &none);
	posix_spawnattr_setsigdefault(&at, &all);
	posix_spawnattr_setflags(&at,
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (in < 0)
		posix_spawn_file_actions_addopen(&fa, 0, "/dev/null",
		    O_RDONLY, 0);
	else if (in > 0)
		posix_spawn_file_actions_adddup2(&fa, in, 0);
	for (int i = 0; i < 3; i++)
		if (p[i][1] >= 0)
			posix_spawn_file_actions_adddup2(&fa, p[i][1], i + 1);
	if (!r)
		r = posix_spawn(&c->pid, self, &fa, &at, argv, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	return r;
}

int
front_spawn(struct front_child *c, int in, char *const *argv, unsigned how,
    const char *run_dir, struct err *e)
{
	char me[] = "litestream", under[] = "--under", pid[16];
	char **env = environ, **full;
	int p[3][2], r;
	size_t n = 0;

	memset(c, 0, sizeof *c);
	c->out = c->err = c->ready = -1;
	while (argv[n])
		n++;
	if (!(full = calloc(n + 4, sizeof *full)))
		return err_nomem(e);
	if (run_dir && !(env = with_dir(run_dir))) {
		free(full);
		return err_nomem(e);
	}
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	full[0] = me;
	full[1] = under;
	full[2] = pid;
	memcpy(full + 3, argv, n * sizeof *full);
	if ((r = make_pipes(p, how, e)) == 0) {
		r = start(c, in, full, p, env);
		if (r) {
			errno = r;
			err_sys(e, "%s", argv[0]);
			c->pid = 0;
		}
		c->out = p[0][0];
		c->err = p[1][0];
		c->ready = p[2][0];
	}
	close_pipes(p, 1);
	if (r)
		front_child_close(c);
	if (run_dir) {
		free(env[0]);
		free(env);
	}
	free(full);
	return r ? -1 : 0;
}

void
front_child_close(struct front_child *c)
{
	int *fd[] = { &c->out, &c->err, &c->ready };

	for (size_t i = 0; i < 3; i++) {
		if (*fd[i] >= 0)
			close(*fd[i]);
		*fd[i] = -1;
	}
}

/* Whole lines of s to fn; the rest stays, but for one too long. */
static void
give(stralloc *s, front_line_fn *fn, void *ctx, int all)
{
	char *nl;

	while (s->len && ((nl = memchr(s->s, '\n', s->len)) || all
	    || s->len > LINE)) {
		size_t n = nl ? (size_t)(nl - s->s) + 1 : s->len;

		if (!nl) {
			if (!stralloc_0(s))
				return;
			nl = s->s + n;
			s->len--;
		}
		*nl = 0;
		fn(ctx, s->s);
		s->len -= n;
		memmove(s->s, s->s + n, s->len);
	}
}

/* 1: more may come, 0: the end, -1 no memory or too much. */
static int
take(int *fd, stralloc *s, struct err *e)
{
	ssize_t n;

	if (!stralloc_readyplus(s, 65536))
		return err_nomem(e);
	n = read(*fd, s->s + s->len, 65536);
	if (n > 0)
		s->len += (size_t)n;
	if (s->len > OUT_MAX)
		return err_set(e, ERR_DATA, "it prints too much");
	if (n > 0 || (n < 0 && errno == EINTR))
		return 1;
	close(*fd);
	*fd = -1;
	return 0;
}

int
front_nohup(void)
{
	struct sigaction a;

	return !sigaction(SIGHUP, NULL, &a) && a.sa_handler == SIG_IGN;
}

/* Who ends this program ends the one it runs, and waits for it. A descriptor
 * that tells of it, with the old mask in *old; -1: as it was. */
static int
hold_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (!front_nohup())
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, old);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
pass_on(int fd, pid_t pid)
{
	struct signalfd_siginfo si;

	while (read(fd, &si, sizeof si) == (ssize_t)sizeof si)
		kill(pid, (int)si.ssi_signo);
}

int
front_capture(char *const *argv, stralloc *out, front_line_fn *fn, void *ctx,
    int *code, struct err *e)
{
	struct front_child c;
	stralloc line = STRALLOC_ZERO;
	sigset_t old;
	int st = 0, r = 0, signals;

	if (front_spawn(&c, -1, argv, FRONT_OUT | FRONT_ERR, NULL, e) < 0)
		return -1;
	signals = hold_signals(&old);
	while (r >= 0 && (c.out >= 0 || c.err >= 0)) {
		struct pollfd p[3] = { { c.out, POLLIN, 0 },
		    { c.err, POLLIN, 0 }, { signals, POLLIN, 0 } };

		if (poll(p, 3, -1) < 0 && errno != EINTR)
			break;
		if (p[2].revents)
			pass_on(signals, c.pid);
		if (p[0].revents)
			r = take(&c.out, out, e);
		if (r >= 0 && p[1].revents)
			r = take(&c.err, &line, e);
		give(&line, fn, ctx, c.err < 0);
	}
	if (r < 0)
		kill(c.pid, SIGTERM);
	front_child_close(&c);
	while (waitpid(c.pid, &st, 0) < 0 && errno == EINTR)
		;
	if (signals >= 0)
		close(signals);
	sigprocmask(SIG_SETMASK, &old, NULL);
	stralloc_free(&line);
	*code = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	if (r >= 0 && *code == 127)
		return err_set(e, ERR_CONF, "%s is not there: it belongs "
		    "beside litestream", argv[0]);
	return r < 0 ? -1 : 0;
}
