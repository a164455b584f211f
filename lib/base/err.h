#ifndef LS_BASE_ERR_H
#define LS_BASE_ERR_H

/* Errors: a kind, which decides exit code and retry in one place, and a
 * message that grows context on its way up. Functions that can fail return
 * 0 or -1 and take a struct err * last. The message never ends in a newline
 * and never holds a secret. */

enum err_kind {
	ERR_NONE = 0,
	ERR_USAGE,    /* 100: wrong arguments */
	ERR_BUG,      /* 101: cannot happen */
	ERR_DATA,     /* 102: damaged or foreign bytes */
	ERR_CONF,     /* 102: configuration that cannot work */
	ERR_DENIED,   /* 102: credentials or rights refused */
	ERR_FENCED,   /* 102: another writer owns the replica */
	ERR_HELD,     /* 102: would replace what a replica holds */
	ERR_NOTFOUND, /* 1: the honest answer is no: nothing there */
	ERR_NO,       /* 1: the honest answer is no: differs, not healthy */
	ERR_EXISTS,   /* 111: create-if-absent found something there */
	ERR_FULL,     /* 111: no space */
	ERR_BUSY,     /* 111: locked, conflict, try soon */
	ERR_TEMP      /* 111: network, server, any other system error */
};

#define ERR_MSG_MAX 768

struct err {
	enum err_kind kind;
	int sys; /* errno where there was one, else 0 */
	char msg[ERR_MSG_MAX];
};

/* Sets kind and message (printf format). Always returns -1. */
int err_set(struct err *, enum err_kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set, with ": strerror(errno)" appended and the kind from errno:
 * ENOENT NOTFOUND; EACCES, EPERM, EROFS DENIED; ENOSPC, EDQUOT FULL;
 * EEXIST EXISTS; EBUSY, EAGAIN BUSY; others TEMP. Returns -1. */
int err_sys(struct err *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts "context: " before the message; keeps the kind. Returns -1. */
int err_in(struct err *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Out of memory: kind TEMP. Returns -1. */
int err_nomem(struct err *);

/* Forgets. */
void err_clear(struct err *);

/* The exit code of a kind: 0, 1, 100, 101, 102 or 111. */
int err_exit(enum err_kind);

/* One word for logs and the status file: "denied", "temp", ... Static. */
const char *err_word(enum err_kind);

#endif
