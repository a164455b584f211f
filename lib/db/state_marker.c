#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/crc64.h"
#include "base/hex.h"
#include "db/state.h"

/* Both files are one line of words and a line with the CRC-64 of it: what a
 * power loss left half written is told from what was meant. */

#define LINE_MAX_BYTES 1536
#define FACTS_FMT "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRIu64 \
	" %" PRIu64 " %" PRId64 " %" PRIx64 " %" PRIu32 " %" PRIu32 \
	" %" PRIu32 " %" PRId64
#define FACTS_OUT(f) (f)->dev, (f)->ino, (f)->size, (f)->mtime_ns, \
	(f)->wal_ino, (f)->wal_size, (f)->wal_mtime_ns, (f)->page1, \
	(f)->change_counter, (f)->schema_cookie, (f)->page_size, (f)->btime_ns
#define FACTS_SCN "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNd64 " %" SCNu64 \
	" %" SCNu64 " %" SCNd64 " %" SCNx64 " %" SCNu32 " %" SCNu32 \
	" %" SCNu32 " %" SCNd64
#define FACTS_IN(f) &(f)->dev, &(f)->ino, &(f)->size, &(f)->mtime_ns, \
	&(f)->wal_ino, &(f)->wal_size, &(f)->wal_mtime_ns, &(f)->page1, \
	&(f)->change_counter, &(f)->schema_cookie, &(f)->page_size, \
	&(f)->btime_ns

static int
path_of(char *path, size_t len, const char *dir, const char *name,
    struct err *err)
{
	if ((size_t)snprintf(path, len, "%s/%s", dir, name) >= len)
		return err_set(err, ERR_CONF, "path too long: %s", dir);
	return 0;
}

static void
line_end(char *line, size_t n)
{
	hex64_fmt(line + n, crc64(0, line, n));
	line[n + 16] = '\n';
}

static int
line_read(const char *dir, const char *name, char *line, struct err *err)
{
	char path[4096];
	uint64_t crc;
	ssize_t n;
	int fd;

	if (path_of(path, sizeof path, dir, name, err) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "open %s", path);
	n = read(fd, line, LINE_MAX_BYTES - 1);
	close(fd);
	if (n < 0)
		return err_sys(err, "read %s", path);
	line[n] = 0;
	if (n < 17 || hex64_scan(line + n - 17, &crc) < 0
	    || crc != crc64(0, line, n - 17))
		return err_set(err, ERR_DATA, "%s is damaged", path);
	line[n - 17] = 0;
	return 0;
}

int
state_marker_write(const char *dir, const struct state_marker *m,
    struct err *err)
{
	static const char *const word[] = { "", "stop", "restore", "strange" };
	char line[LINE_MAX_BYTES], path[4096];
	int n;

	n = snprintf(line, sizeof line - 32, "%s %" PRIu64 " " FACTS_FMT " %s\n",
	    word[m->kind], m->txid,
	    FACTS_OUT(&m->facts), m->url);
	if (n < 0 || (size_t)n >= sizeof line - 32)
		return err_set(err, ERR_BUG, "marker too long");
	line_end(line, n);
	if (path_of(path, sizeof path, dir, "marker", err) < 0)
		return -1;
	return io_write_file(path, line, n + 17, 0, err);
}

int
state_marker_read(const char *dir, struct state_marker *m, struct err *err)
{
	char line[LINE_MAX_BYTES], kind[8];
	int at = 0;

	memset(m, 0, sizeof *m);
	if (line_read(dir, "marker", line, err) < 0)
		return -1;
	if (sscanf(line, "%7s %" SCNu64 " " FACTS_SCN " %n", kind, &m->txid,
	    FACTS_IN(&m->facts), &at) != 14 || !at)
		return err_set(err, ERR_DATA, "marker in %s is damaged", dir);
	if (!strcmp(kind, "stop"))
		m->kind = MARKER_STOP;
	else if (!strcmp(kind, "restore"))
		m->kind = MARKER_RESTORE;
	else if (!strcmp(kind, "strange"))
		m->kind = MARKER_STRANGE;
	else
		return err_set(err, ERR_DATA, "marker in %s is damaged", dir);
	snprintf(m->url, sizeof m->url, "%s", line + at);
	m->url[strcspn(m->url, "\n")] = 0;
	return 0;
}

int
state_marker_remove(const char *dir, struct err *err)
{
	char path[4096];

	if (path_of(path, sizeof path, dir, "marker", err) < 0)
		return -1;
	if (unlink(path) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(err, "remove %s", path);
	}
	return io_sync_dir(dir, err);
}

int
state_shipped_write(const char *dir, const struct state_facts *f,
    struct err *err)
{
	char line[LINE_MAX_BYTES], path[4096];
	int n = snprintf(line, sizeof line - 32, FACTS_FMT "\n", FACTS_OUT(f));
	struct io_temp t;

	/* Not synced: an older one, or none, only tells less */
	line_end(line, n);
	if (path_of(path, sizeof path, dir, "shipped", err) < 0
	    || io_temp_begin(&t, path, 0, 0, err) < 0)
		return -1;
	if (io_pwriten(t.fd, line, n + 17, 0, err) < 0) {
		io_temp_abort(&t);
		return -1;
	}
	return io_temp_publish(&t, -1, err);
}

int
state_shipped_read(const char *dir, struct state_facts *f, struct err *err)
{
	char line[LINE_MAX_BYTES];

	memset(f, 0, sizeof *f);
	if (line_read(dir, "shipped", line, err) < 0)
		return -1;
	if (sscanf(line, FACTS_SCN, FACTS_IN(f)) != 12)
		return err_set(err, ERR_DATA, "shipped in %s is damaged", dir);
	return 0;
}
