#ifndef LS_STORE_S3_LIST_H
#define LS_STORE_S3_LIST_H

#include <stddef.h>
#include "base/err.h"
#include "store/store.h"

/* One page of a ListObjectsV2 answer. Pure: bytes in, callbacks out, so
 * that it fuzzes; memory is constant. */

#define S3_KEY_MAX 1024 /* bytes, by S3 */

struct s3_list;

/* fn gets each object as soon as it is complete, in the server's order.
 * Only litestream_ms is not told by listings: -1. */
int s3_list_begin(struct s3_list **, store_list_fn *fn, void *ctx,
    struct err *);
int s3_list_feed(struct s3_list *, const void *, size_t, struct err *);
/* The document must be complete. *token: where to go on, NULL after the
 * last page; valid until s3_list_free. */
int s3_list_end(struct s3_list *, const char **token, struct err *);
void s3_list_free(struct s3_list *);

#endif
