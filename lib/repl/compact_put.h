#ifndef LS_REPL_COMPACT_PUT_H
#define LS_REPL_COMPACT_PUT_H

#include "repl/compact.h"

/* Merges files of a replica into a new object of it, to (level, min, max are
 * given), without a copy of it anywhere else: a thread merges, on a store of
 * its own, into the upload. Nothing is there before the merge is known to be
 * good. Its time is that of the newest state (to->time_ms, of the header; as
 * metadata or mtime it survives). noreplace: ERR_EXISTS if something is there.
 * to->size is filled in too. */
int compact_put(struct store *, const struct replica_file *const *files,
    size_t n, const struct compact_opt *, struct replica_file *to,
    int noreplace, struct compact_done *, struct err *);

/* What is known of a file that is to be copied, once it was read whole. */
struct compact_source {
	struct listing_facts facts;
	int same;       /* the local file is the replica's */
};
/* Reads it: the local file where ltx0 (NULL: none) has it, with the end of the
 * replica's compared, else the replica's. One GET. */
int compact_put_source(struct store *, const struct replica_file *,
    const char *ltx0, struct compact_source *, struct err *);

/* compact_put where the result would be one input again, byte for byte, under
 * another name: a copy the store makes of it, without an upload. For stores
 * that can (STORE_CAN_COPY). */
int compact_put_copy(struct store *, const struct replica_file *,
    const struct compact_source *, struct replica_file *to, int noreplace,
    struct err *);

/* A level-0 file of the replica as it is in a local folder: a descriptor, or
 * -1 if it is not there in that size. */
int compact_put_local(const char *ltx0, const struct replica_file *);

/* What a listing would say of the time of an object just put. */
int64_t compact_put_time(const struct store *, int64_t header_ms);

#endif
