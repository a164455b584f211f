#include "store/s3_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"

#define S3_UPLOAD_ID 1024

static int
s3_upload_leaf(void *ctx, const char *path, const char *text, struct err *e)
{
	char *id = ctx;

	(void)e;
	if (!strcmp(path, "InitiateMultipartUploadResult/UploadId"))
		snprintf(id, S3_UPLOAD_ID, "%s", text);
	return 0;
}

int
s3_upload_begin(struct s3_upload *u, struct s3 *s, const char *key,
    const struct store_put_opt *opt, struct err *e)
{
	struct s3_op op = { .method = "POST", .key = key,
		.answer = "InitiateMultipartUploadResult" };
	char when[WHEN_FMT], id[S3_UPLOAD_ID] = "";
	struct http_xfer *x;
	const char *body;
	size_t n;
	int r;

	memset(u, 0, sizeof *u);
	u->s = s;
	u->key = key;
	s3_op_query(&op, "uploads", "");
	s3_op_create(s, &op, opt->time_ms, when);
	s3_op_ssec(s, &op, 0);
	if (s3_call(s, &op, &x, 0, e))
		return -1;
	body = http_body(x, &n);
	r = s3_xml_scan(body, n, s3_upload_leaf, id, e);
	http_end(x);
	if (!r && !id[0])
		r = err_set(e, ERR_TEMP, "no UploadId in the answer");
	if (!r && !(u->id = strdup(id)))
		r = err_nomem(e);
	return r ? s3_in(s, &op, e) : 0;
}

int
s3_upload_part(struct s3_upload *u, unsigned n, const char *etag,
    struct err *e)
{
	char head[64];

	if (!etag || !*etag || strpbrk(etag, "<>&"))
		return err_set(e, ERR_TEMP, "part %u without a usable ETag", n);
	snprintf(head, sizeof head, "<Part><PartNumber>%u</PartNumber><ETag>",
	    n);
	if (!stralloc_cats(&u->done, head) || !stralloc_cats(&u->done, etag)
	    || !stralloc_cats(&u->done, "</ETag></Part>"))
		return err_nomem(e);
	u->parts = n;
	return 0;
}

int
s3_upload_end(struct s3_upload *u, int noreplace, unsigned *failed,
    struct err *e)
{
	static const char tail[] = "</CompleteMultipartUpload>";
	struct s3_op op = { .method = "POST", .key = u->key,
		.answer = "CompleteMultipartUploadResult" };
	stralloc body = STRALLOC_ZERO;
	struct http_xfer *x;
	int r;

	s3_op_query(&op, "uploadId", u->id);
	s3_op_head(&op, "content-type", "application/xml");
	if (noreplace)
		s3_op_head(&op, "if-none-match", "*");
	s3_op_ssec(u->s, &op, 0);
	if (!stralloc_cats(&body, "<CompleteMultipartUpload xmlns=\""
	    "http://s3.amazonaws.com/doc/2006-03-01/\">")
	    || !stralloc_catb(&body, u->done.s, u->done.len)
	    || !stralloc_cats(&body, tail)) {
		stralloc_free(&body);
		return err_nomem(e);
	}
	op.body = (struct http_body){ .mem = body.s, .len = body.len,
		.fd = -1 };
	if (!(r = s3_call(u->s, &op, &x, failed, e))) {
		http_end(x);
		free(u->id);
		u->id = 0;
	}
	stralloc_free(&body);
	return r;
}

void
s3_upload_free(struct s3_upload *u)
{
	struct s3_op op = { .method = "DELETE", .key = u->key };
	struct err ignored = { 0 };
	struct http_xfer *x;

	/* One try: what is left is for the bucket's lifecycle rules. */
	if (u->id) {
		s3_op_query(&op, "uploadId", u->id);
		if (!s3_try(u->s, &op, &x, when_mono() + 5000, &ignored)) {
			http_wait(x, &ignored);
			http_end(x);
		}
	}
	free(u->id);
	u->id = 0;
	stralloc_free(&u->done);
}
