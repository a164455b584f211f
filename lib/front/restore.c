#include "front/front.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/url.h"
#include "base/when.h"

struct restore {
	struct front *f;
	const char *source, *out;
	const struct conf_replica *replica; /* the only one, or NULL */
	struct front_said said;
};

/* ---- before ---- */

static int
exists(const char *path, const char *suffix, int empty_too)
{
	char p[PATH_MAX];
	struct stat st;

	return snprintf(p, sizeof p, "%s%s", path, suffix) < (int)sizeof p
	    && !stat(p, &st) && (empty_too || st.st_size > 0);
}

/* Is there a database, or what belongs to one? 0.5 restores over an empty
 * file, which is no database yet; 0.3 does not. */
static int
taken(const struct front *f, const char *out)
{
	return exists(out, "", f->old) || exists(out, "-wal", 0)
	    || exists(out, "-journal", 0);
}

/* What excludes each other, or is wrong: NULL, or what to say. */
static const char *
conflict(const struct front *f, char *text, size_t n)
{
	const struct front_opts *o = &f->opts;
	int64_t ms;

	if (o->timestamp && when_scan(o->timestamp, &ms) < 0)
		return "invalid -timestamp, must specify in ISO 8601\xc2\xa0"
		    "format (e.g. 2000-01-01T00:00:00Z)";
	if (o->check && strcmp(o->check, "none") && strcmp(o->check, "quick")
	    && strcmp(o->check, "full")) {
		snprintf(text, n, "invalid -integrity-check value: %s",
		    o->check);
		return text;
	}
	if (o->follow && o->txid)
		return "cannot use follow mode with -txid";
	if (o->follow && o->timestamp)
		return "cannot use follow mode with -timestamp";
	return NULL;
}

static int
refuse_taken(struct restore *r)
{
	char text[PATH_MAX + 100];

	if (r->f->opts.if_db_missing) {
		front_info_line(r->f, "database already exists, skipping");
		return 0;
	}
	snprintf(text, sizeof text, r->f->old
	    ? "cannot restore, output path already exists: %s"
	    : "cannot restore, output path already exists and is not empty: "
	    "%s. Use -force to overwrite", r->out);
	return front_fail(r->f, text);
}

/* ---- the child ---- */

static void
arguments(const struct restore *r, const char **av, char *program)
{
	const struct front_opts *o = &r->f->opts;
	const struct { const char *option, *value; } with[] = {
		{ "--txid", o->txid }, { "-t", o->timestamp },
		{ "--generation", o->generation }, { "--index", o->index },
		{ "--replica", o->replica }, { "--integrity-check", o->check },
		{ "--follow-interval", o->follow_interval },
		{ "-o", r->out },
	};
	const struct { const char *option; int on; } plain[] = {
		{ "-i", o->if_db_missing }, { "-e", o->if_replica },
		{ "-n", o->dry_run }, { "--move-aside", o->force
		    && taken(r->f, r->out) },
		{ "-f", o->follow },
		{ "-j", !o->follow && !o->dry_run },
	};
	size_t n = 0;

	av[n++] = program;
	for (size_t i = 0; i < sizeof with / sizeof *with; i++)
		if (with[i].value) {
			av[n++] = with[i].option;
			av[n++] = with[i].value;
		}
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (plain[i].on)
			av[n++] = plain[i].option;
	if (r->f->old && o->parallelism) {
		av[n++] = "-p";
		av[n++] = o->parallelism;
	}
	n += front_conf_args(r->f, av + n);
	av[n++] = r->source;
	av[n] = NULL;
}

/* ---- what it says ---- */

static int
pair(stralloc *s, const char *key, const char *value)
{
	return stralloc_cats(s, key) && front_json_string(s, value);
}

/* The fields of the listing's rows in out, with the file's name. */
static int
plan_row(stralloc *s, const char *row, size_t n, int json, int first)
{
	char f[5][64], line[400];
	size_t i, k;

	for (i = 0; i < 5; i++) {
		for (k = 0; k < n && row[k] != '\t'; k++)
			;
		snprintf(f[i], sizeof f[i], "%.*s", (int)k, row);
		row += k + (k < n);
		n -= k + (k < n);
	}
	if ((row = strchr(f[4], '.')))
		strcpy(f[4] + (row - f[4]), "Z");
	snprintf(line, sizeof line, json ? "%s{\"level\":%s,\"name\":\"%s-%s.ltx\","
	    "\"min_txid\":\"%s\",\"max_txid\":\"%s\",\"size\":%s,"
	    "\"timestamp\":\"%s\"}" : "%s%s\t%s-%s.ltx\t%s\t%s\t%s\t%s\n",
	    json && !first ? "," : "", f[0], f[1], f[2], f[1], f[2], f[3], f[4]);
	return stralloc_cats(s, line);
}

struct plan {
	char min[17], max[17];
	size_t n;
	stralloc rows;
};

static int
plan_read(struct plan *p, const stralloc *out, int json)
{
	for (size_t i = 0, n; i < out->len; i += n + 1) {
		const char *s = out->s + i, *nl = memchr(s, '\n', out->len - i);
		const char *tab = memchr(s, '\t', out->len - i);

		n = nl ? (size_t)(nl - s) : out->len - i;
		if (*s < '0' || *s > '9' || !tab || n < 36)
			continue;
		if (!p->n || strncmp(tab + 1, p->min, 16) < 0)
			snprintf(p->min, sizeof p->min, "%.16s", tab + 1);
		if (!p->n || strncmp(tab + 18, p->max, 16) > 0)
			snprintf(p->max, sizeof p->max, "%.16s", tab + 18);
		if (!plan_row(&p->rows, s, n, json, !p->n))
			return 0;
		p->n++;
	}
	return 1;
}

static int
plan_head(stralloc *s, const struct restore *r, const struct plan *p)
{
	const char *kind = r->replica ? front_type(&r->replica->store) : "";

	if (r->f->opts.json)
		return pair(s, "{\"source\":", r->source)
		    && pair(s, ",\"target_path\":", r->out)
		    && pair(s, ",\"replica\":", kind)
		    && pair(s, ",\"min_txid\":", p->min)
		    && pair(s, ",\"max_txid\":", p->max)
		    && stralloc_cats(s, ",\"files\":[");
	return stralloc_cats(s, "Restore plan:\n  source: ")
	    && stralloc_cats(s, r->source) && stralloc_cats(s, "\n  target: ")
	    && stralloc_cats(s, r->out) && stralloc_cats(s, "\n  replica: ")
	    && stralloc_cats(s, kind) && stralloc_cats(s, "\n  txid range: ")
	    && stralloc_cats(s, p->min) && stralloc_cats(s, " - ")
	    && stralloc_cats(s, p->max)
	    && stralloc_cats(s, "\n\nFiles to fetch:\n");
}

static int
print_plan(const struct restore *r, const stralloc *out)
{
	stralloc s = STRALLOC_ZERO, all = STRALLOC_ZERO;
	struct plan p = { .n = 0 };
	int json = r->f->opts.json;
	int ok = stralloc_cats(&p.rows, json ? ""
	    : "level\tfile\tmin_txid\tmax_txid\tsize\ttimestamp\n")
	    && plan_read(&p, out, json) && plan_head(&s, r, &p);

	if (ok && json)
		ok = stralloc_catb(&s, p.rows.s, p.rows.len)
		    && stralloc_cats(&s, "]}")
		    && front_json_indent(&all, s.s, s.len)
		    && stralloc_cats(&all, "\n");
	else if (ok)
		ok = stralloc_catb(&all, s.s, s.len)
		    && front_table(&all, p.rows.s, p.rows.len);
	stralloc_free(&s);
	stralloc_free(&p.rows);
	return front_put(r->f, &all, ok);
}

/* What ls-restore -j said, as the peer says it. */
static int
print_done(const struct restore *r, stralloc *out)
{
	const char *check = r->f->opts.check ? r->f->opts.check : "none";
	const char *kind = r->replica ? front_type(&r->replica->store) : "";
	stralloc s = STRALLOC_ZERO, all = STRALLOC_ZERO;
	cJSON *j = cJSON_ParseWithLength(out->s ? out->s : "", out->len);
	const char *txid = cJSON_GetStringValue(cJSON_GetObjectItem(j, "txid"));
	double ms = cJSON_GetNumberValue(cJSON_GetObjectItem(j, "ms"));
	int ok = 1;

	if (j && strcmp(check, "none"))
		log_event(&r->f->log, LOG_INFO,
		    "post-restore integrity check passed", "replica", kind,
		    NULL);
	if (j && r->f->old)
		log_event(&r->f->log, LOG_INFO,
		    "renaming database from temporary location", "replica",
		    r->replica ? r->replica->name : NULL, NULL);
	if (j && r->f->opts.json)
		ok = pair(&s, "{\"db_path\":", r->out)
		    && pair(&s, ",\"replica\":", kind)
		    && pair(&s, ",\"txid\":", txid ? txid : "")
		    && stralloc_cats(&s, ",\"duration_ms\":")
		    && front_number(&s, ms > 0 ? (uint64_t)ms : 0)
		    && pair(&s, ",\"integrity_check\":", check)
		    && stralloc_cats(&s, "}")
		    && front_json_indent(&all, s.s, s.len)
		    && stralloc_cats(&all, "\n");
	cJSON_Delete(j);
	stralloc_free(&s);
	return front_put(r->f, &all, ok);
}

static int
run(struct restore *r)
{
	char path[PATH_MAX];
	const char *av[FRONT_ARGS];
	stralloc out = STRALLOC_ZERO;
	struct err e = { 0 };
	int code = 0;

	front_find("ls-restore", path, sizeof path);
	arguments(r, av, path);
	if (front_capture((char *const *)(uintptr_t)av, &out, front_listen,
	    &r->said, &code, &e) < 0)
		code = front_fail_err(r->f, &e);
	else if (code == 1)
		code = front_fail(r->f, r->f->opts.timestamp && !r->f->old
		    ? "timestamp does not exist" : r->f->old
		    ? "no matching backups found"
		    : "no matching backup files available");
	else if (code)
		code = front_fail(r->f, *r->said.fatal ? r->said.fatal
		    : "ls-restore was killed");
	else
		code = r->f->opts.dry_run ? print_plan(r, &out)
		    : print_done(r, &out);
	stralloc_free(&out);
	return code;
}

/* Whatever stands where the database goes. */
static int
onto(struct restore *r)
{
	struct front_opts *o = &r->f->opts;
	struct stat st;

	if (o->dry_run)
		return run(r);
	if (o->follow && exists(r->out, "-txid", 0))
		return run(r); /* it goes on */
	if (taken(r->f, r->out) && (!o->force || o->if_db_missing))
		return refuse_taken(r);
	/* what mktemp made: of nobody, and nothing in it */
	if (o->output && !o->force && !stat(r->out, &st)
	    && S_ISREG(st.st_mode) && !st.st_size)
		unlink(r->out);
	return run(r);
}

int
front_restore(struct front *f)
{
	struct restore r = { .f = f, .said = { .f = f } };
	char text[256];
	const char *bad = conflict(f, text, sizeof text);
	int code;

	if (bad)
		return front_fail(f, bad);
	if (!f->argc)
		return front_try(f, "database path or replica URL required",
		    "restore -o /path/to/db s3://bucket/prefix");
	if (f->argc > 1)
		return front_fail(f, "too many arguments");
	r.source = f->argv[0];
	if (url_is(r.source) && strncmp(r.source, "sqlite", 6)
	    && !f->opts.output && !f->opts.config) {
		snprintf(text, sizeof text, "restore -o /path/to/db %.200s",
		    r.source);
		return front_try(f, "-o is required when restoring from a "
		    "replica URL", text);
	}
	if ((code = front_conf_one(f, r.source)))
		return code;
	if (f->db->n == 1)
		r.replica = &f->db->replicas[0];
	if (f->opts.parallelism && !f->old)
		log_event(&f->log, LOG_WARN, "-parallelism is deprecated and "
		    "has no effect; accepted for compatibility only", NULL);
	r.out = f->opts.output ? f->opts.output : f->db->path;
	r.said.quiet = !f->opts.verbose && !f->opts.follow && !f->old
	    && !f->opts.if_replica;
	return onto(&r);
}
