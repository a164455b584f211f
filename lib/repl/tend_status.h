#ifndef LS_REPL_TEND_STATUS_H
#define LS_REPL_TEND_STATUS_H

#include "base/sa.h"
#include "repl/status.h"

/* What ls-tend knows, for every other program: <run>/tend.status, a text file
 * of records as repl/status.h has it, replaced by rename when something
 * changes. The first line is "ls-s6-tend 1".
 *
 *   tend     pid start time, as "walship" there
 *   db       path
 *   replica  belongs to the db record before it: url state (ok, failing, busy:
 *            another ls-tend has it) job (what is running) error error-kind
 *            error-time errors; proven-txid proven-time (last proven
 *            restorable) proven-error (of a proof since that failed)
 *            refused (deletes refused) sound unsound untold (proofs, by what
 *            they came to) miscompacted (files that were not what had been
 *            written)
 *   level    belongs to the replica record before it: n (0 to 9) txid (largest)
 *            time (when last written to by ls-tend) files bytes; sound unsound
 *            untold (looks at it, of a proof or a validation)
 *
 * What is counted begins at 0 with each ls-tend and never goes back.
 *
 * The same format is kept in the state folder of a database as the file tend, of
 * that one alone, with what a restart must not forget; of a replica besides:
 * settled (TXID up to which nothing was left to do), gap (TXID of a gap for
 * which a full copy was asked for), seen (time of the first look), tried (time
 * of the last proof). */

enum tend_result { TEND_SOUND, TEND_UNSOUND, TEND_UNTOLD, TEND_RESULTS };

struct tend_level {
	uint64_t txid, files, bytes;
	int64_t time_ms;
	uint64_t looks[TEND_RESULTS];
};

struct tend_replica {
	const char *url, *state, *job;
	struct status_error error;
	uint64_t proven_txid, refused;
	int64_t proven_ms;
	const char *proven_error;
	uint64_t proofs[TEND_RESULTS], miscompacted;
	uint64_t settled, gap;
	int64_t seen_ms, tried_ms;
	struct tend_level level[STORE_LEVELS];
};

struct tend_database {
	const char *path;
	struct tend_replica *r;
	size_t n;
};

/* As struct status. */
struct tend_status {
	uint64_t pid, start;
	int64_t time_ms;
	struct tend_database *db;
	size_t n;
	char *text;
	int stale;
};

int tend_status_fmt(const struct tend_status *, char **text, size_t *len,
    struct err *);
/* Takes text. */
int tend_status_scan(struct tend_status *, char *text, size_t len,
    struct err *);
int tend_status_write(const char *path, const struct tend_status *,
    struct err *);
int tend_status_read(const char *path, struct tend_status *, struct err *);
void tend_status_free(struct tend_status *);

/* Of one database and replica, or NULL. */
const struct tend_replica *tend_status_find(const struct tend_status *,
    const char *path, const char *url);

/* Is it to be worried about? With the reason (n bytes). Pure. */
int tend_status_healthy(const struct tend_status *, char *why, size_t n);

/* Reads tend.status of a run folder, if it is there (empty if not), and judges
 * it. 1 healthy, else 0 and why. */
#define TEND_WHY 1024
int tend_status_look(const char *dir, struct tend_status *,
    char why[TEND_WHY]);

/* Of one replica: lines for people, a JSON object. Append and return 1, or 0 out
 * of memory. */
int tend_status_text(stralloc *, const struct tend_replica *);
int tend_status_json(stralloc *, const struct tend_replica *);

#endif
