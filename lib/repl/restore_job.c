#include "repl/restore_job.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/when.h"
#include "db/state.h"
#include "repl/place.h"
#include "repl/restore_state.h"
#include "repl/restore_v03.h"

#define COPY (256 * 1024)

/* Where pages go: under the temporary name, or unlinked for stdout. */
struct sink {
	struct place place;
	struct io_perm perm;
	int fd;
};

static int
sink_begin(struct sink *s, const struct restore_job *job, struct err *e)
{
	memset(s, 0, sizeof *s);
	if (!job->out) {
		s->fd = io_anon("", e);
		return s->fd < 0 ? -1 : 0;
	}
	s->perm = job->perm;
	if (place_owner(job->out, &s->perm, e) < 0
	    || place_begin(&s->place, job->out, &s->perm, job->place,
	    when_now(), e) < 0)
		return -1;
	s->fd = s->place.temp.fd;
	return 0;
}

static void
sink_abort(const struct restore_job *job, struct sink *s)
{
	if (job->out)
		place_abort(&s->place);
	else
		close(s->fd);
}

static int
copy_out(int from, int to, uint64_t size, struct err *e)
{
	struct io_out out = io_out_fd(&to);
	unsigned char *buf = malloc(COPY);
	int r = 0;

	if (!buf)
		return err_nomem(e);
	for (uint64_t off = 0; !r && off < size;) {
		size_t n = size - off < COPY ? (size_t)(size - off) : COPY;

		r = io_preadn(from, buf, n, (int64_t)off, e);
		if (!r)
			r = out.write(out.ctx, buf, n, e);
		off += n;
	}
	free(buf);
	return r;
}

/* What tells the position is there before the database is: killed between, a
 * restore begins anew. */
static int
publish(struct sink *s, const struct restore_job *job,
    const struct standby_pos *pos, struct err *e)
{
	if (place_clear(&s->place, job->opt.log, e) < 0
	    || (pos && restore_pos_write(job->out, pos, &s->perm, e) < 0)) {
		place_abort(&s->place);
		return -1;
	}
	return place_publish(&s->place, e);
}

static int
sink_end(struct sink *s, const struct restore_job *job,
    const struct apply_done *done, const struct standby_pos *pos,
    struct err *e)
{
	int r;

	if (job->out)
		return publish(s, job, pos, e);
	r = copy_out(s->fd, job->out_fd,
	    (uint64_t)done->pages * done->page_size, e);
	close(s->fd);
	return r;
}

static int
check(const struct restore_job *job, const struct sink *s, int hides,
    struct err *e)
{
	return job->out && job->check
	    ? job->check(job->check_ctx, s->place.temp.temp, hides, e) : 0;
}

/* Is page 1 that of the replica? A standby of Litestream has lost it. */
static int
page1_known(const struct restore_job *job, const struct apply_done *done)
{
	return !job->opt.delta || done->page1 || job->opt.delta->at.has_orig;
}

static int
leave_pos(const struct restore_job *job, const struct restore_plan *p,
    const struct apply_done *done, struct sink *s, struct standby_pos *pos,
    struct err *e)
{
	uint8_t level = p->plan.n && !p->tail.n
	    ? p->listing.f[p->plan.idx[p->plan.n - 1]].level : 0xff;

	pos->at.txid = 0;
	return job->out ? restore_pos_make(pos, s->fd, job->leave, done, level,
	    page1_known(job, done), e) : 0;
}

static int
leave_state(const struct restore_job *job, const struct state_paths *paths,
    const struct restore_plan *p, const char *url,
    const struct apply_done *done, struct sink *s, struct err *e)
{
	struct restore_state rs = {
		.dir = paths->dir,
		.ltx0 = paths->ltx0,
		.txid = p->txid,
		.latest = !p->target.txid && p->target.time_ms < 0
		    && page1_known(job, done),
		.continues = p->continues,
		.url = url,
		.now_ms = s->place.now_ms,
		.perm = &s->perm,
		.log = job->opt.log
	};

	if (!job->state)
		return 0;
	if (place_lock(&s->place, e) < 0)
		return -1;
	return restore_state_leave(&rs, s->place.temp.temp, e);
}

/* Would going on with the next replica give an older state than asked for?
 * Not where this one begins after the time that was. */
static int
falls_back(const struct restore_job *job, const struct choose *c, size_t i,
    const struct err *e)
{
	if (e->kind == ERR_DATA
	    || (e->kind == ERR_NO && job->opt.target.time_ms >= 0))
		return 0;
	return !job->opt.target.txid && i + 1 < c->n
	    && c->r[i + 1].max < c->r[i].max;
}

static struct store_count
requests(const struct choose *c)
{
	struct store_count sum = { 0, 0, 0 };

	for (size_t i = 0; i < c->n; i++) {
		const struct store_count *n = store_counts(c->r[i].st);

		sum.lists += n->lists;
		sum.gets += n->gets;
		sum.heads += n->heads;
	}
	return sum;
}

static int
plan_ltx(const struct restore_job *job, struct choose *c,
    const struct restore_opt *opt, struct restore_plan *p, struct err *e)
{
	struct err first = { 0 };
	int x = -1;

	for (size_t i = 0; i < c->n && x < 0; i++) {
		x = restore_plan(p, c->r[i].st, &c->r[i].listing, opt, e);
		if (x < 0)
			err_in(e, "%s", c->r[i].conf->url);
		if (x < 0 && !first.kind)
			first = *e;
		if (x < 0 && falls_back(job, c, i, e))
			break;
	}
	if (x < 0 && first.kind)
		*e = first;
	return x;
}

/* What was listed and vanished is not "nothing to restore", which is leave to
 * begin with an empty database. */
static int
not_nothing(int any, int x, struct err *e)
{
	if (x < 0 && any && e->kind == ERR_NOTFOUND)
		e->kind = ERR_TEMP;
	return x;
}

int
restore_job_plan(const struct restore_job *job, struct choose *c,
    struct restore_plan *p, struct restore_v03 *v03, struct err *e)
{
	struct restore_opt opt = job->opt;
	struct state_paths paths = { NULL, NULL };
	int x, any = choose_any(c);

	memset(p, 0, sizeof *p);
	if (job->out && job->state
	    && state_paths(&paths, job->out, job->meta, e) < 0)
		return -1;
	opt.ltx0 = paths.ltx0;
	x = restore_v03_pick(job, c, opt.ltx0, v03, e);
	if (!x)
		x = plan_ltx(job, c, &opt, p, e);
	state_paths_free(&paths);
	if (x >= 0) {
		p->requests = requests(c);
		p->requests.gets += x ? v03->r.plan.n_wal + 1 : p->plan.n;
	}
	return not_nothing(any, x, e);
}

static int
one_replica(const struct restore_job *job, struct choose_replica *r,
    const struct state_paths *paths, struct restore_report *rep,
    struct err *e)
{
	struct restore_opt opt = job->opt;
	struct standby_pos pos;
	struct restore_plan p;
	struct sink s;
	int x;

	opt.ltx0 = paths->ltx0;
	if (restore_plan(&p, r->st, &r->listing, &opt, e) < 0)
		return -1;
	x = sink_begin(&s, job, e);
	if (x < 0)
		goto out;
	x = restore_run(&p, r->st, &opt, s.fd, &rep->done, e);
	if (x >= 0)
		x = check(job, &s, 0, e);
	if (x >= 0)
		x = leave_pos(job, &p, &rep->done, &s, &pos, e);
	if (x >= 0)
		x = leave_state(job, paths, &p, r->conf->url, &rep->done, &s, e);
	if (x < 0) {
		sink_abort(job, &s);
		goto out;
	}
	rep->url = r->conf->url;
	/* the newest first, and local ones are the newest */
	rep->local = rep->done.files < p.tail.n ? rep->done.files : p.tail.n;
	rep->files = rep->done.files - rep->local;
	rep->bytes = rep->done.bytes;
	x = sink_end(&s, job, &rep->done, &pos, e);
out:
	if (x < 0 && e->kind == ERR_NOTFOUND) /* there was a plan */
		e->kind = ERR_TEMP;
	restore_plan_free(&p);
	return x;
}

static int
leave_v03(const struct restore_job *job, const struct state_paths *paths,
    struct sink *s, struct err *e)
{
	struct restore_state rs = {
		.dir = paths->dir,
		.ltx0 = paths->ltx0,
		.stranger = 1,
		.now_ms = s->place.now_ms,
		.perm = &s->perm,
		.log = job->opt.log
	};

	if (!job->state)
		return 0;
	if (place_lock(&s->place, e) < 0)
		return -1;
	return restore_state_leave(&rs, s->place.temp.temp, e);
}

/* Where a WAL index follows on another, nothing tells that the other's last
 * segment is there: names only say where a segment begins, and SQLite writes
 * nothing into a WAL that depends on how long the one before became (salt-1 and
 * the sequence number count restarts; in WAL mode the change counter stands
 * still between writes of page 1). Only SQLite sees that pages do not fit. */
static int
check_v03(const struct restore_job *job, const struct v03_restore *v,
    const struct sink *s, struct err *e)
{
	uint64_t first = v->set->o[v->plan.snapshot].name.index;
	char g[17], from[17], to[17];
	struct v03_end end;
	struct err why;

	v03_restore_end(v, &end);
	if (!job->out && end.index > first)
		log_event(job->opt.log, LOG_WARN, "the end of a WAL index of "
		    "Litestream 0.3 could be missing without a trace, and what "
		    "goes to standard output is not checked: restore to a file "
		    "for that", NULL);
	if (check(job, s, end.index > first, e) == 0)
		return 0;
	if (end.index == first || e->kind != ERR_DATA)
		return -1;
	why = *e;
	v03_generation_fmt(g, end.generation);
	v03_index_fmt(from, first);
	v03_index_fmt(to, end.index - 1);
	return err_set(e, ERR_DATA, "%s; the likely reason is that the last WAL "
	    "segment of an index from %s to %s is lost, which leaves no gap in "
	    "the names; try an earlier state (--generation %s with --index %s, "
	    "or an earlier one, or -t), or another replica (--replica); "
	    "--integrity-check none restores it as it is", why.msg, from, to,
	    g, to);
}

/* Of Litestream 0.3. No other replica is tried: one that ends earlier would
 * be an older state. */
static int
one_v03(const struct restore_job *job, struct choose *c,
    struct restore_v03 *v, const struct state_paths *paths,
    struct restore_report *rep, struct err *e)
{
	struct choose_replica *r = &c->r[v->which];
	struct sink s;
	int x = sink_begin(&s, job, e);

	if (x < 0)
		return -1;
	x = v03_restore_run(&v->r, r->st, &job->opt, s.fd, &rep->done, e);
	if (x < 0)
		err_in(e, "%s", r->conf->url);
	else
		x = check_v03(job, &v->r, &s, e);
	if (x >= 0)
		x = leave_v03(job, paths, &s, e);
	if (x < 0) {
		sink_abort(job, &s);
		return -1;
	}
	rep->v03 = 1;
	v03_restore_end(&v->r, &rep->end);
	rep->url = r->conf->url;
	rep->files = rep->done.files;
	rep->bytes = rep->done.bytes;
	return sink_end(&s, job, &rep->done, NULL, e);
}

static int
all_ltx(const struct restore_job *job, struct choose *c,
    const struct state_paths *paths, struct restore_report *rep,
    struct err *e)
{
	struct err first = { 0 };
	int x = -1;

	for (size_t i = 0; i < c->n && x < 0; i++) {
		rep->used = i;
		x = one_replica(job, &c->r[i], paths, rep, e);
		if (x == 0)
			break;
		err_in(e, "%s", c->r[i].conf->url);
		if (!first.kind || first.kind == ERR_NOTFOUND)
			first = *e;
		if (c->n > 1)
			log_err(job->opt.log, LOG_WARN, e,
			    "restore from a replica failed", NULL);
		if (e->kind == ERR_EXISTS || e->kind == ERR_FULL
		    || falls_back(job, c, i, e))
			break;
	}
	if (x < 0 && first.kind)
		*e = first;
	return x;
}

int
restore_job_replica(const struct restore_job *job, struct choose *c,
    struct restore_report *rep, struct err *e)
{
	struct state_paths paths = { NULL, NULL };
	struct restore_v03 v;
	int x, any = choose_any(c); /* plans take the listings */

	memset(rep, 0, sizeof *rep);
	rep->url = "";
	if (job->out && job->state
	    && state_paths(&paths, job->out, job->meta, e) < 0)
		return -1;
	x = restore_v03_pick(job, c, paths.ltx0, &v, e);
	if (x > 0 && (job->leave || job->opt.delta))
		x = err_set(e, ERR_CONF, "the newest state is one of Litestream "
		    "0.3, which -f, --delta and --keep-txid cannot go on from: "
		    "restore without them");
	else if (x > 0)
		x = one_v03(job, c, &v, &paths, rep, e);
	else if (!x)
		x = all_ltx(job, c, &paths, rep, e);
	state_paths_free(&paths);
	rep->requests = requests(c);
	return not_nothing(any, x, e);
}

int
restore_job_stream(const struct restore_job *job, struct io_in in,
    struct restore_report *rep, struct err *e)
{
	struct sink s;
	int x;

	memset(rep, 0, sizeof *rep);
	rep->url = "";
	if (sink_begin(&s, job, e) < 0)
		return -1;
	x = restore_stream(in, "", &job->opt, s.fd, &rep->done, e);
	if (x >= 0)
		x = check(job, &s, 0, e);
	if (x < 0) {
		sink_abort(job, &s);
		return -1;
	}
	return sink_end(&s, job, &rep->done, NULL, e);
}
