#include "db/capture.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/when.h"
#include "db/capture_impl.h"
#include "db/cut.h"
#include "db/hop.h"

#define RETRY_MIN 1000
#define RETRY_MAX 60000

int
capture_new(struct capture **out, const struct capture_conf *conf,
    struct err *err)
{
	struct capture *c = calloc(1, sizeof *c);

	if (!c)
		return err_nomem(err);
	c->conf = *conf;
	c->path = strdup(conf->path);
	c->given = strdup(conf->path);
	if (!c->path || !c->given || state_paths(&c->paths, conf->path, conf->meta, err)) {
		capture_free(c);
		return err_nomem(err);
	}
	c->conf.path = c->given;
	c->conf.meta = 0;
	if (!c->conf.memory_bytes)
		c->conf.memory_bytes = 1 << 20;
	c->look.at = c->dirty_since = -1;
	*out = c;
	return 0;
}

int
capture_local(struct capture *c, uint64_t *txid, struct err *err)
{
	uint64_t min;
	int contig;

	return state_scan(c->paths.ltx0, &min, txid, &contig, err);
}

void
capture_close(struct capture *c)
{
	conn_close(&c->barrier);
	conn_close(&c->h[!c->cur].conn);
	conn_close(&c->h[c->cur].conn);
	look_stop(c);
	c->lost = 0;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

static uint64_t
pending(const struct capture *c)
{
	uint32_t n = c->view.mx;

	if (c->view.salt1 == c->pos.salt1 && c->view.salt2 == c->pos.salt2)
		n = n > c->pos.n ? n - c->pos.n : 0;
	return (uint64_t)n * (c->view.page_size + WAL_FRAME_HEADER);
}

/* What the caller has to know, after whatever was done. */
static void
report(struct capture *c, int64_t now, int failed)
{
	struct capture_result *r = c->res;

	r->state = c->state;
	r->txid = c->pos.txid;
	r->next_ms = -1;
	r->arm = c->look.at < 0 || c->look.gap;
	if (failed) {
		c->retry_gap = c->retry_gap ? c->retry_gap * 2 : RETRY_MIN;
		if (c->retry_gap > RETRY_MAX)
			c->retry_gap = RETRY_MAX;
		r->next_ms = now + c->retry_gap;
		return;
	}
	c->retry_gap = 0;
	if (c->state != CAPTURE_RUNNING)
		return;
	if ((r->pending_bytes = pending(c)))
		r->next_ms = c->last_cut + c->conf.sync_interval_ms;
	r->next_ms = sooner(r->next_ms, c->look.at);
	r->next_ms = sooner(r->next_ms, checkpoint_next(c));
	if (hop_wanted(c)) /* again, to be sure: after 1, 4, 16, 64 ms */
		r->next_ms = sooner(r->next_ms, now
		    + 1 + ((int64_t)1 << 2 * c->h[c->cur].zero) / 4);
	if (r->next_ms >= 0 && r->next_ms < now)
		r->next_ms = now + 1;
	if (c->h[!c->cur].conn.db || c->barrier.db)
		r->next_ms = sooner(r->next_ms,
		    c->last_use + CAPTURE_IDLE_MS);
}

static void
begin(struct capture *c, struct capture_result *res)
{
	memset(res, 0, sizeof *res);
	c->res = res;
	c->begun = when_mono_us();
}

static void
tell(struct capture *c, int failed)
{
	struct capture_stats *s = &c->stats;
	/* an empty WAL does not know it */
	uint32_t size = c->view.page_size ? c->view.page_size
	    : c->facts.page_size;

	s->steps++;
	s->step_errors += failed != 0;
	s->step_us += when_mono_us() - c->begun;
	if (c->state == CAPTURE_RUNNING) {
		s->db_bytes = (uint64_t)c->pos.pages * size;
		s->wal_bytes = c->pos.n ? (uint64_t)wal_frame_offset(c->pos.n
		    + 1, size) : 0;
	}
	c->res->stats = *s;
}

static int
finish(struct capture *c, int r)
{
	report(c, when_mono(), r < 0);
	tell(c, r < 0);
	if (r < 0 && c->state != CAPTURE_RUNNING)
		c->res->state = c->state = CAPTURE_FAILED;
	c->res = 0;
	return r;
}

static int
tell_remote(struct capture *c, const struct capture_remote *r,
    struct err *err)
{
	char *s = r->last_l0 ? strdup(r->last_l0) : 0;

	if (r->last_l0 && !s)
		return err_nomem(err);
	free(c->last_l0);
	c->last_l0 = s;
	c->remote_max = r->max_txid;
	memset(&c->replica, 0, sizeof c->replica);
	if (r->page1 && r->page1_size >= 100)
		state_facts_page1(&c->replica, r->page1, r->page1_size);
	return 0;
}

int
capture_start(struct capture *c, const struct capture_remote *remote,
    struct capture_result *res, struct err *err)
{
	int r;

	begin(c, res);
	if (c->state == CAPTURE_RUNNING)
		return finish(c, 0);
	r = remote ? tell_remote(c, remote, err) : 0;
	if (!r)
		r = start_do(c, err);
	return finish(c, r);
}

static int
dump(struct capture *c, uint64_t after, const char *reason, struct err *err)
{
	struct holder *h = c->h + !c->cur;
	uint64_t txid = c->pos.txid > after ? c->pos.txid : after;
	char text[24];

	snprintf(text, sizeof text, "%016" PRIx64, txid + 1);
	log_event(c->conf.log, LOG_WARN, "full copy", "db", c->given, "txid",
	    text, "reason", reason, (char *)0);
	if (hop_other(c, err) < 0 || hop_settle(c, h, err) < 0)
		return -1;
	if (cut_dump(c, h, txid + 1, err) < 0) {
		conn_end(&h->conn);
		return -1;
	}
	conn_end(&c->h[c->cur].conn);
	c->cur = !c->cur;
	c->last_hop = when_mono();
	c->lost = 0;
	c->res->gap_from = txid + 1;
	return 0;
}

/* Is what we have open still what the names say? */
static int
files_changed(struct capture *c)
{
	struct state_facts now;
	struct stat st;
	struct err err;
	char shm[4096];

	if (state_facts_stat(c->path, &now, &err) < 0) {
		c->gone = err.kind == ERR_NOTFOUND || err.kind == ERR_CONF;
		return c->gone;
	}
	if (now.ino != c->facts.ino || now.dev != c->facts.dev) {
		c->gone = 1;
		return 1;
	}
	/* Without -wal or -shm others do not see our locks: start anew */
	if (snprintf(shm, sizeof shm, "%s-shm", c->path) >= (int)sizeof shm)
		return 0;
	return !now.wal_ino || stat(shm, &st) < 0
	    || (c->shm_ino && st.st_ino != c->shm_ino);
}

static int
news(struct capture *c)
{
	if (c->view.mx == c->seen_mx && c->view.salt1 == c->seen_salt1
	    && c->view.salt2 == c->seen_salt2)
		return 0;
	c->seen_mx = c->view.mx;
	c->seen_salt1 = c->view.salt1;
	c->seen_salt2 = c->view.salt2;
	return c->view.mx > 0;
}

static int
look(struct capture *c, unsigned why, int64_t now, struct err *err)
{
	if (hop_view(c, err) < 0)
		return -1;
	hop_follow(c);
	if (news(c)) {
		look_stop(c);
		if (c->dirty_since < 0)
			c->dirty_since = now;
		/* One more look, for what came while nothing was armed */
		c->look.at = c->look.end = now + CAPTURE_QUIET_MS;
		c->look.gap = 0;
		c->res->quiet_ms = c->look.at;
	} else if (c->look.at >= 0 && !c->look.gap) {
		look_event(c, why, now);
	} else if (why & (CAPTURE_WAL | CAPTURE_DB)) {
		look_event(c, why, now);
	} else {
		look_again(c, now);
	}
	return 0;
}

static void
close_idle(struct capture *c, int64_t now)
{
	if (now - c->last_use < CAPTURE_IDLE_MS)
		return;
	conn_close(&c->barrier);
	conn_close(&c->h[!c->cur].conn);
}

/* The file is another database now, maybe of another size, and the wal-index
 * still of the one before. What the WAL held was all copied: it goes with our
 * connection if that is the last, and is not applied to what it is not of. */
static int
anew(struct capture *c, struct err *err)
{
	conn_tidy(&c->h[c->cur].conn);
	capture_close(c);
	c->state = CAPTURE_WAITING;
	return start_do(c, err);
}

static int
work(struct capture *c, unsigned why, struct err *err)
{
	int64_t now = when_mono();
	int strange, urgent = (why & (CAPTURE_SYNC | CAPTURE_FINAL)) != 0;

	if (look(c, why, now, err) < 0 || (strange = hop_strange(c, err)) < 0)
		return -1;
	if (strange)
		return anew(c, err);
	if (!c->lost && now - c->last_hop >= CAPTURE_HOP_MS
	    && hop_light(c, err) < 0)
		return -1;
	if (!c->lost && c->pos.n < c->view.mx && (urgent
	    || now - c->last_cut >= c->conf.sync_interval_ms)
	    && cut_upto(c, &c->view, err) < 0)
		return -1;
	if (!c->lost && checkpoint_step(c, now, err) < 0)
		return -1;
	if (c->lost && dump(c, c->remote_max, c->lost, err) < 0)
		return -1;
	close_idle(c, now);
	return 0;
}

/* Where it failed for the names being gone, what was committed before can be
 * read all the same. */
static int
step(struct capture *c, unsigned why, struct err *err)
{
	int r = work(c, why, err);

	if (r < 0 && err->kind == ERR_NOTFOUND && !c->lost
	    && c->state == CAPTURE_RUNNING && files_changed(c) && c->gone)
		r = cut_upto(c, &c->view, err);
	return r;
}

int
capture_step(struct capture *c, unsigned why, struct capture_result *res,
    struct err *err)
{
	int r;

	if (c->state != CAPTURE_RUNNING)
		return capture_start(c, 0, res, err);
	begin(c, res);
	r = step(c, why, err);
	/* What the files say does not fit, or the state folder went away: judge
	 * anew */
	if (r < 0 && (err->kind == ERR_DATA || err->kind == ERR_NOTFOUND)) {
		capture_close(c);
		c->prepared = 0;
		c->state = CAPTURE_FAILED;
		return finish(c, r);
	}
	if ((!(why & (CAPTURE_DIR | CAPTURE_FINAL)) && !c->gone)
	    || c->state != CAPTURE_RUNNING || !files_changed(c))
		return finish(c, r);
	/* What was committed before the names went is in files now; the rest
	 * is a start */
	if (!r)
		r = cut_upto(c, &c->view, err);
	capture_close(c);
	c->state = CAPTURE_WAITING;
	if (!r)
		r = start_do(c, err);
	return finish(c, r);
}

int
capture_dump(struct capture *c, uint64_t after, const char *reason,
    struct capture_result *res, struct err *err)
{
	int r;

	begin(c, res);
	if (c->state != CAPTURE_RUNNING)
		r = err_set(err, ERR_BUSY, "%s is not captured now", c->path);
	else
		r = dump(c, after, reason, err);
	return finish(c, r);
}

int
capture_facts(struct capture *c, struct conn *k, unsigned char head[100],
    struct state_facts *f, struct err *err)
{
	unsigned char *page;
	uint32_t size;
	int r;

	if (state_facts_stat(c->path, f, err) < 0
	    || conn_read_db(k, head, 100, 0, 0, err) < 0)
		return -1;
	size = state_facts_page_size(f, head);
	if (!(page = malloc(size)))
		return err_nomem(err);
	if (!(r = conn_read_db(k, page, size, 0, 0, err)))
		state_facts_page1(f, page, size);
	free(page);
	return r;
}

/* Everything into files and one checkpoint. *clean: that was complete, a start
 * can go on here: while the reader is held, nothing that is not in files gets
 * into the database file. */
static int
last(struct capture *c, int *clean, struct err *err)
{
	struct err why;

	if (hop_full(c, err) < 0)
		return -1;
	if (conn_checkpoint(&c->h[!c->cur].conn, &why) < 0
	    && why.kind != ERR_BUSY)
		log_err(c->conf.log, LOG_WARN, &why, "the last checkpoint "
		    "failed", "db", c->given, (char *)0);
	if (hop_view(c, err) < 0)
		return -1;
	hop_follow(c);
	*clean = !c->lost && c->view.backfill == c->view.mx
	    && c->pos.n == c->view.mx && c->view.salt1 == c->pos.salt1;
	return 0;
}

/* The WAL is of no more use then; left behind, it would be applied to any file
 * put in the database's place. */
static int
mark(struct capture *c, struct err *err)
{
	struct state_marker m;
	unsigned char head[100];
	int64_t age, tick;

	memset(&m, 0, sizeof m);
	if (capture_facts(c, &c->h[c->cur].conn, head, &m.facts, err) < 0)
		return -1;
	/* A write in the same tick of the clock would not show in mtime; a file
	 * system that keeps whole seconds has long ones */
	tick = m.facts.mtime_ns % 1000000000 ? 20 : 1000;
	age = when_now() - m.facts.mtime_ns / 1000000;
	if (age >= 0 && age < tick)
		usleep((tick - age) * 1000);
	m.kind = MARKER_STOP;
	m.txid = c->pos.txid;
	if (state_marker_write(c->paths.dir, &m, err) < 0)
		return -1;
	conn_tidy(&c->h[c->cur].conn);
	return 0;
}

int
capture_stop(struct capture *c, struct capture_result *res, struct err *err)
{
	struct err note;
	int r = 0, clean = 0;

	begin(c, res);
	if (c->state == CAPTURE_RUNNING)
		r = step(c, CAPTURE_FINAL, err);
	if (r < 0 && c->strange && c->state == CAPTURE_RUNNING)
		conn_tidy(&c->h[c->cur].conn); /* as in anew */
	if (!r && c->state == CAPTURE_RUNNING) {
		if (!(res->replaced = files_changed(c)))
			r = last(c, &clean, err);
		/* All is captured: without these the next start looks longer */
		if (!r && ((clean && mark(c, &note) < 0)
		    || (memcmp(&c->facts, &c->shipped, sizeof c->facts)
		    && state_shipped_write(c->paths.dir, &c->facts, &note)
		    < 0)))
			log_err(c->conf.log, LOG_WARN, &note, "unable to note "
			    "the state", "db", c->given, (char *)0);
	}
	finish(c, r);
	capture_close(c);
	c->state = res->state = CAPTURE_WAITING;
	res->next_ms = -1;
	return r;
}

int
capture_trim(struct capture *c, uint64_t txid, int64_t before_ms,
    struct err *err)
{
	DIR *d = opendir(c->paths.ltx0);
	uint64_t a, b, last = c->pos.txid;
	struct dirent *e;
	struct stat st;
	int n = 0;

	if (!d)
		return err_sys(err, "open %s", c->paths.ltx0);
	/* a start that failed may have got to another number */
	if (c->state != CAPTURE_RUNNING && capture_local(c, &last, err) < 0) {
		closedir(d);
		return -1;
	}
	while ((e = readdir(d))) {
		if (ltx_name_scan(e->d_name, &a, &b) < 0 || b > txid
		    || b >= last || fstatat(dirfd(d), e->d_name, &st, 0) < 0
		    || (int64_t)st.st_mtim.tv_sec * 1000
		    + st.st_mtim.tv_nsec / 1000000 >= before_ms)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) < 0) {
			err_sys(err, "remove %s/%s", c->paths.ltx0, e->d_name);
			n = -1;
			break;
		}
		n++;
	}
	closedir(d);
	return n;
}

const char *
capture_ltx_dir(const struct capture *c)
{
	return c->paths.ltx0;
}

uint64_t
capture_writer(const struct capture *c)
{
	return c->writer;
}

const char *
capture_hold_reason(const struct capture *c)
{
	return c->state == CAPTURE_HELD ? c->hold : 0;
}

void
capture_free(struct capture *c)
{
	if (!c)
		return;
	capture_close(c);
	state_paths_free(&c->paths);
	free(c->last_l0);
	free(c->given);
	free(c->path);
	free(c);
}
