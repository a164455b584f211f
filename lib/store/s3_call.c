#include "store/s3_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/when.h"

#define S3_LINES 24

void
s3_op_query(struct s3_op *op, const char *name, const char *value)
{
	op->query[op->nq++] = (struct s3_pair){ name, value };
}

void
s3_op_head(struct s3_op *op, const char *name, const char *value)
{
	if (value && op->nh < S3_PAIRS)
		op->head[op->nh++] = (struct s3_pair){ name, value };
}

void
s3_op_ssec(struct s3 *s, struct s3_op *op, int copy)
{
	static const char *const names[2][3] = {
		{ "x-amz-server-side-encryption-customer-algorithm",
		  "x-amz-server-side-encryption-customer-key",
		  "x-amz-server-side-encryption-customer-key-md5" },
		{ "x-amz-copy-source-server-side-encryption-customer-algorithm",
		  "x-amz-copy-source-server-side-encryption-customer-key",
		  "x-amz-copy-source-server-side-encryption-customer-key-md5" }
	};

	if (!s->st.conf->sse_key)
		return;
	s3_op_head(op, names[!!copy][0], "AES256");
	s3_op_head(op, names[!!copy][1], s->st.conf->sse_key);
	s3_op_head(op, names[!!copy][2], s->sse_md5);
}

void
s3_op_create(struct s3 *s, struct s3_op *op, int64_t time_ms, char *when)
{
	const struct store_conf *c = s->st.conf;

	s3_op_head(op, "content-type", "application/octet-stream");
	s3_op_head(op, "x-amz-storage-class", c->storage_class);
	if (c->sse_kms_key_id) {
		s3_op_head(op, "x-amz-server-side-encryption", "aws:kms");
		s3_op_head(op, "x-amz-server-side-encryption-aws-kms-key-id",
		    c->sse_kms_key_id);
	}
	if (time_ms >= 0) {
		when_fmt(when, time_ms);
		s3_op_head(op, "x-amz-meta-litestream-timestamp", when);
	}
}

int
s3_in(const struct s3 *s, const struct s3_op *op, struct err *e)
{
	const char *key = op->key ? op->key : "";

	return err_in(e, "%s s3://%s/%s", op->method, s->st.conf->bucket, key);
}

/* ---- one try ---- */

struct s3_wire {
	stralloc path, query, lines;
	struct s3_pair pair[S3_PAIRS + 4];
	size_t n;
	char date[S3_DATE];
	char hash[SHA256_HEX];
};

static void
s3_wire_free(struct s3_wire *w)
{
	stralloc_free(&w->path);
	stralloc_free(&w->query);
	if (w->lines.s)
		explicit_bzero(w->lines.s, w->lines.len);
	stralloc_free(&w->lines);
}

static int
s3_signed(const char *name)
{
	return !strcmp(name, "host") || !strcmp(name, "content-md5")
	    || !strncmp(name, "x-amz-", 6);
}

static int
s3_pair_cmp(const void *a, const void *b)
{
	return strcmp(((const struct s3_pair *)a)->name,
	    ((const struct s3_pair *)b)->name);
}

static int
s3_hash(struct s3 *s, const struct s3_op *op, char hash[SHA256_HEX],
    struct err *e)
{
	unsigned char sha[SHA256_LEN];

	if (op->sha) {
		hex_fmt(hash, op->sha, SHA256_LEN);
		return 0;
	}
	if (s->st.conf->sign_payload == STORE_OFF && op->body.len) {
		strcpy(hash, "UNSIGNED-PAYLOAD");
		return 0;
	}
	if (op->body.mem || !op->body.len)
		sha256_of(op->body.mem ? op->body.mem : "",
		    (size_t)op->body.len, sha);
	else if (sha256_fd(op->body.fd, op->body.off, op->body.len, sha, 0, e))
		return -1;
	hex_fmt(hash, sha, SHA256_LEN);
	return 0;
}

static int
s3_line(stralloc *sa, const char *name, const char *value)
{
	/* libcurl drops headers it finds empty unless they end in ";" */
	return !stralloc_cats(sa, name)
	    || !stralloc_cats(sa, *value ? ": " : ";")
	    || !stralloc_cats(sa, value) || !stralloc_0(sa) ? -1 : 0;
}

/* Path, query and the header lines, the last of them Authorization. */
static int
s3_wire_make(struct s3 *s, const struct s3_op *op, struct s3_wire *w,
    struct err *e)
{
	struct cred cred;
	struct s3_sign a = { .method = op->method, .region = s->region,
		.service = "s3", .payload = w->hash };
	size_t k = 0;

	if (cred_get(s->cred, s->pool->h, &cred, e))
		return -1;
	a.time_ms = when_now() + s->known->skew_ms;
	s3_date(w->date, a.time_ms);
	memcpy(w->pair, op->head, op->nh * sizeof *op->head);
	w->n = op->nh;
	w->pair[w->n++] = (struct s3_pair){ "host", s->addr.host };
	w->pair[w->n++] = (struct s3_pair){ "x-amz-content-sha256", w->hash };
	w->pair[w->n++] = (struct s3_pair){ "x-amz-date", w->date };
	if (cred.session_token)
		w->pair[w->n++] = (struct s3_pair){ "x-amz-security-token",
		    cred.session_token };
	qsort(w->pair, w->n, sizeof *w->pair, s3_pair_cmp);
	if (!stralloc_cats(&w->path, s->addr.prefix)
	    || !stralloc_catb(&w->path, "/", 1)
	    || (op->key && s3_encode(&w->path, op->key, 1))
	    || !stralloc_0(&w->path) || s3_query(&w->query, op->query, op->nq)
	    || !stralloc_0(&w->query))
		return err_nomem(e);
	for (size_t i = 0; i < w->n; i++)
		if (s3_line(&w->lines, w->pair[i].name, w->pair[i].value))
			return err_nomem(e);
	for (size_t i = 0; i < w->n; i++)
		if (s3_signed(w->pair[i].name))
			w->pair[k++] = w->pair[i];
	a.headers = w->pair;
	a.n = k;
	a.path = w->path.s;
	a.query = w->query.s;
	a.access_key = cred.access_key;
	a.secret_key = cred.secret_key;
	if (!stralloc_cats(&w->lines, "Authorization: "))
		return err_nomem(e);
	if (s3_sign(&w->lines, &a, e))
		return -1;
	return stralloc_0(&w->lines) ? 0 : err_nomem(e);
}

static int
s3_wire_send(struct s3 *s, const struct s3_op *op, struct s3_wire *w,
    int64_t deadline, struct http_xfer **x, struct err *e)
{
	const struct store_conf *c = s->st.conf;
	const char *lines[S3_LINES + 1];
	struct http_req req = { .method = op->method, .body = op->body,
		.max_body = op->max_body, .stream = op->stream,
		.deadline = deadline, .progress = op->progress,
		.ctx = op->ctx, .headers = lines };
	stralloc url = STRALLOC_ZERO;
	size_t n = 0;
	int r;

	req.stall_ms = store_stall_ms(&s->st);
	req.skip_verify = c->skip_verify == STORE_ON;
	for (size_t i = 0; i < w->lines.len && n < S3_LINES;
	    i += strlen(w->lines.s + i) + 1)
		lines[n++] = w->lines.s + i;
	lines[n] = 0;
	if (!stralloc_cats(&url, s->addr.origin)
	    || !stralloc_cats(&url, w->path.s)
	    || (op->nq && (!stralloc_catb(&url, "?", 1)
	        || !stralloc_cats(&url, w->query.s)))
	    || !stralloc_0(&url)) {
		stralloc_free(&url);
		return err_nomem(e);
	}
	req.url = url.s;
	r = http_begin(s->pool->h, &req, x, e);
	stralloc_free(&url);
	return r;
}

/* Another store of this bucket may have learnt where it is. */
static int
s3_locate(struct s3 *s, struct err *e)
{
	struct s3_addr a;

	if (!strcmp(s->region, s->known->region))
		return 0;
	if (s3_addr_make(&a, s->st.conf, s->known->region, e)) {
		s3_addr_free(&a);
		return -1;
	}
	s3_addr_free(&s->addr);
	s->addr = a;
	strcpy(s->region, s->known->region);
	return 0;
}

static void
s3_count(struct store_count *c, const struct s3_op *op)
{
	if (!strcmp(op->method, "HEAD"))
		c->heads++;
	else if (!strcmp(op->method, "GET"))
		++*(op->key ? &c->gets : &c->lists);
}

int
s3_try(struct s3 *s, const struct s3_op *op, struct http_xfer **x,
    int64_t deadline, struct err *e)
{
	struct s3_wire w = { .n = 0 };
	int r;

	*x = 0;
	r = s3_locate(s, e) || s3_hash(s, op, w.hash, e) || s3_wire_make(s, op, &w, e)
	    || s3_wire_send(s, op, &w, deadline, x, e) ? -1 : 0;
	s3_wire_free(&w);
	if (!r)
		s3_count(&s->st.count, op);
	return r;
}

/* ---- several tries ---- */

int
s3_call(struct s3 *s, const struct s3_op *op, struct http_xfer **x,
    unsigned *failed, struct err *e)
{
	struct store_tries t;
	int again, r;

	store_tries_begin(&s->st, &t);
	for (;;) {
		again = 0;
		r = s3_try(s, op, x, store_tries_deadline(&s->st, &t), e);
		if (!r && !(r = http_wait(*x, e)))
			r = s3_judge(s, op, *x, &again, e);
		if (!r)
			break;
		r = store_tries_next(&s->st, s->pool->h, &t, *x, again, e);
		http_end(*x);
		*x = 0;
		if (failed)
			*failed = t.n;
		if (!r)
			return s3_in(s, op, e);
	}
	if (failed)
		*failed = t.n;
	return 0;
}
