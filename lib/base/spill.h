#ifndef LS_BASE_SPILL_H
#define LS_BASE_SPILL_H

#include "base/io.h"

/* Bytes appended, then read back from the start: a growing thing past its
 * memory. The unlinked file behind it is made at the first write, so one
 * that stays small costs nothing. */
struct spill {
	const char *dir; /* borrowed; "" or NULL for $TMPDIR or /tmp */
	int fd;          /* -1: nothing written */
	int64_t size, at;
};

void spill_init(struct spill *, const char *dir);
/* The spill is borrowed and pointed to. */
struct io_out spill_out(struct spill *);
struct io_in spill_in(struct spill *);
/* The next read starts at the first byte. ctx is the struct spill. */
int spill_rewind(void *ctx, struct err *);
/* Closes the file; ready for new bytes. Idempotent. */
void spill_free(struct spill *);

#endif
