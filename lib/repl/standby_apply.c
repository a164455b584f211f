#include "repl/standby_in.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/crc64.h"
#include "ltx/ltx.h"
#include "repl/dblock.h"

struct standby_batch {
	int fd;             /* unlinked */
	uint64_t end, pos, stop;
	struct {
		uint64_t off, size;
	} *v;
	size_t n;
	uint32_t page_size;
	struct standby_at to;  /* what the newest file says */
	struct io_in in;
};

int
standby_batch_begin(struct standby_batch **out, const struct standby *s,
    struct err *e)
{
	struct standby_batch *b = calloc(1, sizeof *b);
	const char *slash = strrchr(s->path, '/');
	char *dir = !slash ? strdup(".") : slash == s->path ? strdup("/")
	    : strndup(s->path, (size_t)(slash - s->path));

	if (!b || !dir) {
		free(b);
		free(dir);
		return err_nomem(e);
	}
	b->page_size = s->pos.at.page_size;
	b->fd = io_anon(dir, e);
	free(dir);
	if (b->fd < 0) {
		free(b);
		return -1;
	}
	*out = b;
	return 0;
}

void
standby_batch_free(struct standby_batch *b)
{
	if (!b)
		return;
	close(b->fd);
	free(b->v);
	free(b);
}

uint64_t
standby_batch_bytes(const struct standby_batch *b)
{
	return b->end;
}

static ssize_t
keep(void *ctx, void *buf, size_t len, struct err *e)
{
	struct standby_batch *b = ctx;
	ssize_t r = b->in.read(b->in.ctx, buf, len, e);

	if (r <= 0)
		return r;
	if (io_pwriten(b->fd, buf, (size_t)r, (int64_t)b->end, e) < 0)
		return -1;
	b->end += (uint64_t)r;
	return r;
}

static int
read_whole(struct standby_batch *b, struct ltx_dec *dec,
    const struct replica_file *f, struct err *e)
{
	const struct ltx_header *h = ltx_dec_header(dec);
	const unsigned char *data;
	uint32_t pgno;
	int r;

	if (h->min_txid != f->min || h->max_txid != f->max)
		return err_set(e, ERR_DATA, "header is of TXID %016" PRIx64
		    "-%016" PRIx64, h->min_txid, h->max_txid);
	if (h->page_size != b->page_size)
		return err_set(e, ERR_CONF, "pages of %" PRIu32 " bytes, the "
		    "standby's have %" PRIu32 ": it cannot go on with a "
		    "database that was rebuilt so; move it away and start again",
		    h->page_size, b->page_size);
	if (!h->commit)
		return err_set(e, ERR_CONF, "the database was deleted at TXID "
		    "%016" PRIx64, h->max_txid);
	do
		r = ltx_dec_page(dec, &pgno, &data, e);
	while (r > 0);
	if (!r)
		r = ltx_dec_eof(dec, e);
	if (!r && f->size && ltx_dec_offset(dec) != f->size)
		r = err_set(e, ERR_DATA, "%" PRIu64 " bytes, the listing says "
		    "%" PRIu64, ltx_dec_offset(dec), f->size);
	return r;
}

static int
add(struct standby_batch *b, const struct replica_file *f, uint64_t off,
    struct err *e)
{
	struct ltx_dec *dec;
	void *v;
	int r;

	if (ltx_dec_begin(&dec, (struct io_in){ keep, b }, e) < 0)
		return -1;
	r = read_whole(b, dec, f, e);
	if (!r) {
		b->to.txid = f->max;
		b->to.pages = ltx_dec_header(dec)->commit;
		b->to.page_size = b->page_size;
		b->to.level = f->level;
		b->to.min = f->min;
		b->to.check = ltx_dec_checksum(dec);
	}
	ltx_dec_free(dec);
	if (r)
		return -1;
	v = realloc(b->v, (b->n + 1) * sizeof *b->v);
	if (!v)
		return err_nomem(e);
	b->v = v;
	b->v[b->n].off = off;
	b->v[b->n++].size = b->end - off;
	return 0;
}

int
standby_batch_add(struct standby_batch *b, const struct replica_file *f,
    struct io_in in, struct err *e)
{
	char name[LTX_NAME_LEN + 1];
	uint64_t off = b->end;

	b->in = in;
	if (add(b, f, off, e) == 0)
		return 0;
	b->end = off;
	ltx_name_fmt(name, f->min, f->max);
	return err_in(e, "level %u file %s", f->level, name);
}

static ssize_t
spool_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct standby_batch *b = ctx;

	if (len > b->stop - b->pos)
		len = (size_t)(b->stop - b->pos);
	if (len && io_preadn(b->fd, buf, len, (int64_t)b->pos, e) < 0)
		return -1;
	b->pos += len;
	return (ssize_t)len;
}

/* One apply. */
struct work {
	struct standby *s;
	struct standby_batch *b;
	struct standby_journal j;
	const struct standby_at *at;
	struct standby_at to;
	uint32_t lock;
	uint64_t sum;
	unsigned char *seen;      /* bit pgno-1: a newer file has it */
	unsigned char page1[LTX_PAGE_MAX], old[LTX_PAGE_MAX];
};

/* 1: this is the page that counts. Newest file first. */
static int
newest(struct work *w, uint32_t pgno)
{
	unsigned char *byte;
	unsigned bit;

	if (!pgno || pgno > w->to.pages || pgno == w->lock)
		return 0;
	byte = &w->seen[(pgno - 1) / 8];
	bit = 1u << (pgno - 1) % 8;
	if (*byte & bit)
		return 0;
	*byte |= (unsigned char)bit;
	return 1;
}

/* Every page once, in the version that counts. */
static int
each_page(struct work *w, int (*fn)(struct work *, uint32_t,
    const unsigned char *, struct err *), struct err *e)
{
	const unsigned char *data;
	struct ltx_dec *dec;
	uint32_t pgno;
	int r = 0;

	for (size_t i = w->b->n; !r && i--;) {
		w->b->pos = w->b->v[i].off;
		w->b->stop = w->b->pos + w->b->v[i].size;
		if (ltx_dec_begin(&dec, (struct io_in){ spool_read, w->b },
		    e) < 0)
			return -1;
		while ((r = ltx_dec_page(dec, &pgno, &data, e)) > 0)
			if (newest(w, pgno) && fn(w, pgno, data, e) < 0) {
				r = -1;
				break;
			}
		ltx_dec_free(dec);
	}
	return r;
}

/* What the file has now, into the journal and out of the sum. */
static int
save(struct work *w, uint32_t pgno, struct err *e)
{
	uint32_t size = w->at->page_size;

	if (pgno > w->at->pages || pgno == w->lock)
		return 0;
	if (io_preadn(w->s->fd, w->old, size, (int64_t)(pgno - 1) * size,
	    e) < 0)
		return -1;
	w->sum ^= ltx_page_checksum(pgno, w->old, size);
	return standby_journal_add(&w->j, pgno, w->old, e);
}

static int
save_page(struct work *w, uint32_t pgno, const unsigned char *data,
    struct err *e)
{
	if (pgno == 1) {
		memcpy(w->page1, data, w->at->page_size);
		return 0;
	}
	w->sum ^= ltx_page_checksum(pgno, data, w->at->page_size);
	return save(w, pgno, e);
}

/* Page 1 is always written: readers look at its change counter. */
static int
save_page1(struct work *w, struct err *e)
{
	uint32_t counter, size = w->at->page_size;

	if (save(w, 1, e) < 0)
		return -1;
	if (newest(w, 1)) {
		unsigned char ignored[STANDBY_ORIG];

		memcpy(w->page1, w->old, size);
		counter = be32_unpack(w->page1 + 24);
		standby_page1(w->page1, counter, ignored);
		w->to.has_orig = w->at->has_orig;
		memcpy(w->to.orig, w->at->orig, STANDBY_ORIG);
	} else {
		standby_page1(w->page1, 0, w->to.orig);
		w->to.has_orig = 1;
	}
	do
		if (getrandom(&counter, sizeof counter, 0) != sizeof counter)
			return err_sys(e, "get random bytes");
	while (counter == be32_unpack(w->old + 24));
	be32_pack(w->page1 + 24, counter);
	w->to.page1 = crc64(0, w->page1, size);
	w->sum ^= ltx_page_checksum(1, w->page1, size);
	return 0;
}

/* All that will be overwritten or cut off is in the journal, synced; nothing
 * is missing. */
static int
prepare(struct work *w, struct err *e)
{
	if (each_page(w, save_page, e) < 0 || save_page1(w, e) < 0)
		return -1;
	for (uint32_t p = w->to.pages; p < w->at->pages; p++)
		if (save(w, p + 1, e) < 0)
			return -1;
	for (uint32_t p = w->at->pages; p < w->to.pages; p++)
		if (newest(w, p + 1))
			return err_set(e, ERR_DATA, "page %" PRIu32 " of %" PRIu32
			    " is in no file", p + 1, w->to.pages);
	w->to.sum = w->at->sum ? (w->at->sum ^ w->sum) | LTX_CHECKSUM_FLAG : 0;
	return standby_journal_sync(&w->j, e);
}

static int
write_page(struct work *w, uint32_t pgno, const unsigned char *data,
    struct err *e)
{
	uint32_t size = w->at->page_size;

	if (pgno == 1)
		return 0;
	return io_pwriten(w->s->fd, data, size, (int64_t)(pgno - 1) * size, e);
}

static int
write_all(struct work *w, struct err *e)
{
	int r;

	/* not before prepare: a file may say that there are 2^32 pages */
	memset(w->seen, 0, (size_t)w->to.pages / 8 + 1);
	if (each_page(w, write_page, e) < 0
	    || io_pwriten(w->s->fd, w->page1, w->at->page_size, 0, e) < 0)
		return -1;
	if (ftruncate(w->s->fd, (off_t)w->to.pages * w->to.page_size) < 0)
		return err_sys(e, "set size");
	do
		r = fsync(w->s->fd);
	while (r < 0 && errno == EINTR);
	return r < 0 ? err_sys(e, "sync") : 0;
}

/* What lies beside it is found by its name: under another file's a journal of
 * ours would be played back into that. */
static int
unmoved(const struct standby *s, struct err *e)
{
	struct stat a, b = { 0 };

	if (fstat(s->fd, &a) < 0 || (stat(s->path, &b) < 0 && errno != ENOENT))
		return err_sys(e, "stat");
	if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return 0;
	return err_set(e, ERR_CONF, "it was moved, replaced or deleted at TXID "
	    "%016" PRIx64 " and is left alone; start again for a new one, where "
	    "nothing is in its place", s->pos.at.txid);
}

/* Locked. */
static int
commit(struct work *w, struct err *e)
{
	struct standby *s = w->s;
	struct standby_at now;
	struct err back = { 0 };
	int r;

	if (unmoved(s, e) < 0)
		return -1;
	if (standby_look(w->s->fd, &now, e) < 0)
		return -1;
	if (now.page1 != w->at->page1 || now.pages != w->at->pages)
		return err_set(e, ERR_CONF, "it was written to since TXID %016"
		    PRIx64 ": what follows does not fit; move it away and start "
		    "again", w->at->txid);
	if (standby_txid_remove(s->path, e) < 0)
		return -1;
	r = standby_journal_publish(&w->j, e);
	if (r < 0 && e->kind == ERR_EXISTS)
		return err_set(e, ERR_CONF, "somebody writes to it: there is a "
		    "%s-journal", s->path);
	if (!r && write_all(w, e) == 0
	    && standby_journal_end(s->path, e) == 0) {
		s->pos.at = s->pos.to;
		s->pos.to.txid = 0;
		return 0;
	}
	s->dirty = standby_put_right(s, &back) < 0;
	if (s->dirty)
		log_err(s->log, LOG_ERROR, &back, "not undone: the journal "
		    "stays", "db", s->path, NULL);
	return !s->dirty && s->pos.at.txid == w->to.txid ? 0 : -1;
}

/* A signal that ends us waits for the end of it. w NULL: only puts right what
 * could not be undone. */
static int
commit_masked(struct standby *s, struct work *w, struct err *e)
{
	sigset_t all, was;
	int r;

	if (dblock_wait(s->fd, STANDBY_WAIT_MS, s->log, s->path, e) < 0)
		return -1;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &was);
	r = w ? commit(w, e) : standby_put_right(s, e);
	dblock_set(s->fd, DBLOCK_NONE, &(struct err){ 0 });
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	return r;
}

static int
apply(struct work *w, struct err *e)
{
	struct standby_pos *p = &w->s->pos;

	if (unmoved(w->s, e) < 0)
		return -1;
	if (standby_journal_begin(&w->j, w->s->path, w->at, &w->s->perm, e) < 0)
		return -1;
	if (prepare(w, e) < 0)
		return -1;
	p->to = w->to;
	p->nonce = w->j.nonce;
	if (standby_pos_write(w->s->path, p, &w->s->perm, e) < 0
	    || commit_masked(w->s, w, e) < 0) {
		if (!w->s->dirty) {
			p->to.txid = 0;
			standby_txid_write(w->s->path, p->at.txid,
			    &w->s->perm, &(struct err){ 0 });
		}
		return -1;
	}
	return standby_txid_write(w->s->path, p->at.txid, &w->s->perm, e);
}

int
standby_apply(struct standby *s, struct standby_batch *b, struct err *e)
{
	struct work *w;
	int r;

	if (!b->n)
		return 0;
	if (s->dirty) {
		if (commit_masked(s, NULL, e) < 0)
			return err_in(e, "standby %s", s->path);
		s->dirty = 0;
		/* as it may be: the batch is of what follows the old one */
		if (s->pos.at.txid >= b->to.txid)
			return 0;
	}
	w = calloc(1, sizeof *w);
	if (!w)
		return err_nomem(e);
	w->s = s;
	w->b = b;
	w->at = &s->pos.at;
	w->to = b->to;
	w->lock = ltx_lock_page(b->page_size);
	w->seen = calloc((size_t)w->to.pages / 8 + 1, 1);
	r = w->seen ? apply(w, e) : err_nomem(e);
	standby_journal_free(&w->j);
	free(w->seen);
	free(w);
	return r < 0 ? err_in(e, "standby %s", s->path) : 0;
}
