#ifndef LS_BASE_IO_H
#define LS_BASE_IO_H

#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"

/* A source of bytes: fills up to len, returns how many, 0 at the end, -1
 * with err set. May return less than asked. */
struct io_in {
	ssize_t (*read)(void *ctx, void *buf, size_t len, struct err *);
	void *ctx;
};

/* A sink of bytes: takes all len or returns -1 with err set. */
struct io_out {
	int (*write)(void *ctx, const void *buf, size_t len, struct err *);
	void *ctx;
};

/* Sources and sinks over a descriptor (borrowed, pointed to). EINTR is
 * retried. "name" in errors is the caller's, through err_in. */
struct io_in io_in_fd(int *fd);
struct io_out io_out_fd(int *fd);

/* Reads exactly len or fails; end of input is ERR_DATA "unexpected end". */
int io_readn(struct io_in, void *buf, size_t len, struct err *);

/* Positioned read and write of exactly len bytes; short is ERR_DATA. */
int io_preadn(int fd, void *buf, size_t len, int64_t off, struct err *);
int io_pwriten(int fd, const void *buf, size_t len, int64_t off,
    struct err *);

/* Owner and mode for what is created: uid/gid -1 leaves them alone. */
struct io_perm {
	uid_t uid;
	gid_t gid;
	mode_t file_mode; /* 0: 0644 less umask */
	mode_t dir_mode;  /* 0: 0755 less umask */
};

/* mkdir -p, new folders with perm (may be NULL); fsyncs each parent. */
int io_mkdirs(const char *path, const struct io_perm *, struct err *);

/* The one place that publishes a file: temp + fsync + rename + fsync of
 * the folder.
 *   io_temp_begin   creates PATH and suffix (NULL: ".tmp"), truncating an old
 *                   one, O_RDWR|O_CLOEXEC. On failure there is nothing to abort
 *   io_temp_unique  the same with PATH, mark (at most 40 bytes) and 16 random
 *                   digits, a name nobody else has: where two processes may
 *                   be at work
 *   io_temp_commit  fsync, optional mtime (ms since the epoch, -1: leave),
 *                   rename to PATH, fsync of the folder. noreplace: if PATH
 *                   exists, ERR_EXISTS and the temporary file is removed.
 *   io_temp_publish as commit, replacing, without either fsync: for a file that
 *                   can still be made again until io_sync_file and
 *                   io_sync_dir were called on it
 *   io_temp_abort   closes and unlinks; idempotent; a zeroed one is valid.
 * The descriptor is in ->fd. Commit, failed or not, ends in what abort does:
 * nothing is left open or behind. */
struct io_temp {
	int fd;
	int live;
	char *path; /* final */
	char *temp;
};
int io_temp_begin(struct io_temp *, const char *path, const char *suffix,
    const struct io_perm *, struct err *);
int io_temp_unique(struct io_temp *, const char *path, const char *mark,
    const struct io_perm *, struct err *);
int io_temp_commit(struct io_temp *, int noreplace, int64_t mtime_ms,
    struct err *);
int io_temp_publish(struct io_temp *, int64_t mtime_ms, struct err *);
void io_temp_abort(struct io_temp *);

/* Writes a small file whole through io_temp_unique (replacing). */
int io_write_file(const char *path, const void *buf, size_t len,
    const struct io_perm *, struct err *);

/* An unlinked temporary file in dir ("" for $TMPDIR or /tmp). Returns the
 * descriptor, O_CLOEXEC, or -1. */
int io_anon(const char *dir, struct err *);

/* Descriptors 0, 1 and 2 that are closed are taken up by ones that refuse every
 * read and write, so that no file opened later has their number and gets
 * what is meant for standard output or error. First thing in main. */
void io_hold_std(void);

/* Renames path to NAME.orphan-TIME, or NAME.orphan-TIME.N where that is
 * taken. The caller keeps others of its kind out meanwhile. 1: moved, *to
 * (allocated) is where; 0: there was nothing; -1. */
int io_move_aside(const char *path, int64_t now_ms, char **to, struct err *);

/* fsync of a file by path. */
int io_sync_file(const char *path, struct err *);

/* fsync of a folder by path. */
int io_sync_dir(const char *path, struct err *);

/* Free bytes for us on the file system of path. */
int io_free_bytes(const char *path, uint64_t *bytes, struct err *);

#endif
