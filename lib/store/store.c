#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "store/meter.h"
#include "store/store_int.h"

int
store_open_beside(struct store **out, struct store *beside,
    const struct store_conf *c, struct err *e)
{
	if (c->type == STORE_FILE)
		return file_open(out, c, e);
	if (beside && beside->conf->type != c->type)
		beside = 0;
	return c->type == STORE_S3 ? s3_open(out, beside, c, e)
	    : sftp_open(out, beside, c, e);
}

int
store_open(struct store **out, const struct store_conf *c, struct err *e)
{
	return store_open_beside(out, 0, c, e);
}

void
store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
}

const struct store_conf *
store_conf(const struct store *s)
{
	return s->conf;
}

unsigned
store_caps(const struct store *s)
{
	return s->caps;
}

const struct store_count *
store_counts(const struct store *s)
{
	return &s->count;
}

/* Over HTTP one call may be several requests, which are counted as they are
 * sent. */
static void
count(struct store *s, uint64_t *n)
{
	*n += s->conf->type != STORE_S3;
}

void
store_deadline(struct store *s, int64_t mono_ms)
{
	s->deadline = mono_ms;
}

static int
metered(struct store *s, enum store_op op, uint64_t bytes, uint64_t begun, int r,
    const struct err *e)
{
	store_meter_add(s->conf->meter, s->conf->type, op, r < 0 ? 0 : bytes,
	    when_mono_us() - begun, r < 0 ? e->kind : ERR_NONE);
	return r;
}

int
store_list(struct store *s, const char *prefix, const char *start_after,
    store_list_fn *fn, void *ctx, struct err *e)
{
	uint64_t t = when_mono_us();

	count(s, &s->count.lists);
	return metered(s, STORE_OP_LIST, 0, t,
	    s->ops->list(s, prefix, start_after, fn, ctx, e), e);
}

int
store_head(struct store *s, const char *key, struct store_stat *st,
    struct err *e)
{
	uint64_t t = when_mono_us();

	count(s, &s->count.heads);
	return metered(s, STORE_OP_HEAD, 0, t, s->ops->head(s, key, st, e), e);
}

int
store_get(struct store *s, const char *key, uint64_t off, uint64_t len,
    struct store_get **out, struct err *e)
{
	uint64_t t = when_mono_us();

	*out = 0;
	count(s, &s->count.gets);
	if (s->ops->get(s, key, off, len, out, e) < 0)
		return metered(s, STORE_OP_GET, 0, t, -1, e);
	(*out)->meter = s->conf->meter;
	(*out)->type = s->conf->type;
	(*out)->begun = t;
	return 0;
}

ssize_t
store_get_read(struct store_get *g, void *buf, size_t n, struct err *e)
{
	ssize_t r = n ? g->read(g, buf, n, e) : 0;

	if (r > 0)
		g->bytes += (uint64_t)r;
	else if (r < 0)
		g->failed = e->kind;
	return r;
}

void
store_get_close(struct store_get *g)
{
	if (!g)
		return;
	store_meter_add(g->meter, g->type, STORE_OP_GET, g->bytes,
	    when_mono_us() - g->begun, g->failed);
	g->close(g);
}

static ssize_t
store_get_in_read(void *ctx, void *buf, size_t n, struct err *e)
{
	return store_get_read(ctx, buf, n, e);
}

struct io_in
store_get_in(struct store_get *g)
{
	return (struct io_in){ .read = store_get_in_read, .ctx = g };
}

int
store_get_range(struct store *s, const char *key, uint64_t off, void *buf,
    size_t len, struct err *e)
{
	struct store_get *g;
	int r;

	if (store_get(s, key, off, len, &g, e) < 0)
		return -1;
	r = io_readn(store_get_in(g), buf, len, e);
	store_get_close(g);
	return r;
}

/* How much a source of unknown length had. */
struct counted_in {
	struct io_in in;
	uint64_t *n;
};

static ssize_t
counted_read(void *ctx, void *buf, size_t n, struct err *e)
{
	struct counted_in *m = ctx;
	ssize_t r = m->in.read(m->in.ctx, buf, n, e);

	if (r > 0)
		*m->n += (uint64_t)r;
	return r;
}

/* The last line: programs refuse before they begin. */
static int
plain(const struct store *s, struct err *e)
{
	return !store_conf_encrypts(s->conf) ? 0 : err_set(e, ERR_CONF,
	    "%s: age: is set, and nothing encrypts yet", s->conf->url);
}

int
store_put(struct store *s, const char *key, const struct store_src *src,
    const struct store_put_opt *opt, struct err *e)
{
	uint64_t t = when_mono_us(), n = 0;
	int counted = src->fd < 0 && !src->mem;
	struct store_src own = *src;
	struct counted_in in = { src->in, &n };
	int r;

	if (plain(s, e) < 0)
		return -1;
	if (counted)
		own.in = (struct io_in){ .read = counted_read, .ctx = &in };
	r = s->ops->put(s, key, &own, opt, e);
	return metered(s, STORE_OP_PUT, counted ? n : src->len, t, r, e);
}

int
store_copy(struct store *s, const char *from, const char *to,
    const struct store_put_opt *opt, struct err *e)
{
	uint64_t t = when_mono_us();

	if (plain(s, e) < 0)
		return -1;
	return metered(s, STORE_OP_COPY, 0, t,
	    s->ops->copy(s, from, to, opt, e), e);
}

int
store_del(struct store *s, const char *const *keys, size_t n,
    enum err_kind *results, struct err *e)
{
	uint64_t t = when_mono_us();

	for (size_t i = 0; results && i < n; i++)
		results[i] = ERR_NONE;
	return n ? metered(s, STORE_OP_DELETE, 0, t,
	    s->ops->del(s, keys, n, results, e), e) : 0;
}

void
store_del_folder(struct store *s, const char *prefix)
{
	if (s->ops->del_folder)
		s->ops->del_folder(s, prefix);
}

ssize_t
store_src_read(const struct store_src *s, uint64_t pos, void *buf, size_t n,
    struct err *e)
{
	if (s->fd < 0 && !s->mem)
		return s->in.read(s->in.ctx, buf, n, e);
	if (pos >= s->len)
		return 0;
	if (n > s->len - pos)
		n = (size_t)(s->len - pos);
	if (s->mem)
		memcpy(buf, (const char *)s->mem + pos, n);
	else if (io_preadn(s->fd, buf, n, s->off + (int64_t)pos, e))
		return -1;
	return (ssize_t)n;
}

int
store_probe_noreplace(struct store *s, const char *prefix, int *honoured,
    struct err *e)
{
	struct store_src src = { .fd = -1, .mem = "ls-s6\n", .len = 6 };
	struct store_put_opt opt = { .time_ms = -1 };
	size_t n = strlen(prefix);
	struct err ignored = { 0 };
	const char *key;
	char *k;
	int r;

	*honoured = 1;
	if (s->conf->type == STORE_FILE)
		return 0;
	if (!(k = malloc(n + sizeof ".ls-s6-probe")))
		return err_nomem(e);
	memcpy(k, prefix, n);
	strcpy(k + n, ".ls-s6-probe");
	key = k;
	r = s->ops->put(s, key, &src, &opt, e);
	if (!r) {
		opt.noreplace = opt.strict = 1;
		r = s->ops->put(s, key, &src, &opt, e);
		*honoured = r && e->kind == ERR_EXISTS
		    && (s->caps & STORE_CAN_NOREPLACE);
		if (!r || e->kind == ERR_EXISTS)
			r = 0;
		s->ops->del(s, &key, 1, 0, &ignored);
	}
	if (!r && !*honoured)
		s->caps &= ~STORE_CAN_NOREPLACE;
	free(k);
	return r;
}
