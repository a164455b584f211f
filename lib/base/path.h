#ifndef LS_BASE_PATH_H
#define LS_BASE_PATH_H

/* Cleans a path in place, by its text alone, as Go's path.Clean does: no
 * "//", ".", trailing "/", or ".." that can be resolved. An empty one becomes
 * ".", so there must be room for two bytes. */
void path_clean(char *);

#endif
