#ifndef LS_REPL_V03_SET_H
#define LS_REPL_V03_SET_H

#include "store/store.h"
#include "v03/plan.h"

/* What a replica of Litestream 0.3 holds: its objects, sorted by
 * v03_name_cmp, and the generations they make. Zeroed is empty and valid. */

struct v03_set {
	struct v03_object *o;
	size_t n, a;
	size_t foreign;            /* objects below generations/ with other
	                              names */
	struct v03_generation *g;
	size_t n_g;
	char *path;                /* keys are below it */
};

/* One LIST of "generations/" below the replica's path. In a bucket the keys
 * may be without the slash that the path begins with, which Litestream's
 * requests lose. Times are those of the listing; of sftp they are not told.
 * On -1 it is empty. */
int v03_set_read(struct store *, struct v03_set *, struct err *);
void v03_set_free(struct v03_set *);

/* The key of object i, allocated. */
int v03_set_key(const struct v03_set *, size_t i, char **key, struct err *);

/* The time of object i, asked for where it is not known. ERR_TEMP: it went
 * since it was listed. */
int v03_set_time(struct store *, struct v03_set *, size_t i, struct err *);

/* Times that the listing did not tell, one request each: of what tells when
 * a generation begins and ends, or of each of its objects. */
int v03_set_times(struct store *, struct v03_set *, size_t generation,
    int all, struct err *);

#endif
