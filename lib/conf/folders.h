#ifndef LS_CONF_FOLDERS_H
#define LS_CONF_FOLDERS_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "conf/conf.h"

/* Folders in which databases may appear ("dir:" with "watch:"), and the paths
 * that are known. Every call may take as long as the disks do. */

struct folders_one {
	int wd;
	size_t of;             /* of dirs */
	unsigned depth;
	char *path;
};

struct folders {
	int inotify, timer;    /* to poll for reading; inotify not with poll_ms */
	const struct conf_dir *dirs; /* borrowed */
	size_t n_dirs;
	struct folders_one *f;
	size_t n, room;
	char **known;
	size_t n_known, known_room;
	int64_t poll_ms;       /* 0: inotify tells */
	uint64_t sum;          /* of what was there and not known, at the last
	                          look */
	int again_all;         /* something was missed: at the next look folders
	                          are gone through anew */
	unsigned tries;        /* since the last event */
};

/* Of a zeroed one; the folders and databases of c (dirs are borrowed). Call
 * folders_free also after an error. */
int folders_begin(struct folders *, const struct conf *c, int64_t poll_ms,
    int force_poll, struct err *);
void folders_free(struct folders *);

/* When a descriptor is readable. 1: the configuration is to be loaded again,
 * 0: not. */
int folders_due(struct folders *, struct err *);

/* It could not be, and may be put right with no event to tell: what is new
 * meanwhile is not forgotten. Returns -1. */
int folders_later(struct folders *);

/* 1: the path was not known before. */
int folders_know(struct folders *, const char *path, struct err *);

#endif
