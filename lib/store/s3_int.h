#ifndef LS_STORE_S3_INT_H
#define LS_STORE_S3_INT_H

/* What the s3_*.c files share; included by them alone. */

#include "base/sa.h"
#include "crypt/sha256.h"
#include "http/http.h"
#include "store/cred.h"
#include "store/s3_addr.h"
#include "store/s3_sign.h"
#include "store/s3_xml.h"
#include "store/store_int.h"

#define S3_PARTS_MAX 10000
#define S3_PART_MIN (5u << 20)
#define S3_PARTS_AT_ONCE 16

/* What was learnt of a bucket, for all stores of it on one pool. */
struct s3_known {
	struct s3_known *next;
	char *bucket, *endpoint; /* endpoint may be NULL */
	char region[64];
	int64_t skew_ms;       /* the server's clock less ours */
	int no_condition;      /* If-None-Match is not implemented */
	int no_copy_condition; /* the same of copies */
	int no_batch;          /* DeleteObjects is not known */
};

/* Connections and credentials of one thread, shared by its stores. */
struct s3_pool {
	struct http *h;
	struct s3_known *known;
	struct cred_chain **cred;
	size_t ncred;
	unsigned refs;
};

enum s3_provider { S3_OTHER, S3_AWS, S3_TIGRIS, S3_R2 };

struct s3 {
	struct store st;
	struct s3_pool *pool;
	struct cred_chain *cred; /* one of the pool's */
	struct s3_addr addr;
	enum s3_provider provider;
	char region[64];         /* that addr was made for */
	struct s3_known *known;  /* one of the pool's */
	char *sse_md5;      /* base64 MD5 of the SSE-C key, or NULL */
};

#define S3_PAIRS 16

/* One request before it is signed. Zeroed is an empty GET of the bucket. */
struct s3_op {
	const char *method;
	const char *key;             /* NULL: the bucket itself */
	struct s3_pair query[4];
	size_t nq;
	struct s3_pair head[S3_PAIRS]; /* lower-case names */
	size_t nh;
	struct http_body body;
	const unsigned char *sha;    /* of the body; NULL: taken here */
	const char *answer;          /* root element a good answer has, or NULL */
	int stream;
	size_t max_body;
	void (*progress)(void *, uint64_t);
	void *ctx;
};

void s3_op_query(struct s3_op *, const char *name, const char *value);
void s3_op_head(struct s3_op *, const char *name, const char *value);
/* SSE-C headers; copy: for the source of a copy too. */
void s3_op_ssec(struct s3 *, struct s3_op *, int copy);
/* What a new object is to have: storage class, SSE, timestamp. when is
 * WHEN_FMT bytes that live as long as op. */
void s3_op_create(struct s3 *, struct s3_op *, int64_t time_ms, char *when);

/* One try, started. The answer belongs to http_end. */
int s3_try(struct s3 *, const struct s3_op *, struct http_xfer **,
    int64_t deadline, struct err *);

/* What an answer is worth: 0 good. -1: err says; *again if the same request
 * may succeed at once (region or clock learnt). */
int s3_judge(struct s3 *, const struct s3_op *, const struct http_xfer *,
    int *again, struct err *);

/* A whole request with its repetitions. On 0 the caller ends *x. */
int s3_call(struct s3 *, const struct s3_op *, struct http_xfer **,
    unsigned *failed_tries, struct err *);

/* "PUT s3://bucket/key" for messages. */
int s3_in(const struct s3 *, const struct s3_op *, struct err *);

int s3_head(struct store *, const char *key, struct store_stat *,
    struct err *);
int s3_get(struct store *, const char *key, uint64_t off, uint64_t len,
    struct store_get **, struct err *);
int s3_put(struct store *, const char *key, const struct store_src *,
    const struct store_put_opt *, struct err *);
int s3_copy(struct store *, const char *from, const char *to,
    const struct store_put_opt *, struct err *);
/* ERR_EXISTS: there is something under the key. Where conditions are not
 * implemented, looking first is what is left; it keeps an accident from
 * replacing, not a race. */
int s3_put_look(struct s3 *, const char *key, struct err *);

/* Multipart uploads, for put and copy. */
struct s3_upload {
	struct s3 *s;
	const char *key;
	char *id;
	unsigned parts;
	stralloc done;   /* the <Part> elements */
};
int s3_upload_begin(struct s3_upload *, struct s3 *, const char *key,
    const struct store_put_opt *, struct err *);
int s3_upload_part(struct s3_upload *, unsigned n, const char *etag,
    struct err *);
/* failed_tries: as of s3_call. */
int s3_upload_end(struct s3_upload *, int noreplace, unsigned *failed_tries,
    struct err *);
/* Aborts it if it was begun and not ended. Keeps errors to itself. */
void s3_upload_free(struct s3_upload *);

#endif
