#ifndef LS_REPL_VERIFY_DB_H
#define LS_REPL_VERIFY_DB_H

#include "repl/verify_copy.h"
#include "repl/verify_fresh.h"

/* The replicas of one database, one after the other. */

struct verify_result {
	const char *db;              /* NULL: only a replica is known */
	const char *url;
	struct err err;              /* kind: could not be looked at */
	struct verify_report rep;
	const char *why;             /* not compared: why not, else NULL */
	const char *looked;          /* what the look at a copy has shown, NULL */
	uint64_t size;               /* bytes of the live database, 0: unknown */
	int64_t tables, copy_tables; /* of it; of a restored copy; -1: unknown */
	int with_fresh;
	struct verify_fresh fresh;
};

/* Nothing is wrong with it: what was looked at. */
int verify_result_ok(const struct verify_result *);

typedef void verify_result_fn(void *ctx, const struct verify_result *);

struct verify_store {
	const struct store_conf *conf;
	int v03;                     /* in the format of Litestream 0.3 */
};

struct verify_job {
	struct verify_where where;   /* .db NULL: only replicas */
	const struct verify_store *replicas;
	size_t n;
	struct verify_opt opt;
	int fresh_only;              /* no object is read */
	int no_compare;              /* the database is left alone */
	int64_t max_lag_ms;          /* -1: any */
	/* Looks at a restored copy; NULL: none is made. looked: in words, what it
	 * has shown where it returns 0. */
	int (*look)(void *ctx, const struct verify_copy *, int64_t *tables,
	    struct err *);
	void *ctx;
	const char *looked;
};

/* Gives fn each replica's result. -1: before the first, as a state folder that
 * cannot be read. */
int verify_db(const struct verify_job *, verify_result_fn *fn, void *ctx,
    struct err *);

#endif
