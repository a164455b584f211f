#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/retry.h"
#include "base/when.h"
#include "repl/control.h"
#include "repl/listing_fmt.h"
#include "repl/tend_in.h"

/* What one replica needs, and what comes of it. */

#define ASK_MS 5000

void
tend_rep_init(struct tend_rep *r)
{
	level_last_init(&r->last);
	r->c.out = r->c.err = r->proof.out = r->proof.err = -1;
}

void
tend_rep_free(struct tend_rep *r)
{
	tend_child_free(&r->c);
	tend_child_free(&r->proof);
	listing_free(&r->l);
	listing_free(&r->fresh);
	listing_changes_free(&r->changes);
}

static const struct log *
log_of(const struct tend_rep *r)
{
	return r->db->t->conf->log;
}

/* ---- what was shipped ---- */

static uint64_t
level_end(const struct listing *l, unsigned level)
{
	uint64_t max = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->f[i].level == level && l->f[i].max > max)
			max = l->f[i].max;
	return max;
}

/* The files ls-walship has put since, as they are in its folder. One that is
 * not there any more, or a number that is left out, as after a full copy, is
 * asked of the replica. */
static int
learn(struct tend_rep *r)
{
	struct replica_file f = { 0 };
	uint64_t n = r->l_upto;
	struct err e;
	struct stat st;
	int fd;

	while (n < r->shipped) {
		n++;
		fd = listing_open_local(r->db->paths.ltx0, n, n, &e);
		if (fd < 0)
			return 0;
		if (fstat(fd, &st) < 0) {
			close(fd);
			return 0;
		}
		close(fd);
		f.min = f.max = n;
		f.size = (uint64_t)st.st_size;
		f.time_ms = (int64_t)st.st_mtim.tv_sec * 1000
		    + st.st_mtim.tv_nsec / 1000000;
		if (listing_add(&r->l, &f, &e) < 0)
			return 0;
		r->l_upto = n;
	}
	listing_sort(&r->l);
	return 1;
}

void
tend_rep_shipped(struct tend_rep *r, const struct status_replica *s)
{
	uint64_t mark = s ? s->index << 32 ^ s->offset ^ s->txid : 0;

	/* of another writer, what it holds is not ours to arrange */
	r->present = s && strcmp(s->state, "fenced")
	    && strcmp(s->state, "denied");
	if (!r->present || !mark)
		return;
	if (mark != r->mark)
		r->due = 0;
	r->mark = mark;
	if (s->txid < r->shipped)
		r->listed = 0; /* it began anew */
	r->shipped = s->txid;
}

/* ---- starting ---- */

static int
start(struct tend_rep *r, enum tend_job job, unsigned level)
{
	struct tend *t = r->db->t;
	struct err e = { 0 };

	r->c.job = job;
	r->c.level = level;
	r->c.upto = job == TEND_COMPACT ? level_end(&r->l, level - 1)
	    : job == TEND_LIST ? r->shipped : listing_max(&r->l);
	r->c.base = level_end(&r->l, 1);
	r->gap_said = 0;
	r->refused_now = 0;
	listing_free(&r->fresh);
	if (tend_child_start(r, &r->c, &e) < 0) {
		tend_failed(r, &e, "no program");
		return -1;
	}
	t->running++;
	t->dirty = 1;
	return 0;
}

/* Times that a store does not tell are from now on. */
static void
listed(struct tend_rep *r, uint64_t upto)
{
	int64_t now = when_now();

	listing_free(&r->l);
	r->l = r->fresh;
	memset(&r->fresh, 0, sizeof r->fresh);
	listing_sort(&r->l);
	for (size_t i = 0; i < r->l.n; i++)
		if (r->l.f[i].time_ms < 0)
			r->l.f[i].time_ms = now;
	r->l_upto = level_end(&r->l, 0);
	if (r->l_upto < upto)
		r->l_upto = upto;
	r->listed = 1;
	r->relist = 0;
}

/* Nothing is left to do, and that is worth to be known after a restart. */
static void
settle(struct tend_rep *r)
{
	if (r->settled == r->shipped)
		return;
	r->settled = r->shipped;
	r->db->keep = 1;
}

static void
settings(const struct tend_rep *r, int64_t mono, struct level_conf *c)
{
	struct tend *t = r->db->t;

	*c = t->conf->levels;
	if (mono < r->refused_mono || !level_clock_sane(&t->clock, when_boot()))
		c->retention_ms = -1;
}

static int64_t
step_v03(struct tend_rep *r, int64_t now, int64_t mono)
{
	struct level_v03 v = { 0, 0 };
	struct level_conf c;
	struct level_todo todo;

	settings(r, mono, &c);
	if (r->mark != r->done_mark[0])
		v.snapshot_ms = r->conf->snapshot_ms;
	if (r->mark != r->done_mark[1] && c.retention_ms >= 0)
		v.check_ms = r->conf->retention_check_ms;
	level_v03_decide(&v, &r->last, now, &todo);
	if (todo.job) {
		start(r, todo.job == LEVEL_PRUNE ? TEND_PRUNE : TEND_SNAPSHOT, 0);
		return TEND_NEVER;
	}
	return todo.next_ms == LEVEL_NEVER ? TEND_NEVER : todo.next_ms - now;
}

/* 1: what it holds is known; 0: a LIST is needed, or has to wait for *ms. */
static int
known(struct tend_rep *r, int64_t mono, int64_t *ms)
{
	if (r->listed && !learn(r))
		r->listed = 0;
	if (r->listed)
		return 1;
	if (!r->list_mono)
		r->list_mono = mono + rand_r(&r->db->t->random) % (int)
		    (r->db->t->n < 500 ? 10 * r->db->t->n : 5000);
	*ms = r->list_mono - mono;
	if (*ms > 0)
		return 0;
	*ms = TEND_NEVER;
	start(r, TEND_LIST, 0);
	return 0;
}

int64_t
tend_rep_step(struct tend_rep *r, int64_t now, int64_t mono)
{
	static const enum tend_job jobs[] = { TEND_NONE, TEND_COMPACT,
		TEND_SNAPSHOT, TEND_PRUNE, TEND_PRUNE0 };
	struct level_conf c;
	struct level_todo todo;
	int64_t ms, valid;

	if (!r->present || r->c.pid || (!r->conf->v03 && !r->shipped)
	    || !tend_keep_take(r->db))
		return TEND_NEVER;
	if (!r->listed && r->settled == r->shipped && !r->conf->v03)
		return TEND_NEVER; /* so it was before the restart */
	if (mono < r->next_mono)
		return r->next_mono - mono;
	if (r->gap_wait && r->shipped <= r->gap_wait)
		return TEND_NEVER;
	r->gap_wait = 0;
	valid = tend_valid_due(r, now);
	if (r->due > now && valid > 0)
		return r->due == TEND_NEVER || r->due - now > valid ? valid
		    : r->due - now;
	if (r->db->t->running >= r->db->t->conf->jobs)
		return TEND_NEVER; /* its turn comes when one ends */
	if (r->conf->v03)
		return step_v03(r, now, mono);
	if (valid <= 0) {
		r->validating = start(r, TEND_LIST, 0) == 0;
		return TEND_NEVER;
	}
	if (!known(r, mono, &ms))
		return ms;
	settings(r, mono, &c);
	level_decide(&r->l, &c, &r->last, now, &todo);
	if (todo.job) {
		start(r, jobs[todo.job], todo.level);
		return TEND_NEVER;
	}
	r->due = todo.next_ms == LEVEL_NEVER ? TEND_NEVER : todo.next_ms;
	if (r->due != TEND_NEVER)
		return r->due - now < valid ? r->due - now : valid;
	if (c.retention_ms == r->db->t->conf->levels.retention_ms)
		settle(r);
	return valid;
}

/* ---- what a child says and what becomes of it ---- */

void
tend_rep_line(struct tend_rep *r, struct tend_child *c, char *line)
{
	char *row = strchr(line, '\t');
	struct replica_file f;
	struct err e;

	if (c->job == TEND_LIST) {
		if (listing_fmt_row(line, strlen(line), &f) == 0)
			listing_add(&r->fresh, &f, &e);
		return;
	}
	if (!row || listing_fmt_row(row + 1, strlen(row + 1), &f) < 0)
		return;
	*row = 0;
	if ((!strcmp(line, "add") || !strcmp(line, "del"))
	    && listing_note(&r->changes, &f, *line == 'a', &e) < 0)
		r->relist = 1;
	if (!strcmp(line, "stale"))
		r->relist = 1;
	if (!strcmp(line, "refused"))
		r->refused_now++;
	if (!strcmp(line, "unsound"))
		r->miscompacted++;
	if (!strcmp(line, "gap")) {
		r->gap_said = 1;
		r->gap_min = f.min;
		r->gap_max = f.max;
	}
}

/* Once for each gap: a full copy is dear. Where it is still one an hour later,
 * none was made. */
static void
ask_dump(struct tend_rep *r)
{
	struct err e = { 0 };
	char line[5000], t[17];

	if (r->gap == r->gap_max && when_mono() < r->gap_mono)
		return;
	snprintf(line, sizeof line, "dump\t%s\t%s", r->db->conf->path,
	    r->conf->url);
	hex64_fmt(t, r->gap_min);
	if (control_request(r->db->t->sock_path, line, ASK_MS, NULL, NULL, &e)
	    < 0) {
		log_err(log_of(r), LOG_ERROR, &e, "no full copy over the gap "
		    "yet", "db", r->db->conf->path, "replica", r->conf->url,
		    "txid", t, NULL);
		return;
	}
	log_event(log_of(r), LOG_WARN, "a gap that nothing closes: ls-walship "
	    "makes a full copy", "db", r->db->conf->path, "replica",
	    r->conf->url, "txid", t, NULL);
	r->gap = r->gap_max;
	r->gap_mono = when_mono() + TEND_ASK_MS;
	r->gap_wait = r->shipped;
	r->db->keep = 1;
}

static void
worked(struct tend_rep *r, const struct tend_child *c, int64_t now)
{
	if (c->job == TEND_LIST)
		listed(r, c->upto);
	if (c->job == TEND_LIST && r->validating)
		tend_valid_check(r, now);
	if (c->job == TEND_COMPACT || c->job == TEND_SNAPSHOT) {
		unsigned level = c->job == TEND_COMPACT ? c->level
		    : STORE_LEVEL_SNAPSHOT;

		r->last.done_ms[level] = now;
		r->last.upto[level] = c->upto;
		if (r->conf->v03)
			r->done_mark[0] = r->mark;
	}
	/* of Litestream 0.3 it is a generation */
	if (r->gap && (r->conf->v03 || (c->job == TEND_COMPACT
	    && c->upto > r->gap))) {
		r->gap = 0;
		r->db->keep = 1;
	}
	if (c->job == TEND_PRUNE) {
		r->last.prune_ms = now;
		r->done_mark[1] = r->mark;
	}
	if (c->job == TEND_PRUNE || c->job == TEND_PRUNE0) {
		r->last.l0_ms = now;
		r->last.l0_upto = c->base;
	}
	if (r->errors)
		log_event(log_of(r), LOG_INFO, "recovered", "db",
		    r->db->conf->path, "replica", r->conf->url, NULL);
	r->fails = 0;
	r->errors = 0;
}

/* Said once, then kept in the status: the rules of the store, or other keys,
 * have to do it. */
static int
refused(struct tend_rep *r, const struct tend_child *c)
{
	if ((c->job != TEND_PRUNE && c->job != TEND_PRUNE0) || !r->refused_now)
		return 0;
	r->refused += r->refused_now;
	r->refused_mono = when_mono() + TEND_REFUSED_MS;
	log_event(log_of(r), LOG_WARN, "deletes are refused: nothing is deleted "
	    "for an hour (retention.enabled: false, and rules of the store or "
	    "other keys, do without)", "db", r->db->conf->path, "replica",
	    r->conf->url, NULL);
	return 1;
}

void
tend_rep_ended(struct tend_rep *r, struct tend_child *c)
{
	static const enum err_kind kinds[] = { ERR_NO, ERR_USAGE, ERR_BUG,
		ERR_DATA };
	struct tend *t = r->db->t;
	struct err e = { 0 };

	t->running--;
	t->dirty = 1;
	r->due = 0;
	if (listing_apply(&r->l, &r->changes, &e) < 0)
		r->relist = 1;
	if (t->ending)
		return;
	if (c->status == 0) {
		worked(r, c, when_now());
	} else if (!refused(r, c)) {
		err_set(&e, c->status == 1 ? kinds[0] : c->status >= 100
		    && c->status <= 102 ? kinds[c->status - 99] : ERR_TEMP,
		    "%s", *c->fatal ? c->fatal : "no reason given");
		/* one that was killed may not have said all it did */
		r->relist |= c->status == 1 || c->status == 102
		    || c->status > 128;
		if (c->job == TEND_LIST && r->validating)
			tend_valid_count(r, tend_valid_levels(r), TEND_UNTOLD);
		if (r->gap_said)
			ask_dump(r);
		tend_failed(r, &e, NULL);
	}
	if (r->relist) {
		r->listed = r->relist = 0;
		r->list_mono = 1;
	}
}
