#include "base/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/sk.h"

int
ready_scan(const char *arg, int *fd, struct err *e)
{
	if (!int0_scan(arg, fd) || *fd < 0)
		return err_set(e, ERR_USAGE, "-d takes the number of a "
		    "descriptor");
	return fcntl(*fd, F_GETFD) >= 0 ? 0
	    : err_set(e, ERR_USAGE, "-d %s is not open", arg);
}

int
ready_say(int fd)
{
	ssize_t r;

	if (fd < 0)
		return 0;
	while ((r = write(fd, "\n", 1)) < 0 && errno == EINTR)
		;
	return close(fd) < 0 || r != 1 ? -1 : 0;
}
