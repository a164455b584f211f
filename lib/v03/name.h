#ifndef LS_V03_NAME_H
#define LS_V03_NAME_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* Names of Litestream 0.3. Pure. Source: formats/litestream-0.3-replica.md,
 * section 2. Below the path of a replica, the same in every kind of store:
 *
 *   generations/GENERATION/snapshots/INDEX.snapshot.lz4
 *   generations/GENERATION/wal/INDEX_OFFSET.wal.lz4
 *
 * A generation is 64 bits as 16 lower-case hex digits. Index and offset are
 * written with 8 digits, more where they need them (0.3 itself does not find
 * such); 8 to 16 are read, as Litestream 0.5 does. */

#define V03_NAME_MAX 96      /* bytes, with the NUL */
#define V03_INDEX_MAX 0x7fffffffu

enum v03_kind { V03_SNAPSHOT, V03_WAL };

struct v03_name {
	uint64_t generation;
	uint64_t index;
	uint64_t offset;         /* bytes, V03_WAL */
	uint8_t kind;            /* enum v03_kind */
	uint8_t index_digits;    /* as it was read, so that it is written */
	uint8_t offset_digits;   /* the same; 0: as 0.3 writes it */
};

/* "0123456789abcdef" and a NUL. Returns 16. */
size_t v03_generation_fmt(char s[17], uint64_t);
/* The whole of s. 0 or -1. */
int v03_generation_scan(const char *s, uint64_t *);

/* An index as 0.3 writes it, at least 8 digits, and a NUL. */
size_t v03_index_fmt(char s[17], uint64_t);

/* "generations/..." as above, and a NUL. Returns the length. */
size_t v03_name_fmt(char s[V03_NAME_MAX], const struct v03_name *);

/* The whole of s, which begins with "generations/". 0, or -1: another name. */
int v03_name_scan(struct v03_name *, const char *s);

/* Order of reading: by generation, snapshots before WAL, index, offset.
 * Less than, equal to or greater than 0. */
int v03_name_cmp(const struct v03_name *, const struct v03_name *);

/* Key of an object in the replica whose path is this (NULL as ""): joined
 * and cleaned as Litestream does, so that "" and "." make "generations/..."
 * and "/a//b/" "/a/b/generations/...". Into *out, allocated. */
int v03_name_key(const char *path, const struct v03_name *, char **out,
    struct err *);

/* The same up to and with "generations/", and the bytes of it that come
 * before "generations/": what v03_name_scan takes of a listed key begins
 * there. */
int v03_name_prefix(const char *path, char **out, size_t *base,
    struct err *);

/* The same up to and with "generations/GENERATION/". */
int v03_name_folder(const char *path, uint64_t generation, char **out,
    struct err *);

#endif
