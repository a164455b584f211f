#ifndef LS_DB_CAPTURE_H
#define LS_DB_CAPTURE_H

#include <stdint.h>
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "ltx/ltx.h"

/* Capture of one database: committed WAL frames to level-0 LTX files in its
 * state folder. Shared/design.md section 5. A struct capture is used by one
 * thread at a time. Nothing here knows of replicas or networks; it is told
 * what they hold. */

struct capture_conf {
	const char *path;            /* database, absolute; borrowed */
	const char *meta;            /* state folder, NULL: default */
	uint32_t min_checkpoint_pages;   /* 1000 */
	uint32_t max_checkpoint_pages;   /* from here longer busy time-outs and
	                                    a warning; 121359; 0: never */
	int64_t checkpoint_interval_ms;  /* 60000; 0: off */
	int64_t busy_timeout_ms;         /* 1000: of the barrier past the max */
	int64_t sync_interval_ms;        /* 1000: one file per this under load */
	uint64_t max_sync_wal_bytes;     /* 64 MiB: per level-0 file, at commits */
	uint64_t memory_bytes;           /* of the page map before it spills */
	enum ltx_encoding encoding;
	struct io_perm perm;             /* of the state folder and its files */
	int accept_replacement;
	const struct log *log;           /* borrowed, may be NULL */
};

/* What the replicas hold, told once before the first step. */
struct capture_remote {
	uint64_t max_txid;      /* largest of all replicas and levels; 0: empty */
	/* What newest page 1 the replica holds, where there is no local state to
	 * tell a replaced database by; NULL: not known. page_size bytes. */
	const unsigned char *page1;
	uint32_t page1_size;
	const char *last_l0;    /* path of a local copy of the newest level-0 file
	                           of the replica that has max_txid, NULL: none */
};

enum capture_state {
	CAPTURE_WAITING,  /* the database does not exist (yet, or was deleted) */
	CAPTURE_RUNNING,
	CAPTURE_HELD,     /* not a continuation of what was shipped */
	CAPTURE_FAILED    /* cannot be captured: see err; tried again on events */
};

/* Why a step is taken; any combination. */
#define CAPTURE_WAL 1u     /* the -wal file changed */
#define CAPTURE_DB 2u      /* the database file changed: somebody checkpoints */
#define CAPTURE_DIR 4u     /* a name in the folder came or went */
#define CAPTURE_TIMER 8u   /* next_ms was reached */
#define CAPTURE_SYNC 16u   /* ship everything committed so far now */
#define CAPTURE_FINAL 32u  /* last step before the end */

/* What a capture has done in its life, for those who watch. */
struct capture_stats {
	uint64_t db_bytes;     /* the database, and */
	uint64_t wal_bytes;    /* how far its WAL is in files: now */
	uint64_t captured;     /* bytes of WAL made into files */
	uint64_t steps, step_errors, step_us;
	uint64_t checkpoints, checkpoint_errors, checkpoint_us; /* PASSIVE */
};

struct capture_result {
	enum capture_state state;
	uint64_t txid;         /* last local level-0 TXID, 0: none */
	unsigned new_files;    /* written by this step */
	uint64_t new_bytes;
	uint64_t pending_bytes;/* committed in the WAL, not in a file yet */
	int64_t next_ms;       /* when_mono() time of the next step without an
	                          event; -1: only on an event */
	int arm;               /* 1: watch_arm before the next step; 0: it comes by
	                          time (next_ms), or the watches are armed still */
	int64_t quiet_ms;      /* until this when_mono() time events of the WAL
	                          alone need no step: note that there was one and
	                          step then (0: none). Others do not wait for it */
	struct capture_stats stats;
	uint64_t gap_from;     /* not 0: the file gap_from..gap_from is a full dump
	                          that does not continue TXID gap_from-1 of the
	                          replica: it needs a level-9 1-n as well */
	int replaced;          /* of capture_stop: the names are of other files
	                          now, or of none; those are not captured */
	int replaces;          /* that dump replaces what was shipped before, as
	                          accept_replacement allows */
};

struct capture;

/* Allocates; opens nothing. */
int capture_new(struct capture **, const struct capture_conf *, struct err *);

/* Looks at state folder and database before anything is opened, so that the
 * caller can say what it knows: position (0: none) of the local tail. */
int capture_local(struct capture *, uint64_t *txid, struct err *);

/* Decides how to go on (design section 5, start-up) and makes the first full
 * dump if there has to be one. While the state is not RUNNING, call it again
 * on events and at next_ms: it is cheap where nothing changed. */
int capture_start(struct capture *, const struct capture_remote *,
    struct capture_result *, struct err *);

/* Whatever is due: capture, hop, checkpoint. On -1 the capture stays usable
 * and the next step tries again; result->next_ms says when. */
int capture_step(struct capture *, unsigned why, struct capture_result *,
    struct err *);

/* Writes a full dump as the next level-0 file, whatever the WAL allows: for a
 * replica that lost what the local folder no longer has, or that turned out
 * to be ahead of it. Its TXID is larger than the local tail and than after
 * (0: the tail alone decides); result->gap_from is that TXID. reason: for
 * the log, static. */
int capture_dump(struct capture *, uint64_t after, const char *reason,
    struct capture_result *, struct err *);

/* Final step, one PASSIVE checkpoint, clean-stop marker; closes. */
int capture_stop(struct capture *, struct capture_result *, struct err *);

/* Deletes local level-0 files up to txid (inclusive) that are older than
 * before_ms, never the last. Returns how many, or -1. */
int capture_trim(struct capture *, uint64_t txid, int64_t before_ms,
    struct err *);

const char *capture_ltx_dir(const struct capture *);
uint64_t capture_writer(const struct capture *); /* header node id */
const char *capture_hold_reason(const struct capture *); /* HELD, or NULL */
void capture_free(struct capture *);

#endif
