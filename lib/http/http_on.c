#include "http/http_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"

size_t
http_on_header(char *p, size_t one, size_t n, void *ctx)
{
	struct http_xfer *x = ctx;
	size_t len = n;
	long status;

	(void)one;
	x->moved = when_mono();
	while (len && (p[len - 1] == '\r' || p[len - 1] == '\n'))
		len--;
	if (len > 5 && !memcmp(p, "HTTP/", 5)) {
		x->head.len = 0;
		x->headers_done = 0;
	}
	if (!len) {
		curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
		x->status = (int)status;
		x->headers_done = status >= 200;
		return n;
	}
	if (x->headers_done && !x->req.sftp) /* trailers of a chunked body */
		return n;
	if (x->head.len + len + 1 > HTTP_HEADERS_MAX) {
		err_set(&x->failed, ERR_DATA, "answer's headers are longer "
		    "than %d bytes", HTTP_HEADERS_MAX);
		return 0;
	}
	if (!stralloc_catb(&x->head, p, len) || !stralloc_0(&x->head)) {
		err_nomem(&x->failed);
		return 0;
	}
	return n;
}

static size_t
http_to_ring(struct http_xfer *x, const char *p, size_t n)
{
	size_t end, first;

	if (!x->ring && !(x->ring = malloc(HTTP_BUFFER))) {
		err_nomem(&x->failed);
		return 0;
	}
	if (n > HTTP_BUFFER - x->fill) {
		x->paused = 1;
		return CURL_WRITEFUNC_PAUSE;
	}
	end = (x->at + x->fill) % HTTP_BUFFER;
	first = n < HTTP_BUFFER - end ? n : HTTP_BUFFER - end;
	memcpy(x->ring + end, p, first);
	memcpy(x->ring, p + first, n - first);
	x->fill += n;
	x->got += n;
	return n;
}

size_t
http_on_body(char *p, size_t one, size_t n, void *ctx)
{
	struct http_xfer *x = ctx;
	size_t max = x->req.max_body ? x->req.max_body : HTTP_BODY_MAX;

	(void)one;
	x->moved = when_mono();
	if (http_is_stream(x))
		return http_to_ring(x, p, n);
	if (x->body.len + n > max) {
		x->truncated = 1;
		n = max - x->body.len;
	}
	if (!stralloc_catb(&x->body, p, n) || !stralloc_0(&x->body)) {
		err_nomem(&x->failed);
		return 0;
	}
	x->body.len--;
	x->got += n;
	/* What we asked for must fit; of an error page the start is enough. */
	if (x->truncated && x->status < 300)
		err_set(&x->failed, ERR_DATA,
		    "answer is longer than %zu bytes", max);
	return x->truncated ? 0 : n;
}

static ssize_t
http_source(struct http_xfer *x, char *p, size_t n)
{
	const struct http_body *b = &x->req.body;
	struct err e = { 0 };
	ssize_t r;

	if (b->mem) {
		memcpy(p, (const char *)b->mem + x->sent, n);
		return (ssize_t)n;
	}
	if (b->fd >= 0) {
		if (!io_preadn(b->fd, p, n, b->off + (int64_t)x->sent, &e))
			return (ssize_t)n;
	} else {
		r = b->in.read(b->in.ctx, p, n, &e);
		if (r > 0 || (!r && b->len == HTTP_UNKNOWN))
			return r;
		if (!r)
			err_set(&e, ERR_DATA, "unexpected end of what is "
			    "to be sent");
	}
	x->failed = e;
	return -1;
}

size_t
http_on_send(char *p, size_t one, size_t n, void *ctx)
{
	struct http_xfer *x = ctx;
	uint64_t left = x->req.body.len - x->sent;
	ssize_t r;

	n *= one;
	x->moved = when_mono();
	if (n > left)
		n = (size_t)left;
	if (!n)
		return 0;
	if ((r = http_source(x, p, n)) < 0)
		return CURL_READFUNC_ABORT;
	x->sent += (uint64_t)r;
	if (x->req.progress)
		x->req.progress(x->req.ctx, x->sent);
	return (size_t)r;
}

/* libcurl sends again by itself when a kept connection turns out dead. What
 * a server may have seen already is for the caller to repeat: a create that
 * then meets itself must not look like another's. */
int
http_on_seek(void *ctx, curl_off_t off, int origin)
{
	struct http_xfer *x = ctx;

	return origin == SEEK_SET && (uint64_t)off == x->sent
	    ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}
