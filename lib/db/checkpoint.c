#include <unistd.h>
#include "base/when.h"
#include "db/capture_impl.h"
#include "db/cut.h"
#include "db/hop.h"

#define TRIES 3
#define BARRIER_MS 20
#define OTHERS_MS 10
#define OTHERS_LOCKED_MS 100
#define TAIL 64 /* frames: what a hop can cut while writers write */
#define FEW 256 /* frames: copied while writers are kept out */
#define GAP_MIN 250
#define GAP_MAX 10000

static int
complete(const struct capture *c)
{
	return c->view.backfill == c->view.mx;
}

static int64_t
due(const struct capture *c)
{
	int64_t t;

	if (complete(c))
		return -1;
	if (c->conf.min_checkpoint_pages
	    && c->view.mx >= c->conf.min_checkpoint_pages)
		t = 0;
	else if (c->conf.checkpoint_interval_ms > 0 && c->dirty_since >= 0)
		t = c->dirty_since + c->conf.checkpoint_interval_ms;
	else
		return -1;
	/* Files are cut at their own pace; right after one there is least left
	 * to cut between the copying and the hop */
	if (c->pos.n < c->view.mx
	    && t < c->last_cut + c->conf.sync_interval_ms)
		t = c->last_cut + c->conf.sync_interval_ms;
	return t > c->ckpt_next ? t : c->ckpt_next;
}

int64_t
checkpoint_next(const struct capture *c)
{
	return due(c);
}

static void
warn_size(struct capture *c)
{
	if (c->warned_max || !c->conf.max_checkpoint_pages
	    || c->view.mx < c->conf.max_checkpoint_pages)
		return;
	c->warned_max = 1;
	log_event(c->conf.log, LOG_WARN, "the WAL grows: checkpoints do not "
	    "complete, a reader or writer holds on", "db", c->given,
	    (char *)0);
}

/* By a reader of an older state, which may stay for hours, or by somebody
 * else's checkpoint. */
static void
blocked(struct capture *c, int64_t now)
{
	warn_size(c);
	c->ckpt_gap = c->ckpt_gap ? c->ckpt_gap * 2 : GAP_MIN;
	if (c->ckpt_gap > GAP_MAX)
		c->ckpt_gap = GAP_MAX;
	c->ckpt_next = now + c->ckpt_gap;
}

static int
done(struct capture *c, struct err *err)
{
	c->ckpt_gap = 0;
	c->ckpt_next = 0;
	c->dirty_since = -1;
	c->warned_max = 0;
	/* The checkpoint was ours, so slot 0 is free: once is sure */
	if (hop_full(c, err) < 0)
		return err->kind == ERR_BUSY ? 0 : -1;
	if (c->h[c->cur].zero)
		c->h[c->cur].zero = HOP_SURE;
	return 0;
}

/* One whole PASSIVE checkpoint; one that met another is none. */
static int
one(struct capture *c, struct err *err)
{
	uint64_t t = when_mono_us();
	int r = conn_checkpoint(&c->h[!c->cur].conn, err);

	if (r < 0 && err->kind == ERR_BUSY)
		return r;
	c->stats.checkpoints++;
	c->stats.checkpoint_errors += r < 0;
	c->stats.checkpoint_us += when_mono_us() - t;
	return r;
}

/* One PASSIVE checkpoint up to the newest mark: 1 complete, 0 not, -1. Others
 * that are at one are waited for, for tries milliseconds. */
static int
passive(struct capture *c, int tries, struct err *err)
{
	if (hop_view(c, err) < 0)
		return -1;
	hop_follow(c);
	if (c->lost || hop_light(c, err) < 0 || hop_other(c, err) < 0)
		return -1;
	c->busy = 0;
	while (one(c, err) < 0) {
		if (err->kind != ERR_BUSY)
			return -1;
		if (tries-- <= 0) {
			c->busy = 1;
			return 0;
		}
		usleep(1000);
	}
	if (hop_view(c, err) < 0)
		return -1;
	hop_follow(c);
	return complete(c);
}

/* What is left to copy, and to sync, while the barrier stands: the further
 * past the aim, the more it may be. */
static int
too_much(const struct capture *c)
{
	uint32_t few = FEW, left = c->view.mx - c->view.backfill;

	if (c->conf.max_checkpoint_pages
	    && c->view.mx >= c->conf.max_checkpoint_pages)
		return 0;
	if (c->conf.min_checkpoint_pages
	    && c->view.mx > c->conf.min_checkpoint_pages)
		few *= c->view.mx / c->conf.min_checkpoint_pages;
	return left > few;
}

/* With writers kept out, nothing can come between copying and hopping. */
static int
behind_barrier(struct capture *c, struct err *err)
{
	int64_t wait = BARRIER_MS;
	int r;

	/* The further past the aim, the longer it is worth to wait */
	if (c->conf.min_checkpoint_pages)
		wait = wait * (c->view.mx / c->conf.min_checkpoint_pages) / 2;
	if (wait < BARRIER_MS)
		wait = BARRIER_MS;
	if (wait > c->conf.busy_timeout_ms || (c->conf.max_checkpoint_pages
	    && c->view.mx >= c->conf.max_checkpoint_pages))
		wait = c->conf.busy_timeout_ms;
	warn_size(c);
	/* What takes long is done before the lock */
	if (cut_upto(c, &c->view, err) < 0 || cut_sync(c, err) < 0)
		return -1;
	if (!c->barrier.db && conn_open(&c->barrier, c->path, err) < 0)
		return -1;
	if (conn_lock(&c->barrier, wait, err) < 0)
		return err->kind == ERR_BUSY ? 0 : -1;
	r = passive(c, OTHERS_LOCKED_MS, err);
	if (r > 0)
		r = done(c, err) < 0 ? -1 : 1;
	conn_unlock(&c->barrier);
	cut_note(c);
	return r;
}

int
checkpoint_step(struct capture *c, int64_t now, struct err *err)
{
	int64_t t = due(c);
	int i, r;

	if (complete(c)) {
		if (c->view.mx)
			c->dirty_since = -1;
		/* Somebody else's: whoever waits for us can go on */
		if (!hop_wanted(c) || !hop_full(c, err))
			return 0;
		return err->kind == ERR_BUSY ? 0 : -1;
	}
	/* Somebody else is about to complete one: what the hop after it needs
	 * is done while they sync, not while they wait for us */
	if (c->look.db && c->view.attempted == c->view.mx
	    && (cut_upto(c, &c->view, err) < 0 || cut_sync(c, err) < 0))
		return -1;
	if (t < 0 || now < t)
		return 0;
	for (i = 0; i < TRIES; i++) {
		if (c->view.mx - c->pos.n > TAIL && cut_upto(c, &c->view, err))
			return -1;
		if ((r = passive(c, OTHERS_MS, err)) < 0)
			return c->lost ? 0 : -1;
		if (r && done(c, err) < 0)
			return -1;
		if (r && c->h[c->cur].zero)
			return 0;
		/* Nor behind the barrier: writers would wait for it */
		if (c->busy || c->view.backfill < c->h[c->cur].low) {
			blocked(c, now);
			return 0;
		}
	}
	if (too_much(c)) {
		warn_size(c);
		c->ckpt_next = now + GAP_MIN;
		return 0;
	}
	if (behind_barrier(c, err) < 0)
		return c->lost ? 0 : -1;
	if (!complete(c))
		c->ckpt_next = now + GAP_MIN;
	return 0;
}
