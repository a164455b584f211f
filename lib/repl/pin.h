#ifndef LS_REPL_PIN_H
#define LS_REPL_PIN_H

#include "repl/listing.h"
#include "repl/snapshot.h"

/* Pins: states of a replica that stay under a name of their own until they are
 * removed by it. A pin is one full LTX file, <path>/pins/NAME.ltx, outside
 * the levels: no retention touches it, and Litestream does not see it. */

#define PIN_MAX 64

/* What ERR_NO says, of a name. */
#define PIN_ABSENT "there is no pin %s; ls-list --pins names those there are"

/* ERR_USAGE unless it is 1 to 64 letters, digits, ".", "_", "-". */
int pin_name(const char *, struct err *);

/* Makes one of a state, merged from what the replica holds, or copied by
 * the store where a snapshot is just that. ERR_HELD: there is one of
 * that name already, which is left alone; else as snapshot_put. */
int pin_make(const struct store_conf *, const char *name,
    const struct plan_target *, const struct snapshot_opt *,
    struct snapshot_done *, struct err *);

/* Makes one of the newest state that can be restored, under the name
 * "before-replacement-" and the time of that state, YYYYMMDDTHHMMSSZ; it may be
 * there. Nothing can be restored: name is "". */
int pin_before(const struct store_conf *, const struct snapshot_opt *,
    char name[PIN_MAX + 1], struct snapshot_done *, struct err *);

/* ERR_NO: there is none of that name. */
int pin_remove(const struct store_conf *, const char *name, struct err *);

struct pin {
	char name[PIN_MAX + 1];
	struct replica_file file; /* exact time */
};

/* All of them, in order of their names: the header of each is read. *v is
 * allocated. */
int pin_list(struct store *, struct pin **v, size_t *n, struct err *);

/* One of them. ERR_NO: there is none of that name. */
int pin_read(struct store *, const char *name, struct replica_file *,
    struct err *);

/* The listing of a store that is the view of a pin; empty if that is not
 * there. */
int pin_view(struct store *, struct listing *, struct err *);

#endif
