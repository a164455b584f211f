#include "repl/compact_put.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/when.h"

#define SMALL 65536 /* not worth a comparison first */

/* Merging writes, uploading reads: a thread merges into a pipe, with a store
 * of its own, since a store belongs to one thread. */
struct maker {
	struct store *st;
	const struct replica_file *const *files;
	size_t n;
	const struct compact_opt *opt;
	int in, out;              /* the pipe; the thread closes out */
	pthread_t thread;
	int joined;
	struct compact_done *done;
	unsigned char head[LTX_HEADER_SIZE]; /* read ahead */
	size_t head_at;           /* of it, given to the upload */
	int r;
	struct err err;
};

static void *
maker_run(void *ctx)
{
	struct maker *m = ctx;

	m->r = compact_merge(m->st, m->files, m->n, m->opt,
	    io_out_fd(&m->out), m->done, &m->err);
	close(m->out);
	return NULL;
}

static void
maker_join(struct maker *m)
{
	if (!m->joined)
		pthread_join(m->thread, NULL);
	m->joined = 1;
}

/* The end of the pipe is the end of the file only if the merge was good. */
static ssize_t
maker_read(void *ctx, void *buf, size_t len, struct err *e)
{
	struct maker *m = ctx;
	struct io_in in = io_in_fd(&m->in);
	ssize_t r;

	if (m->head_at < sizeof m->head) {
		if (len > sizeof m->head - m->head_at)
			len = sizeof m->head - m->head_at;
		memcpy(buf, m->head + m->head_at, len);
		m->head_at += len;
		return (ssize_t)len;
	}
	r = in.read(in.ctx, buf, len, e);
	if (r)
		return r;
	maker_join(m);
	if (m->r < 0) {
		*e = m->err;
		return -1;
	}
	return 0;
}

/* The time goes up before the bytes do, and is in the first of them. */
static int
first_bytes(struct maker *m, int64_t *ms, struct err *e)
{
	struct ltx_header h;

	if (io_readn(io_in_fd(&m->in), m->head, sizeof m->head, e) < 0) {
		maker_join(m);
		if (m->r < 0)
			*e = m->err;
		return -1;
	}
	if (ltx_header_unpack(&h, m->head, e) < 0)
		return -1;
	*ms = h.time_ms;
	return 0;
}

static int
upload(struct maker *m, struct store *st, const char *key,
    struct replica_file *to, int noreplace, struct err *e)
{
	struct store_src src = { .fd = -1, .in = { maker_read, m } };
	struct store_put_opt opt = { .noreplace = noreplace };
	int r = first_bytes(m, &to->time_ms, e);

	opt.time_ms = to->time_ms;
	if (!r)
		r = store_put(st, key, &src, &opt, e);
	close(m->in); /* a merge still writing ends with EPIPE */
	maker_join(m);
	to->size = m->done->size;
	return r;
}

static int
start(struct maker *m, struct err *e)
{
	int p[2], n;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, "make a pipe");
	m->in = p[0];
	m->out = p[1];
	n = pthread_create(&m->thread, NULL, maker_run, m);
	if (!n)
		return 0;
	close(p[0]);
	close(p[1]);
	return err_set(e, ERR_TEMP, "start a thread: %s", strerror(n));
}

int
compact_put(struct store *st, const struct replica_file *const *files,
    size_t n, const struct compact_opt *opt, struct replica_file *to,
    int noreplace, struct compact_done *done, struct err *e)
{
	struct maker m = { .files = files, .n = n, .opt = opt, .done = done };
	char *key;
	int r;

	if (listing_key(st, to, &key, e) < 0)
		return -1;
	r = store_open(&m.st, store_conf(st), e);
	if (!r) {
		r = start(&m, e);
		if (!r)
			r = upload(&m, st, key, to, noreplace, e);
		store_close(m.st);
	}
	free(key);
	return r;
}

int
compact_put_local(const char *ltx0, const struct replica_file *f)
{
	struct err ignored;
	struct stat st;
	int fd;

	if (!ltx0 || f->level)
		return -1;
	fd = listing_open_local(ltx0, f->min, f->max, &ignored);
	if (fd >= 0 && (fstat(fd, &st) < 0 || (uint64_t)st.st_size != f->size)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* 1: the local file is whole and ends as the replica's; 0: it does not. */
static int
same_local(struct store *st, const struct replica_file *f, int fd,
    struct listing_facts *facts, struct err *e)
{
	unsigned char a[LTX_TRAILER_SIZE], b[LTX_TRAILER_SIZE];
	struct err ignored;

	if (listing_check_in(io_in_fd(&fd), f, facts, &ignored) < 0
	    || io_preadn(fd, a, sizeof a, (int64_t)(f->size - sizeof a),
	    &ignored) < 0)
		return 0;
	if (listing_get_range(st, f, f->size - sizeof b, b, sizeof b, e) < 0)
		return -1;
	return !memcmp(a, b, sizeof a);
}

/* Does the local file end as what was read? */
static int
ends_the_same(const char *ltx0, const struct replica_file *f,
    const struct listing_facts *facts)
{
	unsigned char sum[8];
	struct err ignored;
	int fd = compact_put_local(ltx0, f), same;

	if (fd < 0)
		return 0;
	same = f->size > sizeof sum && io_preadn(fd, sum, sizeof sum,
	    (int64_t)(f->size - sizeof sum), &ignored) == 0
	    && be64_unpack(sum) == facts->checksum;
	close(fd);
	return same;
}

/* What S3 stored it has checked, and a good local copy that ends the same tells
 * enough; in a folder bytes may have changed since. */
int
compact_put_source(struct store *st, const struct replica_file *f,
    const char *ltx0, struct compact_source *src, struct err *e)
{
	struct store_get *g;
	int fd = -1, r = 0;

	memset(src, 0, sizeof *src);
	if (f->size > SMALL && store_conf(st)->type == STORE_S3)
		fd = compact_put_local(ltx0, f);
	if (fd >= 0) {
		r = src->same = same_local(st, f, fd, &src->facts, e);
		close(fd);
	}
	if (r)
		return r < 0 ? -1 : 0;
	if (listing_get(st, f, 0, 0, &g, e) < 0)
		return -1;
	r = listing_check_in(store_get_in(g), f, &src->facts, e);
	store_get_close(g);
	if (!r)
		src->same = ends_the_same(ltx0, f, &src->facts);
	return r;
}

int
compact_put_copy(struct store *st, const struct replica_file *f,
    const struct compact_source *src, struct replica_file *to, int noreplace,
    struct err *e)
{
	struct store_put_opt opt = { .noreplace = noreplace,
	    .time_ms = src->facts.time_ms, .size = f->size };
	char *a = NULL, *b = NULL;
	int r = listing_key(st, f, &a, e);

	if (!r)
		r = listing_key(st, to, &b, e);
	if (!r) {
		to->time_ms = src->facts.time_ms;
		to->size = f->size;
		r = store_copy(st, a, b, &opt, e);
	}
	free(a);
	free(b);
	return r;
}

int64_t
compact_put_time(const struct store *st, int64_t header_ms)
{
	return store_conf(st)->type == STORE_S3 ? when_now() : header_ms;
}
