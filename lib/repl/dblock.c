#include "repl/dblock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include "base/when.h"

/* Where SQLite locks: the page that lies there is never used. */
#define PENDING 0x40000000
#define OWNER 0x40000300 /* in the same page */
#define SHARED_FIRST 0x40000002
#define SHARED_SIZE 510

#define TRY_MS 10
#define OPEN_MS 1000  /* new readers come in */
#define SHUT_MS 250   /* and wait */

static int
range(int fd, int type, off_t start, off_t len, struct err *e)
{
	struct flock f;
	int r;

	memset(&f, 0, sizeof f);
	f.l_type = (short)type;
	f.l_whence = SEEK_SET;
	f.l_start = start;
	f.l_len = len;
	do
		r = fcntl(fd, F_OFD_SETLK, &f);
	while (r < 0 && errno == EINTR);
	if (!r)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(e, ERR_BUSY, "the database is in use");
	return err_sys(e, "lock the database");
}

int
dblock_set(int fd, enum dblock how, struct err *e)
{
	struct err ignored;
	off_t all = SHARED_FIRST + SHARED_SIZE - PENDING;

	switch (how) {
	case DBLOCK_NONE:
		return range(fd, F_UNLCK, PENDING, all, e);
	case DBLOCK_SHARED:
		/* a writer that waits lets no new readers in */
		if (range(fd, F_RDLCK, PENDING, 1, e) < 0)
			return -1;
		if (range(fd, F_RDLCK, SHARED_FIRST, SHARED_SIZE, e) < 0) {
			range(fd, F_UNLCK, PENDING, all, &ignored);
			return -1;
		}
		return range(fd, F_UNLCK, PENDING, 1, e);
	case DBLOCK_EXCLUSIVE:
		if (range(fd, F_WRLCK, PENDING, all, e) < 0) {
			range(fd, F_UNLCK, PENDING, all, &ignored);
			return -1;
		}
		return 0;
	}
	return err_set(e, ERR_BUG, "no such lock");
}

int
dblock_own(int fd, struct err *e)
{
	return range(fd, F_WRLCK, OWNER, 1, e);
}

int
dblock_wait(int fd, int64_t wait_ms, const struct log *log,
    const char *path, struct err *e)
{
	const struct timespec pause = { 0, TRY_MS * 1000000 };
	int64_t start = when_mono(), turn = start, now;
	int shut = 0, told = 0;

	while (dblock_set(fd, DBLOCK_EXCLUSIVE, e) < 0) {
		if (e->kind != ERR_BUSY)
			return -1;
		now = when_mono();
		if (!told && now - start >= wait_ms) {
			log_event(log, LOG_WARN, "waiting for readers to end: "
			    "the standby stays where it is until then", "db",
			    path, NULL);
			told = 1;
		}
		if (now - turn >= (shut ? SHUT_MS : OPEN_MS)) {
			shut = !shut;
			turn = now;
		}
		if (shut && range(fd, F_WRLCK, PENDING, 1, e) < 0
		    && e->kind != ERR_BUSY)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}
