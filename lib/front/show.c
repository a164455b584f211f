#include "front/front.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "db/state.h"

/* What the configuration and the disk say: databases, status, ltx. */

/* ---- databases ---- */

static int
replicas(stralloc *s, const struct front *f, const struct conf_db *db)
{
	for (size_t i = 0; i < db->n; i++)
		if ((i && !stralloc_cats(s, ","))
		    || !stralloc_cats(s, f->old ? db->replicas[i].name
		    : front_type(&db->replicas[i].store)))
			return 0;
	return 1;
}

static int
databases(stralloc *text, const struct front *f)
{
	stralloc names = STRALLOC_ZERO;
	int ok = f->opts.json ? stralloc_cats(text, "[")
	    : stralloc_cats(text, f->old ? "path\treplicas\n"
	    : "path\treplica\n");

	for (size_t i = 0; i < f->conf.n && ok; i++) {
		const struct conf_db *db = &f->conf.dbs[i];

		names.len = 0;
		ok = replicas(&names, f, db) && stralloc_0(&names);
		if (ok && !f->opts.json)
			ok = stralloc_cats(text, db->path)
			    && stralloc_cats(text, "\t")
			    && stralloc_cats(text, names.s)
			    && stralloc_cats(text, "\n");
		else if (ok)
			ok = stralloc_cats(text, i ? ",{\"path\":"
			    : "{\"path\":") && front_json_string(text, db->path)
			    && stralloc_cats(text, ",\"replica\":")
			    && front_json_string(text, names.s)
			    && stralloc_cats(text, "}");
	}
	stralloc_free(&names);
	return ok && (!f->opts.json || stralloc_cats(text, "]"));
}

/* The table or the JSON of text to standard output. */
static int
print(const struct front *f, stralloc *text, int ok)
{
	stralloc s = STRALLOC_ZERO;

	if (ok)
		ok = f->opts.json ? front_json_indent(&s, text->s, text->len)
		    && stralloc_cats(&s, "\n")
		    : front_table(&s, text->s, text->len);
	stralloc_free(text);
	return front_put(f, &s, ok);
}

int
front_databases(struct front *f)
{
	stralloc text = STRALLOC_ZERO;
	int code;

	if (f->argc)
		return front_fail(f, "too many arguments");
	if ((code = front_conf(f, NULL, NULL, 0, 0)))
		return code;
	return print(f, &text, databases(&text, f));
}

/* ---- status ---- */

struct state {
	const char *word;
	char txid[17];
	uint64_t wal;
	int there;       /* there is a database */
};

static void
look(const struct conf_db *db, struct state *o)
{
	struct state_paths p;
	struct stat st;
	struct err e;
	char wal[PATH_MAX];
	uint64_t min, max = 0;
	int whole, r = -1;

	memset(o, 0, sizeof *o);
	strcpy(o->txid, "-");
	o->word = "no database";
	if (stat(db->path, &st) < 0)
		return;
	o->there = 1;
	if (snprintf(wal, sizeof wal, "%s-wal", db->path) < (int)sizeof wal
	    && !stat(wal, &st))
		o->wal = (uint64_t)st.st_size;
	o->word = "not initialized";
	if (state_paths(&p, db->path, db->meta, &e) == 0) {
		r = state_scan(p.ltx0, &min, &max, &whole, &e);
		if (r < 0 && e.kind == ERR_NOTFOUND)
			r = 0;
		state_paths_free(&p);
	}
	if (r < 0)
		o->word = "error";
	else if (max) {
		o->word = "ok";
		hex64_fmt(o->txid, max);
	}
}

static int
status_row(stralloc *t, const struct front *f, const struct conf_db *db,
    int first)
{
	stralloc size = STRALLOC_ZERO;
	struct state st;
	int ok;

	look(db, &st);
	ok = (st.there ? front_bytes(&size, st.wal)
	    : stralloc_cats(&size, "-")) && stralloc_0(&size);
	if (ok && !f->opts.json)
		ok = stralloc_cats(t, db->path) && stralloc_cats(t, "\t")
		    && stralloc_cats(t, st.word) && stralloc_cats(t, "\t")
		    && stralloc_cats(t, st.txid) && stralloc_cats(t, "\t")
		    && stralloc_cats(t, size.s) && stralloc_cats(t, "\n");
	else if (ok)
		ok = stralloc_cats(t, first ? "{\"database\":"
		    : ",{\"database\":") && front_json_string(t, db->path)
		    && stralloc_cats(t, ",\"status\":")
		    && front_json_string(t, st.word)
		    && stralloc_cats(t, ",\"local_txid\":")
		    && front_json_string(t, st.txid)
		    && stralloc_cats(t, ",\"wal_size\":")
		    && front_json_string(t, size.s) && stralloc_cats(t, "}");
	stralloc_free(&size);
	return ok;
}

int
front_status(struct front *f)
{
	const struct conf_db *only = NULL;
	stralloc text = STRALLOC_ZERO;
	int code, ok, first = 1;

	if ((code = front_conf(f, NULL, NULL, 0, 0)))
		return code;
	if (f->argc)
		only = conf_db_find(&f->conf, f->argv[0]);
	ok = stralloc_cats(&text, f->opts.json ? "["
	    : "database\tstatus\tlocal txid\twal size\n");
	for (size_t i = 0; i < f->conf.n && ok; i++) {
		if (f->argc && &f->conf.dbs[i] != only)
			continue;
		ok = status_row(&text, f, &f->conf.dbs[i], first);
		first = 0;
	}
	ok = ok && (!f->opts.json || stralloc_cats(&text, "]"));
	return print(f, &text, ok);
}

/* ---- ltx ---- */

/* A time in whole seconds: "2006-01-02T15:04:05.678Z" without the decimals. */
static int
seconds(stralloc *s, const char *t, size_t n)
{
	const char *dot = memchr(t, '.', n);

	return dot ? stralloc_catb(s, t, (size_t)(dot - t))
	    && stralloc_append(s, 'Z') : stralloc_catb(s, t, n);
}

/* A row of ls-list: level, TXIDs, size and time. */
static int
ltx_row(stralloc *s, const char *row, size_t n, int json, int first)
{
	static const char *const before[] = { "{\"level\":", ",\"min_txid\":\"",
	    "\",\"max_txid\":\"", "\",\"size\":", ",\"timestamp\":\"" };
	const char *end = row + n;
	int ok = !json || first || stralloc_append(s, ',');

	for (int i = 0; i < 5 && ok; i++) {
		size_t k = 0;

		while (row + k < end && row[k] != '\t')
			k++;
		ok = (json ? stralloc_cats(s, before[i]) : !i
		    || stralloc_append(s, '\t')) && (i < 4
		    ? stralloc_catb(s, row, k) : seconds(s, row, k));
		row += k + (row + k < end);
	}
	return ok && stralloc_cats(s, json ? "\"}" : "\n");
}

static int
ltx_rows(stralloc *s, const stralloc *tsv, int json)
{
	int first = 1;

	if (!stralloc_cats(s, json ? "["
	    : "level\tmin_txid\tmax_txid\tsize\tcreated\n"))
		return 0;
	for (size_t i = 0, n; i < tsv->len; i += n + 1) {
		const char *nl = memchr(tsv->s + i, '\n', tsv->len - i);

		n = nl ? (size_t)(nl - tsv->s) - i : tsv->len - i;
		if (tsv->s[i] < '0' || tsv->s[i] > '9')
			continue;
		if (!ltx_row(s, tsv->s + i, n, json, first))
			return 0;
		first = 0;
	}
	return !json || stralloc_cats(s, "]");
}

int
front_ltx(struct front *f)
{
	char path[PATH_MAX];
	const char *level = f->opts.level ? f->opts.level : "0";
	stralloc tsv = STRALLOC_ZERO, text = STRALLOC_ZERO;
	struct front_said said = { f, 1, "" };
	struct err e = { 0 };
	const char *av[FRONT_ARGS];
	size_t n = 0;
	int code, r;

	if (!f->argc)
		return front_try(f, "database path or replica URL required",
		    "ltx /path/to/db");
	if (f->argc > 1)
		return front_fail(f, "too many arguments");
	if ((code = front_conf_one(f, f->argv[0])))
		return code;
	front_find("ls-list", path, sizeof path);
	av[n++] = path;
	if (strcmp(level, "all"))
		av[n++] = "-l", av[n++] = level;
	n += front_conf_args(f, av + n);
	av[n++] = "--replica";
	av[n++] = f->opts.replica ? f->opts.replica : f->db->replicas[0].name;
	av[n++] = f->argv[0];
	av[n] = NULL;
	if (!f->db->n)
		return front_fail(f, "database has no replica");
	r = front_capture((char *const *)(uintptr_t)av, &tsv, front_listen,
	    &said, &code, &e);
	if (r < 0 || code) {
		stralloc_free(&tsv);
		return front_fail(f, r < 0 ? e.msg : said.fatal);
	}
	r = ltx_rows(&text, &tsv, f->opts.json);
	stralloc_free(&tsv);
	return print(f, &text, r);
}
