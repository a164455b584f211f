#include "db/capture_impl.h"
#include "db/hop.h"

/* The event on the WAL comes before the commit can be seen, and nothing tells
 * when it can: so look again, soon at first. An uncommitted transaction that
 * spills looks the same; after a second of silence only a commit frame that
 * lies there is worth going on for. */

#define SHORT_RUN 1000
#define LONG_RUN 60000
#define GAP_MAX 4000

void
look_stop(struct capture *c)
{
	c->look.at = -1;
	c->look.barren = 0;
	c->look.long_run = 0;
	c->look.db = 0;
}

void
look_event(struct capture *c, unsigned why, int64_t now)
{
	struct look *l = &c->look;
	unsigned most;

	l->db |= why & CAPTURE_DB;
	/* Whoever checkpoints may wait for us, so not too calmly then */
	most = why & CAPTURE_DB ? 3 : 6;
	l->gap = (int64_t)1 << (l->barren < most ? l->barren : most);
	if (l->barren < 100)
		l->barren++;
	l->at = now + l->gap;
	l->end = now + SHORT_RUN;
	l->long_run = 0;
}

/* Does a commit frame that continues the WAL lie past its committed end? */
static int
commit_past(struct capture *c)
{
	struct conn *k = &c->h[c->cur].conn;
	const unsigned char *page;
	struct wal_header h;
	struct wal_frame fr;
	struct frames f;
	struct err err;
	int found = 0;

	if (frames_header(k, &h, &err) < 0)
		return 0;
	/* A WAL just restarted: its first commit is on the way */
	if (h.salt1 != c->view.salt1 || h.salt2 != c->view.salt2
	    || !c->view.mx) {
		if (frames_begin(&f, k, &h, 0, 0, &err) < 0)
			return 0;
	} else if (frames_begin(&f, k, &h, c->view.mx, c->view.sum,
	    &err) < 0) {
		return 0;
	}
	while (!found && frames_next(&f, UINT32_MAX, &fr, &page, &err) > 0)
		found = fr.commit != 0;
	frames_free(&f);
	return found;
}

void
look_again(struct capture *c, int64_t now)
{
	struct look *l = &c->look;

	if (l->at < 0 || now < l->at)
		return;
	l->gap = l->gap * 2 < GAP_MAX ? l->gap * 2 : GAP_MAX;
	l->at = now + l->gap;
	if (l->at <= l->end)
		return;
	/* A checkpoint at work on a slow disk is not to be missed either: who
	 * started it may wait for us in the end */
	if (!l->long_run && (commit_past(c) || (l->db
	    && c->view.attempted > c->view.backfill))) {
		l->long_run = 1;
		l->end = now + LONG_RUN;
		return;
	}
	l->db = 0;
	/* barren stays: the next event of a long spill is looked at calmly */
	l->at = -1;
}
