#ifndef LS_REPL_VERIFY_IN_H
#define LS_REPL_VERIFY_IN_H

#include "repl/pace.h"
#include "repl/verify.h"

/* Inside of verify_replica. */

struct verify {
	struct store *st;
	const char *url;
	struct listing l;         /* less what turned out bad: */
	struct listing bad;       /* these */
	unsigned char *seen;      /* for each of them: read whole, and good */
	const struct verify_opt *opt;
	struct pace pace;
	struct verify_report *rep;
};

/* verify_find.c: what was found. object and text are printf-like made; all
 * return -1 only without memory. */
int verify_add(struct verify *, int bad, const char *object,
    const char *text, struct err *);
/* File i is bad for the reason in why: it is noted, with what can still be
 * restored, and leaves the listing. */
int verify_drop(struct verify *, size_t i, const struct err *why,
    struct err *);
/* What can still be restored of the listing as it is, in words. */
void verify_remains(const struct verify *, char *text, size_t n);
/* "level 0 file NAME". */
#define VERIFY_NAME 64
void verify_name(const struct replica_file *, char name[VERIFY_NAME]);

/* verify_names.c: holes, overlaps and foreign names. */
int verify_names(struct verify *, struct err *);

/* verify_read.c: everything not seen yet, newest first, as far as the budget
 * goes; then the pins. */
int verify_objects(struct verify *, struct err *);
int verify_pins(struct verify *, struct err *);
/* Lists again, after something vanished; what was seen stays so. */
int verify_relist(struct verify *, struct err *);
/* n more bytes were read. */
void verify_bytes(struct verify *, uint64_t n);

/* verify_merge.c: snap may be NULL. 0, 1 and -1 as verify_replica. */
int verify_merge(struct verify *, const struct verify_snap *, struct err *);

#endif
