#ifndef LS_BASE_PATH_H
#define LS_BASE_PATH_H

#include <stddef.h>

/* Cleans a path in place, by its text alone, as Go's path.Clean does: no
 * "//", ".", trailing "/", or ".." that can be resolved. An empty one becomes
 * ".", so there must be room for two bytes. */
void path_clean(char *);

/* Where the links of the last component lead, one after the other, also where
 * nothing is there: the file SQLite would open or make. Folders stay as they
 * are written. Allocated; NULL: out of memory. */
char *path_follow(const char *);

/* The same with the folder as it really is, if it is there. Allocated;
 * NULL: out of memory. */
char *path_real(const char *);

/* 1 if both are the same place, however they are written, else 0. */
int path_same(const char *, const char *);

/* Path of the program of that name beside the running one, or "" if there is
 * none that can be run (or it does not fit). */
void path_beside(char *path, size_t size, const char *name);

#endif
