#include "repl/ship.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/when.h"
#include "ltx/ltx.h"
#include "repl/pin.h"
#include "repl/ship_in.h"
#include "repl/v03_ship.h"

#define PROBE_MAX 65536                /* put twice to see conditions work */

void
ship_init(struct ship *s, const struct ship_conf *conf)
{
	memset(s, 0, sizeof *s);
	s->conf = *conf;
}

void
ship_free(struct ship *s)
{
	free(s->page1);
	s->page1 = NULL;
	v03_ship_free(s);
}

/* ---- before another's replica is replaced ---- */

/* What can be restored of it stays, under a name of its own. */
static int
pin_replaced(struct ship *s, struct err *e)
{
	const struct snapshot_opt opt = { NULL, s->conf.dir, s->conf.encoding,
	    s->conf.log, NULL };
	struct snapshot_done done;
	char name[PIN_MAX + 1], t[17];

	if (pin_before(s->conf.store, &opt, name, &done, e) < 0)
		return err_in(e, "nothing is replaced without a pin of what is "
		    "there");
	hex64_fmt(t, done.txid);
	s->replaces = 0;
	if (!*name && !s->cursor)
		return 0;
	log_event(s->conf.log, LOG_WARN, *name ? "the replica is replaced, what "
	    "it held is pinned" : "the replica is replaced; nothing of it could "
	    "be restored", "replica", s->conf.store->url, "txid", t, "pin",
	    *name ? name : NULL, NULL);
	return 0;
}

/* ---- one file ---- */

static int
put_fd(struct ship *s, struct store *st, int fd, uint64_t size,
    int64_t time_ms, const char *key, struct err *e)
{
	struct store_src src = { .fd = fd, .len = size };
	struct store_put_opt opt = { .noreplace = s->probed >= 0,
	    .strict = 1, .time_ms = time_ms };

	return store_put(st, key, &src, &opt, e);
}

static int
exists(struct ship *s, struct store *st, const char *key, uint64_t n,
    const struct fence_object *local, struct err *e)
{
	struct fence_object remote;
	struct ltx_header h;
	char t[17], node[17];

	if (ship_remote(st, key, &remote, &h, e) < 0)
		return -1;
	hex64_fmt(t, n);
	hex64_fmt(node, remote.node);
	switch (fence_exists(local, &remote, s->conf.writer)) {
	case FENCE_SAME:
		return 0;
	case FENCE_EARLIER:
		s->known = 0; /* the next probe sees the fork */
		return err_set(e, ERR_BUSY, "TXID %s was shipped before with "
		    "other content", t);
	default:
		return err_set(e, ERR_FENCED, "another writer (id %s) has TXID "
		    "%s of %s", node, t, s->conf.store->url);
	}
}

/* A file small enough is put a second time: a store that takes it ignores
 * conditions. The content is the same, so nothing can be lost by asking. */
static void
probe(struct ship *s, struct store *st, int fd, const struct fence_object *o,
    int64_t time_ms, const char *key, struct ship_result *res)
{
	struct err e = { 0 };

	if (s->probed || o->size > PROBE_MAX)
		return;
	if (s->conf.store->type == STORE_FILE) {
		s->probed = 1;
		return;
	}
	if (put_fd(s, st, fd, o->size, time_ms, key, &e) == 0) {
		s->probed = -1;
		res->unfenced = 1;
	} else if (e.kind == ERR_EXISTS) {
		s->probed = store_caps(st) & STORE_CAN_NOREPLACE ? 1 : -1;
		res->unfenced = s->probed < 0;
	}
}

/* gap: n-1 is known not to be there. */
static int
after_pause(struct ship *s, struct store *st, uint64_t n, int gap,
    int64_t time_ms, struct ship_result *res, struct err *e)
{
	struct listing l = { 0 };
	struct fence_object o;
	struct ltx_header h;
	size_t look = 0;
	char *key = NULL, t[17];
	int r = -1;

	if (listing_read(st, 0x3ff, &l, e) < 0)
		return -1;
	hex64_fmt(t, n);
	switch (fence_pause(&l, n, &look)) {
	case FENCE_PAUSE_LOOK:
		if (store_ltx_key(store_conf(st), l.f[look].level,
		    l.f[look].min, l.f[look].max, &key, e) < 0
		    || ship_remote(st, key, &o, &h, e) < 0)
			break;
		if (h.time_ms == time_ms
		    && (!o.node || o.node == s->conf.writer)) {
			r = 0;
			break;
		}
		/* fallthrough */
	case FENCE_PAUSE_FENCED:
		err_set(e, ERR_FENCED, "another writer went on after TXID %s "
		    "of %s while this one was away", t, s->conf.store->url);
		break;
	case FENCE_PAUSE_LOST:
		r = 0;
		if (gap)
			break;
		s->broken = 1;
		res->dump = 1;
		res->dump_after = n;
		res->why = "the replica was emptied or set back";
		break;
	case FENCE_PAUSE_CLEAR:
		r = 0;
	}
	free(key);
	listing_free(&l);
	if (r == 0)
		s->check_mono = when_mono() + SHIP_CHECK_MS;
	return r;
}

static int
put_image(struct ship *s, struct store *st, const char *path, uint64_t n,
    int64_t time_ms, struct err *e)
{
	size_t len = strlen(s->conf.dir) + 40;
	char *tmp = malloc(len), *key = NULL;
	struct stat sb;
	int fd = -1, r = -1;

	if (!tmp)
		return err_nomem(e);
	/* the address keeps several replicas of one folder apart */
	snprintf(tmp, len, "%s/image-%p.tmp", s->conf.dir, (void *)s);
	if (store_ltx_key(store_conf(st), STORE_LEVEL_SNAPSHOT, 1, n, &key,
	    e) < 0 || ship_reimage(path, tmp, s->conf.dir, e) < 0)
		goto out;
	if ((fd = open(tmp, O_RDONLY | O_CLOEXEC)) < 0
	    || fstat(fd, &sb) < 0) {
		err_sys(e, "unable to open %s", tmp);
		goto out;
	}
	r = put_fd(s, st, fd, (uint64_t)sb.st_size, time_ms, key, e);
	if (r < 0 && e->kind == ERR_EXISTS)
		r = 0;
out:
	if (fd >= 0)
		close(fd);
	unlink(tmp);
	free(tmp);
	free(key);
	return r;
}

/* The level-9 object of the first full dump: made by the store where it can,
 * else put a second time. */
static int
put_first_snapshot(struct ship *s, struct store *st, struct err *e)
{
	const struct store_conf *c = store_conf(st);
	char *from = NULL, *to = NULL, *path = NULL;
	struct store_put_opt opt = { .noreplace = s->probed >= 0,
	    .time_ms = -1 };
	struct fence_object o;
	struct ltx_header h;
	int fd = -1, r = -1;

	if (store_ltx_key(c, 0, 1, 1, &from, e) < 0
	    || store_ltx_key(c, STORE_LEVEL_SNAPSHOT, 1, 1, &to, e) < 0)
		goto out;
	if (!(path = ship_local_path(s, 1))) {
		err_nomem(e);
		goto out;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && ship_local(fd, &o, &h, e) == 0)
		opt.time_ms = h.time_ms;
	if (store_caps(st) & STORE_CAN_COPY) {
		r = store_copy(st, from, to, &opt, e);
		if (r < 0 && e->kind == ERR_NOTFOUND) {
			r = 0; /* retention took it meanwhile */
			goto done;
		}
	} else {
		err_set(e, ERR_CONF, "no copy");
	}
	if (r < 0 && e->kind == ERR_CONF)
		r = fd < 0 ? 0 : put_fd(s, st, fd, o.size, opt.time_ms, to, e);
	if (r < 0 && e->kind == ERR_EXISTS)
		r = 0;
done:
	if (r == 0)
		s->snap = 0;
out:
	if (fd >= 0)
		close(fd);
	free(from);
	free(to);
	free(path);
	return r;
}

int
ship_damaged(struct ship *s, const char *path, uint64_t n, struct err *e)
{
	if (n > s->conf.old || n == s->sound)
		return 0;
	if (ship_verify(path, n, e) == 0) {
		s->sound = n;
		return 0;
	}
	if (e->kind == ERR_NOTFOUND)
		return 1;
	if (e->kind != ERR_DATA)
		return -1;
	log_err(s->conf.log, LOG_WARN, e, "damaged level-0 file removed",
	    "file", path, NULL);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(e, "unable to remove %s", path);
	return 1;
}

/* Long enough without a look that n may not have been the next number? Asked
 * after the request: what stops this process may do so in the middle of it. */
static int
paused(const struct ship *s)
{
	return when_mono() >= s->check_mono
	    || fence_paused(s->last_boot, when_boot(), s->conf.retention_ms);
}

/* Puts local file n as level 0; gap: not n-1 before it. 1: there is no such
 * local file. */
static int
put_one(struct ship *s, struct store *st, const char *path, uint64_t n,
    int gap, struct ship_result *res, struct err *e)
{
	struct fence_object o;
	struct ltx_header h;
	int64_t boot = when_boot();
	char *key = NULL;
	int fd, r = ship_damaged(s, path, n, e);

	if (r)
		return r;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return errno == ENOENT ? 1
		    : err_sys(e, "unable to open %s", path);
	r = -1;
	if (ship_local(fd, &o, &h, e) < 0) {
		err_in(e, "%s", path);
		goto out;
	}
	if (store_ltx_key(store_conf(st), 0, n, n, &key, e) < 0)
		goto out;
	r = put_fd(s, st, fd, o.size, h.time_ms, key, e);
	if (r == 0)
		probe(s, st, fd, &o, h.time_ms, key, res);
	else if (e->kind == ERR_EXISTS)
		r = exists(s, st, key, n, &o, e);
	if (r == 0 && paused(s))
		r = after_pause(s, st, n, gap, h.time_ms, res, e);
	if (r < 0)
		goto out;
	s->last_boot = boot;
	s->cursor = n;
	res->files++;
	res->bytes += o.size;
	res->time_ms = h.time_ms;
	if (n == 1)
		s->snap = 1;
out:
	free(key);
	close(fd);
	return r;
}

/* ---- after a gap ---- */

/* The smallest full local file from .. upto; 0: none. */
static int
find_full(struct ship *s, uint64_t from, uint64_t upto, uint64_t *n,
    struct err *e)
{
	DIR *d = opendir(s->conf.ltx0);
	struct dirent *de;
	uint64_t min, max;
	char *path;
	int r;

	*n = 0;
	if (!d)
		return err_sys(e, "unable to read %s", s->conf.ltx0);
	while ((de = readdir(d))) {
		if (ltx_name_scan(de->d_name, &min, &max) < 0 || min != max
		    || max < from || max > upto || (*n && max > *n))
			continue;
		if (!(path = ship_local_path(s, max))) {
			closedir(d);
			return err_nomem(e);
		}
		r = ship_is_full(path, NULL, e);
		if (r > 0 && ship_damaged(s, path, max, e) == 0)
			*n = max;
		free(path);
	}
	closedir(d);
	err_clear(e);
	return 0;
}

/* Is local file n what the replica has as n-n: put before the daemon ended,
 * and its 1-n was not? */
static int
owed(struct ship *s, struct store *st, uint64_t n, struct err *e)
{
	struct replica_file f = { .min = n, .max = n };
	enum ship_local_is is = SHIP_LOCAL_NONE;
	struct store_stat stat;
	char *key;
	int r;

	if (store_ltx_key(store_conf(st), 0, n, n, &key, e) < 0)
		return -1;
	r = store_head(st, key, &stat, e);
	f.size = stat.size;
	if (r == 0)
		r = ship_compare(s, st, &f, key, &is, e);
	else if (e->kind == ERR_NOTFOUND)
		r = 0;
	free(key);
	return r < 0 ? -1 : is == SHIP_LOCAL_SAME;
}

/* Is the replica there? A full dump is too dear to wait for it. */
static int
answers(struct ship *s, struct store *st, struct err *e)
{
	uint64_t n = s->cursor ? s->cursor : 1;
	struct store_stat stat;
	char *key;
	int r;

	if (store_ltx_key(store_conf(st), 0, n, n, &key, e) < 0)
		return -1;
	r = store_head(st, key, &stat, e);
	free(key);
	if (r < 0 && e->kind == ERR_NOTFOUND) {
		err_clear(e);
		r = 0;
	}
	return r;
}

static int
over_gap(struct ship *s, struct store *st, uint64_t upto,
    struct ship_result *res, struct err *e)
{
	uint64_t n, from = s->broken && s->cursor && !s->mends ? s->cursor
	    : s->cursor + 1;
	struct ltx_header h;
	int last = 0, r = -1;
	char *path;

	if (find_full(s, from, upto, &n, e) < 0)
		return -1;
	if (n && n == s->cursor) {
		if ((last = owed(s, st, n, e)) < 0)
			return -1;
		if (!last && find_full(s, s->cursor + 1, upto, &n, e) < 0)
			return -1;
	}
	if (!n) {
		if (answers(s, st, e) < 0)
			return -1;
		res->dump = 1;
		res->dump_after = s->cursor;
		res->why = s->broken ? "the replica cannot be restored to its "
		    "end" : "local level-0 files the replica does not have "
		    "are missing";
		return 0;
	}
	if (!(path = ship_local_path(s, n)))
		return err_nomem(e);
	if (ship_is_full(path, &h, e) < 0)
		goto out;
	if (!last) {
		r = put_one(s, st, path, n, 1, res, e);
		if (r > 0)
			r = err_set(e, ERR_BUSY, "%s went away", path);
		if (r < 0)
			goto out;
		s->broken = 1; /* until the image is there */
		s->mends = 0;
	}
	r = put_image(s, st, path, n, h.time_ms, e);
	if (r == 0)
		s->broken = 0;
out:
	free(path);
	return r;
}

int
ship_run(struct ship *s, struct store *st, uint64_t upto,
    unsigned max_files, struct ship_result *res, struct err *e)
{
	char *path;
	int r;

	memset(res, 0, sizeof *res);
	res->time_ms = -1;
	if (s->conf.v03)
		return v03_ship_run(s, st, upto, max_files, res, e);
	if (s->replaces && pin_replaced(s, e) < 0)
		return err_in(e, "ship");
	if (s->broken && (over_gap(s, st, upto, res, e) < 0 || res->dump))
		return res->dump ? 0 : err_in(e, "ship");
	while (s->cursor < upto) {
		if (res->files >= max_files) {
			res->more = 1;
			break;
		}
		if (!(path = ship_local_path(s, s->cursor + 1)))
			return err_nomem(e);
		r = put_one(s, st, path, s->cursor + 1, 0, res, e);
		free(path);
		if (r > 0)
			r = over_gap(s, st, upto, res, e);
		if (r < 0)
			return err_in(e, "ship");
		if (res->dump)
			break;
		if (s->snap && put_first_snapshot(s, st, e) < 0)
			return err_in(e, "ship");
	}
	if (s->snap && put_first_snapshot(s, st, e) < 0)
		return err_in(e, "ship");
	return 0;
}
