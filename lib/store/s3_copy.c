#include "store/s3_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"

#define S3_COPY_MAX ((uint64_t)5 << 30)

static int
s3_copy_source(struct s3 *s, const char *key, stralloc *sa, struct err *e)
{
	return !stralloc_cats(sa, "/") || !stralloc_cats(sa, s->addr.source)
	    || !stralloc_cats(sa, "/") || s3_encode(sa, key, 1)
	    || !stralloc_0(sa) ? err_nomem(e) : 0;
}

static int
s3_copy_whole(struct s3 *s, const char *source, const char *to,
    const struct store_put_opt *opt, int64_t time_ms, struct err *e)
{
	struct s3_op op = { .method = "PUT", .key = to,
		.answer = "CopyObjectResult" };
	char when[WHEN_FMT];
	struct http_xfer *x;

	s3_op_create(s, &op, time_ms, when);
	s3_op_ssec(s, &op, 0);
	s3_op_ssec(s, &op, 1);
	s3_op_head(&op, "x-amz-copy-source", source);
	s3_op_head(&op, "x-amz-metadata-directive", "REPLACE");
	if (opt->noreplace && !s->known->no_copy_condition)
		s3_op_head(&op, "if-none-match", "*");
	if (s3_call(s, &op, &x, 0, e))
		return -1;
	http_end(x);
	return 0;
}

struct s3_copy_etag {
	char etag[256];
};

static int
s3_copy_leaf(void *ctx, const char *path, const char *text, struct err *e)
{
	struct s3_copy_etag *t = ctx;

	(void)e;
	if (!strcmp(path, "CopyPartResult/ETag"))
		snprintf(t->etag, sizeof t->etag, "%s", text);
	return 0;
}

static int
s3_copy_part(struct s3_upload *u, const char *source, unsigned n,
    uint64_t first, uint64_t end, struct err *e)
{
	struct s3_op op = { .method = "PUT", .key = u->key,
		.answer = "CopyPartResult" };
	struct s3_copy_etag t = { .etag = "" };
	char num[16], range[64];
	struct http_xfer *x;
	const char *body;
	size_t len;
	int r;

	snprintf(num, sizeof num, "%u", n);
	snprintf(range, sizeof range, "bytes=%llu-%llu",
	    (unsigned long long)first, (unsigned long long)(end - 1));
	s3_op_query(&op, "partNumber", num);
	s3_op_query(&op, "uploadId", u->id);
	s3_op_ssec(u->s, &op, 0);
	s3_op_ssec(u->s, &op, 1);
	s3_op_head(&op, "x-amz-copy-source", source);
	s3_op_head(&op, "x-amz-copy-source-range", range);
	if (s3_call(u->s, &op, &x, 0, e))
		return -1;
	body = http_body(x, &len);
	r = s3_xml_scan(body, len, s3_copy_leaf, &t, e);
	http_end(x);
	return r ? -1 : s3_upload_part(u, n, t.etag, e);
}

static int
s3_copy_parts(struct s3 *s, const char *source, uint64_t size,
    const char *to, const struct store_put_opt *opt, int64_t time_ms,
    struct err *e)
{
	uint64_t max = s->st.conf->copy_max ? s->st.conf->copy_max
	    : S3_COPY_MAX;
	struct store_put_opt o = *opt;
	struct s3_upload u;
	uint64_t at = 0;
	unsigned n = 0;
	int r;

	o.time_ms = time_ms;
	r = s3_upload_begin(&u, s, to, &o, e);
	while (!r && at < size) {
		uint64_t end = size - at < max ? size : at + max;

		r = s3_copy_part(&u, source, ++n, at, end, e);
		at = end;
	}
	if (!r && (r = s3_upload_end(&u, opt->noreplace
	    && !s->known->no_condition, 0, e)) && e->kind == ERR_NOTFOUND)
		e->kind = ERR_TEMP; /* the upload is gone, not the source */
	s3_upload_free(&u);
	return r;
}

/* The size and time of the source, if they are not known. */
static int
s3_copy_look(struct s3 *s, const char *from, uint64_t *size, int64_t *time_ms,
    struct err *e)
{
	struct store_stat src;

	if (*size && *time_ms >= 0)
		return 0;
	if (s3_head(&s->st, from, &src, e))
		return -1;
	*size = src.size;
	if (*time_ms < 0)
		*time_ms = src.litestream_ms;
	return 0;
}

int
s3_copy(struct store *st, const char *from, const char *to,
    const struct store_put_opt *opt, struct err *e)
{
	struct s3 *s = (struct s3 *)st;
	uint64_t max = s->st.conf->copy_max ? s->st.conf->copy_max
	    : S3_COPY_MAX, size = opt->size;
	stralloc source = STRALLOC_ZERO;
	int64_t time_ms = opt->time_ms;
	int r, look;

	if (s3_copy_look(s, from, &size, &time_ms, e))
		return -1;
	/* Few stores take a condition on copies, and most that do not say
	 * nothing of it: nothing is copied to where something is seen. AWS
	 * takes it, and is asked once less. */
	look = opt->noreplace && (s->provider != S3_AWS || size > max
	    || s->known->no_copy_condition);
	if (look && s3_put_look(s, to, e))
		return -1;
	if (s3_copy_source(s, from, &source, e)) {
		stralloc_free(&source);
		return -1;
	}
	if (size > max) {
		r = s3_copy_parts(s, source.s, size, to, opt, time_ms, e);
	} else {
		r = s3_copy_whole(s, source.s, to, opt, time_ms, e);
		if (r && opt->noreplace && !s->known->no_copy_condition
		    && e->kind == ERR_CONF) {
			s->known->no_copy_condition = 1;
			r = look ? 0 : s3_put_look(s, to, e);
			if (!r)
				r = s3_copy_whole(s, source.s, to, opt,
				    time_ms, e);
		}
	}
	stralloc_free(&source);
	return r;
}
