#ifndef LS_REPL_RECORD_H
#define LS_REPL_RECORD_H

#include <stdint.h>
#include "base/err.h"
#include "base/sa.h"

/* Text files of records, one a line: a word, then fields KEY=VALUE, all
 * separated by one TAB; in values backslash, TAB and newline are \\ \t \n.
 * What status files are made of. */

/* TAB KEY=VALUE; nothing for NULL, or 0 ("none"). Append and return 1, or 0
 * out of memory. txid: 16 hex digits. */
int record_text(stralloc *, const char *key, const char *);
int record_num(stralloc *, const char *key, uint64_t);
int record_txid(stralloc *, const char *key, uint64_t);

/* The next field of what is left of a line after its word (NULL at the end of
 * it), which is cut up; its key, or NULL. What has no "=" is passed over. */
char *record_field(char **line, char **value);

/* Undoes the escapes in place. */
void record_unescape(char *);
uint64_t record_scan(const char *); /* a decimal number */

/* Gives each line of a text (NUL-terminated, written to), after the first,
 * which is head, to fn: its word, and what is left of it for record_field.
 * ERR_DATA for another first line, and for a last one without its end. */
typedef int record_line_fn(void *ctx, const char *word, char *fields,
    struct err *);
int record_lines(char *text, size_t len, const char *head, record_line_fn *,
    void *ctx, struct err *);

/* A new, zeroed element at the end of an array, or NULL. */
void *record_grow(void **array, size_t *n, size_t size);

/* A small file whole, allocated, NUL-terminated. NULL: error. */
char *record_read(const char *path, size_t *len, struct err *);

/* The text that was made, allocated, NUL-terminated; ok 0: for want of memory
 * it was not. */
int record_end(stralloc *, int ok, char **text, size_t *len, struct err *);

/* A new file, mode 0600, renamed over path. Not fsynced. Frees text. */
int record_write(const char *path, char *text, size_t len, struct err *);

/* Start time of a process in clock ticks, 0 if there is no such process. */
uint64_t record_proc_start(uint64_t pid);
/* Is the process that wrote a file, and said when it started, gone? */
int record_stale(uint64_t pid, uint64_t start);

#endif
