#ifndef LS_REPL_WALSHIP_IN_H
#define LS_REPL_WALSHIP_IN_H

/* Shared by the files walship*.c alone. All of it belongs to the polling
 * thread, but for what a job in flight (busy) has. */

#include <pthread.h>
#include <sys/types.h>
#include "db/state.h"
#include "db/watch.h"
#include "repl/control.h"
#include "repl/pool.h"
#include "repl/ship.h"
#include "repl/status.h"
#include "repl/walship.h"

#define WALSHIP_CAPTURE_THREADS 4   /* one may linger */
#define WALSHIP_DUMP_THREADS 2
#define WALSHIP_START_THREADS 2
#define WALSHIP_SMALL (UINT64_C(64) << 20)  /* bytes copied soon enough */
#define WALSHIP_SHIP_THREADS 4      /* per endpoint; file: 1 */
#define WALSHIP_STACK (256 * 1024)
#define WALSHIP_BATCH 32            /* files of one upload job */
#define WALSHIP_GRACE_MS 1000       /* for the other replicas, at the start */
#define WALSHIP_ANNOUNCE_MS 5000    /* for any, until it is said that none answers */
#define WALSHIP_PROBE_MS 10000      /* for the first answer, until it is said */
#define WALSHIP_LOG_MS 30000        /* one failing replica, between lines */
#define WALSHIP_CONFIRM_MS 200      /* until a start that met a bad file is
                                       tried again */
#define WALSHIP_FATAL 2           /* tries that make it certain */
#define WALSHIP_ONCE_STARTS 4       /* --once: tries of what may pass */
#define WALSHIP_ONCE_PUTS 2         /* of a replica, each with its own tries */
#define WALSHIP_BACKOFF_MS 1000
#define WALSHIP_BACKOFF_MAX_MS 300000
#define WALSHIP_TRIM_MS 300000      /* local level-0 files, without retention */
#define WALSHIP_WATCH_MS 2000       /* for a folder that is not there */
#define NEVER INT64_MAX

struct wdb;
struct walship;

/* An error as last seen, for the status file. */
struct wfault {
	struct err err;
	int64_t time_ms;
	uint64_t count;      /* since the last success */
	int64_t logged_mono;
};

/* Replicas with the same store, whatever their path. */
struct wgroup {
	struct wgroup *next;
	char *key;
	struct pool *pool;
	struct walship *w;
	int probed, unfenced;     /* conditional writes, as ship.h has it */
};

enum wrep_state { REP_PROBING, REP_OK, REP_FAILING, REP_DENIED, REP_FENCED };

struct wrep {
	struct pool_job job;      /* first */
	int is_rep;               /* second, as in struct wdb */
	struct wdb *db;
	const struct store_conf *conf;
	struct wgroup *group;
	struct ship ship;
	enum wrep_state state;
	int busy, answered, ever_ok, probe;
	int known, broken, snap;  /* of ship, as of the last job */
	int has_base;             /* base is there, for the start of capture */
	/* of the job */
	uint64_t upto, backlog;
	int rc;
	int got;                  /* base was written */
	char *base;               /* path of the copy of its newest file */
	int64_t deadline;
	struct ship_result res;
	struct err err;
	/* as far as the polling thread knows */
	uint64_t txid;
	int replaces;        /* what is shipped next replaces what is there */
	uint64_t lag_bytes;
	uint64_t shipped_bytes, shipped_files;
	int v03;                  /* the next two are known */
	uint64_t v03_index, v03_offset;
	int64_t behind_ms, success_ms;
	int64_t next_mono;        /* not before, 0: now */
	unsigned fails, heals;
	int given_up;             /* local files it has not got were dropped */
	int want_dump;            /* waits for a full dump beyond dump_after */
	int mend;                 /* asked for: what it holds has a gap */
	uint64_t mend_at;         /* TXID of the full dump that mends it, 0 */
	int unfenced;
	struct wfault fault;
};

enum wdb_phase {
	DB_PROBING,  /* the replicas are being asked */
	DB_STARTED,  /* capture_start has been called; see state */
	DB_STOPPING, /* the final step is wanted or at work */
	DB_STOPPED
};

enum wdb_job { JOB_START, JOB_STEP, JOB_DUMP, JOB_TRIM, JOB_STOP };

struct wdb {
	struct pool_job job;      /* first */
	int is_rep;               /* second: 0 */
	struct walship *w;
	struct walship_db conf;
	uint32_t id;              /* of the watch; 0 is never used */
	enum wdb_phase phase;
	enum capture_state state;
	struct capture *cap;
	char *meta;               /* the state folder */
	dev_t dev;                /* of the database file, when last seen */
	ino_t ino;
	uint64_t writer;
	uint64_t restored;        /* TXID of the marker found */
	struct ship_adopted adopted, adopt; /* noted; to be noted */
	unsigned char *page1;     /* of the replica, while it is being started */
	int busy, watched;
	int64_t watch_mono;       /* when to try watching again, NEVER: watched */
	int announced;            /* said that no replica answers */
	int started;              /* capture_start came back once */
	int attached;             /* and said RUNNING: steps, not starts */
	int ever;                 /* was attached in this life */
	int last_look;            /* the one at the end was taken */
	int failing;              /* its last job failed */
	enum err_kind fatal;      /* what its start met that waiting does not
	                             mend, if it never was attached */
	int lock_busy;            /* of the job: another process has it */
	int called;               /* of the job: not to linger, see linger.mu */
	int lock;                 /* on the state folder, -1: not held */
	int locked_out;
	int gone;                 /* to be forgotten when nothing is in flight */
	/* of the job */
	enum wdb_job kind;
	unsigned why;
	uint64_t arg_txid, arg_enough;
	int64_t arg_ms;
	int full, spared;         /* a write did not fit; files dropped for that */
	const char *arg_reason;
	struct capture_remote remote;
	struct capture_result res;
	struct err err;
	int refused;              /* the job is to fail with err */
	int rc;
	/* wanted next */
	int want_start, want_dump;
	unsigned want_why;
	uint64_t dump_after;
	const char *dump_reason;
	/* timers, when_mono() */
	int64_t born_mono, answer_mono; /* first answer of a replica */
	int64_t pace_mono, next_mono, trim_mono, dump_mono;
	int arm;                  /* capture_result.arm */
	unsigned fails;
	/* known */
	uint64_t txid, pending;
	struct capture_stats stats;
	int64_t captured_ms;
	uint64_t steps_begun, steps_done;
	struct wfault fault;
	struct wrep *rep;
	size_t n;
};

struct wsync {
	struct wsync *next;
	uint64_t client;
	char *path;               /* NULL: every database */
	int mode;                 /* 'l', 'o' (one), 'a' */
	int64_t deadline;         /* NEVER: none */
	struct wsync_one {
		uint32_t id;
		uint64_t step, txid; /* wanted step; 0 when txid is known */
		uint64_t asked;      /* steps begun when it was asked for */
	} *one;
	size_t n;
};

/* The place of the one database that a thread waits with. */
struct wlinger {
	pthread_mutex_t mu;       /* also of wdb.called */
	pthread_cond_t wake;
	int taken, made;
};

struct walship {
	const struct walship_conf *conf;
	struct pool_done done;
	struct pool *capture;     /* steps */
	struct pool *dumps;       /* what may copy a whole database */
	struct wlinger linger;
	struct pool *starts;      /* the same for small ones */
	struct wgroup *groups;
	struct watch *watch;
	struct control *control;
	struct wdb **db;
	size_t n;
	uint32_t next_id;
	struct wsync *syncs;
	char *status_path;
	uint64_t start;           /* our own start time, of record_proc_start */
	int64_t status_mono;      /* when last written */
	int dirty, urgent;        /* to be written; at once */
	int again;                /* one more turn without waiting */
	int more_left;            /* of the databases that came: call again */
	int64_t trim_ms;          /* how long local level-0 files are kept */
	struct wfault status_fault, watch_fault;
	pid_t pid;
	int signals;              /* signalfd */
	int ready;
	pid_t child;
	int child_code, child_done;
	int ending;               /* 1 asked to end, 2 at once */
	int64_t told_mono;        /* first TERM or INT */
	int64_t end_mono;         /* last moment of the final upload */
	unsigned random;
	enum err_kind verdict;    /* why nothing is left */
	int alone;                /* said that the program goes on without us */
};

/* walship_db.c */
int walship_db_add(struct walship *, const struct walship_db *,
    struct wdb **, struct err *);
struct wdb *walship_db_find(struct walship *, const char *path);
struct wdb *walship_db_id(struct walship *, uint32_t id);
void walship_db_event(struct wdb *, unsigned why);
void walship_db_kick(struct wdb *);      /* gives it work if there is any */
int64_t walship_db_due(const struct wdb *);
void walship_db_stop(struct wdb *);
void walship_db_dump(struct wdb *, uint64_t after, const char *why);
/* Nothing more can be shipped of it: ERR_NONE, or why. */
enum err_kind walship_db_out(const struct wdb *);
/* It never could be captured and that will not pass: ERR_NONE, or why. */
enum err_kind walship_db_fatal(const struct wdb *);
void walship_db_free(struct wdb *);
const char *walship_db_state(const struct wdb *);

/* walship_result.c */
void walship_db_done(struct wdb *);      /* its job came back */

/* walship_linger.c */
int walship_linger_init(struct wlinger *, struct err *);
void walship_linger_free(struct wlinger *);
/* On a capture thread, after a step: waits for the steps that are due soon by
 * time alone, and takes them, until there is something to tell. */
void walship_linger(struct wdb *);
void walship_linger_call(struct wdb *);  /* its job is to come back now */

/* walship_trim.c */
void walship_trim_due(struct wdb *);     /* sooner or later, see there */
void walship_trim_prepare(struct wdb *);
int walship_trim(struct wdb *);          /* on a capture thread */
int walship_trim_short(struct wdb *, struct err *);
void walship_trim_done(struct wdb *);

/* walship_rep.c */
int walship_rep_init(struct wrep *, struct wdb *, const struct store_conf *,
    struct err *);
void walship_rep_kick(struct wrep *);
void walship_rep_done(struct wrep *);
int64_t walship_rep_due(const struct wrep *);
void walship_rep_captured(struct wrep *, const struct capture_result *);
const char *walship_rep_state(const struct wrep *);
/* Can all up to this TXID be restored from it? */
int walship_rep_holds(const struct wrep *, uint64_t txid);
void walship_rep_free(struct wrep *);
void walship_groups_free(struct walship *);

/* walship_ctl.c */
void walship_ctl(void *w, uint64_t client, size_t argc, char *const *argv);
void walship_sync_check(struct walship *);
int64_t walship_sync_due(const struct walship *);
void walship_status(struct walship *);  /* writes the file if it is due */
int64_t walship_status_due(const struct walship *);

/* walship_proc.c */
int walship_signals(struct walship *, struct err *);
void walship_signal_read(struct walship *);
int walship_child_start(struct walship *, struct err *);

/* walship_end.c */
int walship_shipped(const struct walship *); /* all is in all replicas */
void walship_end_look(struct walship *);     /* is nothing left to do? */
void walship_end_fenced(struct walship *);
int walship_ended(struct walship *);
int walship_verdict(struct walship *, int *code, struct err *);

/* walship.c */
void walship_fault(struct walship *, struct wfault *, const struct err *,
    const char *msg, const char *db, const char *replica);

static inline const struct log *
wdb_log(const struct wdb *d)
{
	return d->w->conf->log;
}

static inline const char *
wdb_path(const struct wdb *d)
{
	return d->conf.capture.path;
}

#endif
