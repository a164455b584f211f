#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/opt.h"
#include "base/prog.h"
#include "base/when.h"
#include "repl/control.h"
#include "repl/status.h"

#define PROG "ls-status"
#define SYNOPSIS "[-jq] [--max-lag DURATION] [FILE]"
#define PURPOSE "Prints what ls-walship last wrote of itself. Exit 0: " \
	"healthy, 1: not."

enum { OPT_LAG = 256 };

static const struct opt opts[] = {
	{ 'j', "json", NULL, "one JSON object" },
	{ 'q', "quiet", NULL, "print nothing" },
	{ OPT_LAG, "max-lag", "DURATION", "longest time behind: 60s" },
	{ 'h', "help", NULL, "print this and exit" },
	{ 'V', "version", NULL, "print the version and exit" },
	{ 0, NULL, NULL, NULL }
};

/* Seconds a replica is behind, by the clock of now. */
static int64_t
behind(const struct status_replica *r, int64_t now)
{
	return r->behind_ms && now > r->behind_ms ? (now - r->behind_ms) / 1000
	    : 0;
}

static void
table(const struct status *st, int64_t now)
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
json_replica(const struct status_replica *r, int64_t now)
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
	printf("}");
}

static void
json(const struct status *st, int64_t now, int healthy, const char *why)
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
			json_replica(&d->r[j], now);
		}
		printf("]}");
	}
	printf("]}\n");
}

int
main(int argc, char **argv)
{
	const char *dir = getenv("LS_RUN_DIR");
	int64_t max_lag = 60000, now = when_now();
	int c, as_json = 0, quiet = 0, healthy;
	char path[4096], why[1024] = "";
	struct opt_state o;
	struct err e = { 0 };
	struct status st;

	io_hold_std();
	opt_init(&o, PROG, opts);
	while ((c = opt_next(&o, argc, argv)) != OPT_END) {
		switch (c) {
		case 'j': as_json = 1; break;
		case 'q': quiet = 1; break;
		case OPT_LAG:
			if (when_dur_scan(o.arg, &max_lag) < 0)
				return prog_usage(PROG, "not a duration");
			break;
		case 'h': opt_help(&o, 1, SYNOPSIS, PURPOSE); return 0;
		case 'V': printf(PROG " " LS_VERSION "\n"); return 0;
		default: return prog_usage(PROG, o.bad);
		}
	}
	if (argc - o.index > 1)
		return prog_usage(PROG, "one file at most");
	snprintf(path, sizeof path, "%s/walship.status",
	    dir && *dir ? dir : "/run/ls-s6");
	if (status_read(argv[o.index] ? argv[o.index] : path, &st, &e) < 0)
		return prog_fatal(PROG, "read the status", &e);
	healthy = status_healthy(&st, now, max_lag, why, sizeof why);
	if (as_json && !quiet)
		json(&st, now, healthy, why);
	else if (!quiet)
		table(&st, now);
	if (!healthy && !quiet)
		fprintf(stderr, PROG ": not healthy: %s\n", why);
	status_free(&st);
	return healthy ? 0 : 1;
}
