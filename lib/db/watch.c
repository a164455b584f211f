#include "db/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/path.h"
#include "base/when.h"
#include "db/capture.h"

#define DIR_MASK (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO \
	| IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define FILE_MASK (IN_MODIFY | IN_ONESHOT)

/* What polling compares. */
struct seen {
	uint64_t ino, size;
	int64_t sec, nsec;
};

struct entry {
	uint32_t id;
	int used, polled;
	char *dir, *path, *wal;   /* path: dir/name; wal: dir/name-wal */
	const char *name;
	int dir_wd, db_wd, wal_wd; /* -1: none or, of files, not armed */
	unsigned pending;          /* CAPTURE_* to report */
	struct seen db_seen, wal_seen;
};

struct watch {
	int fd;                   /* -1: polling only */
	int64_t poll_ms, next;
	struct entry *e;
	size_t n, at;             /* at: next entry to report from */
	int polled;               /* entries polled */
};

int
watch_new(struct watch **out, int64_t poll_ms, int force_poll,
    struct err *err)
{
	struct watch *w = calloc(1, sizeof *w);

	if (!w)
		return err_nomem(err);
	/* Where the kernel has none left, polling does */
	w->fd = force_poll ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	w->poll_ms = poll_ms > 0 ? poll_ms : 1000;
	*out = w;
	return 0;
}

/* Network file systems tell nothing of what other machines write. */
int
watch_tells(const char *dir)
{
	static const uint32_t deaf[] = {
		0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x65735546, 0x01021997,
		0x00c36400, 0x786f4256, 0x0bd00bd0, 0x5346414f, 0x47504653
	};
	struct statfs st;
	size_t i;

	if (statfs(dir, &st) < 0)
		return 1;
	for (i = 0; i < sizeof deaf / sizeof *deaf; i++)
		if ((uint32_t)st.f_type == deaf[i])
			return 0;
	return 1;
}

static void
see(const char *path, struct seen *s)
{
	struct stat st;

	memset(s, 0, sizeof *s);
	if (stat(path, &st) < 0)
		return;
	s->ino = st.st_ino;
	s->size = st.st_size;
	s->sec = st.st_mtim.tv_sec;
	s->nsec = st.st_mtim.tv_nsec;
}

static void
set_polled(struct watch *w, struct entry *e)
{
	e->polled = 1;
	if (!w->polled++)
		w->next = when_mono() + w->poll_ms;
	see(e->path, &e->db_seen);
	see(e->wal, &e->wal_seen);
}

static struct entry *
slot(struct watch *w)
{
	struct entry *p;
	size_t i;

	for (i = 0; i < w->n; i++)
		if (!w->e[i].used)
			return w->e + i;
	p = realloc(w->e, (w->n + 16) * sizeof *p);
	if (!p)
		return 0;
	memset(p + w->n, 0, 16 * sizeof *p);
	w->e = p;
	w->n += 16;
	return p + w->n - 16;
}

static void
entry_free(struct entry *e)
{
	free(e->dir);
	free(e->path);
	free(e->wal);
	memset(e, 0, sizeof *e);
}

int
watch_add(struct watch *w, uint32_t id, const char *db, struct err *err)
{
	struct entry *e = slot(w);
	const char *slash;
	size_t n;

	if (!e)
		return err_nomem(err);
	memset(e, 0, sizeof *e);
	e->id = id;
	e->dir_wd = e->db_wd = e->wal_wd = -1;
	e->path = path_real(db); /* the folder it is really in */
	n = e->path ? strlen(e->path) : 0;
	e->wal = malloc(n + 5);
	slash = e->path ? strrchr(e->path, '/') : 0;
	if (slash)
		e->dir = strndup(e->path, slash == e->path ? 1
		    : (size_t)(slash - e->path));
	if (!e->dir || !e->wal) {
		entry_free(e);
		return slash ? err_nomem(err) : err_set(err, ERR_CONF,
		    "%s: the path of a database must be absolute", db);
	}
	memcpy(e->wal, e->path, n);
	memcpy(e->wal + n, "-wal", 5);
	e->name = slash + 1;
	e->used = 1;
	if (w->fd >= 0 && watch_tells(e->dir))
		e->dir_wd = inotify_add_watch(w->fd, e->dir, DIR_MASK);
	if (e->dir_wd < 0)
		set_polled(w, e);
	return 0;
}

static struct entry *
find(struct watch *w, uint32_t id)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (w->e[i].used && w->e[i].id == id)
			return w->e + i;
	return 0;
}

static void
disarm(struct watch *w, int *wd)
{
	if (*wd >= 0)
		inotify_rm_watch(w->fd, *wd);
	*wd = -1;
}

int
watch_remove(struct watch *w, uint32_t id)
{
	struct entry *e = find(w, id);
	size_t i;

	if (!e)
		return -1;
	disarm(w, &e->db_wd);
	disarm(w, &e->wal_wd);
	e->used = 0;
	for (i = 0; i < w->n; i++)
		if (w->e[i].used && w->e[i].dir_wd == e->dir_wd)
			break;
	if (i == w->n)
		disarm(w, &e->dir_wd);
	if (e->polled)
		w->polled--;
	entry_free(e);
	return 0;
}

static int
arm(struct watch *w, struct entry *e, const char *path, int *wd)
{
	if (*wd >= 0)
		return 0;
	*wd = inotify_add_watch(w->fd, path, FILE_MASK);
	if (*wd >= 0 || errno == ENOENT)
		return 0;
	/* Out of watches, most likely */
	set_polled(w, e);
	return -1;
}

int
watch_arm(struct watch *w, uint32_t id, struct err *err)
{
	struct entry *e = find(w, id);

	if (!e)
		return err_set(err, ERR_BUG, "no such watch");
	if (!e->polled && !arm(w, e, e->wal, &e->wal_wd))
		arm(w, e, e->path, &e->db_wd);
	return 0;
}

int
watch_fd(const struct watch *w)
{
	return w->fd;
}

int64_t
watch_next(const struct watch *w)
{
	return w->polled ? w->next : -1;
}

static void
name_event(struct watch *w, int wd, uint32_t mask, const char *name)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		struct entry *e = w->e + i;
		size_t len;

		if (!e->used || e->dir_wd != wd)
			continue;
		if (mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
			e->pending |= CAPTURE_DIR;
			e->dir_wd = -1;
			if (!e->polled)
				set_polled(w, e);
			continue;
		}
		len = strlen(e->name);
		if (strncmp(name, e->name, len))
			continue;
		if (!name[len]) {
			disarm(w, &e->db_wd);
			e->pending |= CAPTURE_DIR | CAPTURE_DB;
		} else if (!strcmp(name + len, "-wal")) {
			disarm(w, &e->wal_wd);
			e->pending |= CAPTURE_DIR | CAPTURE_WAL;
		} else if (!strcmp(name + len, "-shm")) {
			e->pending |= CAPTURE_DIR;
		}
	}
}

static int
file_event(struct watch *w, int wd, uint32_t mask)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		struct entry *e = w->e + i;

		if (!e->used || (e->wal_wd != wd && e->db_wd != wd))
			continue;
		if (mask & IN_MODIFY)
			e->pending |= e->wal_wd == wd ? CAPTURE_WAL
			    : CAPTURE_DB;
		/* One-shot: it is gone with its event */
		*(e->wal_wd == wd ? &e->wal_wd : &e->db_wd) = -1;
		return 1;
	}
	return 0;
}

static void
overflow(struct watch *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (w->e[i].used) {
			disarm(w, &w->e[i].wal_wd);
			disarm(w, &w->e[i].db_wd);
			w->e[i].pending |= CAPTURE_DIR | CAPTURE_WAL
			    | CAPTURE_DB;
		}
}

static int
drain(struct watch *w, struct err *err)
{
	char buf[4096]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *ev;
	ssize_t n = read(w->fd, buf, sizeof buf), at;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0
		    : err_sys(err, "read file events");
	for (at = 0; at < n; at += sizeof *ev + ev->len) {
		ev = (const struct inotify_event *)(buf + at);
		if (ev->mask & IN_Q_OVERFLOW)
			overflow(w);
		else if (!file_event(w, ev->wd, ev->mask))
			name_event(w, ev->wd, ev->mask, ev->len ? ev->name
			    : "");
	}
	return 0;
}

static unsigned
compare(const char *path, struct seen *s, unsigned why)
{
	struct seen now;
	unsigned r = 0;

	see(path, &now);
	if (now.ino != s->ino)
		r = why | CAPTURE_DIR;
	else if (memcmp(&now, s, sizeof now))
		r = why;
	*s = now;
	return r;
}

static void
poll_files(struct watch *w)
{
	size_t i;

	w->next = when_mono() + w->poll_ms;
	for (i = 0; i < w->n; i++) {
		struct entry *e = w->e + i;

		if (!e->used || !e->polled)
			continue;
		e->pending |= compare(e->wal, &e->wal_seen, CAPTURE_WAL);
		e->pending |= compare(e->path, &e->db_seen, CAPTURE_DB);
		/* The folder may be there now */
		if (w->fd >= 0 && e->dir_wd < 0 && e->db_seen.ino
		    && watch_tells(e->dir)) {
			e->dir_wd = inotify_add_watch(w->fd, e->dir, DIR_MASK);
			if (e->dir_wd >= 0) {
				e->polled = 0;
				w->polled--;
				e->pending |= CAPTURE_DIR | CAPTURE_WAL;
			}
		}
	}
}

int
watch_read(struct watch *w, uint32_t *id, unsigned *why, struct err *err)
{
	if (!w->at) {
		if (w->fd >= 0 && drain(w, err) < 0)
			return -1;
		if (w->polled && when_mono() >= w->next)
			poll_files(w);
	}
	for (; w->at < w->n; w->at++) {
		struct entry *e = w->e + w->at;

		if (!e->used || !e->pending)
			continue;
		*id = e->id;
		*why = e->pending;
		e->pending = 0;
		w->at++;
		return 1;
	}
	w->at = 0;
	return 0;
}

void
watch_free(struct watch *w)
{
	size_t i;

	if (!w)
		return;
	for (i = 0; i < w->n; i++)
		if (w->e[i].used)
			entry_free(w->e + i);
	if (w->fd >= 0)
		close(w->fd);
	free(w->e);
	free(w);
}
