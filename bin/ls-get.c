#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "base/prog.h"
#include "base/when.h"
#include "conf/conf.h"
#include "store/store.h"

#define PROG "ls-get"
#define SYNOPSIS "[-l LEVEL] [-c FILE] URL|DB [KEY...]"
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
	{ 'h', "help", NULL, "print this and exit" },
	{ 'V', "version", NULL, "print the version and exit" },
	{ 0, NULL, NULL, NULL }
};

struct args {
	struct conf_args conf;
	const char *replica;
	int level;
	int64_t timeout_ms;
	char *const *keys;
	size_t n;
};

static int
parse(struct args *a, int argc, char *const *argv)
{
	struct opt_state st;
	int c;

	opt_init(&st, PROG, opts);
	while ((c = opt_next(&st, argc, argv)) != OPT_END) {
		switch (c) {
		case 'l':
			if (st.arg[0] < '0' || st.arg[0] > '9' || st.arg[1])
				return prog_usage(PROG, "-l takes 0 to 9");
			a->level = st.arg[0] - '0';
			break;
		case 'c': a->conf.file = st.arg; break;
		case O_NO_EXPAND: a->conf.no_expand_env = 1; break;
		case O_REPLICA: a->replica = st.arg; break;
		case 'T':
			if (when_dur_scan(st.arg, &a->timeout_ms)
			    || a->timeout_ms <= 0)
				return prog_usage(PROG, "-T takes a duration");
			break;
		case 'h': opt_help(&st, 1, SYNOPSIS, PURPOSE); return -1;
		case 'V': printf(PROG " " LS_VERSION "\n"); return -1;
		default: return prog_usage(PROG, st.bad);
		}
	}
	if (st.index == argc)
		return prog_usage(PROG, SYNOPSIS);
	a->conf.db = argv[st.index];
	a->conf.need = CONF_NEED_REPLICA;
	a->keys = argv + st.index + 1;
	a->n = (size_t)(argc - st.index - 1);
	return 0;
}

/* With no key, a URL that ends in an object's name is that object's. */
static int
key_of(const struct store_conf *c, const struct args *a, size_t i,
    char **out, struct err *e)
{
	size_t n = c->path ? strlen(c->path) : 0;

	if (a->n)
		return store_name_key(c, a->level, a->keys[i], out, e);
	if (n < 4 || strcmp(c->path + n - 4, ".ltx"))
		return err_set(e, ERR_USAGE, "no key");
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
	if (!r && fflush(stdout))
		r = err_sys(e, "write standard output");
	return r;
}

static struct store_conf *
choose(struct conf_db *db, const struct args *a, struct err *e)
{
	size_t i = 0;

	while (a->replica && i < db->n
	    && strcmp(a->replica, db->replicas[i].name))
		i++;
	if (i == db->n) {
		err_set(e, ERR_CONF, "no replica %s", a->replica);
		return NULL;
	}
	if (a->timeout_ms)
		db->replicas[i].store.timeout_ms = a->timeout_ms;
	return &db->replicas[i].store;
}

int
main(int argc, char **argv)
{
	struct args a = { .level = -1 };
	struct log log = { .fd = 2, .level = LOG_WARN, .prog = PROG };
	struct store_conf *c;
	struct store *s;
	struct conf conf;
	struct err e = { 0 };
	int r;

	io_hold_std();
	if ((r = parse(&a, argc, argv)))
		return r < 0 ? 0 : r;
	if (conf_load(&conf, &a.conf, &e))
		return prog_fatal(PROG, "load the configuration", &e);
	if ((c = choose(&conf.dbs[0], &a, &e)))
		c->log = &log;
	if (!(r = c ? store_open(&s, c, &e) : -1)) {
		r = get(s, &a, &e);
		store_close(s);
	}
	if (r && e.kind == ERR_USAGE)
		r = prog_usage(PROG, SYNOPSIS);
	else if (r)
		r = prog_fatal(PROG, "get objects", &e);
	conf_free(&conf);
	return r;
}
