#include "repl/fence.h"

#include <string.h>

enum fence_exists
fence_exists(const struct fence_object *local,
    const struct fence_object *remote, uint64_t writer)
{
	if (local->size == remote->size
	    && memcmp(local->tail, remote->tail, sizeof local->tail) == 0)
		return FENCE_SAME;
	/* 0 is Litestream's, and nobody's own */
	if (writer && remote->node == writer)
		return FENCE_EARLIER;
	return FENCE_OTHER;
}

int
fence_paused(int64_t last_boot, int64_t now_boot, int64_t retention_ms)
{
	return retention_ms > 0 && now_boot - last_boot > retention_ms / 2;
}

enum fence_pause
fence_pause(const struct listing *l, uint64_t n, size_t *look)
{
	int before = n == 1, at = 0;
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct replica_file *f = &l->f[i];

		if (f->max > n)
			return FENCE_PAUSE_FENCED;
		if (f->max + 1 == n)
			before = 1;
		if (f->max == n && f->level > 0) {
			/* compaction ran between our PUT and the listing, or
			 * another writer's n was compacted long ago */
			*look = i;
			at = 1;
			if (f->min < n)
				before = 1;
		}
	}
	if (!before)
		return FENCE_PAUSE_LOST;
	return at ? FENCE_PAUSE_LOOK : FENCE_PAUSE_CLEAR;
}
