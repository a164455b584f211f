#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/path.h"
#include "base/when.h"
#include "repl/listing_fmt.h"
#include "repl/tend_in.h"

#define ARGS 20
#define LINE_MAX_BYTES 65536

static const char *const programs[] = { "", "ls-list", "ls-compact",
	"ls-snapshot", "ls-prune", "ls-prune", "ls-verify" };

const char *
tend_child_word(const struct tend_child *c)
{
	static const char *const words[] = { NULL, "list", "compaction",
		"snapshot", "retention", "retention", "proof" };

	return c->pid ? words[c->job] : NULL;
}

struct text {
	char level[2], keep[WHEN_FMT], l0[WHEN_FMT];
};

/* For one that was registered with its URL alone, the retention that we go by
 * is said, lest ls-prune takes that of no configuration. */
static size_t
retention(const struct tend_rep *r, struct text *t, const char **av, size_t n)
{
	const struct level_conf *c = &r->db->t->conf->levels;

	if (!r->conf->operand || r->conf->v03 || c->retention_ms < 0)
		return n;
	when_dur_fmt(t->keep, c->retention_ms);
	when_dur_fmt(t->l0, c->l0_ms);
	av[n++] = "--retention";
	av[n++] = t->keep;
	av[n++] = "--l0-retention";
	av[n++] = t->l0;
	return n;
}

static void
arguments(const struct tend_rep *r, const struct tend_child *c,
    struct text *t, const char **av)
{
	const struct tend_conf *conf = r->db->t->conf;
	size_t n = 0;

	av[n++] = programs[c->job];
	/* one that is named by its URL is none of the configuration */
	for (size_t i = 0; !r->conf->operand && conf->args[i] && n < ARGS - 9;
	    i++)
		av[n++] = conf->args[i];
	if (c->job == TEND_COMPACT) {
		t->level[0] = (char)('0' + c->level);
		av[n++] = "-l";
		av[n++] = t->level;
		if (conf->verify)
			av[n++] = "--verify";
	} else if (c->job == TEND_SNAPSHOT) {
		av[n++] = "-r";
	} else if (c->job == TEND_PRUNE0) {
		av[n++] = "-0";
	} else if (c->job == TEND_PROOF) {
		av[n++] = "--proof";
	}
	if (c->job == TEND_PRUNE || c->job == TEND_PRUNE0)
		n = retention(r, t, av, n);
	if (c->job != TEND_LIST && c->job != TEND_PROOF) {
		av[n++] = "--changes";
		if (!r->conf->v03) {
			av[n++] = "--listing";
			av[n++] = "-";
		}
	}
	if (!r->conf->operand) {
		av[n++] = "--replica";
		av[n++] = r->conf->url;
	}
	if (!r->conf->operand || c->job != TEND_LIST)
		av[n++] = r->db->conf->path;
	if (r->conf->operand)
		av[n++] = r->conf->operand;
	av[n] = NULL;
}

/* What the replica holds, as its standard input. */
static int
listing_fd(const struct listing *l, struct err *e)
{
	int fd = memfd_create("listing", MFD_CLOEXEC), r = 0;
	stralloc s = STRALLOC_ZERO;

	if (fd < 0)
		return err_sys(e, "memfd_create");
	for (size_t i = 0; i < l->n && !r; i++) {
		if (!listing_fmt_tsv(&s, &l->f[i]) || !stralloc_append(&s, '\n'))
			r = err_nomem(e);
		else if (s.len > 60000 || i + 1 == l->n) {
			r = io_out_fd(&fd).write(&fd, s.s, s.len, e);
			s.len = 0;
		}
	}
	stralloc_free(&s);
	if (!r && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	if (!r)
		err_sys(e, "rewind");
	close(fd);
	return -1;
}

static int
spawn(pid_t *pid, const char **av, int in, int out, int err, struct err *e)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	char path[PATH_MAX];
	sigset_t none, dfl;
	int r;

	sigemptyset(&none);
	sigemptyset(&dfl);
	sigaddset(&dfl, SIGPIPE);
	if (posix_spawn_file_actions_init(&fa))
		return err_nomem(e);
	if (posix_spawnattr_init(&at)) {
		posix_spawn_file_actions_destroy(&fa);
		return err_nomem(e);
	}
	posix_spawnattr_setsigmask(&at, &none);
	posix_spawnattr_setsigdefault(&at, &dfl);
	posix_spawnattr_setflags(&at,
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = in >= 0 ? posix_spawn_file_actions_adddup2(&fa, in, 0)
	    : posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&fa, out, 1);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&fa, err, 2);
	path_beside(path, sizeof path, av[0]);
	if (!r && *path)
		r = posix_spawn(pid, path, &fa, &at, (char *const *)(uintptr_t)av,
		    environ);
	else if (!r)
		r = posix_spawnp(pid, av[0], &fa, &at,
		    (char *const *)(uintptr_t)av, environ);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	if (!r)
		return 0;
	errno = r;
	return err_sys(e, "run %s", av[0]);
}

int
tend_child_start(struct tend_rep *r, struct tend_child *c, struct err *e)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, in = -1, x = 0;
	const char *av[ARGS];
	struct text t = { "", "", "" };

	arguments(r, c, &t, av);
	if (c->job != TEND_LIST && c->job != TEND_PROOF && !r->conf->v03
	    && (in = listing_fd(&r->l, e)) < 0)
		return -1;
	c->pid = 0;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		x = err_sys(e, "make a pipe");
	if (!x)
		x = spawn(&c->pid, av, in, out[1], err[1], e);
	if (in >= 0)
		close(in);
	if (out[1] >= 0)
		close(out[1]);
	if (err[1] >= 0)
		close(err[1]);
	c->out = out[0];
	c->err = err[0];
	c->said.len = c->told.len = 0;
	*c->fatal = 0;
	c->ended = 0;
	if (x < 0) {
		c->pid = 0;
		tend_child_free(c);
		return -1;
	}
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	fcntl(c->err, F_SETFL, O_NONBLOCK);
	return 0;
}

size_t
tend_child_poll(const struct tend_child *c, struct pollfd *p)
{
	size_t n = 0;

	if (!c->pid)
		return 0;
	if (c->out >= 0)
		p[n++] = (struct pollfd){ .fd = c->out, .events = POLLIN };
	if (c->err >= 0)
		p[n++] = (struct pollfd){ .fd = c->err, .events = POLLIN };
	return n;
}

/* Its own lines go on as they are: they bear its name. The reason of a failure
 * is for the status too. */
static void
told(struct tend_rep *r, struct tend_child *c, char *line)
{
	const struct log *log = r->db->t->conf->log;
	const char *p = strstr(line, ": fatal: ");
	size_t n = strlen(line);
	struct err ignored;
	int fd = log->fd;

	if (p && !strncmp(line, "ls-", 3)) {
		strncpy(c->fatal, p + strlen(": fatal: "), sizeof c->fatal - 1);
		c->fatal[sizeof c->fatal - 1] = 0;
	}
	line[n] = '\n';
	io_out_fd(&fd).write(&fd, line, n + 1, &ignored);
	line[n] = 0;
}

static void
lines(struct tend_rep *r, struct tend_child *c, stralloc *s, int is_out)
{
	char *at = s->s, *nl, *end = s->s + s->len;

	while (at < end && (nl = memchr(at, '\n', (size_t)(end - at)))) {
		*nl = 0;
		if (!is_out)
			told(r, c, at);
		else if (c->job == TEND_PROOF)
			tend_proof_line(r, at);
		else
			tend_rep_line(r, c, at);
		at = nl + 1;
	}
	s->len = (size_t)(end - at);
	memmove(s->s, at, s->len);
	if (s->len > LINE_MAX_BYTES)
		s->len = 0; /* no line of ours */
}

static void
drain(struct tend_rep *r, struct tend_child *c, int *fd, stralloc *s,
    int is_out)
{
	ssize_t n;

	while (*fd >= 0) {
		if (!stralloc_readyplus(s, 16384))
			return;
		n = read(*fd, s->s + s->len, 16384);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(*fd);
			*fd = -1;
			return;
		}
		s->len += (size_t)n;
		lines(r, c, s, is_out);
	}
}

void
tend_child_read(struct tend_rep *r, struct tend_child *c)
{
	if (!c->pid)
		return;
	drain(r, c, &c->out, &c->said, 1);
	drain(r, c, &c->err, &c->told, 0);
}

int
tend_child_ended(struct tend_rep *r, struct tend_child *c)
{
	int st;

	if (!c->pid || waitpid(c->pid, &st, WNOHANG) != c->pid)
		return 0;
	tend_child_read(r, c);
	c->status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	if (!*c->fatal && c->status > 128)
		strcpy(c->fatal, "it was killed");
	c->pid = 0;
	tend_child_free(c);
	return 1;
}

void
tend_child_free(struct tend_child *c)
{
	if (c->out >= 0)
		close(c->out);
	if (c->err >= 0)
		close(c->err);
	c->out = c->err = -1;
	stralloc_free(&c->said);
	stralloc_free(&c->told);
}
