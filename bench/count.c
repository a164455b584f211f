/* count PORT TO FILE: takes TCP connections at PORT of the loopback address,
 * passes them on to the port TO there, and keeps in FILE how many bytes went
 * to it and how many came back, two 64-bit numbers in the machine's order. A
 * process per connection. Ends on TERM. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in
loopback(const char *port)
{
	struct sockaddr_in a;

	memset(&a, 0, sizeof a);
	a.sin_family = AF_INET;
	a.sin_port = htons((uint16_t)atoi(port));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

/* What one side has, to the other; 0 when there is no more. */
static int
pass(int from, int to, uint64_t *sum)
{
	static char buf[1 << 16];
	ssize_t n = read(from, buf, sizeof buf), w;

	if (n <= 0) {
		shutdown(to, SHUT_WR);
		return 0;
	}
	for (ssize_t at = 0; at < n; at += w)
		if ((w = write(to, buf + at, (size_t)(n - at))) < 0)
			return 0;
	__atomic_fetch_add(sum, (uint64_t)n, __ATOMIC_RELAXED);
	return 1;
}

static void
serve(int a, const char *port, uint64_t *sums)
{
	struct sockaddr_in to = loopback(port);
	struct pollfd p[2];
	int b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (b == -1 || connect(b, (struct sockaddr *)&to, sizeof to) == -1)
		return;
	p[0].fd = a;
	p[1].fd = b;
	p[0].events = p[1].events = POLLIN;
	while ((p[0].fd >= 0 || p[1].fd >= 0) && poll(p, 2, -1) > 0) {
		if (p[0].fd >= 0 && p[0].revents && !pass(a, b, &sums[0]))
			p[0].fd = -1;
		if (p[1].fd >= 0 && p[1].revents && !pass(b, a, &sums[1]))
			p[1].fd = -1;
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in at;
	uint64_t *sums;
	int fd, s, one = 1;

	if (argc != 4) {
		fprintf(stderr, "usage: count PORT TO FILE\n");
		return 100;
	}
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	fd = open(argv[3], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd == -1 || ftruncate(fd, 2 * sizeof *sums) == -1) {
		perror(argv[3]);
		return 111;
	}
	sums = mmap(NULL, 2 * sizeof *sums, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	at = loopback(argv[1]);
	s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sums == MAP_FAILED || s == -1
	    || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == -1
	    || bind(s, (struct sockaddr *)&at, sizeof at) == -1
	    || listen(s, 64) == -1) {
		perror("count");
		return 111;
	}
	for (;;) {
		int c = accept(s, NULL, NULL);

		if (c == -1 && errno != EINTR && errno != ECONNABORTED) {
			perror("count");
			return 111;
		}
		if (c != -1 && fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			close(s);
			serve(c, argv[2], sums);
			_exit(0);
		}
		if (c != -1)
			close(c);
	}
}
