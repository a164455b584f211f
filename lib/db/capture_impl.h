#ifndef LS_DB_CAPTURE_IMPL_H
#define LS_DB_CAPTURE_IMPL_H

#include "db/capture.h"
#include "db/conn.h"
#include "db/frames.h"
#include "db/shm.h"
#include "db/state.h"

/* Inside of a capture, for the files of lib/db alone.
 *
 * Why nothing can be lost: a reader on a read-mark slot above 0 keeps others
 * from restarting the WAL; a reader that starts when everything is in the
 * database file gets slot 0, and slot 0 keeps everything from being copied
 * there, so the WAL is restarted at most once under it. One of two readers
 * holds a transaction at every moment. */

struct holder {
	struct conn conn;
	uint32_t salt1, salt2; /* of the WAL when it began */
	uint32_t mark;         /* not below its snapshot: what nobody copies past */
	uint32_t low;          /* not above it: committed before it began */
	int zero;              /* began with everything copied, so on slot 0: how
	                          often in a row, HOP_SURE: surely */
	int64_t mtime_ns;      /* of the database file then, and its bytes: */
	uint64_t size;         /* while it reads nobody copies anything there */
};

/* What the level-0 files hold. */
struct position {
	uint32_t salt1, salt2;
	uint32_t n;            /* frames */
	uint32_t sum[2];       /* running checksum after them */
	uint32_t pages;        /* database size */
	uint64_t txid;         /* last file */
};

/* Looking again for a commit that an event foretold. */
struct look {
	int64_t at, gap, end;  /* at -1: not looking */
	unsigned db;           /* CAPTURE_DB: the database file was written */
	unsigned barren;       /* events in a row that showed nothing */
	int long_run;          /* a commit frame lies there: up to a minute */
};

struct capture {
	struct capture_conf conf;
	char *given;           /* as configured: what is said of it */
	char *path;            /* links resolved: all files are beside it */
	struct state_paths paths;
	uint64_t writer;       /* 0: not read yet */
	enum capture_state state;
	uint64_t remote_max;
	char hold[256];

	struct holder h[2];
	int cur;               /* h[cur] reads */
	struct conn barrier;
	struct shm_view view;
	struct wal_header wal; /* of pos, page_size 0: not read yet */
	struct position pos;
	/* Everything up to the mark is in files since h[cur] began: the WAL may
	 * be restarted once, and that loses nothing */
	int clean;
	const char *lost;      /* why the position is gone, NULL: it is not */

	struct state_facts facts;   /* of the open database */
	uint64_t shm_ino;
	struct state_marker marker; /* found, and removed; kind 0: none */
	struct state_facts held;    /* what was looked at when it was held */
	char *last_l0;              /* of the replica, NULL: none */
	struct state_facts replica; /* page 1 of the replica, page_size 0: unknown */
	int prepared;               /* state folder made and cleaned */
	struct state_facts shipped; /* as last written */
	int gone;              /* it was seen deleted or replaced */
	int strange;           /* its file was written to past the WAL */

	int64_t last_hop, last_cut, last_use;
	int64_t dirty_since;   /* -1: everything checkpointed */
	int64_t ckpt_next;     /* not before */
	int64_t ckpt_gap;
	int64_t retry_gap;
	int warned_max;
	int busy;              /* the last checkpoint met another one */
	uint32_t seen_mx, seen_salt1, seen_salt2;
	struct look look;
	uint64_t unsynced;     /* first level-0 file not yet synced, 0: none */

	struct capture_result *res; /* of the running call */
	struct capture_stats stats;
	uint64_t begun;        /* of it, when_mono_us */
};

#define CAPTURE_HOP_MS 50   /* between marks */
#define CAPTURE_QUIET_MS 70 /* between looks under load */
#define CAPTURE_IDLE_MS 3000

/* start_do.c: the way from a file to a running capture, or why not. */
int start_do(struct capture *, struct err *);
/* checkpoint.c: one is made if it is due; hops to where others can go on. */
int checkpoint_step(struct capture *, int64_t now, struct err *);
/* When the next one is due by time, -1: never. */
int64_t checkpoint_next(const struct capture *);
/* look.c: what an event that showed no commit asks for. */
void look_event(struct capture *, unsigned why, int64_t now);
void look_again(struct capture *, int64_t now);
void look_stop(struct capture *);
/* capture.c: closes all connections. */
void capture_close(struct capture *);
/* The file as it is on disk, and its first 100 bytes, through a connection: a
 * descriptor of our own, when closed, would drop the locks SQLite has on the
 * file for this process. */
int capture_facts(struct capture *, struct conn *, unsigned char head[100],
    struct state_facts *, struct err *);

#endif
