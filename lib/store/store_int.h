#ifndef LS_STORE_STORE_INT_H
#define LS_STORE_STORE_INT_H

/* What back ends share; included by lib/store alone, and tests. */

#include "http/http.h"
#include "store/store.h"

struct store_ops {
	void (*close)(struct store *);
	int (*list)(struct store *, const char *prefix, const char *after,
	    store_list_fn *, void *ctx, struct err *);
	int (*head)(struct store *, const char *key, struct store_stat *,
	    struct err *);
	int (*get)(struct store *, const char *key, uint64_t off,
	    uint64_t len, struct store_get **, struct err *);
	int (*put)(struct store *, const char *key, const struct store_src *,
	    const struct store_put_opt *, struct err *);
	int (*copy)(struct store *, const char *from, const char *to,
	    const struct store_put_opt *, struct err *);
	int (*del)(struct store *, const char *const *keys, size_t n,
	    enum err_kind *results, struct err *);
	void (*del_folder)(struct store *, const char *prefix); /* NULL: none */
};

/* First member of a back end's own. */
struct store {
	const struct store_ops *ops;
	const struct store_conf *conf;
	unsigned caps;
	int64_t deadline; /* when_mono, 0: none */
	struct store_count count;
};

/* First member of a back end's open read. */
struct store_get {
	ssize_t (*read)(struct store_get *, void *, size_t, struct err *);
	void (*close)(struct store_get *);
	/* store.c's, for the meter: of conf, NULL: not counted */
	struct store_meter *meter;
	enum store_type type;
	uint64_t begun, bytes;
	enum err_kind failed;
};

int file_open(struct store **, const struct store_conf *, struct err *);
int s3_open(struct store **, struct store *beside, const struct store_conf *,
    struct err *);

int sftp_open(struct store **, struct store *beside, const struct store_conf *,
    struct err *);

/* Tries of one call, for the stores across a network. */
struct store_tries {
	unsigned n;         /* failed so far */
	unsigned learnt;    /* repeated at once so far */
	int64_t deadline;   /* when_mono; no try is begun past it */
};
void store_tries_begin(const struct store *, struct store_tries *);
int64_t store_tries_deadline(const struct store *, const struct store_tries *);
/* After a failure: 1 after a pause, try again; 0 err is final (context is
 * put before it). x may be NULL. again: at once, something was learnt. */
int store_tries_next(struct store *, struct http *, struct store_tries *,
    const struct http_xfer *x, int again, struct err *);
/* A transfer without progress is given up after so long; 0: http's own. */
int64_t store_stall_ms(const struct store *);

/* Reads a source from byte pos on: up to n bytes into buf. 0 at its end. */
ssize_t store_src_read(const struct store_src *, uint64_t pos, void *buf,
    size_t n, struct err *);

#endif
