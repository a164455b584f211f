#ifndef LS_REPL_COMPACT_H
#define LS_REPL_COMPACT_H

#include "ltx/ltx.h"
#include "repl/listing.h"

/* Many LTX files of a replica merged into one, through a bounded number of
 * open files: more than COMPACT_FAN are first merged in groups into unlinked
 * temporary files. */

#define COMPACT_FAN 32

struct compact_opt {
	const char *ltx0;       /* local level-0 folder that holds the same
	                           files (name and size), read first; NULL */
	const char *tmp;        /* folder for temporary files, "": $TMPDIR */
	enum ltx_encoding encoding;
	uint64_t min;           /* first TXID of the result, before that of the
	                           first file: the result must hold every page.
	                           0: that of the first file */
	uint32_t pages;         /* of the database before the first file: what
	                           grew since must be there; 0: not known */
};

struct compact_done {
	struct ltx_header header; /* of the result */
	uint64_t size;            /* bytes written */
};

/* files: n pointers, oldest first, without gaps. What begins with a file that
 * is marked full is a snapshot, from TXID 1. Every file is verified
 * whole before the result is ended. */
int compact_merge(struct store *, const struct replica_file *const *files,
    size_t n, const struct compact_opt *, struct io_out,
    struct compact_done *, struct err *);

/* Where an LTX file is that is none of a replica: at an offset of a descriptor,
 * or under a path. */
struct compact_file {
	const char *path;       /* NULL: fd */
	int fd;
	int64_t off;
	uint64_t min, max;      /* TXIDs of its header */
};

/* The same of such files: oldest first, without gaps. */
int compact_merge_files(const struct compact_file *, size_t n,
    const struct compact_opt *, struct io_out, struct compact_done *,
    struct err *);

/* The same of files by name, in any order; "-" is standard input, with any
 * number of files one after the other. */
int compact_files(const char *const *paths, size_t n,
    const struct compact_opt *, struct io_out, struct compact_done *,
    struct err *);

#endif
