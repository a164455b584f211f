#include "repl/verify_fresh.h"

#include <unistd.h>
#include "base/when.h"
#include "db/state.h"
#include "ltx/ltx.h"

void
verify_fresh_judge(struct verify_fresh *f, int64_t oldest_ms, int64_t now_ms,
    int64_t max_lag_ms)
{
	f->lag = f->local > f->replica ? f->local - f->replica : 0;
	f->lag_ms = oldest_ms < 0 ? -1 : !oldest_ms ? 0
	    : now_ms > oldest_ms ? now_ms - oldest_ms : 0;
	f->stale = max_lag_ms >= 0
	    && (f->lag_ms < 0 || f->lag_ms > max_lag_ms);
}

/* Time of the first local file after the replica's end, -1: gone. */
static int
first_missing(const char *ltx0, uint64_t txid, int64_t *ms, struct err *e)
{
	unsigned char b[LTX_HEADER_SIZE];
	struct ltx_header h;
	int fd = listing_open_local(ltx0, txid, txid, e), r;

	*ms = -1;
	if (fd < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	r = io_preadn(fd, b, sizeof b, 0, e);
	close(fd);
	if (r < 0 || ltx_header_unpack(&h, b, e) < 0)
		return -1;
	*ms = h.time_ms;
	return 0;
}

/* A commit that nobody captured is at least as old as the last write. */
static int64_t
last_write(const char *db)
{
	struct state_facts f;
	struct err e;
	int64_t ns;

	if (state_facts_stat(db, &f, &e) < 0)
		return 0; /* no database: nothing is committed there */
	ns = f.wal_size && f.wal_mtime_ns > f.mtime_ns ? f.wal_mtime_ns
	    : f.mtime_ns;
	return ns / 1000000;
}

int
verify_fresh(struct verify_fresh *f, const struct verify_where *w,
    const struct verify_position *pos, uint64_t max, int64_t max_lag_ms,
    struct err *e)
{
	struct state_paths paths;
	int64_t oldest = 0, written;
	int r = 0;

	*f = (struct verify_fresh){ .local = pos->local, .replica = max };
	if (max < pos->local) {
		if (state_paths(&paths, w->db, w->meta, e) < 0)
			return -1;
		r = first_missing(paths.ltx0, max + 1, &oldest, e);
		state_paths_free(&paths);
	}
	/* nobody can say whether what was written last is in a file */
	if (!pos->exact && !pos->asked && oldest >= 0) {
		written = last_write(w->db);
		if (!oldest || (written && written < oldest))
			oldest = written;
	}
	if (!r)
		verify_fresh_judge(f, oldest, when_now(), max_lag_ms);
	return r;
}
