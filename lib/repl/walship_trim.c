#include <dirent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/when.h"
#include "ltx/ltx.h"
#include "repl/walship_in.h"

/* How long local level-0 files stay: until every replica has them and their
 * retention is over. A replica that is down would fill the disk that way, and
 * the application and the other replicas would stop with it: where space is
 * short it is not waited for, and gets a full copy when it is back. */

#define SPACE_MS 10000                 /* between looks, while one is down */
#define SHARE 20                       /* a 20th of the disk is kept free, */
#define SPARE (UINT64_C(1) << 30)      /* but no more than that */
#define PART 8                         /* of what is free: less is not worth a
                                        * full copy */
#define DOWN 5                         /* failures in a row */

static int
down(const struct wrep *r)
{
	return r->fails >= DOWN && r->state != REP_FENCED;
}

static int
any_down(const struct wdb *d)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (down(&d->rep[i]))
			return 1;
	return 0;
}

/* What one replica needs no more. Of 0.3's layout the last file stays: it tells
 * at the next start that the local ones still go on from there. So does the full
 * one of which the image is not there yet. */
static uint64_t
shipped(const struct wrep *r)
{
	return (r->ship.conf.v03 || r->broken) && r->txid ? r->txid - 1
	    : r->txid;
}

static uint64_t
shipped_everywhere(const struct wdb *d)
{
	uint64_t min = d->txid;
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->rep[i].state != REP_FENCED && shipped(&d->rep[i]) < min)
			min = d->rep[i].known ? shipped(&d->rep[i]) : 0;
	return min;
}

/* What every replica that is not down has, if there is one at all, and all of
 * them are whole. */
static uint64_t
shipped_enough(const struct wdb *d)
{
	uint64_t min = d->txid;
	size_t i, n = 0;

	for (i = 0; i < d->n; i++) {
		const struct wrep *r = &d->rep[i];

		if (r->state == REP_FENCED || down(r))
			continue;
		if (r->state != REP_OK || !walship_rep_holds(r, 0))
			return 0;
		if (shipped(r) < min)
			min = shipped(r);
		n++;
	}
	return n ? min : 0;
}

void
walship_trim_due(struct wdb *d)
{
	int64_t at = when_mono() + (any_down(d) ? SPACE_MS : d->w->trim_ms);

	if (at < d->trim_mono)
		d->trim_mono = at;
}

void
walship_trim_prepare(struct wdb *d)
{
	int64_t last;

	d->arg_txid = shipped_everywhere(d);
	d->arg_enough = shipped_enough(d);
	if (d->arg_enough < d->arg_txid)
		d->arg_enough = d->arg_txid;
	d->arg_ms = when_now() - d->w->trim_ms;
	/* once more for what was captured meanwhile */
	last = d->captured_ms + d->w->trim_ms - when_now();
	d->trim_mono = d->captured_ms > d->arg_ms && last <= d->w->trim_ms
	    ? when_mono() + last + 1000 : NEVER;
	if (any_down(d) && d->txid > d->arg_txid)
		walship_trim_due(d);
}

/* An application stops where its own writes do not fit, and then nothing of
 * ours fails: so before that. Small files may use up the inodes first. */
static int
is_short(const struct statvfs *v)
{
	uint64_t keep = (uint64_t)v->f_blocks * v->f_frsize / SHARE;

	return (uint64_t)v->f_bavail * v->f_frsize
	    < (keep < SPARE ? keep : SPARE) || v->f_favail < v->f_files / SHARE;
}

/* Are the files that only those down have not got the reason, or part of it? A
 * disk may be nearly full for ever. */
static int
is_much(const struct wdb *d, const struct statvfs *v)
{
	uint64_t a, b, bytes = 0, n = 0;
	DIR *dir = opendir(capture_ltx_dir(d->cap));
	struct dirent *e;
	struct stat st;

	if (!dir)
		return 0;
	while ((e = readdir(dir)))
		if (ltx_name_scan(e->d_name, &a, &b) == 0 && b > d->arg_txid
		    && b <= d->arg_enough
		    && fstatat(dirfd(dir), e->d_name, &st, 0) == 0) {
			bytes += (uint64_t)st.st_blocks * 512;
			n++;
		}
	closedir(dir);
	return bytes * PART >= (uint64_t)v->f_bavail * v->f_frsize
	    || (v->f_files && n * PART >= v->f_favail);
}

int
walship_trim_short(struct wdb *d, struct err *e)
{
	struct statvfs v;

	if (!d->arg_enough || statvfs(capture_ltx_dir(d->cap), &v) < 0)
		return 0;
	if (!d->full && !is_short(&v))
		return 0;
	if (!d->full && !is_much(d, &v))
		d->arg_enough = d->arg_txid;
	d->spared = capture_trim(d->cap, d->arg_enough, INT64_MAX, e);
	return d->spared < 0 ? -1 : 0;
}

int
walship_trim(struct wdb *d)
{
	return capture_trim(d->cap, d->arg_txid, d->arg_ms, &d->err) < 0 ? -1
	    : walship_trim_short(d, &d->err);
}

void
walship_trim_done(struct wdb *d)
{
	size_t i;

	if (d->spared > 0 && (d->full || !d->attached))
		d->next_mono = when_mono(); /* what did not fit may do so now */
	d->full = 0;
	for (i = 0; i < d->n && d->spared > 0; i++) {
		struct wrep *r = &d->rep[i];

		if (!down(r) || r->txid >= d->arg_enough || r->given_up)
			continue;
		r->given_up = 1; /* said once */
		log_event(wdb_log(d), LOG_WARN, "local space is short: files "
		    "that only this replica, which is down, has not got are "
		    "dropped; when it is back it gets a full copy", "db",
		    wdb_path(d), "replica", r->conf->url, NULL);
	}
}
