#include "store/sftp_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A read that outlives its connections: after a break it goes on by range,
 * and the size must still be what it was. Each takes a connection: past
 * SFTP_READS of them one waits, or gives way to the one that is read. */
struct sftp_get {
	struct store_get g;
	struct sftp *s;
	struct sftp_get *next;
	struct sftp_op op;
	char *key;
	struct http_xfer *x;
	uint64_t off;        /* next byte wanted */
	uint64_t end;        /* first byte not wanted, once known */
	int met;             /* it is known */
	int judged;          /* the answer of x has been looked at */
	char range[64];
	struct store_tries t;
	uint64_t since;      /* bytes since the last failure */
};

#define SFTP_PROGRESS 65536 /* bytes after which a transfer counts as working */

static void
get_end(struct sftp_get *g)
{
	if (!g->x)
		return;
	http_end(g->x);
	g->x = 0;
	g->s->pool->reads--;
}

static int
get_send(struct sftp_get *g, struct err *e)
{
	struct sftp_pool *p = g->s->pool;

	/* the newest is wanted last */
	for (struct sftp_get *o = p->gets; o && p->reads >= SFTP_READS;
	    o = o->next)
		if (o != g)
			get_end(o);
	if (g->end)
		snprintf(g->range, sizeof g->range, "%llu-%llu",
		    (unsigned long long)g->off,
		    (unsigned long long)(g->end - 1));
	else
		snprintf(g->range, sizeof g->range, "%llu-",
		    (unsigned long long)g->off);
	g->op = (struct sftp_op){ .what = "get", .method = "GET",
		.key = g->key, .stream = 1, .body.fd = -1 };
	if (g->off || g->end)
		g->op.range = g->range;
	g->judged = 0;
	/* However long it takes: what counts is that it moves. */
	if (sftp_try(g->s, &g->op, g->t.n > 0, &g->x, g->s->st.deadline, e))
		return -1;
	p->reads++;
	return 0;
}

/* The first bytes are there, or the end is. */
static int
get_meet(struct sftp_get *g, struct err *e)
{
	int64_t n = http_length(g->x);
	uint64_t len = n < 0 ? 0 : (uint64_t)n; /* empty ones tell none */

	if (g->met)
		return g->off + len == g->end ? 0 : err_set(e, ERR_DATA,
		    "changed while it was read (%llu bytes from byte %llu on, "
		    "were %llu)", (unsigned long long)len,
		    (unsigned long long)g->off,
		    (unsigned long long)(g->end - g->off));
	if (g->end && g->off + len != g->end)
		return err_set(e, ERR_DATA, "has %llu bytes, not %llu",
		    (unsigned long long)(g->off + len),
		    (unsigned long long)g->end);
	g->end = g->off + len;
	g->met = 1;
	return 0;
}

/* One attempt to get bytes. */
static ssize_t
get_step(struct sftp_get *g, void *buf, size_t n, int *again, struct err *e)
{
	ssize_t r;

	if (!g->x && get_send(g, e))
		return -1;
	if (!g->judged) {
		if (http_wait(g->x, e)) {
			sftp_judge(g->s, g->x, again, e);
			return -1;
		}
		if (get_meet(g, e))
			return -1;
		g->judged = 1;
	}
	if ((r = http_read(g->x, buf, n, e)) < 0) {
		sftp_judge(g->s, g->x, again, e);
		return -1;
	}
	if (!r && g->off < g->end)
		return err_set(e, ERR_TEMP, "answer ended %llu bytes early",
		    (unsigned long long)(g->end - g->off));
	if ((uint64_t)r > g->end - g->off)
		return err_set(e, ERR_CONF, "the server does not tell how "
		    "large files are");
	return r;
}

static ssize_t
get_read(struct store_get *sg, void *buf, size_t n, struct err *e)
{
	struct sftp_get *g = (struct sftp_get *)sg;
	int again, more;
	ssize_t r;

	if (g->met && g->off >= g->end)
		return 0;
	/* The caller's own pauses are not the store's. */
	if (!g->t.n)
		store_tries_begin(&g->s->st, &g->t);
	for (;;) {
		again = 0;
		r = get_step(g, buf, n, &again, e);
		if (r >= 0)
			break;
		more = store_tries_next(&g->s->st, g->s->pool->h, &g->t, g->x,
		    again, e);
		get_end(g);
		g->since = 0;
		if (!more)
			return sftp_in(g->s, &g->op, e);
	}
	g->off += (uint64_t)r;
	g->since += (uint64_t)r;
	if (g->since >= SFTP_PROGRESS)
		g->t.n = 0;
	return r;
}

/* Lets the read that waited longest begin. */
static void
get_follow(struct sftp_pool *p)
{
	struct sftp_get *oldest = 0;
	struct err e = { 0 };

	for (struct sftp_get *g = p->gets; g; g = g->next)
		if (!g->x && !g->met)
			oldest = g;
	if (oldest && p->reads < SFTP_READS)
		get_send(oldest, &e); /* it finds out when it is read */
}

static void
get_close(struct store_get *sg)
{
	struct sftp_get *g = (struct sftp_get *)sg;
	struct sftp_pool *p = g->s->pool;
	struct sftp_get **at = &p->gets;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	get_end(g);
	free(g->key);
	free(g);
	get_follow(p);
}

int
sftp_get(struct store *st, const char *key, uint64_t off, uint64_t len,
    struct store_get **out, struct err *e)
{
	struct sftp_get *g = calloc(1, sizeof *g);

	if (!g || !(g->key = strdup(key))) {
		free(g);
		return err_nomem(e);
	}
	g->g.read = get_read;
	g->g.close = get_close;
	g->s = (struct sftp *)st;
	g->off = off;
	g->end = len ? off + len : 0;
	g->next = g->s->pool->gets;
	g->s->pool->gets = g;
	store_tries_begin(st, &g->t);
	if (g->s->pool->reads < SFTP_READS && get_send(g, e)) {
		get_close(&g->g);
		return -1;
	}
	*out = &g->g;
	return 0;
}
