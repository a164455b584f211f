#ifndef LS_REPL_REPLAY_H
#define LS_REPL_REPLAY_H

#include "repl/apply.h"
#include "repl/listing.h"

/* A series of LTX files, newest first, through one decoder into a struct
 * apply. Where the files come from is the source's affair. */

struct replay_source {
	/* 1: the next file and its bytes, both valid until the next call; 0:
	 * no more; -1, with *f set if a file is the reason. */
	int (*next)(void *ctx, const struct replica_file **f,
	    struct io_in *in, struct err *);
	void *ctx;
};

struct replay_opt {
	/* Bytes of the files read so far; may be NULL. */
	void (*progress)(void *ctx, uint64_t bytes);
	void *ctx;
};

/* Ends early when older files cannot change anything. Every file applied
 * was verified whole, against its name and listed size too. On -1 *bad is
 * the file that is the reason, or NULL. */
int replay(const struct replay_source *, const struct replay_opt *,
    struct apply *, const struct replica_file **bad, struct err *);

/* ---- files of a store, and of a local level-0 folder ---- */

#define REPLAY_LOCAL 0xff  /* level of a file in the local folder */

struct replay_fetch; /* opaque */

/* files: n pointers, newest first (borrowed). ahead: how many are open
 * before their turn, so that their first bytes come meanwhile. local: the
 * folder of those of level REPLAY_LOCAL, may be NULL. */
int replay_fetch_begin(struct replay_fetch **, struct store *,
    const char *local, const struct replica_file *const *files, size_t n,
    unsigned ahead, struct err *);
struct replay_source replay_fetch_source(struct replay_fetch *);
void replay_fetch_free(struct replay_fetch *);

#endif
