#include "store/s3_addr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/s3_sign.h"

void
s3_addr_free(struct s3_addr *a)
{
	free(a->origin);
	free(a->host);
	free(a->prefix);
	free(a->source);
	memset(a, 0, sizeof *a);
}

static char *
s3_addr_encoded(const char *s)
{
	stralloc sa = STRALLOC_ZERO;

	if (s3_encode(&sa, s, 0) || !stralloc_0(&sa)) {
		stralloc_free(&sa);
		return 0;
	}
	return sa.s;
}

static const char *
s3_addr_domain(const char *region)
{
	return strncmp(region, "cn-", 3) ? "amazonaws.com"
	    : "amazonaws.com.cn";
}

/* "arn:aws:s3:<region>:<account>:accesspoint/<name>" */
static int
s3_addr_arn(struct s3_addr *a, const char *arn, struct err *e)
{
	char part[64], region[64], account[32], name[64];

	if (sscanf(arn, "arn:%63[a-z0-9-]:s3:%63[a-z0-9-]:%31[0-9]:"
	    "accesspoint%*1[/:]%63[a-z0-9-]", part, region, account,
	    name) != 4)
		return err_set(e, ERR_CONF, "bucket %.100s is not the ARN of "
		    "an access point", arn);
	if (asprintf(&a->host, "%s-%s.s3-accesspoint.%s.%s", name, account,
	    region, s3_addr_domain(region)) < 0) {
		a->host = 0;
		return err_nomem(e);
	}
	if (asprintf(&a->origin, "https://%s", a->host) < 0)
		a->origin = 0;
	a->prefix = strdup("");
	return a->origin && a->prefix ? 0 : err_nomem(e);
}

struct s3_addr_parts {
	const char *scheme;  /* "https://" */
	char host[512];
	const char *base;    /* path of the endpoint, "" or "/..." */
	size_t base_len;
};

static int
s3_addr_split(struct s3_addr_parts *p, const char *s, struct err *e)
{
	const char *port = 0;
	size_t n;

	if (!strncasecmp(s, "https://", 8))
		p->scheme = "https://", port = ":443";
	else if (!strncasecmp(s, "http://", 7))
		p->scheme = "http://", port = ":80";
	else
		return err_set(e, ERR_CONF, "endpoint %.200s begins with "
		    "neither http:// nor https://", s);
	s += strlen(p->scheme);
	n = strcspn(s, "/");
	if (!n || n >= sizeof p->host - 64)
		return err_set(e, ERR_CONF, "endpoint without a usable host");
	memcpy(p->host, s, n);
	p->host[n] = 0;
	if (n > strlen(port) && !strcmp(p->host + n - strlen(port), port))
		p->host[n - strlen(port)] = 0;
	p->base = s + n;
	p->base_len = strlen(p->base);
	while (p->base_len && p->base[p->base_len - 1] == '/')
		p->base_len--;
	return 0;
}

int
s3_addr_make(struct s3_addr *a, const struct store_conf *c,
    const char *region, struct err *e)
{
	const char *bucket = c->bucket ? c->bucket : "";
	struct s3_addr_parts p = { .scheme = "https://", .base = "" };
	int path_style = c->endpoint || strchr(bucket, '.'), r;

	memset(a, 0, sizeof *a);
	if (!*bucket || strpbrk(bucket, "/?#") == bucket)
		return err_set(e, ERR_CONF, "no bucket");
	if (!(a->source = s3_addr_encoded(bucket)))
		return err_nomem(e);
	if (!strncmp(bucket, "arn:", 4) && !c->endpoint)
		return s3_addr_arn(a, bucket, e);
	if (c->endpoint && s3_addr_split(&p, c->endpoint, e))
		return -1;
	if (!c->endpoint)
		snprintf(p.host, sizeof p.host, "s3.%s.%s", region,
		    s3_addr_domain(region));
	if (c->force_path_style != STORE_DEFAULT)
		path_style = c->force_path_style == STORE_ON;
	if (path_style)
		r = asprintf(&a->prefix, "%.*s/%s", (int)p.base_len, p.base,
		    a->source);
	else
		r = asprintf(&a->prefix, "%.*s", (int)p.base_len, p.base);
	if (r < 0) {
		a->prefix = 0;
		return err_nomem(e);
	}
	if (asprintf(&a->host, "%s%s%s", path_style ? "" : bucket,
	    path_style ? "" : ".", p.host) < 0) {
		a->host = 0;
		return err_nomem(e);
	}
	if (asprintf(&a->origin, "%s%s", p.scheme, a->host) < 0) {
		a->origin = 0;
		return err_nomem(e);
	}
	return 0;
}
