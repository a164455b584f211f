/* The S3 in memory of httpd.c: included there, static throughout. */

struct object {
	struct object *next;
	char *key;
	char *data;
	size_t len;
	char etag[64];
	char time[64];     /* x-amz-meta-litestream-timestamp */
	char upload[32];   /* a part of this upload: key is its number */
};
static struct object *objects; /* ascending by key, parts among them */
static unsigned s3_serial;

static struct object **
s3_find(const char *key, const char *upload)
{
	struct object **o = &objects;

	while (*o && (strcmp((*o)->key, key) || strcmp((*o)->upload, upload)))
		o = &(*o)->next;
	return o;
}

static void
s3_drop(struct object **at)
{
	struct object *o = *at;

	if (!o)
		return;
	*at = o->next;
	free(o->key);
	free(o->data);
	free(o);
}

static struct object *
s3_store(const char *key, const char *upload, const char *p, size_t n)
{
	struct object *o = calloc(1, sizeof *o), **at = &objects;

	o->data = malloc(n + 1);
	memcpy(o->data, p, n);
	o->len = n;
	s3_drop(s3_find(key, upload));
	o->key = strdup(key);
	snprintf(o->upload, sizeof o->upload, "%s", upload);
	snprintf(o->etag, sizeof o->etag, "\"%016zx-%u\"", n, ++s3_serial);
	while (*at && strcmp((*at)->key, key) < 0)
		at = &(*at)->next;
	o->next = *at;
	return *at = o;
}

static void
s3_decode(char *out, const char *s, size_t n, size_t max)
{
	size_t k = 0;

	for (size_t i = 0; i < n && k + 1 < max; i++) {
		char hex[3] = { s[i], 0, 0 };

		if (s[i] == '%' && i + 2 < n) {
			hex[0] = s[++i];
			hex[1] = s[++i];
			out[k++] = (char)strtol(hex, 0, 16);
		} else {
			out[k++] = s[i];
		}
	}
	out[k] = 0;
}

/* A query parameter, decoded; NULL if not there. */
static const char *
s3_param(const struct request *q, const char *name, char *out, size_t max)
{
	const char *p = strchr(q->target, '?');
	size_t n = strlen(name);

	while (p) {
		p++;
		if (!strncmp(p, name, n) && (p[n] == '=' || p[n] == '&'
		    || !p[n])) {
			p += n + (p[n] == '=');
			s3_decode(out, p, strcspn(p, "&"), max);
			return out;
		}
		p = strchr(p, '&');
	}
	return 0;
}

static void
s3_fail(struct answer *a, int status, const char *code)
{
	char text[512];

	a->status = status;
	error_text(text, sizeof text, code);
	answer_body(a, text, strlen(text));
}

static void
s3_text(struct answer *a, const char *fmt, ...)
{
	char text[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	answer_body(a, text, strlen(text));
}

/* Create-if-absent refused? */
static int
s3_refused(const struct request *q, const char *key, struct answer *a)
{
	char v[64];

	if (!request_header(q, "if-none-match", v, sizeof v))
		return 0;
	if (request_is(q, "unknown", 0)) {
		s3_fail(a, 501, "NotImplemented");
		return 1;
	}
	if (request_is(q, "unconditional", 0) || !*s3_find(key, ""))
		return 0;
	s3_fail(a, 412, "PreconditionFailed");
	return 1;
}

static void
s3_tag(const struct request *q, const struct object *o, struct answer *a)
{
	const char *arg;

	answer_add(a, "ETag: %s\r\n",
	    request_is(q, "etag", &arg) ? arg : o->etag);
}

static void
s3_put(const struct request *q, const char *key, struct answer *a)
{
	char num[32], id[32], from[1100], range[64], *src;
	const char *p = q->body;
	size_t n = q->body_len;
	struct object *o;
	unsigned long x, y;
	int part = s3_param(q, "uploadId", id, sizeof id) != 0;

	if (request_header(q, "x-amz-copy-source", from, sizeof from)) {
		src = strchr(from + 1, '/');
		s3_decode(src, src + 1, strlen(src + 1), sizeof from);
		if (!(o = *s3_find(src, ""))) {
			s3_fail(a, 404, "NoSuchKey");
			return;
		}
		p = o->data;
		n = o->len;
		if (request_header(q, "x-amz-copy-source-range", range,
		    sizeof range)
		    && sscanf(range, "bytes=%lu-%lu", &x, &y) == 2) {
			p += x;
			n = y + 1 - x;
		}
	} else {
		from[0] = 0;
	}
	if (part) {
		s3_param(q, "partNumber", num, sizeof num);
		o = s3_store(num, id, p, n);
	} else if (s3_refused(q, key, a)) {
		return;
	} else {
		o = s3_store(key, "", p, n);
		request_header(q, "x-amz-meta-litestream-timestamp", o->time,
		    sizeof o->time);
	}
	s3_tag(q, o, a);
	if (from[0])
		s3_text(a, "<Copy%sResult><ETag>%s</ETag></Copy%sResult>",
		    part ? "Part" : "Object", o->etag, part ? "Part" : "Object");
}

static void
s3_get(const struct request *q, const char *key, struct answer *a)
{
	struct object *o = *s3_find(key, "");
	unsigned long first = 0, last;
	char range[64];
	int n;

	if (!o) {
		s3_fail(a, 404, "NoSuchKey");
		return;
	}
	a->size = o->len;
	s3_tag(q, o, a);
	answer_add(a, "Last-Modified: Fri, 20 Nov 2026 21:17:37 GMT\r\n");
	if (o->time[0])
		answer_add(a, "x-amz-meta-litestream-timestamp: %s\r\n",
		    o->time);
	last = o->len - 1;
	if (request_header(q, "range", range, sizeof range)
	    && (n = sscanf(range, "bytes=%lu-%lu", &first, &last)) > 0) {
		if (first >= o->len) {
			s3_fail(a, 416, "InvalidRange");
			return;
		}
		if (last >= o->len)
			last = o->len - 1;
		a->status = 206;
		answer_add(a, "Content-Range: bytes %lu-%lu/%zu\r\n", first,
		    last, o->len);
	}
	if (o->len)
		answer_body(a, o->data + first, last + 1 - first);
}

static void
s3_list(const struct request *q, struct answer *a)
{
	char prefix[1100] = "", after[1100] = "";
	const char *last = 0, *hidden = "";
	size_t n = 0;
	int cut = 0, stray = request_is(q, "stray", 0);

	s3_param(q, "prefix", prefix, sizeof prefix);
	s3_param(q, "start-after", after, sizeof after);
	s3_param(q, "continuation-token", after, sizeof after);
	request_is(q, "hide", &hidden);
	s3_text(a, "<?xml version=\"1.0\"?><ListBucketResult xmlns=\""
	    "http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (struct object *o = objects; o; o = o->next) {
		if (o->upload[0] || strncmp(o->key, prefix, strlen(prefix))
		    || strcmp(o->key, after) <= 0 || !strcmp(o->key, hidden))
			continue;
		if ((cut = n++ == page_keys))
			break;
		s3_text(a, "<Contents><Key>%s%s</Key><LastModified>"
		    "2026-11-20T21:17:37.000Z</LastModified><Size>%zu</Size>"
		    "</Contents>", stray ? "x" : "", last = o->key, o->len);
	}
	if (request_is(q, "circle", 0)) {
		cut = 1;
		last = "";
	}
	if (request_is(q, "swing", 0)) {
		cut = 1;
		last = strcmp(after, "!a") ? "!a" : "!b";
	}
	s3_text(a, "<IsTruncated>%s</IsTruncated>", cut ? "true" : "false");
	if (cut)
		s3_text(a, "<NextContinuationToken>%s</NextContinuationToken>",
		    *last ? last : "circle");
	s3_text(a, "</ListBucketResult>");
}

static void
s3_complete(const struct request *q, const char *key, const char *id,
    struct answer *a)
{
	char *all = 0, num[16];
	struct object *o;
	size_t n = 0;

	if (s3_refused(q, key, a))
		return;
	for (unsigned i = 1;; i++) {
		snprintf(num, sizeof num, "%u", i);
		if (!(o = *s3_find(num, id)))
			break;
		if (!strstr(q->body, o->etag)) {
			s3_fail(a, 400, "InvalidPart");
			free(all);
			return;
		}
		all = realloc(all, n + o->len + 1);
		memcpy(all + n, o->data, o->len);
		n += o->len;
	}
	if (!n) {
		s3_fail(a, 404, "NoSuchUpload");
		return;
	}
	o = s3_store(key, "", all, n);
	free(all);
	s3_tag(q, o, a);
	s3_text(a, "<CompleteMultipartUploadResult><ETag>%s</ETag>"
	    "</CompleteMultipartUploadResult>", o->etag);
	for (unsigned i = 1; snprintf(num, sizeof num, "%u", i),
	    *s3_find(num, id); i++)
		s3_drop(s3_find(num, id));
}

static void
s3_delete(const struct request *q, struct answer *a)
{
	char key[1100];

	s3_text(a, "<?xml version=\"1.0\"?><DeleteResult>");
	for (const char *p = q->body; (p = strstr(p, "<Key>")); p++) {
		snprintf(key, sizeof key, "%.*s",
		    (int)strcspn(p + 5, "<"), p + 5);
		if (request_is(q, "pretend", 0))
			continue;
		if (strstr(key, "undeletable"))
			s3_text(a, "<Error><Key>%s</Key><Code>AccessDenied"
			    "</Code><Message>no</Message></Error>", key);
		else
			s3_drop(s3_find(key, ""));
	}
	s3_text(a, "</DeleteResult>");
}

/* Path style only: /BUCKET/KEY. */
static void
s3_serve(struct request *q, struct answer *a)
{
	char key[1100] = "", v[64];
	const char *slash = strchr(q->target + 1, '/');
	size_t end = strcspn(q->target, "?");

	if (slash && slash < q->target + end)
		s3_decode(key, slash + 1,
		    (size_t)(q->target + end - slash - 1), sizeof key);
	if (!strcmp(q->method, "PUT")) {
		s3_put(q, key, a);
	} else if (!strcmp(q->method, "DELETE")) {
		if (!s3_param(q, "uploadId", v, sizeof v)
		    && !request_is(q, "pretend", 0))
			s3_drop(s3_find(key, ""));
		a->status = 204;
	} else if (!strcmp(q->method, "POST")) {
		if (s3_param(q, "delete", v, sizeof v))
			s3_delete(q, a);
		else if (s3_param(q, "uploadId", v, sizeof v))
			s3_complete(q, key, v, a);
		else
			s3_text(a, "<InitiateMultipartUploadResult><UploadId>"
			    "u%u</UploadId></InitiateMultipartUploadResult>",
			    ++s3_serial);
	} else if (!key[0]) {
		s3_list(q, a);
	} else {
		s3_get(q, key, a);
	}
}
