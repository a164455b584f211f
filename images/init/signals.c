#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* signals -b|-u PROG [ARG ...]: runs PROG with the signals that end a
 * container blocked, or with no signal blocked.
 *
 * The kernel drops what is sent to a process 1 that does not catch it, and
 * s6-overlay begins with shell scripts. Blocked, it waits for s6-svscan, which
 * catches it; the services have nothing blocked, and app sees to it that the
 * application has not. */

int
main(int argc, char **argv)
{
	static const int ending[] = { SIGTERM, SIGINT, SIGQUIT };
	sigset_t set;

	if (argc < 3 || (strcmp(argv[1], "-b") && strcmp(argv[1], "-u"))) {
		fputs("usage: signals -b|-u PROG [ARG ...]\n", stderr);
		return 100;
	}
	sigemptyset(&set);
	if (argv[1][1] == 'b')
		for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
			sigaddset(&set, ending[i]);
	sigprocmask(argv[1][1] == 'b' ? SIG_BLOCK : SIG_SETMASK, &set, NULL);
	execvp(argv[2], argv + 2);
	fprintf(stderr, "signals: fatal: unable to run %s: %s\n", argv[2],
	    strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
