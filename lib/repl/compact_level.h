#ifndef LS_REPL_COMPACT_LEVEL_H
#define LS_REPL_COMPACT_LEVEL_H

#include "base/log.h"
#include "ltx/ltx.h"
#include "repl/changes.h"

/* One step of compaction of one replica: what level.h says goes into a level is
 * merged and put there, once it is known to be whole. */

struct compact_level_opt {
	unsigned level;         /* into this one, 1 to LEVEL_MAX; 0: into the
	                           lowest, up to levels, that is behind */
	unsigned levels;
	const char *ltx0;       /* of the database, NULL: none */
	const char *tmp;        /* see compact.h */
	enum ltx_encoding encoding;
	int verify;             /* read what was written */
	const struct log *log;
	struct changes *changes;
};

struct compact_level_done {
	size_t made, files;     /* objects put, and inputs they are made of */
	size_t healed;          /* level-0 files put again from local ones */
	uint64_t bytes;         /* of the objects put */
	unsigned level;
};

/* A damaged input is done without where others cover it. A gap in level 0 is
 * healed from local files; one that cannot be is told (changes.h) and is
 * ERR_NO: only a fresh full copy helps, and nothing is published. What another
 * process has put meanwhile under the same name is read whole and taken.
 * An object is never replaced. */
int compact_level(const struct store_conf *, const struct compact_level_opt *,
    struct compact_level_done *, struct err *);

#endif
