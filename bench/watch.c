/* watch DIR LOG: writes a line for every file that appears in a folder of a
 * replica, by inotify, so that waiting costs nothing: the time in ms, the
 * time stamp of its LTX header in ms (0: not LTX), its name. The folder may
 * come later. Ends on TERM. */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* LTX: "LTX1" first, the time stamp big-endian at byte 32. */
static uint64_t
header_time(const char *dir, const char *name)
{
	char path[4096];
	unsigned char h[40];
	uint64_t t = 0;
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	if (read(fd, h, sizeof h) == sizeof h && memcmp(h, "LTX1", 4) == 0)
		for (int i = 32; i < 40; i++)
			t = t << 8 | h[i];
	close(fd);
	return t;
}

int
main(int argc, char **argv)
{
	char buf[65536] __attribute__((aligned(8)));
	struct timespec pause = { 0, 20 * 1000000 };
	FILE *log;
	ssize_t n;
	int fd;

	if (argc != 3 || (log = fopen(argv[2], "w")) == NULL) {
		fprintf(stderr, "usage: watch DIR LOG\n");
		return 100;
	}
	setvbuf(log, NULL, _IOLBF, 0);
	fd = inotify_init1(IN_CLOEXEC);
	while (inotify_add_watch(fd, argv[1], IN_CREATE | IN_MOVED_TO) == -1) {
		if (errno != ENOENT) {
			perror("watch");
			return 111;
		}
		nanosleep(&pause, NULL);
	}
	while ((n = read(fd, buf, sizeof buf)) > 0) {
		double t = now_ms();

		for (char *p = buf; p < buf + n;) {
			struct inotify_event *e = (struct inotify_event *)p;

			p += sizeof *e + e->len;
			if (e->len == 0 || strstr(e->name, "tmp") != NULL
			    || e->mask & IN_ISDIR)
				continue;
			fprintf(log, "%.3f %llu %s\n", t,
			    (unsigned long long)header_time(argv[1], e->name),
			    e->name);
		}
	}
	return 0;
}
