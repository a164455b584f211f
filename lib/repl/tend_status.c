#include "repl/tend_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "repl/record.h"

#define HEAD "ls-s6-tend 1\n"
#define FAILING 3 /* in a row: more than what passes */

static const char *const results[] = { "sound", "unsound", "untold" };

/* ---- writing ---- */

static int
put_results(stralloc *s, const uint64_t n[TEND_RESULTS])
{
	int ok = 1;

	for (int i = 0; ok && i < TEND_RESULTS; i++)
		ok = record_num(s, results[i], n[i]);
	return ok;
}

static int
put_level(stralloc *s, unsigned n, const struct tend_level *l)
{
	char b[2] = { (char)('0' + n), 0 };

	if (!l->files && !l->looks[TEND_SOUND] && !l->looks[TEND_UNSOUND]
	    && !l->looks[TEND_UNTOLD])
		return 1;
	return stralloc_cats(s, "level")
	    && record_text(s, "n", b) && record_txid(s, "txid", l->txid)
	    && record_num(s, "time", (uint64_t)l->time_ms)
	    && record_num(s, "files", l->files)
	    && record_num(s, "bytes", l->bytes) && put_results(s, l->looks)
	    && stralloc_append(s, '\n');
}

static int
put_replica(stralloc *s, const struct tend_replica *r)
{
	int ok = stralloc_cats(s, "replica") && record_text(s, "url", r->url)
	    && record_text(s, "state", r->state)
	    && record_text(s, "job", r->job)
	    && status_error_put(s, &r->error)
	    && record_txid(s, "proven-txid", r->proven_txid)
	    && record_num(s, "proven-time", (uint64_t)r->proven_ms)
	    && record_text(s, "proven-error", r->proven_error)
	    && record_num(s, "refused", r->refused)
	    && put_results(s, r->proofs)
	    && record_num(s, "miscompacted", r->miscompacted)
	    && record_txid(s, "settled", r->settled)
	    && record_txid(s, "gap", r->gap)
	    && record_num(s, "seen", (uint64_t)r->seen_ms)
	    && record_num(s, "tried", (uint64_t)r->tried_ms)
	    && stralloc_append(s, '\n');

	for (unsigned i = 0; ok && i < STORE_LEVELS; i++)
		ok = put_level(s, i, &r->level[i]);
	return ok;
}

int
tend_status_fmt(const struct tend_status *st, char **text, size_t *len,
    struct err *e)
{
	stralloc s = STRALLOC_ZERO;
	int ok = stralloc_cats(&s, HEAD "tend")
	    && record_num(&s, "pid", st->pid)
	    && record_num(&s, "start", st->start)
	    && record_num(&s, "time", (uint64_t)st->time_ms)
	    && stralloc_append(&s, '\n');

	for (size_t i = 0; ok && i < st->n; i++) {
		ok = stralloc_cats(&s, "db")
		    && record_text(&s, "path", st->db[i].path)
		    && stralloc_append(&s, '\n');
		for (size_t k = 0; ok && k < st->db[i].n; k++)
			ok = put_replica(&s, &st->db[i].r[k]);
	}
	return record_end(&s, ok, text, len, e);
}

int
tend_status_write(const char *path, const struct tend_status *st,
    struct err *e)
{
	char *text;
	size_t len;

	return tend_status_fmt(st, &text, &len, e) < 0 ? -1
	    : record_write(path, text, len, e);
}

/* ---- reading ---- */

static void
scan_results(uint64_t n[TEND_RESULTS], const char *k, const char *v)
{
	for (int i = 0; i < TEND_RESULTS; i++)
		if (!strcmp(k, results[i]))
			n[i] = record_scan(v);
}

static void
scan_replica(struct tend_replica *r, const char *k, const char *v)
{
	const struct { const char *key; const char **to; } texts[] = {
		{ "url", &r->url }, { "state", &r->state }, { "job", &r->job },
		{ "proven-error", &r->proven_error },
	};
	const struct { const char *key; int64_t *to; } nums[] = {
		{ "proven-time", &r->proven_ms },
		{ "refused", (int64_t *)&r->refused },
		{ "miscompacted", (int64_t *)&r->miscompacted },
		{ "seen", &r->seen_ms }, { "tried", &r->tried_ms },
	};
	const struct { const char *key; uint64_t *to; } txids[] = {
		{ "proven-txid", &r->proven_txid }, { "settled", &r->settled },
		{ "gap", &r->gap },
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (!strcmp(k, texts[i].key))
			*texts[i].to = v;
	for (size_t i = 0; i < sizeof nums / sizeof *nums; i++)
		if (!strcmp(k, nums[i].key))
			*nums[i].to = (int64_t)record_scan(v);
	for (size_t i = 0; i < sizeof txids / sizeof *txids; i++)
		if (!strcmp(k, txids[i].key))
			hex64_scan(v, txids[i].to);
	status_error_scan(&r->error, k, v);
	scan_results(r->proofs, k, v);
}

static void
scan_level(struct tend_replica *r, char *f)
{
	struct tend_level l = { 0 };
	unsigned n = STORE_LEVELS;
	char *k, *v;

	while ((k = record_field(&f, &v))) {
		if (!strcmp(k, "n"))
			n = (unsigned)record_scan(v);
		else if (!strcmp(k, "txid"))
			hex64_scan(v, &l.txid);
		else if (!strcmp(k, "time"))
			l.time_ms = (int64_t)record_scan(v);
		else if (!strcmp(k, "files"))
			l.files = record_scan(v);
		else if (!strcmp(k, "bytes"))
			l.bytes = record_scan(v);
		else
			scan_results(l.looks, k, v);
	}
	if (n < STORE_LEVELS)
		r->level[n] = l;
}

static void
scan_head(struct tend_status *st, char *f)
{
	char *k, *v;

	while ((k = record_field(&f, &v)))
		if (!strcmp(k, "pid"))
			st->pid = record_scan(v);
		else if (!strcmp(k, "start"))
			st->start = record_scan(v);
		else if (!strcmp(k, "time"))
			st->time_ms = (int64_t)record_scan(v);
}

static int
scan_line(void *ctx, const char *line, char *f, struct err *e)
{
	struct tend_status *st = ctx;
	struct tend_database *d = st->n ? &st->db[st->n - 1] : NULL;
	struct tend_replica *r = d && d->n ? &d->r[d->n - 1] : NULL;
	char *k, *v;

	if (!strcmp(line, "tend")) {
		scan_head(st, f);
	} else if (!strcmp(line, "db")) {
		if (!(d = record_grow((void **)&st->db, &st->n, sizeof *d)))
			return err_nomem(e);
		while ((k = record_field(&f, &v)))
			if (!strcmp(k, "path"))
				d->path = v;
		if (!d->path)
			return err_set(e, ERR_DATA, "database without path");
	} else if (d && !strcmp(line, "replica")) {
		if (!(r = record_grow((void **)&d->r, &d->n, sizeof *r)))
			return err_nomem(e);
		while ((k = record_field(&f, &v)))
			scan_replica(r, k, v);
		if (!r->url || !r->state)
			return err_set(e, ERR_DATA, "replica without url or "
			    "state");
	} else if (r && !strcmp(line, "level")) {
		scan_level(r, f);
	}
	return 0;
}

int
tend_status_scan(struct tend_status *st, char *text, size_t len,
    struct err *e)
{
	memset(st, 0, sizeof *st);
	st->text = text;
	if (record_lines(text, len, HEAD, scan_line, st, e) == 0)
		return 0;
	tend_status_free(st);
	return -1;
}

int
tend_status_read(const char *path, struct tend_status *st, struct err *e)
{
	size_t len;
	char *text = record_read(path, &len, e);

	if (!text)
		return -1;
	if (tend_status_scan(st, text, len, e) < 0)
		return err_in(e, "%s", path);
	st->stale = record_stale(st->pid, st->start);
	return 0;
}

void
tend_status_free(struct tend_status *st)
{
	for (size_t i = 0; i < st->n; i++)
		free(st->db[i].r);
	free(st->db);
	free(st->text);
	memset(st, 0, sizeof *st);
}

const struct tend_replica *
tend_status_find(const struct tend_status *st, const char *path,
    const char *url)
{
	for (size_t i = 0; i < st->n; i++)
		for (size_t k = 0; k < st->db[i].n
		    && !strcmp(st->db[i].path, path); k++)
			if (!strcmp(st->db[i].r[k].url, url))
				return &st->db[i].r[k];
	return NULL;
}

int
tend_status_healthy(const struct tend_status *st, char *why, size_t n)
{
	if (st->stale) {
		snprintf(why, n, "ls-tend (pid %" PRIu64 ") is gone", st->pid);
		return 0;
	}
	for (size_t i = 0; i < st->n; i++)
		for (size_t k = 0; k < st->db[i].n; k++) {
			const struct tend_replica *r = &st->db[i].r[k];

			if (r->proven_error) {
				snprintf(why, n, "%s: %s: not proven "
				    "restorable: %s", st->db[i].path, r->url,
				    r->proven_error);
				return 0;
			}
			if (r->error.count >= FAILING) {
				snprintf(why, n, "%s: %s: ls-tend: %s",
				    st->db[i].path, r->url, r->error.text);
				return 0;
			}
		}
	return 1;
}

int
tend_status_look(const char *dir, struct tend_status *st, char why[TEND_WHY])
{
	struct err e = { 0 };
	char path[4096];

	memset(st, 0, sizeof *st);
	snprintf(path, sizeof path, "%s/tend.status", dir);
	if (tend_status_read(path, st, &e) == 0)
		return tend_status_healthy(st, why, TEND_WHY);
	snprintf(why, TEND_WHY, "is ls-tend running? %s", e.msg);
	return 0;
}
