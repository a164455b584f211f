#include "store/s3_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/when.h"

#define S3_TAIL 4096
#define S3_SLOT ((int64_t)1 << 33) /* over the largest part, 5 GiB */
#define S3_PART_MAX ((uint64_t)5 << 30)
#define S3_GROW 1000u /* parts of unknown streams before they double */

/* ---- was it us? ---- */

/* A create that failed without an answer and then met "exists" may have met
 * itself. Same size and same end: an LTX file ends in its checksums. tail
 * holds the last bytes of what was sent. */
static int
s3_put_ours(struct s3 *s, const char *key, uint64_t len,
    const unsigned char *tail, size_t n, struct err *e)
{
	unsigned char got[S3_TAIL];
	struct store_stat st;
	struct store_get *g;
	int r;

	if (s3_head(&s->st, key, &st, e) || st.size != len)
		return 0;
	if (!n)
		return 1;
	if (s3_get(&s->st, key, len - n, n, &g, e))
		return 0;
	r = !io_readn(store_get_in(g), got, n, e) && !memcmp(got, tail, n);
	store_get_close(g);
	return r;
}

/* After a refused create: 0 if the object is what we sent. */
static int
s3_put_settle(struct s3 *s, const char *key, uint64_t len,
    const unsigned char *tail, size_t n, unsigned failed, struct err *e)
{
	struct err ignored = { 0 };

	if ((e->kind == ERR_EXISTS || e->kind == ERR_NOTFOUND) && failed
	    && s3_put_ours(s, key, len, tail, n, &ignored)) {
		err_clear(e);
		return 0;
	}
	return -1;
}

int
s3_put_look(struct s3 *s, const char *key, struct err *e)
{
	struct store_stat st;

	if (!s3_head(&s->st, key, &st, e))
		return err_set(e, ERR_EXISTS, "s3://%s/%s exists",
		    s->st.conf->bucket, key);
	if (e->kind != ERR_NOTFOUND)
		return -1;
	err_clear(e);
	return 0;
}

/* May the refusal have been of the condition itself? */
static int
s3_put_unknown(const struct s3 *s, const struct err *e)
{
	return !s->known->no_condition && e->kind == ERR_CONF
	    && (strstr(e->msg, " 501") || strstr(e->msg, "NotImplemented"));
}

/* It was: there is something, or the same without one went through. */
static void
s3_put_unconditional(struct s3 *s)
{
	s->known->no_condition = 1;
	s->st.caps &= ~STORE_CAN_NOREPLACE;
	log_event(s->st.conf->log, LOG_WARN, "the store does not know "
	    "conditional writes: nothing keeps two writers apart", "bucket",
	    s->st.conf->bucket, NULL);
}

/* ---- one PUT ---- */

struct s3_body {
	struct http_body b;
	unsigned char sha[SHA256_LEN];
	int hashed;
	char md5[BASE64_LEN(MD5_LEN)];
	int summed;
	unsigned char tail[S3_TAIL];
	size_t tail_len;
};

/* Hashes once, however often it is sent. */
static int
s3_body_make(struct s3 *s, struct s3_body *b, const unsigned char *sha,
    struct err *e)
{
	const struct store_conf *c = s->st.conf;
	unsigned char md5[MD5_LEN];
	int want_md5 = c->put_object_content_md5 == STORE_ON
	    && s->provider != S3_TIGRIS;
	int want_sha = c->sign_payload != STORE_OFF && !sha;

	if (sha)
		memcpy(b->sha, sha, SHA256_LEN);
	if (b->b.mem) {
		if (want_sha)
			sha256_of(b->b.mem, (size_t)b->b.len, b->sha);
		if (want_md5)
			sha256_md5(b->b.mem, (size_t)b->b.len, md5);
	} else if ((want_sha || want_md5)
	    && sha256_fd(b->b.fd, b->b.off, b->b.len, b->sha,
	        want_md5 ? md5 : 0, e)) {
		return -1;
	}
	b->hashed = sha || want_sha;
	if ((b->summed = want_md5))
		base64_fmt(b->md5, md5, MD5_LEN);
	b->tail_len = b->b.len < S3_TAIL ? (size_t)b->b.len : S3_TAIL;
	if (b->b.mem)
		memcpy(b->tail, (const char *)b->b.mem + b->b.len
		    - b->tail_len, b->tail_len);
	else if (b->tail_len)
		return io_preadn(b->b.fd, b->tail, b->tail_len,
		    b->b.off + (int64_t)(b->b.len - b->tail_len), e);
	return 0;
}

static void
s3_body_of(struct s3_op *op, const struct s3_body *b)
{
	op->body = b->b;
	op->sha = b->hashed ? b->sha : 0;
	if (b->summed)
		s3_op_head(op, "content-md5", b->md5);
}

static int
s3_put_once(struct s3 *s, const char *key, const struct s3_body *b,
    const struct store_put_opt *opt, int condition, unsigned *failed,
    struct err *e)
{
	struct s3_op op = { .method = "PUT", .key = key,
		.progress = opt->progress, .ctx = opt->ctx };
	char when[WHEN_FMT];
	struct http_xfer *x;

	s3_op_create(s, &op, opt->time_ms, when);
	s3_op_ssec(s, &op, 0);
	s3_body_of(&op, b);
	if (condition)
		s3_op_head(&op, "if-none-match", "*");
	if (s3_call(s, &op, &x, failed, e))
		return -1;
	http_end(x);
	return 0;
}

static int
s3_put_single(struct s3 *s, const char *key, struct http_body body,
    const unsigned char *sha, const struct store_put_opt *opt, struct err *e)
{
	struct s3_body b = { .b = body };
	unsigned failed = 0;
	int r;

	if (!body.mem && !body.len)
		b.b.mem = "";
	if (s3_body_make(s, &b, sha, e))
		return -1;
	if (opt->noreplace && s->known->no_condition && s3_put_look(s, key, e))
		return -1;
	if (!s3_put_once(s, key, &b, opt, opt->noreplace && !s->known->no_condition,
	    &failed, e))
		return 0;
	if (opt->noreplace && s3_put_unknown(s, e)) {
		r = s3_put_look(s, key, e)
		    || s3_put_once(s, key, &b, opt, 0, &failed, e) ? -1 : 0;
		if (!r || e->kind == ERR_EXISTS)
			s3_put_unconditional(s);
		return r;
	}
	return opt->noreplace && !opt->strict ? s3_put_settle(s, key, body.len, b.tail,
	    b.tail_len, failed, e) : -1;
}

/* ---- parts ---- */

struct s3_part {
	struct s3_body body;
	unsigned n;
	struct http_xfer *x;
	struct store_tries t;
};

struct s3_parts {
	struct s3 *s;
	struct s3_upload u;
	const struct store_src *src;
	const struct store_put_opt *opt;
	struct s3_part *slot;
	unsigned slots, begun, ended;
	uint64_t size;       /* of the next part */
	uint64_t at, done;
	int spool;           /* an unnamed file for sources read once, or -1 */
	int last;            /* the source has ended */
	struct s3_body *tail;
	unsigned failed;
};

static unsigned
s3_parts_slots(const struct s3 *s)
{
	unsigned n = s->st.conf->concurrency;

	if (!n)
		n = s->provider == S3_R2 || s->provider == S3_TIGRIS ? 2 : 4;
	return n < S3_PARTS_AT_ONCE ? n : S3_PARTS_AT_ONCE;
}

static uint64_t
s3_part_size(const struct s3 *s, uint64_t len)
{
	uint64_t size = s->st.conf->part_size, mib = 1u << 20;

	if (!size)
		size = s->provider == S3_TIGRIS ? 16 * mib : S3_PART_MIN;
	if (size < S3_PART_MIN)
		size = S3_PART_MIN;
	if (len / size >= S3_PARTS_MAX)
		size = (len / S3_PARTS_MAX / mib + 1) * mib;
	return size < S3_PART_MAX ? size : S3_PART_MAX;
}

/* Up to max bytes of a source read once, to a place in the spool. */
static int
s3_spool(int fd, const struct store_src *src, int64_t off, uint64_t max,
    uint64_t *len, struct err *e)
{
	unsigned char buf[16384];
	ssize_t r = 1;

	*len = 0;
	while (*len < max) {
		size_t n = max - *len < sizeof buf ? (size_t)(max - *len)
		    : sizeof buf;

		if ((r = store_src_read(src, 0, buf, n, e)) <= 0)
			break;
		if (io_pwriten(fd, buf, (size_t)r, off + (int64_t)*len, e))
			return -1;
		*len += (uint64_t)r;
	}
	return r < 0 ? -1 : 0;
}

/* The bytes of the next part: a window of a known source, or spooled. */
static int
s3_part_fill(struct s3_parts *p, struct s3_part *t, struct err *e)
{
	const struct store_src *src = p->src;
	int64_t off = (int64_t)(p->begun % p->slots) * S3_SLOT;
	struct http_body b = { .fd = -1 };
	uint64_t len;

	if (p->spool < 0) {
		len = src->len - p->at < p->size ? src->len - p->at : p->size;
		b.mem = src->mem ? (const char *)src->mem + p->at : 0;
		b.fd = src->fd;
		b.off = src->off + (int64_t)p->at;
		p->last = p->at + len == src->len;
	} else {
		if (s3_spool(p->spool, src, off, p->size, &len, e))
			return -1;
		b.fd = p->spool;
		b.off = off;
		p->last = len < p->size;
		/* It ended just where the part before did. */
		if (!len && p->begun)
			return 0;
		if (p->s->provider != S3_R2 && p->begun % S3_GROW == S3_GROW - 1
		    && p->size < S3_PART_MAX / 2)
			p->size *= 2;
	}
	b.len = len;
	t->body.b = b;
	p->at += len;
	return s3_body_make(p->s, &t->body, 0, e);
}

static int
s3_part_send(struct s3_parts *p, struct s3_part *t, struct err *e)
{
	struct s3_op op = { .method = "PUT", .key = p->u.key };
	char num[16];

	snprintf(num, sizeof num, "%u", t->n);
	s3_op_query(&op, "partNumber", num);
	s3_op_query(&op, "uploadId", p->u.id);
	s3_op_ssec(p->s, &op, 0);
	s3_body_of(&op, &t->body);
	return s3_try(p->s, &op, &t->x, store_tries_deadline(&p->s->st, &t->t), e);
}

static int
s3_part_begin(struct s3_parts *p, struct err *e)
{
	struct s3_part *t = p->slot + p->begun % p->slots;
	uint64_t at = p->at;

	/* A stream's first part is there: it told that there are parts. */
	if (p->begun || p->spool < 0) {
		if (s3_part_fill(p, t, e))
			return -1;
		if (p->at == at)
			return 0;
	}
	if (p->begun == S3_PARTS_MAX)
		return err_set(e, ERR_CONF, "more than %d parts",
		    S3_PARTS_MAX);
	t->n = ++p->begun;
	p->tail = &t->body;
	store_tries_begin(&p->s->st, &t->t);
	return s3_part_send(p, t, e);
}

static int
s3_part_end(struct s3_parts *p, struct err *e)
{
	struct s3_part *t = p->slot + p->ended % p->slots;
	struct s3_op op = { .method = "PUT", .key = p->u.key };
	int again, r;

	for (;;) {
		again = 0;
		if (!(r = http_wait(t->x, e)))
			r = s3_judge(p->s, &op, t->x, &again, e);
		if (!r)
			break;
		r = store_tries_next(&p->s->st, p->s->pool->h, &t->t, t->x, again, e);
		http_end(t->x);
		t->x = 0;
		if (!r || s3_part_send(p, t, e)) {
			err_in(e, "part %u", t->n);
			return s3_in(p->s, &op, e);
		}
	}
	r = s3_upload_part(&p->u, t->n, http_header(t->x, "etag"), e);
	http_end(t->x);
	t->x = 0;
	p->ended++;
	p->done += t->body.b.len;
	if (p->opt->progress)
		p->opt->progress(p->opt->ctx, p->done);
	return r;
}

static int
s3_parts_run(struct s3_parts *p, struct err *e)
{
	while (!p->last || !p->begun) {
		if (p->begun - p->ended == p->slots && s3_part_end(p, e))
			return -1;
		if (s3_part_begin(p, e))
			return -1;
	}
	while (p->ended < p->begun)
		if (s3_part_end(p, e))
			return -1;
	return 0;
}

static int
s3_parts_complete(struct s3_parts *p, struct err *e)
{
	struct s3 *s = p->s;
	const char *key = p->u.key;
	int noreplace = p->opt->noreplace, r;

	if (noreplace && s->known->no_condition && s3_put_look(s, key, e))
		return -1;
	if (!s3_upload_end(&p->u, noreplace && !s->known->no_condition,
	    &p->failed, e))
		return 0;
	if (noreplace && s3_put_unknown(s, e)) {
		r = s3_put_look(s, key, e)
		    || s3_upload_end(&p->u, 0, &p->failed, e) ? -1 : 0;
		if (!r || e->kind == ERR_EXISTS)
			s3_put_unconditional(s);
		return r;
	}
	if (!(p->opt->strict && e->kind == ERR_EXISTS)
	    && !s3_put_settle(s, key, p->at, p->tail->tail,
	        p->tail->tail_len, p->failed, e))
		return 0;
	/* An upload that is gone is begun anew by who wants it. */
	if (e->kind == ERR_NOTFOUND)
		e->kind = ERR_TEMP;
	return -1;
}

static int
s3_put_parts(struct s3_parts *p, const char *key, struct err *e)
{
	int r;

	r = s3_upload_begin(&p->u, p->s, key, p->opt, e)
	    || s3_parts_run(p, e) || s3_parts_complete(p, e) ? -1 : 0;
	for (unsigned i = 0; i < p->slots; i++)
		http_end(p->slot[i].x);
	s3_upload_free(&p->u);
	return r;
}

/* Sources read once go through an unnamed file, part by part. */
static int
s3_put_stream(struct s3_parts *p, const char *key, struct err *e)
{
	struct err ignored = { 0 };
	int r;

	if ((p->spool = io_anon("", &ignored)) < 0
	    && (p->spool = memfd_create("ls-s6 part", MFD_CLOEXEC)) < 0)
		return err_sys(e, "make a temporary file");
	r = s3_part_fill(p, p->slot, e);
	if (!r && p->last)
		r = s3_put_single(p->s, key, p->slot->body.b, 0, p->opt, e);
	else if (!r)
		r = s3_put_parts(p, key, e);
	close(p->spool);
	return r;
}

int
s3_put(struct store *st, const char *key, const struct store_src *src,
    const struct store_put_opt *opt, struct err *e)
{
	struct s3 *s = (struct s3 *)st;
	struct s3_parts p = { .s = s, .src = src, .opt = opt, .spool = -1 };
	struct http_body b = { .mem = src->mem, .fd = src->fd,
		.off = src->off, .len = src->len };
	int known = src->mem || src->fd >= 0;
	int r;

	if (known && src->len < s3_part_size(s, 0))
		return s3_put_single(s, key, b, src->sha256, opt, e);
	p.size = s3_part_size(s, known ? src->len : 0);
	p.slots = s3_parts_slots(s);
	if (!(p.slot = calloc(p.slots, sizeof *p.slot)))
		return err_nomem(e);
	r = known ? s3_put_parts(&p, key, e) : s3_put_stream(&p, key, e);
	free(p.slot);
	return r;
}
