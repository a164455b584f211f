#include "repl/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/io.h"

#define FILE_MAX (16u << 20)

int
record_text(stralloc *s, const char *key, const char *v)
{
	if (!v)
		return 1;
	if (!stralloc_append(s, '\t') || !stralloc_cats(s, key)
	    || !stralloc_append(s, '='))
		return 0;
	for (; *v; v++) {
		char c = *v;

		if (c == '\\' || c == '\t' || c == '\n') {
			if (!stralloc_append(s, '\\'))
				return 0;
			c = c == '\t' ? 't' : c == '\n' ? 'n' : c;
		}
		if (!stralloc_append(s, c))
			return 0;
	}
	return 1;
}

int
record_num(stralloc *s, const char *key, uint64_t v)
{
	char b[24];

	if (!v)
		return 1;
	snprintf(b, sizeof b, "%" PRIu64, v);
	return record_text(s, key, b);
}

int
record_txid(stralloc *s, const char *key, uint64_t v)
{
	char b[17];

	hex64_fmt(b, v);
	return !v || record_text(s, key, b);
}

void
record_unescape(char *s)
{
	char *w = s;

	for (; *s; s++) {
		if (*s == '\\' && s[1]) {
			s++;
			*w++ = *s == 't' ? '\t' : *s == 'n' ? '\n' : *s;
		} else {
			*w++ = *s;
		}
	}
	*w = 0;
}

uint64_t
record_scan(const char *s)
{
	return strtoull(s, NULL, 10);
}

void *
record_grow(void **a, size_t *n, size_t size)
{
	char *p = realloc(*a, (*n + 1) * size);

	if (!p)
		return NULL;
	*a = p;
	memset(p + *n * size, 0, size);
	return p + (*n)++ * size;
}

char *
record_read(const char *path, size_t *len, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *s = NULL, *p;
	size_t a = 0, n = 0;
	ssize_t r;

	if (fd < 0) {
		err_sys(e, "open %s", path);
		return NULL;
	}
	for (;;) {
		if (a - n < 4096) {
			if (a > FILE_MAX
			    || !(p = realloc(s, a = a ? a * 2 : 8192))) {
				err_nomem(e);
				break;
			}
			s = p;
		}
		if ((r = read(fd, s + n, a - n - 1)) < 0) {
			if (errno == EINTR)
				continue;
			err_sys(e, "read %s", path);
			break;
		}
		if (r == 0) {
			close(fd);
			s[n] = 0;
			*len = n;
			return s;
		}
		n += (size_t)r;
	}
	close(fd);
	free(s);
	return NULL;
}

char *
record_field(char **line, char **value)
{
	char *f, *next;

	while ((f = *line)) {
		if ((next = strchr(f, '\t')))
			*next++ = 0;
		*line = next;
		if (!(*value = strchr(f, '=')))
			continue;
		*(*value)++ = 0;
		record_unescape(*value);
		return f;
	}
	return NULL;
}

int
record_end(stralloc *s, int ok, char **text, size_t *len, struct err *e)
{
	*len = s->len;
	if (ok && stralloc_0(s)) {
		*text = s->s;
		return 0;
	}
	stralloc_free(s);
	return err_nomem(e);
}

int
record_write(const char *path, char *text, size_t len, struct err *e)
{
	struct io_perm perm = { .uid = (uid_t)-1, .gid = (gid_t)-1,
	    .file_mode = 0600 };
	struct io_temp t;
	int r = io_temp_begin(&t, path, NULL, &perm, e);

	if (!r && io_out_fd(&t.fd).write(&t.fd, text, len, e) < 0) {
		io_temp_abort(&t);
		r = -1;
	}
	free(text);
	return r < 0 ? -1 : io_temp_publish(&t, -1, e);
}

int
record_lines(char *text, size_t len, const char *head, record_line_fn *fn,
    void *ctx, struct err *e)
{
	char *line, *f, *nl;

	if (strlen(text) != len || strncmp(text, head, strlen(head)))
		return err_set(e, ERR_DATA, "not a file of %.*s",
		    (int)strlen(head) - 1, head);
	for (line = text + strlen(head); *line; line = nl + 1) {
		if (!(nl = strchr(line, '\n')))
			return err_set(e, ERR_DATA, "last line is cut off");
		*nl = 0;
		if ((f = strchr(line, '\t')))
			*f++ = 0;
		if (fn(ctx, line, f, e) < 0)
			return -1;
	}
	return 0;
}

uint64_t
record_proc_start(uint64_t pid)
{
	char path[64], *s, *p;
	struct err ign;
	uint64_t v = 0;
	size_t len;
	int i;

	snprintf(path, sizeof path, "/proc/%" PRIu64 "/stat", pid);
	if (!(s = record_read(path, &len, &ign)))
		return 0;
	/* the name in parentheses may hold anything: from the last one on,
	 * a blank, field 3 and so on; who has ended and was not waited for is
	 * no process */
	if ((p = strrchr(s, ')')) && p[1] && !strchr("ZX", p[2])) {
		for (i = 2; p && i < 22; i++)
			p = strchr(p + 1, ' ');
		if (p)
			v = record_scan(p + 1);
	}
	free(s);
	return v;
}

int
record_stale(uint64_t pid, uint64_t start)
{
	return !pid || record_proc_start(pid) != start;
}
