#include "repl/pin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/when.h"
#include "repl/restore.h"

#define BEFORE "before-replacement-"

static int
held(const char *name, struct err *e)
{
	return err_set(e, ERR_HELD, "there is a pin %s already; choose "
	    "another name, or remove it with ls-prune --unpin %s", name, name);
}

int
pin_make(const struct store_conf *conf, const char *name,
    const struct plan_target *target, const struct snapshot_opt *opt,
    struct snapshot_done *done, struct err *e)
{
	struct replica_file f;
	struct store *st;
	int r;

	if (store_open(&st, conf, e) < 0)
		return -1;
	r = pin_read(st, name, &f, e);
	store_close(st);
	if (!r || e->kind == ERR_DATA)
		return held(name, e);
	if (e->kind != ERR_NO)
		return -1;
	err_clear(e);
	r = snapshot_pin(conf, name, target, opt, done, e);
	return r < 0 && e->kind == ERR_EXISTS ? held(name, e) : r;
}

/* ---- before a replacement ---- */

/* The newest state that can be restored, 0: none, and its time. Behind a gap
 * there may be one more full copy. */
static int
newest(struct store *st, const struct log *log, uint64_t *txid, int64_t *ms,
    struct err *e)
{
	const struct plan_target latest = { 0, -1 };
	struct listing l = { 0 };
	struct plan_state *s = NULL;
	struct plan p = { 0 };
	size_t n = 0, i = 0;
	int r = listing_read(st, LISTING_ALL, &l, e);

	*txid = 0;
	if (!r && restore_plan_files(st, &l, &latest, log, &p, e) == 0) {
		*txid = p.txid;
		i = p.idx[p.n - 1];
	} else if (!r && (e->kind == ERR_DATA || e->kind == ERR_NO
	    || (e->kind == ERR_NOTFOUND && !l.n))) {
		r = plan_states(&l, &s, &n, e);
		if (!r && n) {
			*txid = s[n - 1].txid;
			i = s[n - 1].low;
		}
	} else {
		r = -1;
	}
	if (!r && *txid) {
		r = listing_times(st, &l, i, i + 1, e);
		*ms = r ? 0 : l.f[i].time_ms;
	}
	free(s);
	plan_free(&p);
	listing_free(&l);
	return r;
}

/* Its name. 1: that pin is there already. */
static int
name_before(struct store *st, uint64_t txid, int64_t ms,
    char name[PIN_MAX + 1], struct err *e)
{
	struct replica_file f;
	char t[WHEN_FMT];

	when_fmt_compact(t, ms);
	for (int more = 0;; more++) {
		snprintf(name, PIN_MAX + 1, BEFORE "%.8sT%.6sZ", t, t + 8);
		if (more)
			snprintf(name + strlen(name), 20, "-%016" PRIx64, txid);
		if (pin_read(st, name, &f, e) < 0) {
			if (e->kind != ERR_NO)
				return -1;
			err_clear(e);
			return 0;
		}
		if (f.max == txid)
			return 1;
		if (more)
			return held(name, e);
	}
}

int
pin_before(const struct store_conf *conf, const struct snapshot_opt *opt,
    char name[PIN_MAX + 1], struct snapshot_done *done, struct err *e)
{
	struct plan_target t = { 0, -1 };
	struct store *st;
	int64_t ms = 0;
	int r, there = 0;

	memset(done, 0, sizeof *done);
	*name = 0;
	if (store_open(&st, conf, e) < 0)
		return -1;
	r = newest(st, opt->log, &t.txid, &ms, e);
	if (!r && t.txid)
		r = there = name_before(st, t.txid, ms, name, e);
	store_close(st);
	if (r < 0 || !t.txid)
		return r;
	done->txid = t.txid;
	done->present = there;
	return there ? 0 : pin_make(conf, name, &t, opt, done, e);
}
