#ifndef LS_STORE_S3_ADDR_H
#define LS_STORE_S3_ADDR_H

#include "base/err.h"
#include "store/store.h"

/* Where a bucket is: pure. A request's URL is origin + prefix + "/" + key,
 * its signed host is host. */
struct s3_addr {
	char *origin;  /* "https://host[:port]" */
	char *host;    /* as in the Host header: no default port */
	char *prefix;  /* encoded: "", "/bucket", "/base/bucket" */
	char *source;  /* encoded bucket for x-amz-copy-source, no slash */
};

/* Path style for endpoints given and for bucket names with dots (which no
 * certificate of AWS matches), unless conf says otherwise; an access point's
 * ARN as bucket has its own host. ERR_CONF where that cannot work. */
int s3_addr_make(struct s3_addr *, const struct store_conf *,
    const char *region, struct err *);
void s3_addr_free(struct s3_addr *);

#endif
