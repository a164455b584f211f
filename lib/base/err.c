#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void
err_vfmt(struct err *e, const char *fmt, va_list ap)
{
	vsnprintf(e->msg, sizeof e->msg, fmt, ap);
}

int
err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	e->kind = kind;
	e->sys = 0;
	va_start(ap, fmt);
	err_vfmt(e, fmt, ap);
	va_end(ap);
	return -1;
}

static enum err_kind
err_from_errno(int n)
{
	switch (n) {
	case ENOENT: return ERR_NOTFOUND;
	case EACCES: case EPERM: case EROFS: return ERR_DENIED;
	case ENOSPC: case EDQUOT: return ERR_FULL;
	case EEXIST: return ERR_EXISTS;
	case EBUSY: case EAGAIN: return ERR_BUSY;
	default: return ERR_TEMP;
	}
}

int
err_sys(struct err *e, const char *fmt, ...)
{
	int n = errno;
	size_t len;
	va_list ap;

	e->kind = err_from_errno(n);
	e->sys = n;
	va_start(ap, fmt);
	err_vfmt(e, fmt, ap);
	va_end(ap);
	len = strlen(e->msg);
	snprintf(e->msg + len, sizeof e->msg - len, ": %s", strerror(n));
	return -1;
}

int
err_in(struct err *e, const char *fmt, ...)
{
	char old[ERR_MSG_MAX];
	size_t len;
	va_list ap;

	memcpy(old, e->msg, sizeof old);
	va_start(ap, fmt);
	err_vfmt(e, fmt, ap);
	va_end(ap);
	len = strlen(e->msg);
	snprintf(e->msg + len, sizeof e->msg - len, ": %s", old);
	return -1;
}

int
err_nomem(struct err *e)
{
	return err_set(e, ERR_TEMP, "out of memory");
}

void
err_clear(struct err *e)
{
	e->kind = ERR_NONE;
	e->sys = 0;
	e->msg[0] = 0;
}

int
err_exit(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE: return 0;
	case ERR_USAGE: return 100;
	case ERR_BUG: return 101;
	case ERR_DATA: case ERR_CONF: case ERR_DENIED:
	case ERR_FENCED: case ERR_HELD: return 102;
	case ERR_NOTFOUND: case ERR_NO: return 1;
	default: return 111;
	}
}

const char *
err_word(enum err_kind kind)
{
	static const char *const words[] = {
		"none", "usage", "bug", "data", "conf", "denied", "fenced",
		"held", "notfound", "no", "exists", "full", "busy", "temp"
	};

	return (unsigned)kind < sizeof words / sizeof *words
	    ? words[kind] : "bug";
}
