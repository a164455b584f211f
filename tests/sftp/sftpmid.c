/* sftpmid: a troublesome SFTP server: between sshd and the real one, as
 *     Subsystem sftp sftpmid FILE /usr/lib/openssh/sftp-server
 * FILE says what to do, and is gone once something was done that happens once:
 *     die N        ends the connection at the Nth request, before the server
 *                  has it
 *     mute N       ends it when the server has answered, without the answer
 *     leave N      ends, and leaves sshd its connection
 *     hang N       goes on no more at the Nth request
 *     overwrite    renames replace
 *     short        listings tell names alone
 *     nodots       nor "." nor ".."
 *     lossy        what is written is thanked for, and not kept
 *     full         what is written is refused, and no room is told
 *     quota        only the former
 *     count        FILE.count gets the number of requests of a connection
 * Without FILE it does nothing. */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX (1u << 20)

enum { CLOSE = 4, WRITE = 6, RENAME = 18, STATUS = 101, NAME = 104,
	EXTENDED = 200, EXTENDED_REPLY = 201 };

static char mode[32];
static const char *file;
static unsigned long at, n;
static int to, from;    /* the server */
static unsigned char buf[MAX];
static int muted;       /* id whose answer is kept back, while last */
static uint32_t last;
static uint32_t room;   /* id of a question for the room there is */

static uint32_t
get(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16
	    | (uint32_t)p[2] << 8 | p[3];
}

static void
put(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)(v >> 24);
	p[1] = (unsigned char)(v >> 16);
	p[2] = (unsigned char)(v >> 8);
	p[3] = (unsigned char)v;
}

static void
end(void)
{
	close(to);
	close(from); /* or it waits for who reads what it still says */
	wait(0);
	if (!strcmp(mode, "count")) {
		char name[4096];
		FILE *f;

		snprintf(name, sizeof name, "%s.count", file);
		if ((f = fopen(name, "w"))) {
			fprintf(f, "%lu\n", n);
			fclose(f);
		}
	}
	exit(0);
}

/* With sshd's process of this connection. */
static void
drop(void)
{
	kill(getppid(), SIGKILL);
	end();
}

static void
readn(int fd, unsigned char *p, size_t len)
{
	while (len) {
		ssize_t r = read(fd, p, len);

		if (r <= 0)
			end();
		p += r;
		len -= (size_t)r;
	}
}

static void
writen(int fd, const unsigned char *p, size_t len)
{
	while (len) {
		ssize_t r = write(fd, p, len);

		if (r <= 0)
			end();
		p += r;
		len -= (size_t)r;
	}
}

/* A packet into buf, its length too. */
static size_t
packet(int fd)
{
	uint32_t len;

	readn(fd, buf, 4);
	len = get(buf);
	if (!len || len > MAX - 64)
		end();
	readn(fd, buf + 4, len);
	return len + 4;
}

static void
status(uint32_t id, uint32_t code)
{
	unsigned char p[64] = { 0 };

	put(p, 17);
	p[4] = STATUS;
	put(p + 5, id);
	put(p + 9, code);
	/* message and language: empty */
	writen(1, p, 21);
}

static int
is(const char *s)
{
	return !strcmp(mode, s);
}

static void
once(void)
{
	unlink(file);
}

static size_t
overwrite(size_t len)
{
	static const char name[] = "posix-rename@openssh.com";
	size_t k = sizeof name - 1;

	memmove(buf + 9 + 4 + k, buf + 9, len - 9);
	buf[4] = EXTENDED;
	put(buf + 9, (uint32_t)k);
	memcpy(buf + 13, name, k);
	len += 4 + k;
	put(buf, (uint32_t)(len - 4));
	return len;
}

static void
request(void)
{
	size_t len = packet(0);
	int type = buf[4];
	uint32_t id = len >= 9 ? get(buf + 5) : 0;

	n++;
	if (at && n == at) {
		if (is("die")) {
			once();
			drop();
		}
		if (is("leave")) {
			once();
			end();
		}
		if (is("hang")) {
			once();
			sleep(30);
			end();
		}
		if (is("mute")) {
			once();
			muted = 1;
			last = id;
		}
	}
	if (type == WRITE && (is("lossy") || is("full") || is("quota"))) {
		status(id, is("lossy") ? 0 : 4);
		return;
	}
	if (type == RENAME && is("overwrite"))
		len = overwrite(len);
	if (type == EXTENDED && is("full") && len > 30
	    && !memcmp(buf + 13, "statvfs@openssh.com", 19))
		room = id;
	writen(to, buf, len);
}

/* The same packet with other entries. */
static size_t
names(size_t len)
{
	unsigned char *out = malloc(MAX), *p = buf + 13, *q = out + 13;
	uint32_t count = get(buf + 9), kept = 0, k;

	memcpy(out, buf, 13);
	for (uint32_t i = 0; i < count; i++) {
		unsigned char *name = p, *attrs;
		uint32_t nlen = get(p), flags, alen = 4;

		p += 4 + nlen;
		p += 4 + get(p);
		attrs = p;
		flags = get(p);
		alen += (flags & 1 ? 8 : 0) + (flags & 2 ? 8 : 0)
		    + (flags & 4 ? 4 : 0) + (flags & 8 ? 8 : 0);
		p += alen;
		if (is("nodots") && nlen <= 2 && name[4] == '.'
		    && (nlen == 1 || name[5] == '.'))
			continue;
		kept++;
		memcpy(q, name, 4 + nlen);
		q += 4 + nlen;
		memcpy(q, name, 4 + nlen);
		q += 4 + nlen;
		memcpy(q, attrs, alen);
		q += alen;
	}
	k = (uint32_t)(q - out);
	put(out, k - 4);
	put(out + 9, kept);
	(void)len;
	memcpy(buf, out, k);
	free(out);
	return k;
}

static void
answer(void)
{
	size_t len = packet(from);
	uint32_t id = len >= 9 ? get(buf + 5) : 0;

	if (muted && id == last)
		drop();
	if (buf[4] == NAME && (is("short") || is("nodots")) && get(buf + 9) > 1)
		len = names(len);
	/* id, bsize, frsize, blocks, bfree, bavail: eight bytes each */
	if (buf[4] == EXTENDED_REPLY && room && id == room)
		memset(buf + 9 + 3 * 8, 0, 16);
	writen(1, buf, len);
}

static void
serve(char **argv)
{
	int a[2], b[2];

	if (pipe(a) || pipe(b))
		exit(111);
	if (!fork()) {
		dup2(a[0], 0);
		dup2(b[1], 1);
		close(a[1]);
		close(b[0]);
		execv(argv[0], argv);
		_exit(127);
	}
	close(a[0]);
	close(b[1]);
	to = a[1];
	from = b[0];
}

int
main(int argc, char **argv)
{
	struct pollfd p[2];
	FILE *f;

	if (argc < 3)
		return 100;
	file = argv[1];
	if ((f = fopen(file, "r"))) {
		if (fscanf(f, "%31s %lu", mode, &at) < 1)
			*mode = 0;
		fclose(f);
	}
	serve(argv + 2);
	for (;;) {
		p[0] = (struct pollfd){ 0, POLLIN, 0 };
		p[1] = (struct pollfd){ from, POLLIN, 0 };
		if (poll(p, 2, -1) < 0)
			return 111;
		if (p[1].revents)
			answer();
		else if (p[0].revents)
			request();
	}
}
