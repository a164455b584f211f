#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "db/state.h"
#include "ltx/ltx.h"
#include "repl/ship_in.h"

/* Is a replica found at the start ours to go on with? What its newest
 * level-0 file says is held against the state folder. */

#define NAME "/adopted"

static char *
path_of(const char *dir)
{
	size_t len = strlen(dir) + sizeof NAME;
	char *p = malloc(len);

	if (p)
		snprintf(p, len, "%s" NAME, dir);
	return p;
}

int
ship_adopted_write(const char *dir, const struct ship_adopted *a,
    struct err *e)
{
	char buf[17 * (SHIP_ADOPTED_NODES + 1) + 1], *path = path_of(dir);
	size_t i;
	int r;

	if (!path)
		return err_nomem(e);
	hex64_fmt(buf, a->txid);
	for (i = 0; i < a->n; i++) {
		buf[17 * i + 16] = ' ';
		hex64_fmt(buf + 17 * (i + 1), a->node[i]);
	}
	buf[17 * i + 16] = '\n';
	r = io_write_file(path, buf, 17 * (i + 1), NULL, e);
	free(path);
	return r;
}

void
ship_adopted_read(const char *dir, struct ship_adopted *a)
{
	char buf[17 * (SHIP_ADOPTED_NODES + 1)], *path = path_of(dir);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t len = fd < 0 ? -1 : read(fd, buf, sizeof buf);
	size_t i;

	memset(a, 0, sizeof *a);
	if (len > 17 && len % 17 == 0 && buf[len - 1] == '\n'
	    && hex64_scan(buf, &a->txid) == 0) {
		for (i = 1; i < (size_t)len / 17 && buf[17 * i - 1] == ' '
		    && hex64_scan(buf + 17 * i, &a->node[i - 1]) == 0; i++)
			;
		a->n = i - 1;
	}
	if (fd >= 0)
		close(fd);
	free(path);
}

static int
has_node(const struct ship_adopted *a, uint64_t node)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (a->node[i] == node)
			return 1;
	return 0;
}

void
ship_adopted_add(struct ship_adopted *a, uint64_t node)
{
	if (node && a->n < SHIP_ADOPTED_NODES && !has_node(a, node))
		a->node[a->n++] = node;
}

/* ---- the newest file, held against ours ---- */

/* Our file of that number: 1 read, 0 there is none or it is damaged. */
static int
ours(const struct ship *s, uint64_t n, struct fence_object *o,
    struct ltx_header *h, int *there)
{
	char *path = ship_local_path(s, n);
	struct err ign;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1, r;

	free(path);
	*there = fd >= 0;
	if (fd < 0)
		return 0;
	r = ship_local(fd, o, h, &ign) == 0;
	close(fd);
	return r;
}

int
ship_compare(const struct ship *s, struct store *st, const struct replica_file *f,
    const char *key, enum ship_local_is *is, struct err *e)
{
	struct fence_object lo, ro;
	struct ltx_header h;
	int there;

	if (!ours(s, f->max, &lo, &h, &there) || lo.size != f->size) {
		*is = there ? SHIP_LOCAL_OTHER : SHIP_LOCAL_NONE;
		return 0;
	}
	if (store_get_range(st, key, f->size - sizeof ro.tail, ro.tail,
	    sizeof ro.tail, e) < 0)
		return -1;
	*is = memcmp(lo.tail, ro.tail, sizeof lo.tail) ? SHIP_LOCAL_OTHER
	    : SHIP_LOCAL_SAME;
	return 0;
}

/* Our next file begins in the WAL where that one ended. */
static int
continues(const struct ship *s, const struct ltx_header *h)
{
	struct fence_object o;
	struct ltx_header next;
	int there;

	return ours(s, h->max_txid + 1, &o, &next, &there)
	    && next.salt1 == h->salt1 && next.salt2 == h->salt2
	    && (h->salt1 || h->salt2)
	    && next.wal_offset == h->wal_offset + h->wal_size;
}

static int
allowed(const struct ship *s, const struct ltx_header *h, uint64_t local)
{
	const struct ship_adopted *a = &s->conf.adopted;

	return h->node == s->conf.writer
	    /* nothing of ours: what it holds tells whether we continue it */
	    || (!local && h->max_txid > local)
	    || h->max_txid <= s->conf.restored
	    || (has_node(a, h->node) && h->max_txid <= a->txid);
}

/* Litestream's files name no writer: what the replica has as page 1 must
 * not be newer than what we shipped. */
static int
stranger(const struct ship *s)
{
	struct state_facts was = { 0 }, now;
	struct err ign;

	if (!s->page1 || state_shipped_read(s->conf.dir, &now, &ign) < 0)
		return 0;
	state_facts_page1(&was, s->page1, s->page1_size);
	return (now.page_size && now.page_size != was.page_size)
	    || now.schema_cookie < was.schema_cookie
	    || now.change_counter < was.change_counter;
}

/* -1, or 0 if it is accepted. */
static int
refuse(struct ship *s, const struct ltx_header *h, struct err *e)
{
	char node[17], t[17];

	if (s->conf.accept) {
		s->replaces = 1;
		return 0;
	}
	hex64_fmt(node, h->node);
	hex64_fmt(t, h->max_txid);
	return err_set(e, ERR_FENCED, "%s ends with TXID %s of another writer "
	    "(id %s) that this state folder does not continue; bring its "
	    "state here with ls-restore, use another path, or overrule with "
	    "--accept-replacement", s->conf.store->url, t, node);
}

int
ship_guard(struct ship *s, struct store *st, const struct listing *l,
    const struct plan *p, const struct replica_file *f, uint64_t local,
    struct err *e)
{
	enum ship_local_is is = SHIP_LOCAL_NONE;
	unsigned char raw[LTX_HEADER_SIZE];
	struct ltx_header h;
	char *key;
	int r = -1;

	if (store_ltx_key(store_conf(st), f->level, f->min, f->max, &key, e) < 0)
		return -1;
	if (f->max <= local && ship_compare(s, st, f, key, &is, e) < 0)
		goto out;
	if (is == SHIP_LOCAL_SAME) {
		r = 0;
		goto out;
	}
	if (store_get_range(st, key, 0, raw, sizeof raw, e) < 0
	    || ltx_header_unpack(&h, raw, e) < 0)
		goto out;
	r = is == SHIP_LOCAL_OTHER;
	s->newest.txid = h.max_txid;
	ship_adopted_add(&s->newest, h.node);
	if (f->max > local && !h.node && !s->late)
		goto out;
	if (h.node) {
		if (!allowed(s, &h, local) && (is == SHIP_LOCAL_OTHER
		    || f->max > local || !continues(s, &h))
		    && refuse(s, &h, e) < 0)
			r = -1;
		else
			r |= s->conf.accept && f->max <= local
			    && h.node != s->conf.writer;
		goto out;
	}
	if (is == SHIP_LOCAL_NONE && continues(s, &h))
		goto out;
	free(s->page1);
	if (ship_page1(st, l, p, &s->page1, &s->page1_size, e) < 0)
		r = -1;
	else
		r = stranger(s) && refuse(s, &h, e) < 0 ? -1 : f->max <= local;
out:
	free(key);
	return r;
}
