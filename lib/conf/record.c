#include "conf/raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "ls-conf 1\n"

static int
put_escaped(stralloc *out, const char *s)
{
	for (; *s; s++) {
		const char *e = *s == '\t' ? "\\t" : *s == '\n' ? "\\n"
		    : *s == '\\' ? "\\\\" : 0;

		if (!(e ? stralloc_cats(out, e) : stralloc_catb(out, s, 1)))
			return 0;
	}
	return stralloc_catb(out, "\n", 1);
}

static int
put_values(stralloc *out, const struct conf_values *set)
{
	char line[16];

	for (int i = 0; i < CONF_KEYS; i++) {
		if (!set->v[i])
			continue;
		snprintf(line, sizeof line, "\t%u\t", set->line[i]);
		if (!stralloc_cats(out, conf_key((enum conf_key_id)i)->name)
		    || !stralloc_cats(out, line)
		    || !put_escaped(out, set->v[i]))
			return 0;
	}
	return 1;
}

static int
put_db(stralloc *out, const struct conf_raw_db *db)
{
	char line[24];

	snprintf(line, sizeof line, "db\t%u\n", db->line);
	if (!stralloc_cats(out, line) || !put_values(out, &db->set))
		return 0;
	for (size_t i = 0; i < db->n; i++)
		if (!stralloc_cats(out, "replica\t0\n")
		    || !put_values(out, &db->replicas[i]))
			return 0;
	return 1;
}

static int
put_dir(stralloc *out, const struct conf_raw_db *dir)
{
	char line[24];

	snprintf(line, sizeof line, "dir\t%u\n", dir->line);
	return stralloc_cats(out, line) && put_values(out, &dir->set);
}

int
conf_raw_write(const struct conf_raw *raw, stralloc *out, struct err *err)
{
	if (!stralloc_cats(out, HEAD "source\t")
	    || !put_escaped(out, raw->source ? raw->source : "")
	    || !put_values(out, &raw->set))
		return err_nomem(err);
	for (size_t i = 0; i < raw->n; i++)
		if (!put_db(out, &raw->dbs[i]))
			return err_nomem(err);
	for (size_t i = 0; i < raw->n_dirs; i++)
		if (!put_dir(out, &raw->dirs[i]))
			return err_nomem(err);
	return stralloc_cats(out, "end\n") ? 0 : err_nomem(err);
}

int
conf_raw_write_error(const struct err *e, stralloc *out)
{
	return stralloc_cats(out, HEAD "error\t")
	    && stralloc_cats(out, err_word(e->kind))
	    && stralloc_catb(out, "\t", 1) && put_escaped(out, e->msg)
	    ? 0 : -1;
}

/* ---- reading ---- */

struct reader {
	struct conf_raw *raw;
	struct conf_values *set; /* where keys go now */
	unsigned scope;
	int ended;
};

/* Undoes the escapes of n bytes in place; the new length, or -1. */
static long
unescape(char *s, size_t n)
{
	char *out = s;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '\\') {
			if (++i == n)
				return -1;
			c = s[i] == 't' ? '\t' : s[i] == 'n' ? '\n' : s[i];
			if (c == s[i] && c != '\\')
				return -1;
		}
		*out++ = c;
	}
	return out - s;
}

static int
bad(struct err *err)
{
	return err_set(err, ERR_DATA, "malformed records from ls-conf");
}

static int
read_error(char *word, char *msg, struct err *err)
{
	for (int k = ERR_USAGE; k <= ERR_TEMP && *msg; k++)
		if (!strcmp(word, err_word((enum err_kind)k)))
			return err_set(err, (enum err_kind)k, "%s", msg);
	return bad(err);
}

static int
read_mark(struct reader *r, const char *name, unsigned line, struct err *err)
{
	struct conf_raw_db *db;

	if (!strcmp(name, "db")) {
		if (!(db = conf_raw_db(r->raw, line, err)))
			return -1;
		r->set = &db->set;
		r->scope = CONF_IN_DB;
		return 0;
	}
	if (!strcmp(name, "dir")) {
		if (!(db = conf_raw_dir(r->raw, line, err)))
			return -1;
		r->set = &db->set;
		r->scope = CONF_IN_DB;
		return 0;
	}
	if (strcmp(name, "replica") || !r->raw->n)
		return bad(err);
	db = &r->raw->dbs[r->raw->n - 1];
	if (!(r->set = conf_raw_replica(db, err)))
		return -1;
	r->scope = CONF_IN_REPLICA;
	return 0;
}

/* A line of n bytes, its newline already replaced by NUL. */
static int
read_line(struct reader *r, char *s, size_t n, struct err *err)
{
	char *f1 = memchr(s, '\t', n), *f2, *end;
	unsigned long line;
	long len;
	int id;

	if (memchr(s, 0, n))
		return bad(err);
	if (!f1) {
		r->ended = !strcmp(s, "end");
		return r->ended ? 0 : bad(err);
	}
	*f1++ = 0;
	f2 = memchr(f1, '\t', n - (size_t)(f1 - s));
	if (!f2 && !strcmp(s, "source")) {
		if ((len = unescape(f1, n - (size_t)(f1 - s))) < 0)
			return bad(err);
		f1[len] = 0;
		free(r->raw->source);
		return (r->raw->source = strdup(f1)) ? 0 : err_nomem(err);
	}
	if (f2) {
		*f2++ = 0;
		if ((len = unescape(f2, n - (size_t)(f2 - s))) < 0)
			return bad(err);
		f2[len] = 0;
		if (!strcmp(s, "error"))
			return read_error(f1, f2, err);
	}
	line = strtoul(f1, &end, 10);
	if (*f1 < '0' || *f1 > '9' || *end || line > 1u << 30)
		return bad(err);
	if (!f2)
		return read_mark(r, s, (unsigned)line, err);
	if ((id = conf_key_find(s, r->scope)) < 0 || !len)
		return bad(err);
	return conf_raw_set(r->set, (enum conf_key_id)id, f2, (size_t)len,
	    (unsigned)line, err);
}

static int
read_lines(struct reader *r, char *s, size_t n, struct err *err)
{
	for (char *nl; n; n -= (size_t)(nl - s), s = nl) {
		if (r->ended || !(nl = memchr(s, '\n', n)))
			return bad(err);
		*nl++ = 0;
		if (read_line(r, s, (size_t)(nl - 1 - s), err) < 0)
			return -1;
	}
	return r->ended ? 0 : bad(err);
}

int
conf_raw_read(struct conf_raw *raw, const char *s, size_t n, struct err *err)
{
	struct reader r = { raw, &raw->set, CONF_IN_ALL, 0 };
	size_t h = sizeof HEAD - 1;
	char *copy;
	int rc;

	if (n < h || memcmp(s, HEAD, h))
		return err_set(err, ERR_DATA, "ls-conf speaks another version, "
		    "or died");
	n -= h;
	if (!(copy = malloc(n + 1)))
		return err_nomem(err);
	memcpy(copy, s + h, n);
	copy[n] = 0;
	rc = read_lines(&r, copy, n, err);
	explicit_bzero(copy, n);
	free(copy);
	return rc;
}
