#include <microhttpd.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/opt.h"
#include "base/prog.h"
#include "base/ready.h"
#include "base/when.h"
#include "conf/conf.h"
#include "repl/metrics.h"
#include "repl/status.h"

#define PROG "ls-statusd"
#define SYNOPSIS "[OPTIONS]"
#define PURPOSE "Serves /metrics and /healthz over HTTP, from what ls-walship " \
	"last wrote of itself."

#define RUN_DIR "/run/ls-s6"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_TEXT "text/plain; charset=utf-8"
#define CONNECTIONS 32
#define IDLE_S 10

enum { O_NO_EXPAND = 256, O_LAG, O_RUN, O_PARENT };

static const struct opt opts[] = {
	{ 'a', "addr", "HOST:PORT", "where to listen; else addr: of the file" },
	{ 'c', "config", "FILE", "configuration file" },
	{ O_NO_EXPAND, "no-expand-env", NULL, "leave $NAME in it alone" },
	{ 'd', "ready-fd", "FD", "write a newline there when ready" },
	{ O_LAG, "max-lag", "DURATION", "behind so long is not healthy: 60s" },
	{ O_RUN, "run-dir", "DIR", "where the status file is" },
	{ O_PARENT, "with-parent", NULL, "end when what started it ends" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	struct conf_args conf_args;
	struct conf conf;
	const char *addr, *run_dir;
	char *path;            /* of the status file */
	int64_t max_lag_ms;
	int ready_fd, v03, parent;
};

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	switch (id) {
	case 'a': a->addr = arg; break;
	case 'c': a->conf_args.file = arg; break;
	case O_NO_EXPAND: a->conf_args.no_expand_env = 1; break;
	case 'd': return ready_scan(arg, &a->ready_fd, e);
	case O_LAG:
		if (when_dur_scan(arg, &a->max_lag_ms) < 0
		    || a->max_lag_ms < 0)
			return err_set(e, ERR_USAGE, "%s is not a duration as "
			    "in 60s", arg);
		break;
	case O_RUN: a->run_dir = arg; break;
	case O_PARENT: a->parent = 1; break;
	}
	return 0;
}

/* The name that the configuration has for a replica. */
static const char *
name(void *ctx, const char *path, const char *url)
{
	const struct conf_db *d = conf_db_find(ctx, path);

	for (size_t i = 0; d && i < d->n; i++)
		if (!strcmp(d->replicas[i].store.url, url))
			return d->replicas[i].name;
	return NULL;
}

/* Body and status code of what is asked for; 0: for want of memory. */
static unsigned
answer(struct args *a, const char *path, stralloc *body)
{
	struct status st = { 0 };
	struct tend_status tend;
	struct metrics m = { &st, &tend, when_now(), a->v03, name, &a->conf };
	struct err e = { 0 };
	char why[ERR_MSG_MAX + 512];
	char bad[TEND_WHY];
	int ok = 1, healthy, tended = tend_status_look(a->run_dir, &tend, bad);

	if (status_read(a->path, &st, &e) < 0)
		st.stale = 1;
	if (!strcmp(path, "/metrics")) {
		ok = metrics_fmt(body, &m);
		healthy = 1;
	} else if (e.kind) {
		ok = stralloc_cats(body, e.kind == ERR_NOTFOUND
		    ? "ls-walship has not run here" : e.msg)
		    && stralloc_cats(body, "\n");
		healthy = 0;
	} else {
		healthy = status_healthy(&st, m.now_ms, a->max_lag_ms, why,
		    sizeof why);
		if (healthy && !tended) {
			snprintf(why, sizeof why, "%s", bad);
			healthy = 0;
		}
		ok = stralloc_cats(body, healthy ? "ok" : why)
		    && stralloc_cats(body, "\n");
	}
	tend_status_free(&tend);
	status_free(&st);
	return !ok ? 0 : healthy ? 200 : 503;
}

static enum MHD_Result
respond(struct MHD_Connection *c, unsigned code, const char *type,
    const char *s, size_t n)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(n, (void *)s,
	    MHD_RESPMEM_MUST_COPY);
	enum MHD_Result ok = MHD_NO;

	if (!r)
		return MHD_NO;
	if (MHD_add_response_header(r, "Content-Type", type) == MHD_YES
	    && MHD_add_response_header(r, "Cache-Control", "no-store")
	    == MHD_YES)
		ok = MHD_queue_response(c, code, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result
request(void *ctx, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *upload,
    size_t *upload_size, void **state)
{
	int metrics = !strcmp(url, "/metrics");
	stralloc body = STRALLOC_ZERO;
	enum MHD_Result r;
	unsigned code;

	(void)version, (void)upload, (void)state;
	if (*upload_size) { /* a body is of no interest */
		*upload_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return respond(c, 405, TYPE_TEXT, "only GET\n", 9);
	if (!metrics && strcmp(url, "/healthz"))
		return respond(c, 404, TYPE_TEXT,
		    "here are /metrics and /healthz\n", 31);
	code = answer(ctx, url, &body);
	r = code ? respond(c, code, metrics ? TYPE_METRICS : TYPE_TEXT,
	    body.s, body.len) : MHD_NO;
	stralloc_free(&body);
	return r;
}

/* A listening socket for [HOST]:PORT; without a host of every address. */
static int
listen_on(const char *addr, struct err *e)
{
	struct addrinfo hint = { .ai_flags = AI_PASSIVE,
	    .ai_socktype = SOCK_STREAM }, *list, *p;
	const char *colon = strrchr(addr, ':');
	char host[256] = "";
	int fd = -1, on = 1, off = 0, n;

	if (!colon || !colon[1] || (size_t)(colon - addr) >= sizeof host)
		return err_set(e, ERR_CONF, "addr: \"%.80s\" is not HOST:PORT "
		    "or :PORT", addr);
	if (*addr == '[' && colon[-1] == ']')
		memcpy(host, addr + 1, (size_t)(colon - addr) - 2);
	else
		memcpy(host, addr, (size_t)(colon - addr));
	if ((n = getaddrinfo(*host ? host : NULL, colon + 1, &hint, &list)))
		return err_set(e, ERR_CONF, "addr: %s: %s", addr,
		    gai_strerror(n));
	for (int want6 = 1; want6 >= 0 && fd < 0; want6--)
		for (p = list; p && fd < 0; p = p->ai_next) {
			if ((p->ai_family == AF_INET6) != want6)
				continue;
			fd = socket(p->ai_family, SOCK_STREAM | SOCK_CLOEXEC,
			    0);
			if (fd < 0)
				continue;
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
			    sizeof on);
			if (want6)
				setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
				    &off, sizeof off);
			if (bind(fd, p->ai_addr, p->ai_addrlen) < 0
			    || listen(fd, 64) < 0) {
				err_sys(e, "listen on %s", addr);
				close(fd);
				fd = -1;
			}
		}
	freeaddrinfo(list);
	return fd < 0 && !e->kind ? err_sys(e, "listen on %s", addr) : fd;
}

static int
serve(struct args *a, struct err *e)
{
	struct MHD_Daemon *d;
	sigset_t set;
	int sig, fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	if ((fd = listen_on(a->addr ? a->addr : a->conf.addr, e)) < 0)
		return -1;
	d = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0,
	    NULL, NULL, request, a, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_END);
	if (!d) {
		close(fd);
		return err_set(e, ERR_TEMP, "start the server");
	}
	if (ready_say(a->ready_fd) < 0)
		prog_warn(PROG, "nobody reads the readiness descriptor");
	sigwait(&set, &sig);
	MHD_stop_daemon(d);
	return 0;
}

static int
load(struct args *a, struct err *e)
{
	size_t all = 0, old = 0;

	if (conf_load(&a->conf, &a->conf_args, e) < 0) {
		/* with an address, nothing has to be configured */
		if (!a->addr || e->kind != ERR_USAGE)
			return -1;
		memset(&a->conf, 0, sizeof a->conf);
		err_clear(e);
	}
	for (size_t i = 0; i < a->conf.n; i++)
		for (size_t k = 0; k < a->conf.dbs[i].n; k++, all++)
			old += a->conf.dbs[i].replicas[k].format
			    == CONF_FORMAT_V03;
	a->v03 |= all && old == all;
	if (!a->addr && !a->conf.addr)
		return err_set(e, ERR_CONF, "addr: is not set in %s; set it, "
		    "or say -a", a->conf.source);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *dir = getenv("LS_RUN_DIR");
	struct args a = { .ready_fd = -1, .max_lag_ms = 60000,
	    .run_dir = dir && *dir ? dir : RUN_DIR };
	const char *compat = getenv("LITESTREAM_COMPAT");
	struct err e = { 0 };
	pid_t parent = getppid();
	int r;

	a.v03 = compat && !strcmp(compat, "v0.3");
	if ((r = prog_args(&prog, argc, &argv, option, &a, 0, 0)) >= 0)
		return r;
	if (a.parent && (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0
	    || getppid() != parent))
		return 0;
	if (load(&a, &e) < 0) {
		conf_free(&a.conf);
		return prog_fatal(PROG, "read the configuration", &e);
	}
	if (asprintf(&a.path, "%s/walship.status", a.run_dir) < 0) {
		a.path = NULL;
		r = err_nomem(&e);
	} else {
		r = serve(&a, &e);
	}
	free(a.path);
	conf_free(&a.conf);
	return r < 0 ? prog_fatal(PROG, "serve", &e) : 0;
}
