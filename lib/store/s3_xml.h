#ifndef LS_STORE_S3_XML_H
#define LS_STORE_S3_XML_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* The XML S3 answers with: elements and text. Pure: bytes in, callbacks
 * out. Document types are refused; depth, text and total are capped. */

#define S3_XML_DEPTH 16
#define S3_XML_PATH 256      /* bytes of one element path */
#define S3_XML_TEXT 4096     /* bytes of text in one element */
#define S3_XML_TOTAL (16u << 20)

/* At the end of each element: its path from the root without namespaces,
 * as "ListBucketResult/Contents/Key", and the text directly in it. The text
 * lives until the callback returns. -1 (err set) stops. */
typedef int s3_xml_fn(void *ctx, const char *path, const char *text,
    struct err *);

struct s3_xml;

int s3_xml_begin(struct s3_xml **, s3_xml_fn *, void *ctx, struct err *);
int s3_xml_feed(struct s3_xml *, const void *, size_t, struct err *);
/* The document must be complete. */
int s3_xml_end(struct s3_xml *, struct err *);
void s3_xml_free(struct s3_xml *);

/* One document held in memory. */
int s3_xml_scan(const void *, size_t, s3_xml_fn *, void *ctx, struct err *);

/* What an <Error> document says; empty strings where it does not. */
struct s3_error {
	char code[64];
	char message[256];
	char region[64];
};

/* 1: it is an error document; 0: it is not one (then all are empty). */
int s3_error_scan(struct s3_error *, const void *, size_t);

#endif
