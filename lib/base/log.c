#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/utf8.h"
#include "base/when.h"

/* A line is written by one write(2) and pipes keep writes of up to 4096
 * bytes whole, so that is the cap; a value that does not fit ends in "..."
 * and what follows it is dropped. TAIL is room to end any line: ..."}\n */
#define LINE_MAX_BYTES 4096
#define TAIL 8

struct line {
	char b[LINE_MAX_BYTES];
	size_t n;
	int full, json;
};

static const char *const names[] = {
	"trace", "debug", "info", "warn", "error"
};
static const char *const upper[] = {
	"TRACE", "DEBUG", "INFO", "WARN", "ERROR"
};

static size_t
room(const struct line *l)
{
	return l->n < sizeof l->b - TAIL ? sizeof l->b - TAIL - l->n : 0;
}

static int
put(struct line *l, const char *s, size_t n)
{
	if (l->full || n > room(l)) {
		l->full = 1;
		return -1;
	}
	memcpy(l->b + l->n, s, n);
	l->n += n;
	return 0;
}

static int
puts_(struct line *l, const char *s)
{
	return put(l, s, strlen(s));
}

static int
plain(const char *v)
{
	const unsigned char *s = (const unsigned char *)v;

	if (!*s)
		return 0;
	for (size_t n; *s; s += n)
		if (*s <= ' ' || *s == '"' || *s == '\\' || *s == '='
		    || *s == 0x7f || !(n = utf8_len(s))
		    || (*s == 0xc2 && s[1] < 0xa0))
			return 0;
	return 1;
}

static void
quoted(struct line *l, const char *v)
{
	const unsigned char *s = (const unsigned char *)v;
	int lost = 0;

	if (puts_(l, "\"") < 0)
		return;
	for (size_t n; *s && !lost; s += n) {
		char e[8];

		n = utf8_len(s);
		if (*s == '"' || *s == '\\')
			snprintf(e, sizeof e, "\\%c", *s);
		else if (*s == '\n')
			snprintf(e, sizeof e, "\\n");
		else if (*s == '\t')
			snprintf(e, sizeof e, "\\t");
		else if (*s == '\r')
			snprintf(e, sizeof e, "\\r");
		else if (!n)
			snprintf(e, sizeof e, l->json ? "\\ufffd" : "\\x%02x",
			    *s);
		else if (*s < ' ' || *s == 0x7f)
			snprintf(e, sizeof e, "\\u%04x", *s);
		else if (*s == 0xc2 && s[1] < 0xa0)
			snprintf(e, sizeof e, "\\u%04x", s[1]);
		else {
			lost = put(l, (const char *)s, n) < 0;
			continue;
		}
		n = n ? n : 1;
		lost = puts_(l, e) < 0;
	}
	if (lost) {
		memcpy(l->b + l->n, "...", 3);
		l->n += 3;
	}
	l->b[l->n++] = '"';
}

static void
pair(struct line *l, const char *key, const char *value)
{
	/* a key whose value would not even begin is left out whole */
	if (!value || l->full || strlen(key) + 8 > room(l))
		return;
	if (l->json) {
		puts_(l, l->n > 1 ? "," : "");
		quoted(l, key);
		puts_(l, ":");
		quoted(l, value);
		return;
	}
	if (l->n)
		puts_(l, " ");
	puts_(l, key);
	puts_(l, "=");
	if (!plain(value) || strlen(value) > room(l))
		quoted(l, value);
	else
		puts_(l, value);
}

void
log_date(char *s, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	if (!localtime_r(&now, &tm)
	    || !strftime(s, size, "%Y/%m/%d %H:%M:%S", &tm))
		*s = 0;
}

static int
line_begin(struct line *l, const struct log *log, enum log_level level,
    const char *msg)
{
	char t[WHEN_FMT];

	if (!log || level < log->level)
		return -1;
	l->n = 0;
	l->full = 0;
	l->json = log->json;
	if (log->date) {
		log_date(t, sizeof t);
		puts_(l, t);
		puts_(l, " ");
		puts_(l, upper[level]);
		puts_(l, " ");
		puts_(l, msg);
		return 0;
	}
	if (l->json)
		puts_(l, "{");
	if (log->stamp) {
		when_fmt(t, when_now());
		pair(l, "time", t);
	}
	pair(l, "level", (log->upper ? upper : names)[level]);
	pair(l, "prog", log->prog);
	pair(l, "msg", msg);
	return 0;
}

static void
line_pairs(struct line *l, va_list ap)
{
	const char *key;

	while ((key = va_arg(ap, const char *)))
		pair(l, key, va_arg(ap, const char *));
}

static void
line_end(struct line *l, const struct log *log)
{
	int saved = errno;

	if (l->json)
		l->b[l->n++] = '}';
	l->b[l->n++] = '\n';
	while (write(log->fd, l->b, l->n) < 0 && errno == EINTR)
		;
	errno = saved;
}

void
log_event(const struct log *log, enum log_level level, const char *msg, ...)
{
	struct line l;
	va_list ap;

	if (line_begin(&l, log, level, msg) < 0)
		return;
	va_start(ap, msg);
	line_pairs(&l, ap);
	va_end(ap);
	line_end(&l, log);
}

void
log_err(const struct log *log, enum log_level level, const struct err *err,
    const char *msg, ...)
{
	struct line l;
	va_list ap;

	if (line_begin(&l, log, level, msg) < 0)
		return;
	va_start(ap, msg);
	line_pairs(&l, ap);
	va_end(ap);
	pair(&l, "error", err->msg);
	pair(&l, "kind", err_word(err->kind));
	line_end(&l, log);
}

int
log_level_scan(const char *s, enum log_level *level)
{
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(s, names[i])) {
			*level = (enum log_level)i;
			return 0;
		}
	return -1;
}
