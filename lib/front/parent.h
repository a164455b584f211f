#ifndef LS_FRONT_PARENT_H
#define LS_FRONT_PARENT_H

#include "front/front.h"

/* What "replicate" looks after: its programs, the application, the control
 * socket. Files parent*.c. */

enum parent_part { PART_SHIP, PART_TEND, PART_STATUS, PART_APP, PARTS };

#define PARENT_WORKERS 16        /* connections answered at once */

struct part {
	struct front_child c;
	stralloc line;           /* of its standard error, not yet whole */
	int wanted;
	int64_t next;            /* when_mono() of its next start */
	int64_t since;           /* of its last one */
	unsigned fails;          /* ends in a row, soon after a start */
	int code;                /* of its last end; 128 and more: a signal */
	char fatal[ERR_MSG_MAX]; /* what it said last of that kind */
};

struct parent {
	struct front *f;
	struct part part[PARTS];
	char *const *operands;   /* DB URL..., NULL-terminated */
	char **app, *app_block;  /* -exec */
	char *dir;               /* LS_RUN_DIR of our programs */
	int own_dir;             /* and ours to remove */
	int signals, sock;       /* descriptors, -1: none */
	unsigned workers;
	int64_t started_ms;      /* when_now() */
	int ready;
	int ending;              /* 1: the application first, 2: the rest, 3: at
	                            once */
	int told;                /* the signal that said so, 0: none */
	int64_t told_mono, deadline;
	int app_done;
	int last;                /* ls-walship runs once more, and no longer */
	struct err why;          /* what ends it, kind 0: nothing wrong */
};

/* Folder for the socket and the status of ls-walship: $LS_RUN_DIR, /run/ls-s6
 * or, where one is there already or it cannot be, one of its own. */
int parent_dir(struct parent *, struct err *);
void parent_dir_free(struct parent *);

/* Starts a part; what keeps it from that is logged, and tried again. */
void parent_start(struct parent *, enum parent_part);

/* Until everything has ended. The exit code. */
int parent_loop(struct parent *);

/* "replicate -once". The exit code. */
int parent_once(struct parent *);

/* A connection of the control socket: given to a process of its own. */
void answer_begin(struct parent *);

#endif
