#include "store/s3_xml.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sa.h"

struct s3_xml {
	XML_Parser p;
	s3_xml_fn *fn;
	void *ctx;
	char path[S3_XML_PATH];
	size_t len;
	unsigned depth;
	uint64_t total;
	stralloc text;
	struct err failed;
};

static void
s3_xml_stop(struct s3_xml *x)
{
	XML_StopParser(x->p, XML_FALSE);
}

static void
s3_xml_on_start(void *ctx, const char *name, const char **attr)
{
	struct s3_xml *x = ctx;
	const char *colon = strrchr(name, ':');
	size_t n;

	(void)attr;
	if (x->failed.kind)
		return;
	if (colon)
		name = colon + 1;
	n = strlen(name);
	if (x->depth == S3_XML_DEPTH || x->len + n + 2 > S3_XML_PATH) {
		err_set(&x->failed, ERR_DATA, "XML nested too deep");
		s3_xml_stop(x);
		return;
	}
	if (x->depth++)
		x->path[x->len++] = '/';
	memcpy(x->path + x->len, name, n + 1);
	x->len += n;
	x->text.len = 0;
}

static void
s3_xml_on_end(void *ctx, const char *name)
{
	struct s3_xml *x = ctx;
	char *slash;

	(void)name;
	if (x->failed.kind)
		return;
	if (!stralloc_0(&x->text)) {
		err_nomem(&x->failed);
		s3_xml_stop(x);
		return;
	}
	if (x->fn(x->ctx, x->path, x->text.s, &x->failed)) {
		s3_xml_stop(x);
		return;
	}
	x->text.len = 0;
	x->depth--;
	slash = strrchr(x->path, '/');
	x->len = slash ? (size_t)(slash - x->path) : 0;
	x->path[x->len] = 0;
}

static void
s3_xml_on_text(void *ctx, const char *s, int n)
{
	struct s3_xml *x = ctx;

	if (x->failed.kind)
		return;
	if (x->text.len + (size_t)n > S3_XML_TEXT)
		err_set(&x->failed, ERR_DATA, "XML text in %s is longer than "
		    "%d bytes", x->path, S3_XML_TEXT);
	else if (!stralloc_catb(&x->text, s, (size_t)n))
		err_nomem(&x->failed);
	if (x->failed.kind)
		s3_xml_stop(x);
}

static void
s3_xml_on_doctype(void *ctx, const char *name, const char *sys,
    const char *pub, int internal)
{
	struct s3_xml *x = ctx;

	(void)name;
	(void)sys;
	(void)pub;
	(void)internal;
	err_set(&x->failed, ERR_DATA, "XML with a document type");
	s3_xml_stop(x);
}

int
s3_xml_begin(struct s3_xml **out, s3_xml_fn *fn, void *ctx, struct err *e)
{
	struct s3_xml *x = calloc(1, sizeof *x);

	if (!x || !(x->p = XML_ParserCreate(0))) {
		free(x);
		return err_nomem(e);
	}
	x->fn = fn;
	x->ctx = ctx;
	XML_SetUserData(x->p, x);
	XML_SetElementHandler(x->p, s3_xml_on_start, s3_xml_on_end);
	XML_SetCharacterDataHandler(x->p, s3_xml_on_text);
	XML_SetStartDoctypeDeclHandler(x->p, s3_xml_on_doctype);
	*out = x;
	return 0;
}

static int
s3_xml_parse(struct s3_xml *x, const void *p, size_t n, int last,
    struct err *e)
{
	x->total += n;
	if (x->total > S3_XML_TOTAL)
		return err_set(e, ERR_DATA, "XML longer than %u bytes",
		    S3_XML_TOTAL);
	if (XML_Parse(x->p, p, (int)n, last))
		return 0;
	if (x->failed.kind) {
		*e = x->failed;
		return -1;
	}
	if (XML_GetErrorCode(x->p) == XML_ERROR_NO_MEMORY)
		return err_nomem(e);
	return err_set(e, ERR_DATA, "not XML at byte %lld: %s",
	    (long long)XML_GetCurrentByteIndex(x->p),
	    XML_ErrorString(XML_GetErrorCode(x->p)));
}

int
s3_xml_feed(struct s3_xml *x, const void *p, size_t n, struct err *e)
{
	return s3_xml_parse(x, p, n, 0, e);
}

int
s3_xml_end(struct s3_xml *x, struct err *e)
{
	return s3_xml_parse(x, "", 0, 1, e);
}

void
s3_xml_free(struct s3_xml *x)
{
	if (!x)
		return;
	XML_ParserFree(x->p);
	stralloc_free(&x->text);
	free(x);
}

int
s3_xml_scan(const void *p, size_t n, s3_xml_fn *fn, void *ctx,
    struct err *e)
{
	struct s3_xml *x;
	int r;

	if (s3_xml_begin(&x, fn, ctx, e))
		return -1;
	r = s3_xml_feed(x, p, n, e) || s3_xml_end(x, e) ? -1 : 0;
	s3_xml_free(x);
	return r;
}

/* Servers' words end up in messages: printable only. */
static void
s3_error_word(char *out, size_t max, const char *s)
{
	size_t n = 0;

	for (; *s && n + 1 < max; s++)
		out[n++] = (unsigned char)*s < ' ' || *s == 127 ? ' ' : *s;
	out[n] = 0;
}

static int
s3_error_leaf(void *ctx, const char *path, const char *text, struct err *e)
{
	struct s3_error *out = ctx;

	(void)e;
	if (!strcmp(path, "Error/Code"))
		s3_error_word(out->code, sizeof out->code, text);
	else if (!strcmp(path, "Error/Message"))
		s3_error_word(out->message, sizeof out->message, text);
	else if (!strcmp(path, "Error/Region"))
		s3_error_word(out->region, sizeof out->region, text);
	return 0;
}

int
s3_error_scan(struct s3_error *out, const void *p, size_t n)
{
	struct err ignored = { 0 };

	memset(out, 0, sizeof *out);
	/* What came before a cut or nonsense is as good as it gets. */
	s3_xml_scan(p, n, s3_error_leaf, out, &ignored);
	return out->code[0] != 0;
}
