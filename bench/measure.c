/* measure FILE CMD...: runs a command and appends one line to FILE: seconds
 * by the clock, seconds of CPU, largest resident size in kB, exit code. Its
 * children that it waited for are in it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int
main(int argc, char **argv)
{
	struct timespec a, b;
	struct rusage u;
	FILE *out;
	pid_t pid;
	int st = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: measure FILE CMD...\n");
		return 100;
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (pid == -1 || wait4(pid, &st, 0, &u) == -1) {
		perror("measure");
		return 111;
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	st = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	out = fopen(argv[1], "a");
	if (out == NULL) {
		perror(argv[1]);
		return 111;
	}
	fprintf(out, "%.3f %.3f %ld %d\n", (double)(b.tv_sec - a.tv_sec)
	    + (double)(b.tv_nsec - a.tv_nsec) / 1e9,
	    seconds(u.ru_utime) + seconds(u.ru_stime), u.ru_maxrss, st);
	fclose(out);
	return st;
}
