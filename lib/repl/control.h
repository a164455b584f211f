#ifndef LS_REPL_CONTROL_H
#define LS_REPL_CONTROL_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* The control socket of ls-walship: <run>/walship.sock, mode 0600. A request
 * is one line: a word and its arguments, separated by TAB (by blanks where
 * the line has no TAB). The answer is lines of JSON objects; the last one of
 * an answer has "done":true and "ok":true or false, then with "error" and
 * "kind" (err_word). Requests of one connection are answered in turn.
 *
 *   list                      a line per database
 *   sync PATH [MODE [SECONDS]]  answers when everything committed before the
 *                             request is in all replicas ("all", default),
 *                             in one ("any") or in local files ("local");
 *                             PATH empty: of every database
 *   start PATH, stop PATH     attach, detach (a final sync is not waited for)
 *   register PATH URL         replicate one more database
 *   unregister PATH           forget it
 *   dump PATH [URL]           capture a fresh full copy and ship it to all its
 *                             replicas, to that one (or all) also as what
 *                             restores begin with; not waited for
 */

#define CONTROL_CLIENTS 16
#define CONTROL_LINE 8192   /* longer lines end the connection */
#define CONTROL_ARGS 8

struct control;

/* One request; argv[0] is the word. Must be answered, now or later, by
 * control_end for that client. */
typedef void control_fn(void *ctx, uint64_t client, size_t argc,
    char *const *argv);

/* Makes the socket. One that nobody listens on is taken over; a live one is
 * ERR_BUSY. With all places taken, a new client gets that of the one who has
 * asked for nothing for longest, some seconds at least. */
int control_new(struct control **, const char *path, struct err *);
/* Descriptors to poll, at most CONTROL_CLIENTS + 1. */
size_t control_poll(struct control *, struct pollfd *);
/* Whatever those report. */
void control_handle(struct control *, const struct pollfd *, size_t n,
    control_fn *, void *ctx);
/* After control_poll: when it and control_handle want to be called even
 * without an event, when_mono() or INT64_MAX: for a request that came with one before it,
 * and for those who wait for a place. */
int64_t control_due(struct control *);
/* A line of the answer (without newline), and the last one. A client that
 * has gone meanwhile is passed over. err NULL: ok. */
void control_line(struct control *, uint64_t client, const char *json);
void control_end(struct control *, uint64_t client, const struct err *);
int control_alive(const struct control *, uint64_t client);
/* Closes and unlinks. */
void control_free(struct control *);

/* JSON string of s, with the quotes, into out (n bytes, always terminated;
 * too long: cut). Returns out. */
char *control_quote(char *out, size_t n, const char *s);

/* ---- client ---- */

/* Sends one line and hands each answer line to fn until the last. timeout_ms
 * -1: none. 0: ok; -1: the answer's own error (kind by its word), or ERR_TEMP
 * (nobody there, time-out). fn may be NULL. */
int control_request(const char *path, const char *line, int64_t timeout_ms,
    void (*fn)(void *ctx, const char *json), void *ctx, struct err *);

#endif
