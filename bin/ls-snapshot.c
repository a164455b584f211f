#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/opt.h"
#include "base/prog.h"
#include "base/url.h"
#include "base/when.h"
#include "conf/conf.h"
#include "db/dump.h"
#include "db/state.h"
#include "repl/pin.h"
#include "repl/restore_arg.h"
#include "repl/v03_prune.h"
#include "repl/v03_snapshot.h"

#define PROG "ls-snapshot"
#define SYNOPSIS "[OPTIONS] DB\n       ls-snapshot -r [OPTIONS] DB [URL]|URL"
#define PURPOSE "Writes a full LTX of a database to standard output or, " \
	"with -r, makes a snapshot on\nits replicas, merged from what each " \
	"of them holds."

enum { O_NO_EXPAND = 256, O_REPLICA, O_PIN, O_TXID };

static const struct opt opts[] = {
	{ 'r', "replicas", NULL, "to the replicas, as level 9" },
	{ O_REPLICA, "replica", "NAME", "only to the replica of this name or URL" },
	{ O_PIN, "pin", "NAME", "on the replicas, to stay under this name" },
	{ 't', "timestamp", "TIME", "pin the newest state not after TIME" },
	{ O_TXID, "txid", "TXID", "pin the state of this TXID, hexadecimal" },
	CHANGES_OPTS,
	{ 'c', "config", "FILE", "configuration file" },
	{ O_NO_EXPAND, "no-expand-env", NULL, "leave $NAME in it alone" },
	{ 'q', "quiet", NULL, "print only warnings and errors" },
	{ 'T', "stamp", NULL, "time stamps before log lines" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct args {
	struct conf_args conf;
	const char *replica, *pin;
	struct plan_target target; /* of the pin */
	int to_replicas;
	struct changes changes;
	struct state_paths paths; /* of the database, if there is one */
	struct log log;
};

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	if (changes_option(&a->changes, id, arg))
		return 0;
	switch (id) {
	case 'r': a->to_replicas = 1; break;
	case O_REPLICA: a->to_replicas = 1; a->replica = arg; break;
	case O_PIN:
		a->to_replicas = 1;
		a->pin = arg;
		return pin_name(arg, e);
	case 't': return restore_arg_time(arg, &a->target, e);
	case O_TXID: return restore_arg_txid(arg, &a->target, e);
	case 'c': a->conf.file = arg; break;
	case O_NO_EXPAND: a->conf.no_expand_env = 1; break;
	case 'q': a->log.level = LOG_WARN; break;
	case 'T': a->log.stamp = 1; break;
	}
	return 0;
}

/* In the format of Litestream 0.3. */
static int
one_v03(const struct args *a, const struct conf_replica *r, struct err *e)
{
	char g[17], index[24], size[24], files[24];
	struct replica_file f = { .time_ms = -1 };
	struct v03_snapshot_done d;

	if (a->changes.listing || a->pin)
		return err_set(e, ERR_USAGE, "%s: %s is not for replicas in the "
		    "format of Litestream 0.3", r->store.url,
		    a->pin ? "--pin" : "--listing");
	if (v03_snapshot_put(&r->store, "", &a->log, &d, e) < 0) {
		f.min = f.max = d.generation;
		if (e->kind == ERR_DATA) /* for ls-tend */
			changes_say(&a->changes, &a->log, "gap", &f);
		return -1;
	}
	hex64_fmt(g, d.generation);
	snprintf(index, sizeof index, "%08llx", (unsigned long long)d.index);
	snprintf(size, sizeof size, "%llu", (unsigned long long)d.raw);
	snprintf(files, sizeof files, "%zu", d.files);
	log_event(&a->log, LOG_INFO, d.present ? "snapshot is there already"
	    : "snapshot made", "replica", r->store.url, "generation", g,
	    "index", index, d.present ? NULL : "bytes", size, "files", files,
	    NULL);
	return 0;
}

static int
one(void *ctx, const struct conf_db *db, const struct conf_replica *r,
    struct err *e)
{
	struct args *a = ctx;
	int v03 = r->format == CONF_FORMAT_V03;
	struct snapshot_opt opt = { a->paths.ltx0, "", db->encoding, &a->log,
	    &a->changes };
	char txid[17], size[24], files[24];
	struct snapshot_done d;

	if (!v03 && !db->path && (v03 = v03_prune_alone(&r->store, e)) < 0)
		return -1;
	if (v03)
		return one_v03(a, r, e);
	if (a->pin ? pin_make(&r->store, a->pin, &a->target, &opt, &d, e)
	    : snapshot_put(&r->store, &opt, &d, e))
		return -1;
	hex64_fmt(txid, d.txid);
	snprintf(size, sizeof size, "%llu", (unsigned long long)d.size);
	snprintf(files, sizeof files, "%zu", d.files);
	log_event(&a->log, LOG_INFO, a->pin ? "pinned" : d.present
	    ? "snapshot is there already" : "snapshot made", "replica",
	    r->store.url, "txid", txid, "bytes", size, "files", d.present
	    ? NULL : files, a->pin ? "pin" : NULL, a->pin, NULL);
	return 0;
}

static void
later(void *ctx, const struct err *e)
{
	log_err(&((struct args *)ctx)->log, LOG_ERROR, e, "no snapshot", NULL);
}

static int
all(struct args *a, const struct conf_db *db, struct err *e)
{
	int r;

	if (db->path && state_paths(&a->paths, db->path, db->meta, e) < 0)
		return -1;
	r = conf_each_replica(db, 1, a->replica, one, later, a, e);
	state_paths_free(&a->paths);
	return r;
}

/* All pages as TXID 1 to the last of the state folder. db may be NULL. */
static int
dump(const char *path, const struct conf_db *db, struct err *e)
{
	enum ltx_encoding enc = db ? db->encoding : LTX_BLOCK;
	struct state_paths paths;
	uint64_t min, max;
	int contig, fd = 1, r;

	if (isatty(fd))
		return err_set(e, ERR_USAGE, "no LTX file to a terminal");
	if (state_paths(&paths, path, db ? db->meta : NULL, e) < 0)
		return -1;
	r = state_scan(paths.ltx0, &min, &max, &contig, e);
	state_paths_free(&paths);
	if (r < 0)
		return -1;
	return dump_db(path, max ? max : 1, 0, enc, 0, io_out_fd(&fd), NULL, e);
}

/* A configuration is needed for what differs from the defaults alone. */
static int
dump_conf(const struct args *a, struct err *e)
{
	struct conf conf;
	const struct conf_db *db = NULL;
	int r;

	if (url_is(a->conf.db) && strncmp(a->conf.db, "sqlite", 6))
		return err_set(e, ERR_USAGE, "a URL goes with -r; to standard "
		    "output a database is written");
	r = conf_load(&conf, &a->conf, e);

	if (r < 0 && (a->conf.file || e->kind == ERR_USAGE))
		return -1;
	if (!r)
		db = conf_db_find(&conf, a->conf.db);
	r = dump(db ? db->path : a->conf.db, db, e);
	conf_free(&conf);
	return r;
}

static int
run(struct args *a, struct err *e)
{
	struct conf conf;
	int r;

	if (!a->to_replicas)
		return dump_conf(a, e);
	a->conf.need = CONF_NEED_REPLICA;
	if (conf_load(&conf, &a->conf, e) < 0)
		return err_in(e, "read the configuration");
	conf_log(&conf, &a->log);
	r = all(a, &conf.dbs[0], e);
	conf_free(&conf);
	return r;
}

int
main(int argc, char **argv)
{
	struct args a = { .target = { 0, -1 }, .log = { .fd = 2, .level = LOG_INFO, .prog = PROG } };
	struct err e = { 0 };
	int code;

	if ((code = prog_args(&prog, argc, &argv, option, &a, 1, 2)) >= 0)
		return code;
	a.conf.db = *argv;
	a.conf.urls = (const char *const *)argv + 1;
	a.conf.n_urls = argv[1] != NULL;
	if (argv[1] && !a.to_replicas)
		return prog_usage(PROG, "%s is one argument too many: a "
		    "URL goes with -r", argv[1]);
	if (a.target.txid || a.target.time_ms >= 0) {
		if (!a.pin)
			return prog_usage(PROG, "-t and --txid go with --pin");
		if (a.target.txid && a.target.time_ms >= 0)
			return prog_usage(PROG, "-t or --txid, not both");
	}
	signal(SIGPIPE, SIG_IGN);
	return run(&a, &e) < 0 ? prog_fatal(PROG, "make a snapshot", &e) : 0;
}
