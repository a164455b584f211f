#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/opt.h"
#include "base/prog.h"
#include "base/when.h"
#include "repl/control.h"
#include "repl/metrics.h"
#include "repl/status.h"
#include "repl/tend_status.h"

#define PROG "ls-status"
#define SYNOPSIS "[-jpqt] [--max-lag DURATION] [FILE]"
#define PURPOSE "Prints what ls-walship last wrote of itself. Exit 0: " \
	"healthy, 1: not."

#define ANSWER_MS 5000

enum { OPT_LAG = 256 };

static const struct opt opts[] = {
	{ 'j', "json", NULL, "one JSON object" },
	{ 'p', "prometheus", NULL, "as metrics" },
	{ 'q', "quiet", NULL, "print nothing" },
	{ 't', "tend", NULL, "not healthy where ls-tend fails or is gone, too" },
	{ OPT_LAG, "max-lag", "DURATION", "longest time behind: 60s" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

/* Seconds a replica is behind, by the clock of now. */
static int64_t
behind(const struct status_replica *r, int64_t now)
{
	return r->behind_ms && now > r->behind_ms ? (now - r->behind_ms) / 1000
	    : 0;
}

/* What ls-tend says of it, if it does. */
static void
tended(const struct tend_status *t, const struct status_db *d,
    const struct status_replica *r, const char *before,
    int fmt(stralloc *, const struct tend_replica *))
{
	const struct tend_replica *x = tend_status_find(t, d->path, r->url);
	stralloc s = STRALLOC_ZERO;

	if (x && fmt(&s, x) && stralloc_0(&s))
		printf("%s%s", before, s.s);
	stralloc_free(&s);
}

static void
table(const struct status *st, const struct tend_status *t, int64_t now)
{
	size_t i, j;

	printf("%-32s %-8s %-16s %-8s %-16s %6s %10s %6s  %s\n", "database",
	    "state", "txid", "replica", "shipped", "lag", "bytes", "sec",
	    "url");
	for (i = 0; i < st->n; i++) {
		const struct status_db *d = &st->db[i];

		for (j = 0; j < d->n; j++) {
			const struct status_replica *r = &d->r[j];

			printf("%-32s %-8s %016" PRIx64 " %-8s %016" PRIx64
			    " %6" PRIu64 " %10" PRIu64 " %6" PRId64 "  %s\n",
			    d->path, d->state, d->txid, r->state, r->txid,
			    r->lag, r->lag_bytes, behind(r, now), r->url);
			if (r->error.count)
				printf("  %s: %s\n", r->url, r->error.text);
			if (r->unfenced)
				printf("  %s: this store ignores conditional "
				    "writes\n", r->url);
			tended(t, d, r, "", tend_status_text);
		}
		if (!d->n)
			printf("%-32s %-8s %016" PRIx64 "\n", d->path,
			    d->state, d->txid);
		if (d->error.count)
			printf("  %s: %s\n", d->path, d->error.text);
	}
}

static void
put_str(const char *key, const char *v, int *first)
{
	char q[8192];

	if (!v)
		return;
	printf("%s\"%s\":%s", *first ? "" : ",", key,
	    control_quote(q, sizeof q, v));
	*first = 0;
}

static void
put_num(const char *key, int64_t v)
{
	printf(",\"%s\":%" PRId64, key, v);
}

static void
put_time(const char *key, int64_t ms)
{
	char t[WHEN_FMT];
	int no = 0;

	if (!ms)
		return;
	when_fmt(t, ms);
	put_str(key, t, &no);
}

static void
put_txid(const char *key, uint64_t v)
{
	char t[17];
	int no = 0;

	hex64_fmt(t, v);
	put_str(key, t, &no);
}

static void
put_error(const struct status_error *e)
{
	int first = 1;

	if (!e->text)
		return;
	printf(",\"last_error\":{");
	put_str("text", e->text, &first);
	put_str("kind", e->kind, &first);
	put_time("time", e->time_ms);
	put_num("count", (int64_t)e->count);
	printf("}");
}

static void
json_replica(const struct status_db *d, const struct status_replica *r,
    const struct tend_status *t, int64_t now)
{
	int first = 1;

	printf("{");
	put_str("url", r->url, &first);
	put_str("state", r->state, &first);
	put_txid("txid", r->txid);
	put_num("lag_transactions", (int64_t)r->lag);
	put_num("lag_bytes", (int64_t)r->lag_bytes);
	put_num("lag_seconds", behind(r, now));
	put_time("last_success", r->success_ms);
	printf(",\"fenced_writes\":%s", r->unfenced ? "false" : "true");
	put_error(&r->error);
	tended(t, d, r, ",\"tend\":", tend_status_json);
	printf("}");
}

static void
json(const struct status *st, const struct tend_status *t, int64_t now,
    int healthy, const char *why)
{
	int first = 1;
	size_t i, j;

	printf("{\"healthy\":%s", healthy ? "true" : "false");
	if (!healthy) {
		first = 0;
		put_str("reason", why, &first);
	}
	put_num("pid", (int64_t)st->pid);
	put_time("time", st->time_ms);
	printf(",\"databases\":[");
	for (i = 0; i < st->n; i++) {
		const struct status_db *d = &st->db[i];

		first = 1;
		printf("%s{", i ? "," : "");
		put_str("path", d->path, &first);
		put_str("state", d->state, &first);
		put_str("held_because", d->hold, &first);
		put_txid("txid", d->txid);
		put_num("pending_bytes", (int64_t)d->pending);
		put_num("spool_bytes", (int64_t)d->spool);
		put_time("last_capture", d->captured_ms);
		put_error(&d->error);
		printf(",\"replicas\":[");
		for (j = 0; j < d->n; j++) {
			printf("%s", j ? "," : "");
			json_replica(d, &d->r[j], t, now);
		}
		printf("]}");
	}
	printf("]}\n");
}

struct args {
	int64_t max_lag;
	int json, metrics, quiet, tend;
};

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct args *a = ctx;

	switch (id) {
	case 'j': a->json = 1; break;
	case 'p': a->metrics = 1; break;
	case 'q': a->quiet = 1; break;
	case 't': a->tend = 1; break;
	case OPT_LAG:
		if (when_dur_scan(arg, &a->max_lag) < 0 || a->max_lag < 0)
			return err_set(e, ERR_USAGE, "--max-lag takes a "
			    "duration as 60s");
		break;
	}
	return 0;
}

/* What hangs writes no status any more: does it answer? */
static int
answers(const struct status *st, const char *dir, char *why, size_t n)
{
	struct err e = { 0 };
	char sock[4096];

	snprintf(sock, sizeof sock, "%s/walship.sock", dir);
	if (control_request(sock, "list", ANSWER_MS, NULL, NULL, &e) == 0)
		return 1;
	snprintf(why, n, "ls-walship (pid %" PRIu64 ") does not answer: %s",
	    st->pid, e.msg);
	return 0;
}

/* -1, or 0 with an error. */
static int
prometheus(const struct status *st, const struct tend_status *tend,
    int64_t now, struct err *e)
{
	const struct metrics m = { st, tend, now, 0, NULL, NULL };
	stralloc s = STRALLOC_ZERO;
	int ok = metrics_fmt(&s, &m);

	return prog_put(&s, ok, e) < 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct args a = { .max_lag = 60000 };
	const char *dir = getenv("LS_RUN_DIR");
	int64_t now = when_now();
	char path[4096], why[1024] = "", twhy[TEND_WHY];
	struct err e = { 0 };
	struct tend_status tend = { 0 };
	struct status st;
	int code, healthy;

	if ((code = prog_args(&prog, argc, &argv, option, &a, 0, 1)) >= 0)
		return code;
	if (!dir || !*dir)
		dir = "/run/ls-s6";
	snprintf(path, sizeof path, "%s/walship.status", dir);
	if (status_read(*argv ? *argv : path, &st, &e) < 0)
		return prog_fatal(PROG, !*argv && e.kind == ERR_NOTFOUND
		    ? "read the status, is ls-walship running?"
		    : "read the status", &e);
	healthy = status_healthy(&st, now, a.max_lag, why, sizeof why)
	    && (*argv || answers(&st, dir, why, sizeof why));
	if (!*argv && !tend_status_look(dir, &tend, twhy) && a.tend && healthy) {
		healthy = 0;
		strcpy(why, twhy);
	}
	if (a.metrics && !a.quiet)
		code = prometheus(&st, &tend, now, &e);
	else if (a.json && !a.quiet)
		json(&st, &tend, now, healthy, why);
	else if (!a.quiet)
		table(&st, &tend, now);
	status_free(&st);
	tend_status_free(&tend);
	if (code == 0)
		return prog_fatal(PROG, "print the metrics", &e);
	if ((code = prog_flush(PROG)))
		return code;
	if (!healthy && !a.quiet)
		fprintf(stderr, PROG ": not healthy: %s\n", why);
	return healthy ? 0 : 1;
}
