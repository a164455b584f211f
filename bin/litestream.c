#include <string.h>

#include "base/io.h"
#include "front/front.h"

/* Litestream's command line on top of the ls- programs: lib/front. */

int
main(int argc, char **argv)
{
	io_hold_std();
	/* how this program starts others, and answers its control socket */
	if (argc > 2 && !strcmp(argv[1], "--under"))
		return front_under(argc - 2, argv + 2);
	if (argc > 2 && !strcmp(argv[1], "--answer"))
		return front_answer(argc - 2, argv + 2);
	return front_main(argc, argv);
}
