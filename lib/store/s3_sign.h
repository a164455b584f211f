#ifndef LS_STORE_S3_SIGN_H
#define LS_STORE_S3_SIGN_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/sa.h"

/* AWS Signature Version 4. Pure: the time is an argument. */

struct s3_pair {
	const char *name;
	const char *value;
};

/* Appends s percent-encoded as SigV4 wants it: only A-Z a-z 0-9 - _ . ~ stay,
 * and "/" if slash. 0 or -1 (out of memory). */
int s3_encode(stralloc *, const char *s, int slash);

/* Appends the canonical query string: encoded, sorted, each with "=". */
int s3_query(stralloc *, const struct s3_pair *, size_t n);

struct s3_sign {
	const char *method;
	const char *path;     /* encoded, begins with "/" */
	const char *query;    /* canonical, without "?" */
	const struct s3_pair *headers; /* lower-case names, ascending; all are
	                                  signed: host and x-amz-date among
	                                  them */
	size_t n;
	const char *payload;  /* hex hash, or UNSIGNED-PAYLOAD */
	const char *region, *service;
	const char *access_key, *secret_key;
	int64_t time_ms;
};

#define S3_DATE 17 /* "20150830T123600Z" and a NUL */
void s3_date(char s[S3_DATE], int64_t ms);

/* Appends the value of the Authorization header. 0 or -1. */
int s3_sign(stralloc *, const struct s3_sign *, struct err *);

#endif
