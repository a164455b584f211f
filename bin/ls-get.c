#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "base/prog.h"
#include "base/url.h"
#include "base/when.h"
#include "conf/conf.h"
#include "store/store.h"

#define PROG "ls-get"
#define SYNOPSIS "[-l LEVEL] [-c FILE] URL|DB KEY...\n" \
	"       ls-get [-T DURATION] URL/FILE.ltx"
#define PURPOSE "Writes objects of a replica to standard output, one after " \
	"the other."
#define AHEAD 4 /* objects being read at once */
#define BUFFER 65536

enum { O_NO_EXPAND = 256, O_REPLICA };

static const struct opt opts[] = {
	{ 'l', "level", "LEVEL", "level of keys that are plain LTX names: 0" },
	{ 'c', "config", "FILE", "configuration, where a database is named" },
	{ O_NO_EXPAND, "no-expand-env", NULL, "leave $NAME in it alone" },
	{ O_REPLICA, "replica", "NAME", "the replica of this name, not the first" },
	{ 'T', "timeout", "DURATION", "give up after so long: 30s idle" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	struct conf_args conf;
	const char *replica;
	int level;
	int64_t timeout_ms;
	char *const *keys;
	size_t n;
};

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	switch (id) {
	case 'l':
		if (arg[0] < '0' || arg[0] > '9' || arg[1])
			return err_set(e, ERR_USAGE, "-l takes 0 to 9");
		a->level = arg[0] - '0';
		break;
	case 'c': a->conf.file = arg; break;
	case O_NO_EXPAND: a->conf.no_expand_env = 1; break;
	case O_REPLICA: a->replica = arg; break;
	case 'T':
		if (when_dur_scan(arg, &a->timeout_ms) || a->timeout_ms <= 0)
			return err_set(e, ERR_USAGE, "-T takes a duration as "
			    "30s");
		break;
	}
	return 0;
}

static int
parse(struct args *a, int argc, char **argv)
{
	int code = prog_args(&prog, argc, &argv, option, a, 1, INT_MAX);

	if (code >= 0)
		return code;
	a->conf.db = argv[0];
	a->conf.need = CONF_NEED_REPLICA | CONF_ONLY_READS;
	a->keys = argv + 1;
	for (; a->keys[a->n]; a->n++)
		if (url_is(a->keys[a->n]))
			return prog_usage(PROG, "%s is no KEY: one replica at "
			    "a time", a->keys[a->n]);
	return -1;
}

/* With no key, a URL that ends in an object's name is that object's. */
static int
key_of(const struct store_conf *c, const struct args *a, size_t i,
    char **out, struct err *e)
{
	if (a->n)
		return store_name_key(c, a->level, a->keys[i], out, e);
	if (!c->path || !store_name_ltx(c->path))
		return err_set(e, ERR_USAGE, "no KEY given, and %s is not the "
		    "URL of an LTX file; ls-list prints their names", c->url);
	return (*out = strdup(c->path)) ? 0 : err_nomem(e);
}

static int
begin(struct store *s, const struct args *a, size_t i,
    struct store_get **g, struct err *e)
{
	char *key;
	int r;

	if (key_of(store_conf(s), a, i, &key, e))
		return -1;
	r = store_get(s, key, 0, 0, g, e);
	free(key);
	return r;
}

static int
copy(struct store_get *g, void *buf, struct err *e)
{
	ssize_t n;

	while ((n = store_get_read(g, buf, BUFFER, e)) > 0)
		if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
			return err_sys(e, "write standard output");
	return (int)n;
}

/* The objects after the one being written are on their way meanwhile. */
static int
get(struct store *s, const struct args *a, struct err *e)
{
	struct store_get *g[AHEAD] = { NULL };
	size_t n = a->n ? a->n : 1, begun = 0, i;
	void *buf = malloc(BUFFER);
	int r = buf ? 0 : err_nomem(e);

	for (i = 0; !r && i < n; i++) {
		for (; !r && begun < n && begun < i + AHEAD; begun++)
			r = begin(s, a, begun, &g[begun % AHEAD], e);
		if (!r)
			r = copy(g[i % AHEAD], buf, e);
		store_get_close(g[i % AHEAD]);
		g[i % AHEAD] = NULL;
	}
	for (i = 0; i < AHEAD; i++)
		store_get_close(g[i]);
	free(buf);
	return r;
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
	r = get(s, a, e);
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
	return r ? prog_fatal(PROG, "get objects", &e) : prog_flush(PROG);
}
