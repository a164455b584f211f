#ifndef LS_BASE_LOG_H
#define LS_BASE_LOG_H

#include <stdarg.h>
#include <stddef.h>
#include "base/err.h"

/* Events for people and programs: one line each on a descriptor,
 * level=info msg="..." key=value ... Values with blanks, quotes, '=' or
 * control characters are quoted and escaped. One write(2) a line, so lines
 * of several threads never mix. Library code is handed a struct log by the
 * program that owns it and never opens one. */

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log {
	int fd;                /* 2 */
	enum log_level level;  /* what is below is dropped */
	int stamp;             /* 1: time= first, as without s6-log */
	int json;              /* 1: JSON objects instead of text */
	const char *prog;      /* may be NULL */
	int upper;             /* 1: the level in capitals, as Litestream's */
	int date;              /* 1: "2006/01/02 15:04:05 INFO what key=value",
	                          as Litestream 0.3 before it is configured */
};

/* Keys and values alternate, all const char *, ended by NULL:
 * log_event(l, LOG_INFO, "ltx file shipped", "db", p, "txid", t, NULL).
 * A NULL value is left out with its key. l may be NULL: nothing happens. */
void log_event(const struct log *l, enum log_level, const char *msg, ...)
	__attribute__((sentinel));

/* The same with an error's text and kind as error= and kind= at the end. */
void log_err(const struct log *l, enum log_level, const struct err *,
    const char *msg, ...) __attribute__((sentinel));

/* The local time, as date above has it. */
void log_date(char *s, size_t size);

/* "trace" ... "error" to a level. 0 or -1. */
int log_level_scan(const char *s, enum log_level *);

#endif
