#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/opt.h"
#include "base/prog.h"
#include "base/url.h"
#include "base/when.h"
#include "conf/conf.h"
#include "ltx/ltx.h"
#include "store/store.h"

#define PROG "ls-put"
#define SYNOPSIS "[-fr] [-l LEVEL] [-c FILE] URL|DB [KEY]"
#define PURPOSE "Stores standard input as an object of a replica. Of an LTX " \
	"file, its\nheader names the object, and it is verified before " \
	"it appears."

enum { O_NO_EXPAND = 256, O_REPLICA };

static const struct opt opts[] = {
	{ 'f', "force", NULL, "replace an object that is there" },
	{ 'l', "level", "LEVEL", "level of the LTX file: 9 for 1 to N, 0 for "
	    "one" },
	{ 'r', "raw", NULL, "do not look inside; needs KEY" },
	{ 'c', "config", "FILE", "configuration, where a database is named" },
	{ O_NO_EXPAND, "no-expand-env", NULL, "leave $NAME in it alone" },
	{ O_REPLICA, "replica", "NAME", "the replica of this name, not the first" },
	{ 'T', "timeout", "DURATION", "give up after so long: 30s idle" },
	{ 'v', "verbose", NULL, "print the object's key" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	struct conf_args conf;
	const char *key, *replica;
	int level, force, raw, verbose;
	int64_t timeout_ms;
};

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	switch (id) {
	case 'f': a->force = 1; break;
	case 'l':
		if (arg[0] < '0' || arg[0] > '9' || arg[1])
			return err_set(e, ERR_USAGE, "-l takes 0 to 9");
		a->level = arg[0] - '0';
		break;
	case 'r': a->raw = 1; break;
	case 'c': a->conf.file = arg; break;
	case O_NO_EXPAND: a->conf.no_expand_env = 1; break;
	case O_REPLICA: a->replica = arg; break;
	case 'T':
		if (when_dur_scan(arg, &a->timeout_ms) || a->timeout_ms <= 0)
			return err_set(e, ERR_USAGE, "-T takes a duration as "
			    "30s");
		break;
	case 'v': a->verbose = 1; break;
	}
	return 0;
}

static int
parse(struct args *a, int argc, char **argv)
{
	int code = prog_args(&prog, argc, &argv, option, a, 1, 2);

	if (code >= 0)
		return code;
	a->conf.db = argv[0];
	a->conf.need = CONF_NEED_REPLICA;
	a->key = argv[1];
	if (a->key && url_is(a->key))
		return prog_usage(PROG, "%s is no KEY: one replica at a time",
		    a->key);
	return a->raw && !a->key ? prog_usage(PROG, "-r needs a KEY") : -1;
}

/* ---- standard input, with a second reader that verifies it ---- */

struct input {
	unsigned char head[LTX_HEADER_SIZE];
	size_t len, given;      /* of head: filled, passed on */
	int is_ltx;
	struct ltx_header header;
	int pipe[2];            /* to the verifier; -1: none */
	pthread_t thread;
	int running;
	struct err bad;
};

static void *
verify(void *ctx)
{
	struct input *in = ctx;
	const unsigned char *data;
	struct ltx_dec *d;
	uint32_t pgno;
	int r;

	if (ltx_dec_begin(&d, io_in_fd(&in->pipe[0]), &in->bad)) {
		shutdown(in->pipe[0], SHUT_RD);
		return NULL;
	}
	while ((r = ltx_dec_page(d, &pgno, &data, &in->bad)) > 0)
		;
	if (!r)
		ltx_dec_eof(d, &in->bad);
	ltx_dec_free(d);
	/* who writes must not wait for a reader that is gone */
	shutdown(in->pipe[0], SHUT_RD);
	return NULL;
}

/* Ends the verifier: its verdict. */
static int
verdict(struct input *in, struct err *e)
{
	if (!in->running)
		return 0;
	shutdown(in->pipe[1], SHUT_WR);
	pthread_join(in->thread, NULL);
	in->running = 0;
	close(in->pipe[0]);
	close(in->pipe[1]);
	if (!in->bad.kind)
		return 0;
	*e = in->bad;
	return err_in(e, "standard input");
}

static ssize_t
input_read(void *ctx, void *buf, size_t n, struct err *e)
{
	struct input *in = ctx;
	int fd = 0;
	struct io_in std = io_in_fd(&fd);
	const char *p = buf;
	ssize_t r, w, left;

	if (in->given < in->len) {
		if (n > in->len - in->given)
			n = in->len - in->given;
		memcpy(buf, in->head + in->given, n);
		in->given += n;
		r = (ssize_t)n;
	} else if ((r = std.read(std.ctx, buf, n, e)) < 0) {
		return err_in(e, "standard input");
	}
	if (!r)
		return verdict(in, e);
	for (left = r; in->running && left; left -= w, p += w)
		if ((w = send(in->pipe[1], p, (size_t)left, MSG_NOSIGNAL)) < 0)
			return verdict(in, e) ? -1
			    : err_sys(e, "verify standard input");
	return r;
}

static int
input_begin(struct input *in, const struct args *a, struct err *e)
{
	int fd = 0;
	struct io_in std = io_in_fd(&fd);
	ssize_t r = 1;

	while (in->len < sizeof in->head && (r = std.read(std.ctx,
	    in->head + in->len, sizeof in->head - in->len, e)) > 0)
		in->len += (size_t)r;
	if (r < 0)
		return err_in(e, "standard input");
	in->is_ltx = !a->raw && in->len >= 4 && !memcmp(in->head, "LTX1", 4);
	if (!in->is_ltx && (!a->key || (!a->raw && store_name_ltx(a->key))))
		return err_set(e, ERR_DATA, "standard input is not an LTX "
		    "file%s", a->key ? "" : ", and no key is given");
	if (!in->is_ltx)
		return 0;
	if (in->len < sizeof in->head)
		return err_set(e, ERR_DATA, "standard input ends within the "
		    "header of an LTX file");
	if (ltx_header_unpack(&in->header, in->head, e))
		return err_in(e, "standard input");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in->pipe))
		return err_sys(e, "make a socket");
	if (pthread_create(&in->thread, NULL, verify, in)) {
		close(in->pipe[0]);
		close(in->pipe[1]);
		return err_set(e, ERR_TEMP, "unable to start a thread");
	}
	in->running = 1;
	return 0;
}

static int
key_of(const struct store_conf *c, const struct args *a,
    const struct input *in, char **key, struct err *e)
{
	const struct ltx_header *h = &in->header;
	int level = a->level;

	if (level == STORE_LEVEL_SNAPSHOT && in->is_ltx && h->min_txid != 1)
		return err_set(e, ERR_CONF, "level 9 begins at transaction 1");
	if (a->key && in->is_ltx && !ltx_name_fits(a->key, h))
		return err_set(e, ERR_CONF, "%s is the name of other "
		    "transactions than those of the file", a->key);
	if (a->key)
		return store_name_key(c, level, a->key, key, e);
	if (level < 0 && h->min_txid == 1 && h->max_txid > 1)
		level = STORE_LEVEL_SNAPSHOT;
	else if (level < 0 && h->min_txid == h->max_txid)
		level = 0;
	if (level < 0)
		return err_set(e, ERR_CONF, "which level a file of several "
		    "transactions belongs to is for -l to say");
	return store_ltx_key(c, (unsigned)level, h->min_txid, h->max_txid,
	    key, e);
}

static int
put_from(struct store *s, const struct args *a, struct input *in,
    struct err *e)
{
	struct store_src src = { .fd = -1, .in = { input_read, in } };
	struct store_put_opt opt = { .noreplace = !a->force, .time_ms = -1 };
	struct err ignored = { 0 };
	char *key;
	int r;

	if (in->is_ltx)
		opt.time_ms = in->header.time_ms;
	if (key_of(store_conf(s), a, in, &key, e)) {
		verdict(in, &ignored);
		return -1;
	}
	r = store_put(s, key, &src, &opt, e);
	if (r && e->kind == ERR_EXISTS)
		e->kind = ERR_HELD;
	if (!r && a->verbose)
		printf("%s\n", key);
	free(key);
	/* after a failure the verifier may still wait for bytes */
	if (r)
		verdict(in, &ignored);
	return r;
}

static int
put(struct store *s, const struct args *a, struct err *e)
{
	struct input in = { .len = 0 };

	return input_begin(&in, a, e) ? -1 : put_from(s, a, &in, e);
}

static int
run(const struct args *a, struct conf *conf, struct err *e)
{
	struct log log = { .fd = 2, .level = LOG_WARN, .prog = PROG };
	struct conf_replica *rep = conf_replica_find(&conf->dbs[0], a->replica,
	    e);
	struct store *s;
	int r;

	if (!rep)
		return -1;
	rep->store.log = &log;
	if (a->timeout_ms)
		rep->store.timeout_ms = a->timeout_ms;
	if (store_open(&s, &rep->store, e))
		return -1;
	r = put(s, a, e);
	store_close(s);
	return r;
}

int
main(int argc, char **argv)
{
	struct args a = { .level = -1 };
	struct conf conf;
	struct err e = { 0 };
	int r;

	if ((r = parse(&a, argc, argv)) >= 0)
		return r;
	if (conf_load(&conf, &a.conf, &e))
		return prog_fatal(PROG, "read the configuration", &e);
	r = run(&a, &conf, &e);
	conf_free(&conf);
	return r ? prog_fatal(PROG, "put the object", &e) : prog_flush(PROG);
}
