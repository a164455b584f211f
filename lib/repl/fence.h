#ifndef LS_REPL_FENCE_H
#define LS_REPL_FENCE_H

#include <stdint.h>
#include "repl/listing.h"

/* One writer per replica: what a conflict means. Pure. A level-0 object is
 * n-n and created only if absent, so of two writers one gets n; the header's
 * node id tells whose it is. */

struct fence_object {
	uint64_t size;           /* bytes of the whole object */
	unsigned char tail[16];  /* its last bytes: the LTX trailer */
	uint64_t node;           /* writer id of its header */
};

enum fence_exists {
	FENCE_SAME,     /* our own retry: it is there */
	FENCE_EARLIER,  /* ours, but another transaction: an earlier life of this
	                   state folder got further than the disk remembers */
	FENCE_OTHER     /* another writer has this number */
};

/* A create-if-absent PUT of local found remote under the name. writer: our
 * id. */
enum fence_exists fence_exists(const struct fence_object *local,
    const struct fence_object *remote, uint64_t writer);

/* Has a writer that last shipped at last_boot (when_boot ms) been away so
 * long that retention may have freed its next number? */
int fence_paused(int64_t last_boot, int64_t now_boot, int64_t retention_ms);

enum fence_pause {
	FENCE_PAUSE_CLEAR,
	FENCE_PAUSE_LOOK,   /* *look ends at n: foreign unless its header's time
	                       is that of our n */
	FENCE_PAUSE_FENCED, /* somebody went on after n-1 */
	FENCE_PAUSE_LOST    /* n-1 is gone: the replica was emptied or set back */
};

/* After such a pause, n-n having just been put: what a listing of all levels
 * says. */
enum fence_pause fence_pause(const struct listing *, uint64_t n,
    size_t *look);

#endif
