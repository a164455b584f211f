#include "store/s3_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/sa.h"
#include "base/when.h"
#include "store/s3_xml.h"

struct s3_list {
	struct s3_xml *xml;
	store_list_fn *fn;
	void *ctx;
	char key[S3_KEY_MAX + 1];
	struct store_stat st;
	unsigned have;        /* of the object being read: key 1, size 2, time 4 */
	int truncated, root;
	char token[S3_XML_TEXT + 1];
	char error[64];
};

static int
s3_list_size(struct s3_list *l, const char *s, struct err *e)
{
	uint64_t v = 0;

	for (l->st.size = 0; *s >= '0' && *s <= '9'; s++) {
		if (v > (UINT64_MAX - 9) / 10)
			break;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (*s)
		return err_set(e, ERR_DATA, "listing with a bad Size");
	l->st.size = v;
	l->have |= 2;
	return 0;
}

static int
s3_list_field(struct s3_list *l, const char *name, const char *text,
    struct err *e)
{
	if (!strcmp(name, "Key")) {
		if (strlen(text) > S3_KEY_MAX)
			return err_set(e, ERR_DATA, "listing with a key longer "
			    "than %d bytes", S3_KEY_MAX);
		strcpy(l->key, text);
		l->have |= 1;
	} else if (!strcmp(name, "Size")) {
		return s3_list_size(l, text, e);
	} else if (!strcmp(name, "LastModified")) {
		if (when_scan(text, &l->st.mtime_ms))
			return err_set(e, ERR_DATA,
			    "listing with a bad LastModified");
		l->have |= 4;
	}
	return 0;
}

static int
s3_list_leaf(void *ctx, const char *path, const char *text, struct err *e)
{
	static const char root[] = "ListBucketResult/";
	static const char contents[] = "Contents/";
	struct s3_list *l = ctx;

	if (!strcmp(path, "Error/Code"))
		strncpy(l->error, text, sizeof l->error - 1);
	if (!strcmp(path, "ListBucketResult"))
		l->root = 1;
	if (strncmp(path, root, sizeof root - 1))
		return 0;
	path += sizeof root - 1;
	if (!strncmp(path, contents, sizeof contents - 1))
		return s3_list_field(l, path + sizeof contents - 1, text, e);
	if (!strcmp(path, "IsTruncated")) {
		l->truncated = !strcmp(text, "true");
	} else if (!strcmp(path, "NextContinuationToken")) {
		strcpy(l->token, text);
	} else if (!strcmp(path, "Contents")) {
		if (l->have != 7)
			return err_set(e, ERR_DATA, "listing with an object "
			    "without Key, Size or LastModified");
		l->have = 0;
		return l->fn(l->ctx, l->key, &l->st, e);
	}
	return 0;
}

int
s3_list_begin(struct s3_list **out, store_list_fn *fn, void *ctx,
    struct err *e)
{
	struct s3_list *l = calloc(1, sizeof *l);

	if (!l)
		return err_nomem(e);
	if (s3_xml_begin(&l->xml, s3_list_leaf, l, e)) {
		free(l);
		return -1;
	}
	l->fn = fn;
	l->ctx = ctx;
	l->st.litestream_ms = -1;
	*out = l;
	return 0;
}

int
s3_list_feed(struct s3_list *l, const void *p, size_t n, struct err *e)
{
	return s3_xml_feed(l->xml, p, n, e);
}

int
s3_list_end(struct s3_list *l, const char **token, struct err *e)
{
	if (s3_xml_end(l->xml, e))
		return -1;
	if (l->error[0])
		return err_set(e, ERR_TEMP, "error %s in place of a listing",
		    l->error);
	if (!l->root)
		return err_set(e, ERR_DATA, "not a listing");
	if (l->truncated && !l->token[0])
		return err_set(e, ERR_DATA,
		    "listing is truncated but does not say where it goes on");
	*token = l->truncated ? l->token : 0;
	return 0;
}

void
s3_list_free(struct s3_list *l)
{
	if (!l)
		return;
	s3_xml_free(l->xml);
	free(l);
}
