#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/when.h"
#include "repl/plan.h"
#include "repl/ship_in.h"
#include "repl/v03_ship.h"

/* Where a replica stands, and what tells one object from another. */

#define BASE_MAX (UINT64_C(64) << 20)  /* a larger newest file is not copied */
#define WRITERS_MAX 16                 /* headers read for their writer */

char *
ship_local_path(const struct ship *s, uint64_t n)
{
	size_t len = strlen(s->conf.ltx0) + 1 + LTX_NAME_LEN + 1;
	char *p = malloc(len), name[LTX_NAME_LEN + 1];

	ltx_name_fmt(name, n, n);
	if (p)
		snprintf(p, len, "%s/%s", s->conf.ltx0, name);
	return p;
}

/* ---- what is there: bytes that identify an object ---- */

int
ship_remote(struct store *st, const char *key, struct fence_object *o,
    struct ltx_header *h, struct err *e)
{
	unsigned char raw[LTX_HEADER_SIZE];
	struct store_stat stat;

	memset(o, 0, sizeof *o);
	if (store_head(st, key, &stat, e) < 0)
		return -1;
	o->size = stat.size;
	if (stat.size < LTX_HEADER_SIZE + LTX_TRAILER_SIZE)
		return err_set(e, ERR_DATA, "%s: not an LTX file", key);
	if (store_get_range(st, key, 0, raw, sizeof raw, e) < 0
	    || store_get_range(st, key, stat.size - sizeof o->tail, o->tail,
	    sizeof o->tail, e) < 0)
		return -1;
	if (ltx_header_unpack(h, raw, e) < 0)
		return err_in(e, "%s", key);
	o->node = h->node;
	return 0;
}

int
ship_local(int fd, struct fence_object *o, struct ltx_header *h,
    struct err *e)
{
	unsigned char raw[LTX_HEADER_SIZE];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "unable to stat");
	o->size = (uint64_t)st.st_size;
	if (o->size < LTX_HEADER_SIZE + LTX_TRAILER_SIZE)
		return err_set(e, ERR_DATA, "not an LTX file");
	if (io_preadn(fd, raw, sizeof raw, 0, e) < 0
	    || io_preadn(fd, o->tail, sizeof o->tail,
	    st.st_size - (off_t)sizeof o->tail, e) < 0
	    || ltx_header_unpack(h, raw, e) < 0)
		return -1;
	o->node = h->node;
	return 0;
}

/* ---- the start ---- */

static int
copy_base(struct ship *s, struct store *st, const struct replica_file *f, const char *to,
    struct err *e)
{
	struct store_get *g;
	struct io_in in;
	char *key, buf[16384];
	ssize_t n = -1;
	int fd, r = -1;

	if (store_ltx_key(store_conf(st), f->level, f->min, f->max, &key, e) < 0)
		return -1;
	if (io_mkdirs(s->conf.dir, s->conf.perm, e) < 0)
		goto err0;
	fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		err_sys(e, "unable to create %s", to);
		goto err0;
	}
	if (store_get(st, key, 0, 0, &g, e) < 0)
		goto err1;
	in = store_get_in(g);
	while ((n = in.read(in.ctx, buf, sizeof buf, e)) > 0) {
		struct io_out o = io_out_fd(&fd);

		if (o.write(o.ctx, buf, (size_t)n, e) < 0) {
			n = -1;
			break;
		}
	}
	store_get_close(g);
	r = n < 0 ? -1 : 0;
err1:
	close(fd);
	if (r < 0)
		unlink(to);
err0:
	free(key);
	return r;
}

uint64_t
ship_backlog(const struct ship *s, uint64_t upto)
{
	DIR *d = opendir(s->conf.ltx0);
	struct dirent *de;
	uint64_t sum = 0, min, max;
	struct stat st;

	if (!d)
		return 0;
	while ((de = readdir(d)))
		if (ltx_name_scan(de->d_name, &min, &max) == 0
		    && max > s->cursor && max <= upto
		    && fstatat(dirfd(d), de->d_name, &st, 0) == 0)
			sum += (uint64_t)st.st_size;
	closedir(d);
	return sum;
}

/* Who wrote what leads to its end, as far as a few headers tell. Another
 * replica that was down meanwhile may end with an earlier one's. */
static void
writers(struct ship *s, struct store *st, const struct listing *l,
    const struct plan *p)
{
	unsigned char raw[LTX_HEADER_SIZE];
	struct err ign = { 0 };
	struct ltx_header h;
	size_t i, n = 0;
	char *key;

	for (i = p->n; i > 0 && n < WRITERS_MAX; n++) {
		const struct replica_file *f;

		/* the last one looked at is the one it begins with */
		i = n + 1 < WRITERS_MAX ? i - 1 : 0;
		f = &l->f[p->idx[i]];
		if (store_ltx_key(store_conf(st), f->level, f->min, f->max,
		    &key, &ign) < 0)
			return;
		if (store_get_range(st, key, 0, raw,
		    sizeof raw, &ign) == 0
		    && ltx_header_unpack(&h, raw, &ign) == 0)
			ship_adopted_add(&s->newest, h.node);
		free(key);
	}
}

/* A replica that is ahead of us: what capture has to hold the database
 * against. Without either there is a full dump or a hold, which is dear but
 * right. */
static void
ahead(struct ship *s, struct store *st, const struct listing *l,
    const struct plan *p, const struct replica_file *last0,
    const char *base, int *got)
{
	struct err e = { 0 };

	if (s->newest.n)
		writers(s, st, l, p);
	free(s->page1);
	if (ship_page1(st, l, p, &s->page1, &s->page1_size, &e) < 0)
		log_err(s->conf.log, LOG_WARN, &e, "page 1 of the replica not "
		    "read", "replica", s->conf.store->url, NULL);
	if (!base || !last0 || last0->size > BASE_MAX)
		return;
	if (copy_base(s, st, last0, base, &e) < 0)
		log_err(s->conf.log, LOG_WARN, &e, "newest file of the "
		    "replica not copied", "replica", s->conf.store->url, NULL);
	else
		*got = 1;
}

static int
forked(struct ship *s)
{
	char t[17];

	hex64_fmt(t, s->cursor);
	s->broken = 1;
	log_event(s->conf.log, LOG_WARN, "the replica's last file is not the "
	    "local one", "replica", s->conf.store->url, "txid", t, NULL);
	return 0;
}

static int
judge(struct ship *s, struct store *st, const struct listing *l,
    uint64_t local, const char *base, int *got, struct err *e)
{
	const struct replica_file *last0 = NULL;
	struct plan_target latest = { 0, -1 };
	struct plan p = { 0 };
	struct err pe = { 0 };
	int snap9 = 0, first = 0, r = 0;
	size_t i;

	for (i = 0; i < l->n; i++) {
		const struct replica_file *f = &l->f[i];

		if (f->level == 0 && (!last0 || f->max > last0->max))
			last0 = f;
		if (f->level == 0 && f->min == 1 && f->max == 1)
			first = 1;
		if (f->level == STORE_LEVEL_SNAPSHOT)
			snap9 = 1;
	}
	s->cursor = listing_max(l);
	s->snap = first && !snap9;
	s->broken = s->mends = 0;
	memset(&s->newest, 0, sizeof s->newest);
	if (l->n && plan_make(l, &latest, &p, &pe) < 0) {
		s->broken = 1;
		log_err(s->conf.log, LOG_WARN, &pe,
		    "replica cannot be restored to its end", "replica",
		    s->conf.store->url, NULL);
	}
	if (last0 && last0->max != s->cursor)
		last0 = NULL;
	if (last0)
		r = ship_guard(s, st, l, &p, last0, local, e);
	if (r > 0)
		r = forked(s);
	if (r == 0 && s->cursor > local)
		ahead(s, st, l, &p, last0, base, got);
	plan_free(&p);
	return r;
}

int
ship_probe(struct ship *s, struct store *st, uint64_t local,
    const char *base, int *got, uint64_t *backlog, struct err *e)
{
	struct listing l = { 0 };
	int64_t boot = when_boot();
	int r;

	*got = 0;
	*backlog = 0;
	if (s->conf.v03)
		return v03_ship_probe(s, st, local, backlog, e);
	if (listing_read(st, 0x3ff, &l, e) < 0)
		return -1;
	r = judge(s, st, &l, local, base, got, e);
	listing_free(&l);
	if (r < 0)
		return -1;
	s->known = 1;
	s->last_boot = boot;
	s->check_mono = when_mono() + SHIP_CHECK_MS;
	*backlog = ship_backlog(s, local);
	return 0;
}
