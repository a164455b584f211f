#include "store/s3_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/when.h"
#include "store/s3_list.h"

#define S3_IDLE_PAGES 100 /* on end without a new greatest key: a circle */
#define S3_DEL_MAX 1000
#define S3_DEL_BODY (1u << 20)

static void
s3_pool_free(struct s3_pool *p)
{
	struct s3_known *k;

	http_free(p->h);
	for (size_t i = 0; i < p->ncred; i++)
		cred_free(p->cred[i]);
	free(p->cred);
	while ((k = p->known)) {
		p->known = k->next;
		free(k->bucket);
		free(k->endpoint);
		free(k);
	}
	free(p);
}

static void
s3_close(struct store *st)
{
	struct s3 *s = (struct s3 *)st;

	if (s->pool && !--s->pool->refs)
		s3_pool_free(s->pool);
	s3_addr_free(&s->addr);
	free(s->sse_md5);
	free(s);
}

/* ---- one object ---- */

static int64_t
s3_time(const struct http_xfer *x, const char *name, int http)
{
	const char *s = http_header(x, name);
	int64_t ms;

	if (!s || (http ? when_scan_http(s, &ms) : when_scan(s, &ms)))
		return -1;
	return ms;
}

int
s3_head(struct store *st, const char *key, struct store_stat *out,
    struct err *e)
{
	struct s3 *s = (struct s3 *)st;
	struct s3_op op = { .method = "HEAD", .key = key };
	struct http_xfer *x;
	const char *len;

	s3_op_ssec(s, &op, 0);
	if (s3_call(s, &op, &x, 0, e))
		return -1;
	len = http_header(x, "content-length");
	out->size = len ? strtoull(len, 0, 10) : 0;
	out->mtime_ms = s3_time(x, "last-modified", 1);
	out->litestream_ms = s3_time(x, "x-amz-meta-litestream-timestamp", 0);
	http_end(x);
	if (len)
		return 0;
	err_set(e, ERR_TEMP, "answer without Content-Length");
	return s3_in(s, &op, e);
}

/* ---- listing ---- */

struct s3_page {
	store_list_fn *fn;
	void *ctx;
	const char *prefix;
	char last[S3_KEY_MAX + 1]; /* of this page, in any try */
	char high[S3_KEY_MAX + 1]; /* of all pages */
	int repeated;       /* this page had a try that gave some */
	int rose;           /* this page went past high */
	int stopped;        /* by fn: no reason to try again */
	size_t given, strays; /* of all pages */
};

static int
s3_page_entry(void *ctx, const char *key, const struct store_stat *st,
    struct err *e)
{
	struct s3_page *p = ctx;

	/* Keys come and go between two tries of a page. */
	if (p->repeated && strcmp(key, p->last) <= 0)
		return 0;
	strcpy(p->last, key);
	if (strcmp(key, p->high) > 0) {
		strcpy(p->high, key);
		p->rose = 1;
	}
	/* A server that ignores the prefix must not make us delete things. */
	if (strncmp(key, p->prefix, strlen(p->prefix))) {
		p->strays++;
		return 0;
	}
	p->given++;
	if (!p->fn(p->ctx, key, st, e))
		return 0;
	p->stopped = 1;
	return -1;
}

/* What is no listing, as a proxy's page of its own, is the server's trouble and
 * says nothing about the replica. */
static int
s3_page_bad(const struct s3_page *p, int r, struct err *e)
{
	if (r && !p->stopped && e->kind == ERR_DATA)
		e->kind = ERR_TEMP;
	return r;
}

/* One try at one page, parsed as it comes. */
static int
s3_page_try(struct s3 *s, struct s3_page *p, struct http_xfer *x,
    const struct s3_op *op, char **token, int *again, struct err *e)
{
	struct s3_list *l;
	char buf[16384];
	const char *t;
	ssize_t n;
	int r = 0;

	if (http_wait(x, e) || s3_judge(s, op, x, again, e)
	    || s3_list_begin(&l, s3_page_entry, p, e))
		return -1;
	p->repeated = p->last[0] != 0;
	while (!r && (n = http_read(x, buf, sizeof buf, e)) != 0)
		r = n < 0 ? -1 : s3_page_bad(p, s3_list_feed(l, buf,
		    (size_t)n, e), e);
	if (!r)
		r = s3_page_bad(p, s3_list_end(l, &t, e), e);
	free(*token);
	*token = 0;
	if (!r && t && !(*token = strdup(t)))
		r = err_nomem(e);
	s3_list_free(l);
	return r;
}

static int
s3_page(struct s3 *s, struct s3_page *p, const char *after, char **token,
    struct err *e)
{
	struct s3_op op = { .method = "GET", .stream = 1 };
	char *from = *token, *next = 0;
	struct store_tries t;
	struct http_xfer *x;
	int again, r;

	s3_op_query(&op, "list-type", "2");
	s3_op_query(&op, "prefix", p->prefix);
	if (from)
		s3_op_query(&op, "continuation-token", from);
	else if (after)
		s3_op_query(&op, "start-after", after);
	if (s->provider == S3_TIGRIS)
		s3_op_head(&op, "x-tigris-consistent", "true");
	p->last[0] = 0;
	store_tries_begin(&s->st, &t);
	do {
		again = 0;
		r = s3_try(s, &op, &x, store_tries_deadline(&s->st, &t), e);
		if (!r)
			r = s3_page_try(s, p, x, &op, &next, &again, e);
		if (r && p->stopped) {
			http_end(x);
			break;
		}
		if (r && !store_tries_next(&s->st, s->pool->h, &t, x, again, e)) {
			http_end(x);
			s3_in(s, &op, e);
			break;
		}
		http_end(x);
	} while (r);
	if (!r && from && next && !strcmp(from, next)) {
		err_set(e, ERR_DATA, "listing goes in circles");
		r = s3_in(s, &op, e);
	}
	free(from);
	*token = next;
	return r;
}

static int
s3_list(struct store *st, const char *prefix, const char *after,
    store_list_fn *fn, void *ctx, struct err *e)
{
	struct s3_page p = { .fn = fn, .ctx = ctx, .prefix = prefix };
	const struct s3_op op = { .method = "GET" };
	unsigned idle = 0;
	char *token = 0;
	int r;

	do {
		p.rose = 0;
		r = s3_page((struct s3 *)st, &p, after, &token, e);
		idle = p.rose ? 0 : idle + 1;
	} while (!r && token && idle < S3_IDLE_PAGES);
	if (!r && (token || (p.strays && !p.given))) {
		err_set(e, ERR_DATA, token ? "listing goes in circles"
		    : "listing has only keys that were not asked for");
		r = s3_in((struct s3 *)st, &op, e);
	}
	free(token);
	return r;
}

/* ---- deleting ---- */

static int
s3_del_one(struct s3 *s, const char *key, enum err_kind *kind, struct err *e)
{
	struct s3_op op = { .method = "DELETE", .key = key };
	struct http_xfer *x;

	if (!s3_call(s, &op, &x, 0, e)) {
		http_end(x);
		return 0;
	}
	if (e->kind == ERR_NOTFOUND && !strstr(e->msg, "NoSuchBucket")) {
		err_clear(e);
		return 0;
	}
	if (kind)
		*kind = e->kind;
	return -1;
}

struct s3_del {
	const char *const *keys;
	size_t n;
	enum err_kind *results; /* may be NULL */
	char key[1025], code[64], message[256];
	struct err first;
	struct s3 *s;
};

static enum err_kind
s3_del_kind(const char *code)
{
	if (!strcmp(code, "AccessDenied"))
		return ERR_DENIED;
	return !strcmp(code, "NotImplemented") ? ERR_CONF : ERR_TEMP;
}

static int
s3_del_leaf(void *ctx, const char *path, const char *text, struct err *e)
{
	struct s3_del *d = ctx;
	enum err_kind kind;

	(void)e;
	if (!strcmp(path, "DeleteResult/Error/Key")) {
		strncpy(d->key, text, sizeof d->key - 1);
	} else if (!strcmp(path, "DeleteResult/Error/Code")) {
		strncpy(d->code, text, sizeof d->code - 1);
	} else if (!strcmp(path, "DeleteResult/Error/Message")) {
		strncpy(d->message, text, sizeof d->message - 1);
	} else if (!strcmp(path, "DeleteResult/Error")) {
		kind = s3_del_kind(d->code);
		/* Gone already is what was wanted. */
		if (strcmp(d->code, "NoSuchKey")) {
			for (size_t i = 0; d->results && i < d->n; i++)
				if (!strcmp(d->keys[i], d->key))
					d->results[i] = kind;
			if (!d->first.kind)
				err_set(&d->first, kind, "delete s3://%s/%s: "
				    "%s: %s", d->s->st.conf->bucket, d->key,
				    d->code, d->message);
		}
		memset(d->key, 0, sizeof d->key);
		memset(d->code, 0, sizeof d->code);
		memset(d->message, 0, sizeof d->message);
	}
	return 0;
}

static int
s3_del_text(stralloc *sa, const char *s)
{
	char esc[16];

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (!strchr("<>&\"'", c) && c >= ' ') {
			if (!stralloc_catb(sa, s, 1))
				return -1;
			continue;
		}
		snprintf(esc, sizeof esc, "&#%u;", c);
		if (!stralloc_cats(sa, esc))
			return -1;
	}
	return 0;
}

static int
s3_del_body(stralloc *sa, const char *const *keys, size_t n)
{
	if (!stralloc_cats(sa, "<Delete xmlns=\"http://s3.amazonaws.com/doc/"
	    "2006-03-01/\"><Quiet>true</Quiet>"))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!stralloc_cats(sa, "<Object><Key>")
		    || s3_del_text(sa, keys[i])
		    || !stralloc_cats(sa, "</Key></Object>"))
			return -1;
	return stralloc_cats(sa, "</Delete>") ? 0 : -1;
}

static int
s3_del_batch(struct s3 *s, const char *const *keys, size_t n,
    enum err_kind *results, struct err *e)
{
	struct s3_op op = { .method = "POST", .max_body = S3_DEL_BODY };
	struct s3_del d = { .keys = keys, .n = n, .results = results, .s = s };
	unsigned char md5[MD5_LEN];
	stralloc body = STRALLOC_ZERO;
	char text[32];
	struct http_xfer *x;
	const char *answer;
	size_t len;
	int r;

	if (s3_del_body(&body, keys, n)) {
		stralloc_free(&body);
		return err_nomem(e);
	}
	s3_op_query(&op, "delete", "");
	s3_op_head(&op, "content-type", "application/xml");
	if (s->st.conf->require_content_md5 != STORE_OFF
	    && s->provider != S3_TIGRIS) {
		sha256_md5(body.s, body.len, md5);
		base64_fmt(text, md5, MD5_LEN);
		s3_op_head(&op, "content-md5", text);
	}
	op.body = (struct http_body){ .mem = body.s, .len = body.len, .fd = -1 };
	if (!(r = s3_call(s, &op, &x, 0, e))) {
		answer = http_body(x, &len);
		if (len)
			r = s3_xml_scan(answer, len, s3_del_leaf, &d, e);
		http_end(x);
		if (!r && d.first.kind) {
			*e = d.first;
			r = -1;
		}
	} else {
		for (size_t i = 0; results && i < n; i++)
			results[i] = e->kind;
	}
	stralloc_free(&body);
	return r;
}

static int
s3_del(struct store *st, const char *const *keys, size_t n,
    enum err_kind *results, struct err *e)
{
	struct s3 *s = (struct s3 *)st;
	struct err one;
	int r = 0;

	for (size_t i = 0, k; i < n; i += k) {
		int bad;

		err_clear(&one);
		k = n - i < S3_DEL_MAX ? n - i : S3_DEL_MAX;
		if (k == 1 || s->known->no_batch) {
			k = 1;
			bad = s3_del_one(s, keys[i], results ? results + i : 0,
			    &one);
		} else {
			bad = s3_del_batch(s, keys + i, k,
			    results ? results + i : 0, &one);
			/* Some stores do not know DeleteObjects at all. */
			if (bad && one.kind == ERR_CONF) {
				for (size_t j = 0; results && j < k; j++)
					results[i + j] = ERR_NONE;
				s->known->no_batch = 1;
				k = 0;
				continue;
			}
		}
		if (bad && !r)
			*e = one;
		if (bad)
			r = -1;
	}
	return r;
}

/* ---- opening ---- */

static const struct store_ops s3_ops = {
	.close = s3_close, .list = s3_list, .head = s3_head, .get = s3_get,
	.put = s3_put, .copy = s3_copy, .del = s3_del
};

static enum s3_provider
s3_provider(const struct store_conf *c)
{
	if (!c->endpoint || strstr(c->endpoint, ".amazonaws.com"))
		return S3_AWS;
	if (strstr(c->endpoint, "fly.storage.tigris.dev")
	    || strstr(c->endpoint, "t3.storage.dev"))
		return S3_TIGRIS;
	return strstr(c->endpoint, ".r2.cloudflarestorage.com") ? S3_R2
	    : S3_OTHER;
}

static int
s3_sse(struct s3 *s, struct err *e)
{
	unsigned char key[33], md5[MD5_LEN];
	const struct store_conf *c = s->st.conf;
	size_t n;

	if (!c->sse_key)
		return 0;
	if (base64_scan(key, sizeof key, c->sse_key, &n) || n != 32)
		return err_set(e, ERR_CONF, "the SSE customer key is not 32 "
		    "bytes in base64");
	if (!(s->sse_md5 = malloc(32)))
		return err_nomem(e);
	sha256_md5(key, n, md5);
	explicit_bzero(key, sizeof key);
	base64_fmt(s->sse_md5, md5, MD5_LEN);
	return 0;
}

static int
s3_connections(struct s3 *s, struct store *beside, struct err *e)
{
	if (beside) {
		s->pool = ((struct s3 *)beside)->pool;
		s->pool->refs++;
		return 0;
	}
	if (!(s->pool = calloc(1, sizeof *s->pool)))
		return err_nomem(e);
	s->pool->refs = 1;
	if (!http_new(&s->pool->h, e))
		return 0;
	free(s->pool);
	s->pool = 0;
	return -1;
}

static int
s3_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static int
s3_knowledge(struct s3 *s, const char *region, struct err *e)
{
	const struct store_conf *c = s->st.conf;
	struct s3_known *k;

	for (k = s->pool->known; k; k = k->next)
		if (s3_same(k->bucket, c->bucket)
		    && s3_same(k->endpoint, c->endpoint))
			break;
	if (!k) {
		if (!(k = calloc(1, sizeof *k)))
			return err_nomem(e);
		k->next = s->pool->known;
		s->pool->known = k;
		strcpy(k->region, region);
		/* R2 has said "Deleted" to batches and kept the objects. */
		k->no_batch = s->provider == S3_R2;
		if ((c->bucket && !(k->bucket = strdup(c->bucket)))
		    || (c->endpoint && !(k->endpoint = strdup(c->endpoint))))
			return err_nomem(e);
	}
	s->known = k;
	strcpy(s->region, k->region);
	if (k->no_condition)
		s->st.caps &= ~STORE_CAN_NOREPLACE;
	return 0;
}

/* One chain for all stores of a thread with the same settings: instances
 * and containers are asked once. */
static int
s3_cred(struct s3 *s, struct err *e)
{
	struct s3_pool *p = s->pool;
	struct cred_chain **more;

	for (size_t i = 0; i < p->ncred; i++)
		if (cred_is_for(p->cred[i], s->st.conf)) {
			s->cred = p->cred[i];
			return 0;
		}
	if (!(more = realloc(p->cred, (p->ncred + 1) * sizeof *more)))
		return err_nomem(e);
	p->cred = more;
	if (cred_new(&s->cred, s->st.conf, e))
		return -1;
	p->cred[p->ncred++] = s->cred;
	return 0;
}

int
s3_open(struct store **out, struct store *beside, const struct store_conf *c,
    struct err *e)
{
	const char *region = c->region && *c->region ? c->region : "us-east-1";
	struct s3 *s = calloc(1, sizeof *s);

	if (!s)
		return err_nomem(e);
	s->st.ops = &s3_ops;
	s->st.conf = c;
	s->st.caps = STORE_CAN_COPY | STORE_CAN_NOREPLACE;
	s->provider = s3_provider(c);
	if (strlen(region) >= sizeof s->region) {
		err_set(e, ERR_CONF, "region %.40s... is too long", region);
		goto bad;
	}
	if (s3_sse(s, e) || s3_connections(s, beside, e)
	    || s3_knowledge(s, region, e)
	    || s3_addr_make(&s->addr, c, s->region, e) || s3_cred(s, e))
		goto bad;
	*out = &s->st;
	return 0;
bad:
	s3_close(&s->st);
	return -1;
}
