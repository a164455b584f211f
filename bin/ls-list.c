#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/opt.h"
#include "base/prog.h"
#include "conf/conf.h"
#include "repl/listing_fmt.h"
#include "repl/pin.h"
#include "repl/v03_fmt.h"

#define PROG "ls-list"
#define SYNOPSIS "[OPTIONS] [DB|URL]"
#define PURPOSE "Lists the LTX files of a replica: of URL, or of the " \
	"replicas of DB (all databases\nof the configuration without DB). " \
	"Several replicas are headed by \"# URL\" lines."

enum { O_NO_EXPAND = 256, O_REPLICA, O_PINS, O_V03 };

static const struct opt opts[] = {
	{ 'l', "level", "LEVEL", "only this level, 0 to 9 (all)" },
	{ 's', "snapshots", NULL, "only snapshots: level 9" },
	{ O_PINS, "pins", NULL, "only pins: each with its name" },
	{ 'x', "exact", NULL, "times from the files' headers: one read each" },
	{ O_V03, "v03", "WHAT", "of Litestream 0.3: generations, snapshots or wal" },
	{ 'j', "json", NULL, "one JSON object a replica" },
	{ 'c', "config", "FILE", "configuration file" },
	{ O_NO_EXPAND, "no-expand-env", NULL, "leave $NAME in it alone" },
	{ O_REPLICA, "replica", "NAME", "only the replicas of this name" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	struct conf_args conf;
	const char *replica;
	unsigned levels;
	int exact, json, heads, titled, pins;
	struct pin *pin; /* of the files being printed, NULL: they are none */
	int v03;
	enum v03_fmt_what what;
};

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	switch (id) {
	case 'l':
		if (*arg < '0' || *arg > '9' || arg[1])
			return err_set(e, ERR_USAGE, "a level is 0 to 9");
		a->levels = 1u << (*arg - '0');
		break;
	case 's': a->levels = 1u << STORE_LEVEL_SNAPSHOT; break;
	case O_PINS: a->pins = 1; break;
	case 'x': a->exact = 1; break;
	case O_V03: a->v03 = 1; return v03_fmt_what(arg, &a->what, e);
	case 'j': a->json = 1; break;
	case 'c': a->conf.file = arg; break;
	case O_NO_EXPAND: a->conf.no_expand_env = 1; break;
	case O_REPLICA: a->replica = arg; break;
	}
	return 0;
}

static int
put(stralloc *s, int ok, struct err *e)
{
	if (!ok)
		return err_nomem(e);
	if (s->len && fwrite(s->s, s->len, 1, stdout) != 1)
		return err_sys(e, "write to standard output");
	s->len = 0;
	return 0;
}

/* {"replica":"...","db":"...","foreign":0,"files":[ */
static int
head(const struct args *a, const struct conf_db *db, const char *url,
    const struct listing *l, stralloc *s)
{
	char n[64];

	if (!a->json)
		return !a->heads || (stralloc_cats(s, "# ")
		    && stralloc_cats(s, url) && stralloc_cats(s, "\n"));
	snprintf(n, sizeof n, ",\"foreign\":%zu,\"files\":[", l->foreign);
	return stralloc_cats(s, "{\"replica\":") && json_string(s, url)
	    && (!db->path || (stralloc_cats(s, ",\"db\":")
	    && json_string(s, db->path))) && stralloc_cats(s, n);
}

static int
line(const struct args *a, const struct listing *l, size_t i, stralloc *s)
{
	const char *pin = a->pin ? a->pin[i].name : NULL;

	if (!a->json)
		return listing_fmt_tsv(s, &l->f[i]) && (!pin
		    || (stralloc_cats(s, "\t") && stralloc_cats(s, pin)))
		    && stralloc_cats(s, "\n");
	return (!i || stralloc_cats(s, ",")) && listing_fmt_json(s, &l->f[i])
	    && (!pin || (stralloc_cats(s, ",\"pin\":")
	    && json_string(s, pin))) && stralloc_cats(s, "}");
}

static int
tail(const struct args *a, const struct listing *l, stralloc *s)
{
	char n[80];

	if (a->json)
		return stralloc_cats(s, "]}\n");
	if (!l->foreign)
		return 1;
	snprintf(n, sizeof n, "# %zu other objects\n", l->foreign);
	return stralloc_cats(s, n);
}

static int
print(struct args *a, const struct conf_db *db, const char *url,
    const struct listing *l, struct err *e)
{
	stralloc s = STRALLOC_ZERO;
	int r = put(&s, a->json || a->titled++
	    || stralloc_cats(&s, a->pins ? LISTING_FMT_HEAD "\tpin\n"
	    : LISTING_FMT_HEAD "\n"), e);

	if (!r)
		r = put(&s, head(a, db, url, l, &s), e);
	for (size_t i = 0; !r && i < l->n; i++)
		r = put(&s, line(a, l, i, &s), e);
	if (!r)
		r = put(&s, tail(a, l, &s), e);
	stralloc_free(&s);
	return r;
}

/* {"replica":"...","name":"...","db":"...","foreign":0,"wal":[ */
static int
head_v03(const struct args *a, const struct conf_db *db,
    const struct conf_replica *r, const struct v03_set *set, stralloc *s)
{
	static const char *const names[] = { "generations", "snapshots", "wal" };
	char n[64];

	if (!a->json)
		return 1;
	snprintf(n, sizeof n, ",\"foreign\":%zu,\"%s\":[", set->foreign,
	    names[a->what]);
	return stralloc_cats(s, "{\"replica\":")
	    && json_string(s, r->store.url)
	    && stralloc_cats(s, ",\"name\":") && json_string(s, r->name)
	    && (!db->path || (stralloc_cats(s, ",\"db\":")
	    && json_string(s, db->path))) && stralloc_cats(s, n);
}

static int
one_v03(struct args *a, const struct conf_db *db,
    const struct conf_replica *r, struct store *st, struct err *e)
{
	struct v03_set set = { 0 };
	stralloc s = STRALLOC_ZERO;
	int x = v03_set_read(st, &set, e);

	for (size_t i = 0; !x && i < set.n_g; i++)
		x = v03_set_times(st, &set, i, a->exact, e);
	if (x < 0)
		err_in(e, "%s", r->store.url);
	else
		x = put(&s, (a->json || a->titled++
		    || v03_fmt_head(&s, a->what))
		    && head_v03(a, db, r, &set, &s)
		    && v03_fmt_rows(&s, a->what, r->name, &set, a->json)
		    && (!a->json || stralloc_cats(&s, "]}\n")), e);
	stralloc_free(&s);
	v03_set_free(&set);
	return x;
}

/* What has no LTX files may not be empty. */
static int
hint(struct store *st, struct err *e)
{
	struct v03_set set = { 0 };
	char line[64];

	if (v03_set_read(st, &set, e) < 0)
		return err_in(e, "%s", store_conf(st)->url);
	snprintf(line, sizeof line, "%zu generations of Litestream 0.3 are "
	    "there (--v03)", set.n_g);
	if (set.n_g)
		prog_warn(PROG, line);
	v03_set_free(&set);
	return 0;
}

static int
read_pins(struct args *a, struct store *st, struct listing *l, struct err *e)
{
	size_t n;
	int x = pin_list(st, &a->pin, &n, e);

	for (size_t i = 0; !x && i < n; i++)
		x = listing_add(l, &a->pin[i].file, e);
	return x;
}

static int
one(void *ctx, const struct conf_db *db, const struct conf_replica *r,
    struct err *e)
{
	struct args *a = ctx;
	struct listing l = { 0 };
	struct store *st;
	int x;

	if (store_open(&st, &r->store, e) < 0)
		return err_in(e, "%s", r->store.url);
	if (a->v03) {
		x = one_v03(a, db, r, st, e);
		store_close(st);
		return x;
	}
	x = a->pins ? read_pins(a, st, &l, e)
	    : listing_read(st, a->levels, &l, e);
	if (!x && a->exact && !a->pins)
		x = listing_times(st, &l, 0, l.n, e);
	if (x < 0)
		err_in(e, "%s", r->store.url);
	else
		x = print(a, db, r->store.url, &l, e);
	if (!x && !l.n && !a->pins && a->levels == LISTING_ALL)
		x = hint(st, e);
	free(a->pin);
	a->pin = NULL;
	listing_free(&l);
	store_close(st);
	return x;
}

static void
later(void *ctx, const struct err *e)
{
	(void)ctx;
	prog_warn(PROG, e->msg);
}

static int
all(struct args *a, const struct conf *conf, struct err *e)
{
	a->heads = conf->n > 1 || conf->dbs[0].n > 1;
	return conf_each_replica(conf->dbs, conf->n, a->replica, one, later, a,
	    e);
}

int
main(int argc, char **argv)
{
	const struct log log = { .fd = 2, .level = LOG_WARN, .prog = PROG };
	struct args a = { .levels = LISTING_ALL };
	struct conf conf;
	struct err e = { 0 };
	int r;

	if ((r = prog_args(&prog, argc, &argv, option, &a, 0, 1)) >= 0)
		return r;
	a.conf.db = *argv;
	a.conf.need = CONF_NEED_REPLICA | CONF_ONLY_READS;
	if (conf_load(&conf, &a.conf, &e) < 0)
		return prog_fatal(PROG, "read the configuration", &e);
	conf_log(&conf, &log);
	r = all(&a, &conf, &e);
	conf_free(&conf);
	return r < 0 ? prog_fatal(PROG, "list", &e) : prog_flush(PROG);
}
