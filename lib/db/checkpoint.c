#include "base/when.h"
#include "db/capture_impl.h"
#include "db/cut.h"
#include "db/hop.h"

#define TRIES 3
#define BARRIER_MS 20
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
	return t > c->ckpt_next ? t : c->ckpt_next;
}

int64_t
checkpoint_next(const struct capture *c)
{
	return due(c);
}

/* Not complete: another reader, or writers that never pause. */
static void
later(struct capture *c, int64_t now)
{
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
		c->h[c->cur].zero = 2;
	return 0;
}

/* One PASSIVE checkpoint up to the newest mark: 1 complete, 0 not, -1. */
static int
passive(struct capture *c, struct err *err)
{
	if (hop_view(c, err) < 0)
		return -1;
	hop_follow(c);
	if (c->lost || hop_light(c, err) < 0 || hop_other(c, err) < 0)
		return -1;
	if (conn_checkpoint(&c->h[!c->cur].conn, err) < 0)
		return err->kind == ERR_BUSY ? 0 : -1;
	if (hop_view(c, err) < 0)
		return -1;
	hop_follow(c);
	return complete(c);
}

static void
warn_size(struct capture *c)
{
	if (c->warned_max)
		return;
	c->warned_max = 1;
	log_event(c->conf.log, LOG_WARN, "the WAL grows: checkpoints do not "
	    "complete, a reader or writer holds on", "db", c->path,
	    (char *)0);
}

/* With writers kept out, nothing can come between copying and hopping. */
static int
behind_barrier(struct capture *c, struct err *err)
{
	int64_t wait = BARRIER_MS;
	int r;

	if (c->conf.max_checkpoint_pages
	    && c->view.mx >= c->conf.max_checkpoint_pages) {
		warn_size(c);
		wait = c->conf.busy_timeout_ms;
	}
	/* What takes long is done before the lock */
	if (cut_upto(c, &c->view, err) < 0 || cut_sync(c, err) < 0)
		return -1;
	if (!c->barrier.db && conn_open(&c->barrier, c->path, err) < 0)
		return -1;
	if (conn_lock(&c->barrier, wait, err) < 0)
		return err->kind == ERR_BUSY ? 0 : -1;
	r = passive(c, err);
	if (r > 0)
		r = done(c, err) < 0 ? -1 : 1;
	conn_unlock(&c->barrier);
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
	if (t < 0 || now < t)
		return 0;
	for (i = 0; i < TRIES; i++) {
		if ((r = passive(c, err)) < 0)
			return c->lost ? 0 : -1;
		if (r)
			return done(c, err);
		if (c->view.backfill < c->h[c->cur].mark)
			break; /* a reader older than our mark */
	}
	if (i == TRIES) {
		if ((r = behind_barrier(c, err)) < 0)
			return c->lost ? 0 : -1;
		if (r)
			return 0;
	} else if (c->conf.max_checkpoint_pages
	    && c->view.mx >= c->conf.max_checkpoint_pages) {
		warn_size(c);
	}
	later(c, now);
	return 0;
}
