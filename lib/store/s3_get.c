#include "store/s3_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"

/* A read that outlives its connections: after a break it goes on by range,
 * and the size and ETag of the first answer must still be there. */
struct s3_get {
	struct store_get g;
	struct s3 *s;
	char *key;
	struct http_xfer *x;
	uint64_t off;        /* next byte wanted */
	uint64_t end;        /* first byte not wanted, once known */
	uint64_t size;       /* of the object, once known */
	char etag[128];
	char range[64];
	int met;             /* a first answer has told size and ETag */
	int judged;          /* the answer of x has been looked at */
	struct store_tries t;
	uint64_t since;      /* bytes since the last failure */
};

#define S3_PROGRESS 65536 /* bytes after which a transfer counts as working */

static int
s3_get_send(struct s3_get *g, struct err *e)
{
	struct s3_op op = { .method = "GET", .key = g->key, .stream = 1 };

	s3_op_ssec(g->s, &op, 0);
	if (g->s->provider == S3_TIGRIS)
		s3_op_head(&op, "x-tigris-consistent", "true");
	if (g->end)
		snprintf(g->range, sizeof g->range, "bytes=%llu-%llu",
		    (unsigned long long)g->off,
		    (unsigned long long)(g->end - 1));
	else
		snprintf(g->range, sizeof g->range, "bytes=%llu-",
		    (unsigned long long)g->off);
	if (g->off || g->end)
		s3_op_head(&op, "range", g->range);
	g->judged = 0;
	/* However long it takes: what counts is that it moves. */
	return s3_try(g->s, &op, &g->x, g->s->st.deadline, e);
}

/* "bytes 10-99/1000" or, for a whole answer, Content-Length. */
static int
s3_get_sizes(const struct s3_get *g, uint64_t *first, uint64_t *last,
    uint64_t *size, struct err *e)
{
	const char *r = http_header(g->x, "content-range");
	const char *l = http_header(g->x, "content-length");
	unsigned long long a, b, c;

	if (http_status(g->x) == 206) {
		if (!r || sscanf(r, "bytes %llu-%llu/%llu", &a, &b, &c) != 3
		    || b < a || b >= c)
			return err_set(e, ERR_TEMP, "bad Content-Range \"%.60s\"",
			    r ? r : "");
		*first = a;
		*last = b + 1;
		*size = c;
		return 0;
	}
	if (g->off)
		return err_set(e, ERR_CONF, "the store ignores ranges");
	*first = 0;
	*last = *size = l ? strtoull(l, 0, 10) : UINT64_MAX;
	return 0;
}

static int
s3_get_meet(struct s3_get *g, struct err *e)
{
	uint64_t first = 0, last = 0, size = 0;
	const char *etag = http_header(g->x, "etag");

	if (s3_get_sizes(g, &first, &last, &size, e))
		return -1;
	if (!etag)
		etag = "";
	if (first != g->off || (g->end && last < g->end && last != size))
		return err_set(e, ERR_TEMP, "other bytes came than asked for");
	if (!g->met) {
		g->met = 1;
		g->size = size;
		snprintf(g->etag, sizeof g->etag, "%s", etag);
		if (g->end && size != UINT64_MAX && size < g->end)
			return err_set(e, ERR_DATA, "has %llu bytes, not %llu",
			    (unsigned long long)size,
			    (unsigned long long)g->end);
		if (!g->end && size != UINT64_MAX)
			g->end = size;
		return 0;
	}
	if (size != g->size || strncmp(etag, g->etag, sizeof g->etag - 1))
		return err_set(e, ERR_DATA, "changed while it was read (size "
		    "%llu, ETag %.40s; was %llu, %.40s)",
		    (unsigned long long)size, etag,
		    (unsigned long long)g->size, g->etag);
	return 0;
}

/* One attempt to get bytes. */
static ssize_t
s3_get_step(struct s3_get *g, void *buf, size_t n, int *again,
    struct err *e)
{
	struct s3_op op = { .method = "GET", .key = g->key };
	ssize_t r;

	if (!g->x && s3_get_send(g, e))
		return -1;
	if (!g->judged) {
		if (http_wait(g->x, e) || s3_judge(g->s, &op, g->x, again, e))
			return -1;
		if (s3_get_meet(g, e))
			return -1;
		g->judged = 1;
		if (g->end && g->off >= g->end)
			return 0;
	}
	if ((r = http_read(g->x, buf, n, e)) < 0)
		return -1;
	if (!r && g->end && g->off < g->end)
		return err_set(e, ERR_TEMP, "answer ended %llu bytes early",
		    (unsigned long long)(g->end - g->off));
	return r;
}

static ssize_t
s3_get_read(struct store_get *sg, void *buf, size_t n, struct err *e)
{
	struct s3_get *g = (struct s3_get *)sg;
	struct s3_op op = { .method = "GET", .key = g->key };
	int again, more;
	ssize_t r;

	if (g->end && g->off >= g->end && g->met)
		return 0;
	/* The caller's own pauses are not the store's. */
	if (!g->t.n)
		store_tries_begin(&g->s->st, &g->t);
	for (;;) {
		again = 0;
		r = s3_get_step(g, buf, n, &again, e);
		if (r >= 0)
			break;
		more = store_tries_next(&g->s->st, g->s->pool->h, &g->t, g->x, again, e);
		http_end(g->x);
		g->x = 0;
		g->since = 0;
		if (!more)
			return s3_in(g->s, &op, e);
	}
	if (g->end && (uint64_t)r > g->end - g->off)
		r = (ssize_t)(g->end - g->off);
	g->off += (uint64_t)r;
	g->since += (uint64_t)r;
	if (g->since >= S3_PROGRESS)
		g->t.n = 0;
	return r;
}

static void
s3_get_close(struct store_get *sg)
{
	struct s3_get *g = (struct s3_get *)sg;

	http_end(g->x);
	free(g->key);
	free(g);
}

int
s3_get(struct store *st, const char *key, uint64_t off, uint64_t len,
    struct store_get **out, struct err *e)
{
	struct s3_get *g = calloc(1, sizeof *g);

	if (!g || !(g->key = strdup(key))) {
		free(g);
		return err_nomem(e);
	}
	g->g.read = s3_get_read;
	g->g.close = s3_get_close;
	g->s = (struct s3 *)st;
	g->off = off;
	g->end = len ? off + len : 0;
	store_tries_begin(&g->s->st, &g->t);
	if (s3_get_send(g, e)) {
		s3_get_close(&g->g);
		return -1;
	}
	*out = &g->g;
	return 0;
}
