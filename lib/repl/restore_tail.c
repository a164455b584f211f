#include "repl/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ltx/ltx.h"
#include "repl/replay.h"
#include "wal/wal.h"

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
	int r, fd = listing_open_local(ltx0, txid, txid, e);

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

/* The replica's level-0 file of one TXID, or NULL. */
static const struct replica_file *
level0_file(const struct listing *l, uint64_t txid)
{
	for (size_t i = 0; i < l->n && !l->f[i].level; i++)
		if (l->f[i].min == txid && l->f[i].max == txid)
			return &l->f[i];
	return NULL;
}

/* The trailers of the local file and the replica's: 1 the same, 0 not. */
static int
same_file(struct store *st, const struct replica_file *f, int fd,
    struct err *e)
{
	unsigned char a[LTX_TRAILER_SIZE], b[LTX_TRAILER_SIZE];
	struct stat s;

	if (fstat(fd, &s) < 0)
		return err_sys(e, "stat");
	if ((uint64_t)s.st_size != f->size || f->size < sizeof a)
		return 0;
	if (io_preadn(fd, a, sizeof a, s.st_size - (off_t)sizeof a, e) < 0
	    || listing_get_range(st, f, f->size - sizeof b, b, sizeof b, e) < 0)
		return -1;
	return !memcmp(a, b, sizeof a);
}

/* Is the local file the next one after the replica's? Told by the writer, or
 * by where in the WAL they begin and end. */
static int
next_file(struct store *st, const struct replica_file *f, int fd,
    struct err *e)
{
	unsigned char raw[LTX_HEADER_SIZE];
	struct ltx_header a, b;

	if (listing_get_range(st, f, 0, raw, sizeof raw, e) < 0
	    || ltx_header_unpack(&a, raw, e) < 0
	    || io_preadn(fd, raw, sizeof raw, 0, e) < 0
	    || ltx_header_unpack(&b, raw, e) < 0)
		return -1;
	if (a.node && a.node == b.node)
		return 1;
	if (a.salt1 == b.salt1 && a.salt2 == b.salt2)
		return b.wal_offset == a.wal_offset + a.wal_size;
	return b.wal_offset == WAL_HEADER_SIZE && b.salt1 == a.salt1 + 1;
}

/* Do the local files up to from, or those after it, belong to the replica?
 * 1 yes, 0 no or it cannot be told, -1. */
static int
belongs(struct store *st, const struct listing *l, const char *ltx0,
    uint64_t from, int more, struct err *e)
{
	const struct replica_file *f = level0_file(l, from);
	int (*test)(struct store *, const struct replica_file *, int,
	    struct err *) = same_file;
	int fd, r;

	if (!from)
		return more; /* all there is, from TXID 1 on */
	if (!f)
		return 0;
	fd = listing_open_local(ltx0, from, from, e);
	if (fd < 0 && e->kind == ERR_NOTFOUND && more) {
		fd = listing_open_local(ltx0, from + 1, from + 1, e);
		test = next_file;
	}
	if (fd < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	r = test(st, f, fd, e);
	close(fd);
	return r;
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
	r = belongs(st, l, ltx0, from, tail->n > 0, e);
	if (r < 0)
		return -1;
	*continues = r;
	if (!r && tail->n) {
		log_event(log, LOG_WARN, "local files are not known to continue "
		    "this replica and are left out", "folder", ltx0, "replica",
		    store_conf(st)->url, NULL);
		tail->n = 0;
	}
	return 0;
}
