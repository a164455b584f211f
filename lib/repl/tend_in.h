#ifndef LS_REPL_TEND_IN_H
#define LS_REPL_TEND_IN_H

/* Shared by the files tend*.c alone. */

#include <poll.h>
#include <sys/types.h>
#include "base/sa.h"
#include "db/state.h"
#include "repl/tend.h"
#include "repl/tend_status.h"

#define TEND_NEVER INT64_MAX
#define TEND_BACKOFF_MS 1000
#define TEND_BACKOFF_MAX_MS 3600000
#define TEND_ASK_MS 3600000       /* between two full copies for one gap */
#define TEND_REFUSED_MS 3600000   /* until deletes are tried again */
#define TEND_STATUS_MS 1000       /* between two status files */
#define TEND_FIRST_PROOF_MS 3600000 /* of a replica, after its first look */

enum tend_job { TEND_NONE, TEND_LIST, TEND_COMPACT, TEND_SNAPSHOT,
	TEND_PRUNE, TEND_PRUNE0, TEND_PROOF };

struct tend_child {
	pid_t pid;                /* 0: none */
	enum tend_job job;
	unsigned level;           /* TEND_COMPACT */
	uint64_t upto;            /* what was there when it started */
	uint64_t base;            /* and in level 1 */
	int out, err;             /* pipes, -1: closed */
	stralloc said, told;      /* what came of them and is no line yet */
	char fatal[500];          /* what it said was the reason */
	int status, ended;
};

struct tend_db;

struct tend_rep {
	struct tend_db *db;
	const struct tend_conf_replica *conf;
	struct tend_child c, proof;
	struct listing l;         /* what it holds, */
	struct listing fresh;     /* and as a LIST has it that is under way */
	struct listing_changes changes; /* by the child at work */
	int listed;
	uint64_t l_upto;          /* TXID up to which it is all there */
	int present;              /* ls-walship ships to it */
	uint64_t shipped;
	uint64_t mark;            /* v0.3: stands for what is shipped */
	uint64_t done_mark[2];    /* of the last snapshot and prune */
	struct level_last last;
	int64_t due;              /* wall clock, of what comes next if nothing
	                             changes */
	int64_t next_mono;        /* nothing before, after a failure */
	int64_t list_mono;        /* no LIST before */
	unsigned fails;
	int relist;               /* a child found the replica to be another */
	/* gaps */
	int gap_said;
	uint64_t gap_min, gap_max;
	uint64_t gap;             /* the one for which a full copy was asked for */
	uint64_t gap_wait;        /* what was shipped then */
	int64_t gap_mono;         /* and not for the same before */
	/* deletes */
	uint64_t refused, refused_now; /* in all; by this child */
	int64_t refused_mono;     /* no deletes before */
	/* names looked at */
	int validating;           /* the LIST under way is for it */
	uint64_t valid_txid;
	int64_t valid_ms;
	/* for the status */
	int busy;                 /* another ls-tend has the database */
	struct err error;
	int64_t error_ms;
	uint64_t errors;
	/* counted */
	uint64_t proofs[TEND_RESULTS];
	uint64_t looks[STORE_LEVELS][TEND_RESULTS];
	uint64_t miscompacted;
	/* kept */
	uint64_t settled, proven_txid;
	int64_t proven_ms, seen_ms, tried_ms;
	char proven_error[500];
	/* of the proof at work: it came out well, or what it said */
	int proof_ok;
	char proof_said[500];
	unsigned untold;          /* proofs in turn that could not be told */
};

struct tend_db {
	struct tend *t;
	const struct tend_conf_db *conf;
	struct state_paths paths;
	int lock;                 /* -1: not taken */
	int loaded;               /* what was kept is known */
	int keep;                 /* it is to be written */
	struct tend_rep *r;
};

struct tend {
	const struct tend_conf *conf;
	struct tend_db **db;
	size_t n, room;
	size_t turn;              /* who is asked first */
	unsigned running, proving;
	char *status_path, *walship_path, *sock_path;
	int signals, inotify, watched; /* watched: something is */
	int64_t look_mono;        /* when to look at the status of ls-walship */
	int64_t more_mono;        /* no new databases before, */
	unsigned more_fails;      /* after so many that could not be had */
	int64_t write_mono;       /* when ours was written */
	int dirty;                /* it is to be written */
	int warned;               /* that it could not be */
	int no_verify;            /* there is no such program */
	struct level_clock clock;
	uint64_t start;
	unsigned random;
	int ending;
	int64_t told_mono;
};

/* tend_rep.c */
void tend_rep_init(struct tend_rep *);
void tend_rep_free(struct tend_rep *);
/* What ls-walship says of it. */
void tend_rep_shipped(struct tend_rep *, const struct status_replica *);
/* Starts what is due, if there is room. Returns when something will be, in
 * ms from now, TEND_NEVER. */
int64_t tend_rep_step(struct tend_rep *, int64_t now, int64_t mono);
/* A line of a child's standard output. */
void tend_rep_line(struct tend_rep *, struct tend_child *, char *line);
void tend_rep_ended(struct tend_rep *, struct tend_child *);

/* tend_proof.c */
int64_t tend_proof_step(struct tend_rep *, int64_t now);
void tend_proof_line(struct tend_rep *, const char *line);
void tend_proof_ended(struct tend_rep *, struct tend_child *);

/* tend_valid.c */
/* ms until names are to be looked at, TEND_NEVER. */
int64_t tend_valid_due(struct tend_rep *, int64_t now);
/* Looks, at what was just listed. */
void tend_valid_check(struct tend_rep *, int64_t now);
/* Counts a look at levels, one bit each. */
void tend_valid_count(struct tend_rep *, unsigned levels, enum tend_result);
/* Those that are known to have files. */
unsigned tend_valid_levels(const struct tend_rep *);

/* tend_child.c */
const char *tend_child_word(const struct tend_child *);
int tend_child_start(struct tend_rep *, struct tend_child *, struct err *);
size_t tend_child_poll(const struct tend_child *, struct pollfd *);
/* Reads what there is. */
void tend_child_read(struct tend_rep *, struct tend_child *);
/* 1: it has ended, and all it said was read. */
int tend_child_ended(struct tend_rep *, struct tend_child *);
void tend_child_free(struct tend_child *);

/* tend_keep.c */
/* Takes the database (1) unless another ls-tend has it or it has no state folder
 * yet (0), and what was kept of it. */
int tend_keep_take(struct tend_db *);
void tend_keep_write(struct tend_db *);
void tend_keep_status(struct tend *);

/* tend_more.c */
/* One more database. */
int tend_more_add(struct tend *, const struct tend_conf_db *, struct err *);
/* Those ls-walship ships that are not known. 1: there are new ones. */
int tend_more_look(struct tend *, const struct status *);
/* Databases that ls-walship ships no more are free for another. */
void tend_more_release(struct tend *);
void tend_more_free(struct tend *);

/* tend.c */
void tend_failed(struct tend_rep *, const struct err *, const char *msg);

#endif
