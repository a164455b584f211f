#ifndef TESTS_CRASH_DRIVER_H
#define TESTS_CRASH_DRIVER_H

#include <stdint.h>
#include <sys/types.h>
#include "db/capture.h"
#include "db/watch.h"

/* What the crash tests share: one database captured as the daemon does it,
 * and the level-0 files held against it afterwards. */

struct driver {
	struct capture *c;
	struct watch *w;
	struct capture_result res;
	unsigned noted;     /* events that came in the quiet time */
	unsigned dumps;     /* full copies after the first */
	unsigned failures, files;
	uint64_t wakes, steps;
	struct err err;
	struct log log;
};

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
double seconds(void);
double cpu_seconds(void);

/* Begins capturing path with default settings, but for the sync interval. */
void driver_begin(struct driver *, const char *path, int64_t sync_ms,
    enum log_level);
/* One turn: waits for what comes first, an event, the time of the next step
 * or until_ms (when_mono), and steps. */
void driver_turn(struct driver *, int64_t until_ms);
void driver_end(struct driver *); /* clean stop */

/* Level-0 files in dir applied in order, compared with the file db, which
 * nobody has open and which is checkpointed. Returns how many pages differ,
 * or -1 with a message. */
long compare_files(const char *dir, const char *db);

/* fork and exec of this program with the arguments given, NULL at the end. */
pid_t self(const char *arg, ...) __attribute__((sentinel));
void end(pid_t); /* kill -9 and wait */

#endif
