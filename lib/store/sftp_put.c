#include "store/sftp_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/retry.h"
#include "base/when.h"

#define PUT_TAIL 4096
#define PUT_LOOK (1u << 20)  /* of this size it pays to look first */
#define PUT_STALE_MS (24 * 3600 * INT64_C(1000)) /* nobody works on it */
#define PUT_SWEEP_MS 2000    /* that others' files are given */

/* A file is written under a name of its own, looked at, given its time, and
 * renamed. The protocol's rename does not replace: that is the fence. */
struct put {
	struct sftp *s;
	const char *key;
	const struct store_src *src;
	const struct store_put_opt *opt;
	char *temp;
	uint64_t len;
	int up;          /* the source was sent to its end */
	int sent;        /* the temporary file is whole */
	int asked;       /* a rename was sent whose answer is not known */
	int looked;      /* for room, after a failure */
	int lacked;      /* a folder, at a try before */
	struct store_tries t;
};

/* ---- pieces ---- */

static int
put_do(struct put *p, const char *const *commands, int *again, struct err *e)
{
	struct sftp_op op = { .what = "put", .method = "DO",
		.commands = commands, .body.fd = -1 };
	struct http_xfer *x;
	int r = sftp_once(p->s, &op, &p->t, &x, again, e);

	http_end(x);
	return r;
}

/* One command, whatever comes of it. */
static void
put_rm(struct put *p)
{
	char *rm = sftp_command("*rm", p->temp, 0);
	const char *const commands[] = { rm, 0 };
	struct err ignored = { 0 };
	int again;

	if (rm)
		put_do(p, commands, &again, &ignored);
	free(rm);
}

static int
put_head(struct put *p, const char *key, struct store_stat *st, int *again,
    struct err *e)
{
	struct sftp_op op = { .what = "put", .method = "HEAD", .key = key,
		.body.fd = -1 };
	struct http_xfer *x;
	int r = sftp_once(p->s, &op, &p->t, &x, again, e);

	if (!r) {
		int64_t n = http_length(x);

		st->size = n < 0 ? 0 : (uint64_t)n;
		st->mtime_ms = http_filetime(x);
	}
	http_end(x);
	return r;
}

/* OpenSSH tells a full disk as any failure: ask for the room there is. */
static int
put_full(struct put *p, struct err *e)
{
	char *dir = strdup(p->key), *slash = dir ? strrchr(dir, '/') : 0, *ask;
	unsigned long long avail, frsize;
	struct err ignored = { 0 };
	struct http_xfer *x;
	const char *said, *a, *f;
	int again, full = 0;

	if (slash)
		slash[slash == dir] = 0;
	ask = dir ? sftp_command("*statvfs", slash ? dir : ".", 0) : 0;
	free(dir);
	if (ask) {
		const char *const commands[] = { ask, 0 };
		struct sftp_op op = { .what = "put", .method = "DO",
			.commands = commands, .body.fd = -1 };

		if (!sftp_once(p->s, &op, &p->t, &x, &again, &ignored)
		    && (said = http_header(x, "statvfs"))
		    && (a = strstr(said, "f_bavail: "))
		    && (f = strstr(said, "f_frsize: "))
		    && sscanf(a, "f_bavail: %llu", &avail) == 1
		    && sscanf(f, "f_frsize: %llu", &frsize) == 1
		    && avail < p->len / (frsize ? frsize : 1) + 1)
			full = 1;
		http_end(x);
	}
	free(ask);
	if (full)
		err_set(e, ERR_FULL, "the server's disk is full: %llu bytes "
		    "free, %llu to be written", avail * frsize,
		    (unsigned long long)p->len);
	return full;
}

/* Can the source be sent again? */
static int
put_known(const struct put *p)
{
	return p->src->fd >= 0 || p->src->mem;
}

/* The temporary file is not there any more, or not whole. */
static void
put_lost(struct put *p)
{
	p->up = p->sent = 0;
	if (!put_known(p))
		p->t.n = UINT32_MAX;
}

static int
put_upload(struct put *p, int *again, struct err *e)
{
	const struct store_src *src = p->src;
	struct sftp_op op = { .what = "put", .method = "PUT", .key = p->temp,
		.progress = p->opt->progress, .ctx = p->opt->ctx };
	struct http_xfer *x;
	int known = put_known(p), r;

	op.body = (struct http_body){ .mem = src->mem, .fd = src->fd,
		.off = src->off, .in = src->in,
		.len = known ? src->len : HTTP_UNKNOWN };
	r = sftp_once(p->s, &op, &p->t, &x, again, e);
	if (x)
		p->len = known ? src->len : http_sent(x);
	http_end(x);
	if (r && e->kind == ERR_TEMP && !p->looked && (p->looked = 1))
		put_full(p, e);
	/* While folders are made a broken connection looks like none. */
	if (r && e->kind == ERR_NOTFOUND && !p->lacked && (p->lacked = 1))
		e->kind = ERR_TEMP;
	if (r && p->len && retry_worth(e->kind))
		put_lost(p);
	p->up = !r;
	return r;
}

static int
put_send(struct put *p, int *again, struct err *e)
{
	struct store_stat st;

	if (!p->up && put_upload(p, again, e))
		return -1;
	/* libcurl does not say how closing it went. */
	if (put_head(p, p->temp, &st, again, e))
		return -1;
	if (st.size != p->len) {
		put_lost(p);
		return err_set(e, ERR_TEMP, "the server kept %llu of %llu "
		    "bytes", (unsigned long long)st.size,
		    (unsigned long long)p->len);
	}
	p->sent = 1;
	return 0;
}

/* ---- the rename ---- */

/* Is it what we sent? LTX files end in their checksums. */
static int
put_ours(struct put *p)
{
	unsigned char want[PUT_TAIL], got[PUT_TAIL];
	struct err ignored = { 0 };
	struct store_stat st;
	struct store_get *g;
	uint64_t n = p->len < PUT_TAIL ? p->len : PUT_TAIL, k = 0;
	ssize_t r = 1;

	if (!put_known(p)
	    || sftp_head(&p->s->st, p->key, &st, &ignored)
	    || st.size != p->len)
		return 0;
	while (k < n && r > 0) {
		r = store_src_read(p->src, p->len - n + k, want + k,
		    (size_t)(n - k), &ignored);
		k += r > 0 ? (uint64_t)r : 0;
	}
	if (k < n || !n)
		return k == n;
	if (sftp_get(&p->s->st, p->key, p->len - n, n, &g, &ignored))
		return 0;
	r = !io_readn(store_get_in(g), got, (size_t)n, &ignored)
	    && !memcmp(got, want, (size_t)n);
	store_get_close(g);
	return (int)r;
}

static int
put_rename(struct put *p, int replace, int *again, struct err *e)
{
	char when[WHEN_FMT], *mtime = 0, *rm = 0, *mv = 0;
	const char *commands[4] = { 0 };
	time_t t = (time_t)(p->opt->time_ms / 1000);
	struct tm tm;
	int n = 0, r;

	if (p->opt->time_ms >= 0 && gmtime_r(&t, &tm)
	    && strftime(when, sizeof when, "%Y%m%d %H:%M:%S", &tm))
		commands[n++] = mtime = sftp_command("*mtime", when, p->temp);
	if (replace)
		commands[n++] = rm = sftp_command("*rm", p->key, 0);
	commands[n++] = mv = sftp_command("rename", p->temp, p->key);
	r = !mv || (n > 1 && !commands[0]) ? err_nomem(e)
	    : put_do(p, commands, again, e);
	free(mtime);
	free(rm);
	free(mv);
	return r;
}

/* After a rename that was answered with no, or with nothing before. */
static int
put_settle(struct put *p, int asked, int *again, struct err *e)
{
	struct err said = *e;
	struct store_stat st;

	if (put_head(p, p->key, &st, again, e)) {
		if (e->kind != ERR_NOTFOUND)
			return -1;
		/* nothing is there: the temporary file may be gone, or the
		 * server cannot */
		if (said.kind == ERR_NOTFOUND)
			put_lost(p);
		*e = said;
		e->kind = ERR_TEMP;
		return -1;
	}
	if (asked && !(p->opt->noreplace && p->opt->strict) && put_ours(p))
		return 0;
	if (p->opt->noreplace) {
		err_set(e, ERR_EXISTS, "%s exists", p->key);
		return -1;
	}
	if (said.kind == ERR_NOTFOUND) {
		put_lost(p);
		*e = said;
		e->kind = ERR_TEMP;
		return -1;
	}
	return put_rename(p, 1, again, e);
}

static int
put_publish(struct put *p, int *again, struct err *e)
{
	int asked = p->asked, r;

	p->asked = 1;
	r = put_rename(p, 0, again, e);
	if (!r || retry_worth(e->kind))
		return r;
	p->asked = 0;
	if (e->kind == ERR_DENIED || e->kind == ERR_CONF)
		return -1;
	return put_settle(p, asked, again, e);
}

/* ---- the whole ---- */

/* What a killed writer left, as far as listings showed it. Ours is done: a
 * server that hangs now is not waited for. */
static void
put_sweep(struct put *p)
{
	struct store *st = &p->s->st;
	struct sftp_pool *pool = p->s->pool;
	int64_t kept = st->deadline, soon = when_mono() + PUT_SWEEP_MS;
	struct store_stat is;
	struct err e;

	if (!kept || soon < kept)
		st->deadline = soon;
	for (int i = 0; i < SFTP_TEMPS; i++) {
		const char *key = pool->temps[i];

		if (key && when_mono() < st->deadline
		    && !sftp_head(st, key, &is, &e) && is.mtime_ms >= 0
		    && is.mtime_ms < when_now() - PUT_STALE_MS)
			sftp_del(st, &key, 1, 0, &e);
		free(pool->temps[i]);
		pool->temps[i] = 0;
	}
	st->deadline = kept;
}

/* Before a large upload, and where it is all there is to keep an accident
 * from replacing. */
static int
put_look(struct put *p, struct err *e)
{
	struct store_stat st;

	if (!p->opt->noreplace || ((p->s->st.caps & STORE_CAN_NOREPLACE)
	    && (p->src->fd < 0 || p->src->len < PUT_LOOK)))
		return 0;
	if (!sftp_head(&p->s->st, p->key, &st, e))
		return err_set(e, ERR_EXISTS, "%s exists", p->key);
	if (e->kind != ERR_NOTFOUND)
		return -1;
	err_clear(e);
	return 0;
}

int
sftp_put(struct store *st, const char *key, const struct store_src *src,
    const struct store_put_opt *opt, struct err *e)
{
	struct put p = { .s = (struct sftp *)st, .key = key, .src = src,
		.opt = opt };
	struct sftp_op op = { .what = "put", .key = key };
	int again, r;

	if (put_look(&p, e))
		return -1;
	if (asprintf(&p.temp, "%s%s", key, p.s->suffix) < 0)
		return err_nomem(e);
	store_tries_begin(st, &p.t);
	do {
		again = 0;
		r = p.sent ? 0 : put_send(&p, &again, e);
		if (!r)
			r = put_publish(&p, &again, e);
	} while (r && p.t.n != UINT32_MAX && store_tries_next(st,
	    p.s->pool->h, &p.t, 0, again, e));
	if (r) {
		struct err said = *e;

		if (e->kind != ERR_CONF && !retry_worth(e->kind))
			put_rm(&p);
		*e = said;
		/* libcurl tried to make the folders, and says no more */
		if (e->kind == ERR_NOTFOUND)
			err_set(e, ERR_DENIED, "its folder cannot be made: no "
			    "right to, or a file is in its place");
		sftp_in(p.s, &op, e);
	} else {
		put_sweep(&p);
	}
	free(p.temp);
	return r;
}
