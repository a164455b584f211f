#ifndef LS_DB_WATCH_H
#define LS_DB_WATCH_H

#include <stdint.h>
#include "base/err.h"

/* Does the file system of path say what is written there, when it is? Those
 * of networks do not. */
int watch_tells(const char *path);

/* Which of many databases changed: inotify where it works, otherwise a look
 * at size and mtime of -wal and database at an interval. One thread. File
 * watches are one-shot: under load a database wakes its owner once, until
 * watch_arm is called again. */

struct watch;

int watch_new(struct watch **, int64_t poll_ms, int force_poll, struct err *);
/* id: the caller's, returned with events. Watches the folder for the names
 * db, db-wal (created, deleted, moved) from the start; files once armed. */
int watch_add(struct watch *, uint32_t id, const char *db, struct err *);
int watch_remove(struct watch *, uint32_t id);
/* Arms the one-shot watches of -wal and database file. Call before looking
 * at them, so that nothing between is missed. */
int watch_arm(struct watch *, uint32_t id, struct err *);
/* Descriptor to poll for reading, -1 if only polling is in use. */
int watch_fd(const struct watch *);
/* when_mono() time of the next poll, -1: none needed (inotify works). */
int64_t watch_next(const struct watch *);
/* Reports what happened: 1 an event (*id, *why as CAPTURE_*), 0 no more. */
int watch_read(struct watch *, uint32_t *id, unsigned *why, struct err *);
void watch_free(struct watch *);

#endif
