#include "repl/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/sa.h"
#include "ltx/ltx.h"
#include "repl/replay.h"

static int
open_file(const char *ltx0, uint64_t txid, struct err *e)
{
	stralloc path = STRALLOC_ZERO;
	char name[LTX_NAME_LEN + 1];
	int fd;

	ltx_name_fmt(name, txid, txid);
	if (!stralloc_cats(&path, ltx0) || !stralloc_cats(&path, "/")
	    || !stralloc_cats(&path, name) || !stralloc_0(&path)) {
		stralloc_free(&path);
		return err_nomem(e);
	}
	fd = open(path.s, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err_sys(e, "open %s", path.s);
	stralloc_free(&path);
	return fd;
}

/* The whole file, its checksum and that it is TXID txid. */
static int
verify(int fd, uint64_t txid, struct err *e)
{
	struct ltx_dec *dec;
	const struct ltx_header *h;
	const unsigned char *data;
	uint32_t pgno;
	int r;

	if (ltx_dec_begin(&dec, io_in_fd(&fd), e) < 0)
		return -1;
	h = ltx_dec_header(dec);
	if (h->min_txid != txid || h->max_txid != txid)
		r = err_set(e, ERR_DATA, "header is of another TXID");
	else
		do
			r = ltx_dec_page(dec, &pgno, &data, e);
		while (r > 0);
	if (!r)
		r = ltx_dec_eof(dec, e);
	ltx_dec_free(dec);
	return r;
}

/* 1: there and good, 0: not there, -1. */
static int
tail_add(const char *ltx0, uint64_t txid, struct listing *tail,
    struct err *e)
{
	struct replica_file f = { .min = txid, .max = txid,
	    .level = REPLAY_LOCAL };
	char name[LTX_NAME_LEN + 1];
	struct stat st;
	int r, fd = open_file(ltx0, txid, e);

	if (fd < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (fstat(fd, &st) < 0)
		r = err_sys(e, "stat");
	else
		r = verify(fd, txid, e);
	close(fd);
	if (r < 0) {
		ltx_name_fmt(name, txid, txid);
		return err_in(e, "local file %s", name);
	}
	f.size = (uint64_t)st.st_size;
	return listing_add(tail, &f, e) < 0 ? -1 : 1;
}

/* The trailers of the local and the replica's level-0 file of a TXID:
 * 1 the same; 2 not both there to compare; 0 not the same; -1. */
static int
same_file(struct store *st, const struct listing *l, const char *ltx0,
    uint64_t txid, struct err *e)
{
	unsigned char a[LTX_TRAILER_SIZE], b[LTX_TRAILER_SIZE];
	const struct replica_file *f = NULL;
	struct store_get *g;
	struct stat s;
	char *key;
	int r, fd;

	for (size_t i = 0; i < l->n && !f; i++)
		if (!l->f[i].level && l->f[i].max == txid)
			f = &l->f[i];
	if (!f || f->min != txid)
		return 2;
	fd = open_file(ltx0, txid, e);
	if (fd < 0)
		return e->kind == ERR_NOTFOUND ? 2 : -1;
	if (fstat(fd, &s) < 0 || (uint64_t)s.st_size != f->size
	    || f->size < sizeof a) {
		close(fd);
		return 0;
	}
	r = io_preadn(fd, a, sizeof a, s.st_size - (off_t)sizeof a, e);
	close(fd);
	if (r < 0 || listing_key(st, f, &key, e) < 0)
		return -1;
	r = store_get(st, key, f->size - sizeof b, sizeof b, &g, e);
	free(key);
	if (r < 0)
		return -1;
	r = io_readn(store_get_in(g), b, sizeof b, e);
	store_get_close(g);
	return r < 0 ? -1 : !memcmp(a, b, sizeof a);
}

int
restore_tail(struct store *st, const struct listing *l, const char *ltx0,
    uint64_t from, const struct log *log, struct listing *tail,
    int *continues, struct err *e)
{
	uint64_t txid = from;
	int r;

	*continues = 0;
	tail->n = 0;
	do
		r = tail_add(ltx0, ++txid, tail, e);
	while (r > 0);
	if (r < 0 && e->kind != ERR_DATA)
		return -1;
	if (r < 0)
		log_err(log, LOG_WARN, e, "local files end with a damaged one",
		    "folder", ltx0, NULL);
	r = same_file(st, l, ltx0, from, e);
	if (r < 0)
		return -1;
	*continues = r == 1 || (r && tail->n);
	if (!r && tail->n) {
		log_event(log, LOG_WARN, "local files are not of this replica "
		    "and are left out", "folder", ltx0, "replica",
		    store_conf(st)->url, NULL);
		tail->n = 0;
	}
	return 0;
}
