#ifndef LS_FRONT_FRONT_H
#define LS_FRONT_FRONT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/log.h"
#include "base/sa.h"
#include "conf/conf.h"

/* The drop-in litestream: commands, flags, tables, JSON, log lines and exit
 * codes of Litestream 0.5.18, and of 0.3.13 where it is asked for, on top of
 * the ls- programs, which run as children. What a command prints is what the
 * real one prints. */

#define FRONT_LIKE "v0.5.18"     /* what it speaks like */
#define FRONT_LIKE_OLD "v0.3.13"
#define FRONT_SOCKET "/var/run/litestream.sock"
#define FRONT_ARGS 48            /* most arguments a child gets from us */

/* Every flag of every command; a command takes those it lists. */
struct front_opts {
	const char *config, *exec, *log_level, *level, *replica, *generation,
	    *index, *txid, *timestamp, *output, *follow_interval, *parallelism,
	    *check, *socket, *timeout;
	int no_expand, json, once, force_snapshot, enforce_retention,
	    restore_missing, if_db_missing, if_replica, dry_run, force, follow,
	    wait, verbose;
};

struct front_cmd;

/* One run of one command. */
struct front {
	int old;                 /* speaks as 0.3 */
	int set_up;              /* the log is the configuration's */
	const struct front_cmd *cmd;
	struct front_opts opts;
	int argc;                /* operands */
	char *const *argv;
	struct log log;
	struct conf conf;        /* zeroed until front_conf */
	struct conf_db *db;      /* of front_conf_one: in it */
};

typedef int front_run_fn(struct front *);

/* ---- commands and flags ---- */

struct front_cmd {
	const char *name, *does; /* one line for the list of commands */
	const char *usage;       /* what follows the flags; lines apart by \n */
	const char *text;        /* what it is for */
	const char *flags;       /* names of its flags, blanks between */
	unsigned in;             /* FRONT_IN_* */
	front_run_fn *run;
};
#define FRONT_IN_NEW 1u
#define FRONT_IN_OLD 2u
#define FRONT_DAEMON 4u          /* asks a daemon: help in that shape */

/* The command of that name, or NULL. */
const struct front_cmd *front_cmd_find(const char *name);

/* Takes arguments apart as Go's flag package does: one dash or two, "-f=v" or
 * "-f v", flags first. *n: arguments that were flags. 0; 1: help is asked
 * for; -1: err says what is wrong. Pure. */
int front_flags(const struct front_cmd *, int argc, char *const *argv,
    struct front_opts *, int *n, struct err *);

/* Help of a command, or the list of commands where it is NULL. 1 or 0. */
int front_help(stralloc *, const struct front_cmd *, int old);

/* ---- running ---- */

/* The whole program: answers the exit code. */
int front_main(int argc, char *const *argv);

/* Says an error as the peer does: "Error: TEXT" on standard error, or the
 * log line of 0.3. Returns 1, the exit code. */
int front_fail(const struct front *, const char *text);
int front_fail_err(const struct front *, const struct err *);

/* As front_fail, with the second line "Try: litestream HOW". */
int front_try(const struct front *, const char *text, const char *how);

/* A message without anything more, as the peer logs it. */
void front_info_line(const struct front *, const char *msg);

/* A line on standard error, and no more. */
void front_warn(const char *text);

/* Writes out what a command prints; frees it. ok 0: no memory for it. Returns
 * the exit code. */
int front_put(const struct front *, stralloc *, int ok);

/* The configuration the flags name; db and urls as conf_load has them, need
 * CONF_NEED_*. 0, or the exit code after saying why. */
int front_conf(struct front *, const char *db, const char *const *urls,
    size_t n_urls, unsigned need);
/* The same for a command with a database or a replica's URL as its operand:
 * f->db is that. */
int front_conf_one(struct front *, const char *db);

/* The options that have a child read the same configuration, at most 3, into
 * av. Returns how many. */
size_t front_conf_args(const struct front *, const char **av);

/* "v0.5.18 (ls-s6 0.1.0)". Static. */
const char *front_version(int old);

/* The word for a kind of store: file, s3, sftp. Static. */
const char *front_type(const struct store_conf *);

front_run_fn front_databases, front_status, front_ltx, front_generations,
    front_snapshots, front_wal, front_restore, front_reset, front_replicate,
    front_info, front_list, front_start, front_stop, front_sync,
    front_register, front_unregister, front_version_cmd;

/* ---- printing; all append and return 1, or 0 out of memory ---- */

/* Lines of fields apart by TAB become a table as Go's tabwriter lays it out:
 * columns as wide as their widest field and two blanks, the last one as it
 * is. */
int front_table(stralloc *, const char *text, size_t n);

/* A string as Go's encoding/json writes it, with its quotes. */
int front_json_string(stralloc *, const char *);

/* JSON text as Go's MarshalIndent lays it out, two blanks a level. The text
 * is well-formed and has no blanks outside its strings. */
int front_json_indent(stralloc *, const char *json, size_t n);

/* A number, and a number of bytes as the peer has it for people: "4.2 kB". */
int front_number(stralloc *, uint64_t);
int front_bytes(stralloc *, uint64_t);

/* ---- command lines of -exec ---- */

/* Splits as the peer does: blanks, quotes and backslashes, and no more of a
 * line after ; & | < or >. Words are allocated one after the other in one
 * block, argv NULL-terminated and allocated. ERR_USAGE if quotes do not end,
 * and for a "(" outside of them. Free both. Pure. */
int front_words(const char *line, char **block, char ***argv, struct err *);

/* ---- children ---- */

struct front_child {
	pid_t pid;               /* 0: none */
	int out, err, ready;     /* pipes from it, -1: none */
};
#define FRONT_OUT 1u             /* a pipe from its standard output */
#define FRONT_ERR 2u             /* from its standard error */
#define FRONT_READY 4u           /* from its descriptor 3 */

/* Full path of one of our programs: beside this one, else NAME alone, for
 * the PATH. 1 if it is beside, else 0. */
int front_find(const char *name, char *path, size_t);

/* Starts one. It gets SIGTERM when this process dies, however it dies. in: its
 * standard input, -1 for nothing. run_dir, if not NULL, is its LS_RUN_DIR. */
int front_spawn(struct front_child *, int in, char *const *argv, unsigned how,
    const char *run_dir, struct err *);
/* What the child of that does before it becomes the program, its argv: in
 * main, before all else. Returns only where it cannot. */
int front_under(int argc, char **argv);

typedef void front_line_fn(void *ctx, char *line);

/* Runs a program to its end: standard output into *out, each line of standard
 * error to fn. *code: its exit code, 128 and more for a signal. */
int front_capture(char *const *argv, stralloc *out, front_line_fn *fn,
    void *ctx, int *code, struct err *);

/* Was this started so that SIGHUP does not end it? A signal that is ignored
 * arrives all the same where it is blocked. */
int front_nohup(void);

/* Closes pipes; idempotent. */
void front_child_close(struct front_child *);

/* ---- lines of children ---- */

/* Writes a line of a child's log as this program's log has it: with the time,
 * the level in capitals, and the peer's words where it has some. */
void front_relay(const struct front *, char *line);

/* "ls-x: fatal: unable to y: z" or "ls-x: usage: z": what is after the second
 * or third colon; NULL: another line. */
char *front_fatal(char *line);

/* Keeps the text of the last fatal line; relays the others. For
 * front_capture, ctx a struct front_said. */
struct front_said {
	const struct front *f;
	int quiet;               /* nothing below warnings is relayed */
	char fatal[ERR_MSG_MAX];
};
front_line_fn front_listen;

/* ---- HTTP over the control socket ---- */

#define FRONT_HEAD_MAX 8192
#define FRONT_BODY_MAX (1u << 20)

struct front_http {
	char method[16], path[2048]; /* of a request; path without query */
	char query[2048];
	int status;              /* of an answer */
	char *body;              /* allocated, NUL-terminated */
	size_t len;
};
/* Reads a request or an answer, by deadline (when_mono). Idempotent free. */
int front_http_read(struct front_http *, int fd, int answer, int64_t deadline,
    struct err *);
void front_http_free(struct front_http *);
/* One request to a socket. */
int front_http_ask(struct front_http *, const char *sock, const char *method,
    const char *path, const char *body, int64_t deadline, struct err *);
/* Value of a query parameter, decoded into out (n bytes). 1 or 0: absent. */
int front_http_param(const char *query, const char *name, char *out, size_t n);

/* Listens at path with that mode; a socket nobody answers at is taken over.
 * The descriptor, or -1. */
int front_socket_new(const char *path, unsigned mode, struct err *);
/* Answers one connection, descriptor 0: the command "--answer", whose
 * arguments are the daemon's pid, its start (ms), its version, its socket of
 * control and its status file. */
int front_answer(int argc, char *const *argv);

#endif
