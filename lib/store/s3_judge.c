#include "store/s3_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"

#define S3_SKEW_MS 300000 /* S3 itself allows 15 minutes */

/* What S3's error codes mean here; where a code is not listed its status
 * decides. */
static const struct s3_code {
	const char *code;
	enum err_kind kind;
} s3_codes[] = {
	{ "AccessDenied", ERR_DENIED },
	{ "AccountProblem", ERR_DENIED },
	{ "AllAccessDisabled", ERR_DENIED },
	{ "AuthorizationHeaderMalformed", ERR_CONF },
	{ "BadDigest", ERR_TEMP },
	{ "ConditionalRequestConflict", ERR_BUSY },
	{ "ExpiredToken", ERR_DENIED },
	{ "IncompleteBody", ERR_TEMP },
	{ "InternalError", ERR_TEMP },
	{ "InvalidAccessKeyId", ERR_DENIED },
	{ "InvalidObjectState", ERR_CONF },
	{ "InvalidRange", ERR_DATA },
	{ "InvalidToken", ERR_DENIED },
	{ "NoSuchBucket", ERR_NOTFOUND },
	{ "NoSuchKey", ERR_NOTFOUND },
	{ "NoSuchUpload", ERR_NOTFOUND },
	{ "NotImplemented", ERR_CONF },
	{ "OperationAborted", ERR_BUSY },
	{ "PreconditionFailed", ERR_EXISTS },
	{ "QuotaExceeded", ERR_FULL },
	{ "RequestCanceled", ERR_TEMP },
	{ "RequestTimeTooSkewed", ERR_DENIED },
	{ "RequestTimeout", ERR_TEMP },
	{ "ServiceUnavailable", ERR_TEMP },
	{ "SignatureDoesNotMatch", ERR_DENIED },
	{ "SlowDown", ERR_TEMP },
	{ "ThrottlingException", ERR_TEMP },
	{ "TokenRefreshRequired", ERR_DENIED },
	{ "TooManyRequests", ERR_TEMP },
	{ "XAmzContentSHA256Mismatch", ERR_TEMP },
	{ "XMinioAdminBucketQuotaExceeded", ERR_FULL },
	{ "XMinioStorageFull", ERR_FULL }
};

static enum err_kind
s3_kind(int status, const char *code)
{
	for (size_t i = 0; i < sizeof s3_codes / sizeof *s3_codes; i++)
		if (!strcmp(code, s3_codes[i].code))
			return s3_codes[i].kind;
	switch (status) {
	case 401: case 403: return ERR_DENIED;
	case 404: return ERR_NOTFOUND;
	case 408: case 425: case 429: return ERR_TEMP;
	case 409: return ERR_BUSY;
	case 412: return ERR_EXISTS;
	case 416: return ERR_DATA;
	case 501: return ERR_CONF;
	case 507: return ERR_FULL;
	default: break;
	}
	/* An error document under a 2xx status is the server's trouble. */
	return status >= 500 || status < 300 ? ERR_TEMP : ERR_CONF;
}

static void
s3_say(struct err *e, const struct http_xfer *x, enum err_kind kind,
    const struct s3_error *se)
{
	const char *id = http_header(x, "x-amz-request-id");
	int status = http_status(x);

	if (se->code[0])
		err_set(e, kind, "%d %s%s%s", status, se->code,
		    se->message[0] ? ": " : "", se->message);
	else
		err_set(e, kind, "HTTP status %d", status);
	if (id && strlen(id) < 100) {
		size_t n = strlen(e->msg);

		snprintf(e->msg + n, sizeof e->msg - n, " (request %s)", id);
	}
}

static int
s3_learn_region(struct s3 *s, const struct http_xfer *x,
    const struct s3_error *se)
{
	const char *told = http_header(x, "x-amz-bucket-region");
	int status = http_status(x);

	if (status != 301 && status != 307 && status != 400 && status != 403)
		return 0;
	if (!told || !*told)
		told = se->region;
	if (!*told || strlen(told) >= sizeof s->region
	    || strspn(told, "abcdefghijklmnopqrstuvwxyz0123456789-")
	        != strlen(told)
	    || !strcmp(told, s->region))
		return 0;
	log_event(s->st.conf->log, LOG_WARN, "bucket is in another region",
	    "bucket", s->st.conf->bucket, "region", told, "configured",
	    s->region, NULL);
	strcpy(s->known->region, told);
	return 1;
}

static int
s3_learn_clock(struct s3 *s, const struct s3_op *op,
    const struct http_xfer *x, const struct s3_error *se)
{
	const char *date = http_header(x, "date");
	int64_t server, skew;
	char text[32];

	/* Refusals of HEAD have no body to say why. */
	if (strcmp(se->code, "RequestTimeTooSkewed")
	    && (strcmp(op->method, "HEAD") || http_status(x) != 403))
		return 0;
	if (!date || when_scan_http(date, &server))
		return 0;
	skew = server - when_now();
	if (llabs(skew - s->known->skew_ms) < S3_SKEW_MS)
		return 0;
	s->known->skew_ms = skew;
	snprintf(text, sizeof text, "%lld", (long long)(skew / 1000));
	log_event(s->st.conf->log, LOG_WARN, "this clock differs from the "
	    "store's; requests carry the store's time", "seconds", text,
	    NULL);
	return 1;
}

static int
s3_learn_keys(struct s3 *s, const struct s3_error *se)
{
	return (!strcmp(se->code, "ExpiredToken")
	    || !strcmp(se->code, "TokenRefreshRequired"))
	    && cred_expired(s->cred);
}

struct s3_root {
	const char *name;
	int seen;
};

static int
s3_root_leaf(void *ctx, const char *path, const char *text, struct err *e)
{
	struct s3_root *root = ctx;

	(void)text;
	(void)e;
	root->seen |= !strcmp(path, root->name);
	return 0;
}

/* A 200 sent before the work was done says nothing without its document,
 * which may come after white space sent to pass the time. */
static int
s3_answered(const struct s3_op *op, const char *body, size_t n,
    struct err *e)
{
	struct s3_root root = { .name = op->answer };
	struct err ignored = { 0 };
	size_t blank = n ? strspn(body, " \t\r\n") : 0;

	if (!op->answer || (n > blank && !s3_xml_scan(body + blank, n - blank,
	    s3_root_leaf, &root, &ignored) && root.seen))
		return 0;
	return err_set(e, ERR_TEMP, "answer with no %s, or a part of one",
	    op->answer);
}

int
s3_judge(struct s3 *s, const struct s3_op *op, const struct http_xfer *x,
    int *again, struct err *e)
{
	int status = http_status(x), good = status >= 200 && status < 300;
	struct s3_error se = { .code = "" };
	const char *body;
	size_t n;

	body = http_body(x, &n);
	/* Some answer 200 first and find the error later. */
	if (n && (!good || strstr(body, "<Error")))
		s3_error_scan(&se, body, n);
	if (good && !se.code[0])
		return s3_answered(op, body, n, e);
	*again = s3_learn_region(s, x, &se)
	    || s3_learn_clock(s, op, x, &se) || s3_learn_keys(s, &se);
	s3_say(e, x, s3_kind(status, se.code), &se);
	if (e->kind == ERR_NOTFOUND && op->key && !se.code[0])
		err_set(e, ERR_NOTFOUND, "no such object");
	return -1;
}
