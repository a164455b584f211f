#ifndef LS_STORE_METER_H
#define LS_STORE_METER_H

#include "store/store.h"

/* What is asked of stores, counted where a call ends: by type of store and
 * operation, as Litestream's metrics have it. Counters only grow; any thread
 * may add. */

enum store_op {
	STORE_OP_PUT, STORE_OP_GET, STORE_OP_LIST, STORE_OP_DELETE,
	STORE_OP_HEAD, STORE_OP_COPY
};
#define STORE_OPS 6
#define STORE_TYPES 3
#define STORE_METER_BUCKETS 9 /* of durations: store_meter_bound, and the rest
                                 is only in n */

struct store_calls {
	uint64_t n;      /* calls, retries within one not counted */
	uint64_t bytes;  /* of PUT and GET */
	uint64_t us;     /* all they took, microseconds */
	uint64_t bucket[STORE_METER_BUCKETS];
	uint64_t error[ERR_TEMP + 1]; /* by kind; not found counts as one */
};

struct store_meter {
	struct store_calls op[STORE_TYPES][STORE_OPS];
};

/* Upper bound of a bucket, in microseconds: 10 ms to 60 s. */
uint64_t store_meter_bound(unsigned bucket);

/* m may be NULL. kind ERR_NONE: it went well. */
void store_meter_add(struct store_meter *, enum store_type, enum store_op,
    uint64_t bytes, uint64_t us, enum err_kind);

const char *store_type_word(enum store_type); /* "file", "s3", "sftp" */
const char *store_op_word(enum store_op);     /* "PUT", ... */

/* One row of text for the status file and between programs, without a newline:
 * op=PUT type=s3 n=.. bytes=.. us=.. buckets=1,2,... errors=kind:n,...
 * separated by TABs, zeros left out; "" where nothing was counted. */
#define STORE_METER_ROW 512
void store_meter_fmt(char out[STORE_METER_ROW], const struct store_meter *,
    enum store_type, enum store_op);
/* Adds such a row (written to). 0, or -1 if it is none. */
int store_meter_scan(struct store_meter *, char *row);

#endif
