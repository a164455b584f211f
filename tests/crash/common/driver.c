#include "driver.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/when.h"

void
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(111);
}

double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

double
cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec
	    + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void
count(struct driver *d)
{
	d->files += d->res.new_files;
	d->steps++;
	if (d->res.gap_from && d->res.gap_from > 1)
		d->dumps++;
}

void
driver_begin(struct driver *d, const char *path, int64_t sync_ms,
    enum log_level level)
{
	struct capture_conf conf;
	struct capture_remote remote;

	memset(d, 0, sizeof *d);
	memset(&conf, 0, sizeof conf);
	memset(&remote, 0, sizeof remote);
	d->log.fd = 2;
	d->log.level = level;
	conf.path = path;
	conf.min_checkpoint_pages = 1000;
	conf.max_checkpoint_pages = 121359;
	conf.checkpoint_interval_ms = 60000;
	conf.busy_timeout_ms = 1000;
	conf.sync_interval_ms = sync_ms;
	conf.max_sync_wal_bytes = 64 << 20;
	conf.memory_bytes = 1 << 20;
	conf.encoding = LTX_BLOCK;
	conf.log = &d->log;
	if (capture_new(&d->c, &conf, &d->err) < 0
	    || watch_new(&d->w, 1000, 0, &d->err) < 0
	    || watch_add(d->w, 7, path, &d->err) < 0
	    || watch_arm(d->w, 7, &d->err) < 0)
		die("begin: %s", d->err.msg);
	if (capture_start(d->c, &remote, &d->res, &d->err) < 0) {
		d->failures++;
		fprintf(stderr, "start: %s\n", d->err.msg);
	}
	count(d);
}

static void
do_step(struct driver *d, unsigned why)
{
	if (d->res.arm && watch_arm(d->w, 7, &d->err) < 0)
		die("arm: %s", d->err.msg);
	if (capture_step(d->c, why, &d->res, &d->err) < 0) {
		d->failures++;
		fprintf(stderr, "step: %s\n", d->err.msg);
	}
	count(d);
}

void
driver_turn(struct driver *d, int64_t until_ms)
{
	struct pollfd p = { watch_fd(d->w), POLLIN, 0 };
	int64_t now = when_mono(), next = d->res.next_ms;
	unsigned why;
	uint32_t id;

	if (d->noted && (next < 0 || d->res.quiet_ms < next))
		next = d->res.quiet_ms;
	if (next < 0 || next > until_ms)
		next = until_ms;
	poll(&p, 1, next > now ? (int)(next - now) : 0);
	d->wakes++;
	while (watch_read(d->w, &id, &why, &d->err) > 0)
		d->noted |= why;
	now = when_mono();
	if ((d->noted & ~CAPTURE_WAL)
	    || (d->noted && now >= d->res.quiet_ms)) {
		why = d->noted;
		d->noted = 0;
		do_step(d, why);
	} else if (d->res.next_ms >= 0 && now >= d->res.next_ms) {
		do_step(d, CAPTURE_TIMER);
	}
}

void
driver_end(struct driver *d)
{
	if (capture_stop(d->c, &d->res, &d->err) < 0) {
		d->failures++;
		fprintf(stderr, "stop: %s\n", d->err.msg);
	}
	count(d);
	capture_free(d->c);
	watch_free(d->w);
	d->c = 0;
	d->w = 0;
}

struct image {
	unsigned char **page;
	uint32_t n, alloc, size;
};

static void
image_set(struct image *m, uint32_t pgno, const unsigned char *data)
{
	if (pgno > m->alloc) {
		uint32_t n = pgno * 2 + 1024;

		m->page = realloc(m->page, n * sizeof *m->page);
		memset(m->page + m->alloc, 0,
		    (n - m->alloc) * sizeof *m->page);
		m->alloc = n;
	}
	if (!m->page[pgno - 1])
		m->page[pgno - 1] = malloc(m->size);
	memcpy(m->page[pgno - 1], data, m->size);
}

static void
apply(struct image *m, const char *path)
{
	const unsigned char *data;
	struct ltx_dec *dec;
	struct err err;
	uint32_t pgno;
	int r, fd = open(path, O_RDONLY);

	if (fd < 0 || ltx_dec_begin(&dec, io_in_fd(&fd), &err) < 0)
		die("%s: cannot be read", path);
	m->size = ltx_dec_header(dec)->page_size;
	while ((r = ltx_dec_page(dec, &pgno, &data, &err)) > 0)
		image_set(m, pgno, data);
	if (r < 0)
		die("%s: %s", path, err.msg);
	/* What lies past the end is gone: it must come again to be there */
	m->n = ltx_dec_header(dec)->commit;
	for (pgno = m->n; pgno < m->alloc; pgno++) {
		free(m->page[pgno]);
		m->page[pgno] = 0;
	}
	ltx_dec_free(dec);
	close(fd);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_ltx(const struct dirent *e)
{
	uint64_t a, b;

	return !ltx_name_scan(e->d_name, &a, &b);
}

long
compare_files(const char *dir, const char *db)
{
	struct dirent **names;
	struct image m = { 0, 0, 0, 0 };
	char path[4096];
	unsigned char *buf;
	uint64_t last = 0, a, b;
	long bad = 0;
	uint32_t i;
	int fd, n, k = scandir(dir, &names, is_ltx, by_name);

	for (n = 0; n < k; n++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[n]->d_name);
		ltx_name_scan(names[n]->d_name, &a, &b);
		if (last && a != last + 1)
			die("gap before %s", names[n]->d_name);
		last = b;
		apply(&m, path);
		free(names[n]);
	}
	if (k <= 0)
		die("no level-0 files in %s", dir);
	free(names);
	fd = open(db, O_RDONLY);
	buf = malloc(m.size);
	for (i = 0; pread(fd, buf, m.size, (off_t)i * m.size) == m.size; i++)
		if (i >= m.n || ((off_t)i * m.size != 0x40000000
		    && (!m.page[i] || memcmp(m.page[i], buf, m.size))))
			bad++;
	if (i < m.n)
		bad += m.n - i;
	close(fd);
	free(buf);
	for (i = 0; i < m.alloc; i++)
		free(m.page[i]);
	free(m.page);
	return bad;
}

pid_t
self(const char *arg, ...)
{
	char *argv[16] = { "self", (char *)arg };
	int n = 2;
	pid_t pid, parent;
	va_list ap;

	va_start(ap, arg);
	while (n < 15 && (argv[n] = va_arg(ap, char *)))
		n++;
	va_end(ap);
	argv[n] = 0;
	parent = getpid();
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		/* Nobody outlives who started it, not even by a hair */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	return pid;
}

void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, 0, 0);
}
