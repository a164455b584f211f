#include "crypt/age_int.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 65536
#define CHUNK 65536
#define TAG 16

/* The buffer holds one chunk with its tag and one byte more: whether that
 * byte comes tells whether the chunk is the last. */
struct age {
	struct io_in in;
	unsigned char key[32];
	uint64_t count;        /* of the next chunk */
	size_t have;           /* encrypted bytes in buf, of the next chunk */
	size_t at, n;          /* decrypted ones in plain */
	int last, failed;
	unsigned char buf[CHUNK + TAG + 1];
	unsigned char plain[CHUNK + TAG];
};

int
age_is(const unsigned char p[AGE_MAGIC_LEN])
{
	return !memcmp(p, "age-encryption.org/v1", AGE_MAGIC_LEN);
}

/* Byte by byte would be slow: reads what comes into buf, and what is behind
 * the header stays there. */
struct head {
	char *s;
	size_t n;
};

/* Where the header ends, 0: not yet. */
static size_t
head_end(const char *s, size_t n)
{
	const char *p = s, *end = s + n, *lf;

	while ((lf = memchr(p, '\n', (size_t)(end - p)))) {
		if (lf - p >= 4 && !memcmp(p, "--- ", 4))
			return (size_t)(lf + 1 - s);
		p = lf + 1;
	}
	return 0;
}

static int
head_read(struct age *a, struct head *h, struct err *e)
{
	size_t end = 0;
	ssize_t r;

	h->n = 0;
	while (!end) {
		if (h->n == HEADER_MAX)
			return err_set(e, ERR_DATA, "age header: longer than "
			    "%d bytes", HEADER_MAX);
		r = a->in.read(a->in.ctx, h->s + h->n, HEADER_MAX - h->n < 512
		    ? HEADER_MAX - h->n : 512, e);
		if (r < 0)
			return -1;
		if (!r)
			return err_set(e, ERR_DATA, "age header: cut off");
		h->n += (size_t)r;
		if (h->n >= AGE_MAGIC_LEN
		    && !age_is((const unsigned char *)h->s))
			return err_set(e, ERR_DATA, "it is not encrypted with "
			    "age");
		end = head_end(h->s, h->n);
	}
	a->have = h->n - end;
	memcpy(a->buf, h->s + end, a->have);
	h->n = end;
	return 0;
}

/* Until want bytes are in buf. 0: they are, or the input ended before. */
static int
fill(struct age *a, size_t want, struct err *e)
{
	ssize_t r = 1;

	while (r && a->have < want) {
		r = a->in.read(a->in.ctx, a->buf + a->have, want - a->have, e);
		if (r < 0)
			return -1;
		a->have += (size_t)r;
	}
	return 0;
}

static void
drop(struct age *a, size_t n)
{
	a->have -= n;
	memmove(a->buf, a->buf + n, a->have);
}

static int
begin(struct age *a, const struct age_keys *k, struct head *h, struct err *e)
{
	unsigned char file_key[16];
	int r;

	if (head_read(a, h, e) < 0
	    || age_header_open(k, h->s, h->n, file_key, e) < 0)
		return -1;
	r = fill(a, 16, e);
	if (!r && a->have < 16)
		r = err_set(e, ERR_DATA, "age file: cut off after the header");
	if (!r) {
		age_hkdf(a->key, file_key, 16, a->buf, 16, "payload");
		drop(a, 16);
	}
	explicit_bzero(file_key, sizeof file_key);
	return r;
}

int
age_begin(struct age **out, const struct age_keys *k, struct io_in in,
    struct err *e)
{
	struct age *a = calloc(1, sizeof *a);
	struct head h = { malloc(HEADER_MAX), 0 };
	int r = 0;

	if (!a || !h.s)
		r = err_nomem(e);
	if (!r) {
		a->in = in;
		r = begin(a, k, &h, e);
	}
	free(h.s);
	if (r < 0) {
		age_free(a);
		return -1;
	}
	*out = a;
	return 0;
}

static int
open_with(struct age *a, size_t n, int last)
{
	unsigned char nonce[12] = { 0 };

	for (int i = 0; i < 8; i++)
		nonce[3 + i] = (unsigned char)(a->count >> (56 - 8 * i));
	nonce[11] = (unsigned char)last;
	memcpy(a->plain, a->buf, n);
	return age_open(a->key, nonce, a->plain, n - TAG);
}

/* The next chunk into plain. */
static int
chunk(struct age *a, struct err *e)
{
	size_t n;

	if (fill(a, sizeof a->buf, e) < 0)
		return -1;
	a->last = a->have < sizeof a->buf;
	n = a->last ? a->have : CHUNK + TAG;
	if (n < TAG)
		return err_set(e, ERR_DATA, "age file: cut off");
	if (open_with(a, n, a->last) < 0)
		return err_set(e, ERR_DATA, a->last && open_with(a, n, 0) == 0
		    ? "age file: cut off" : "age file: damaged (wrong "
		    "authenticator)");
	if (n == TAG && a->count)
		return err_set(e, ERR_DATA, "age file: an empty last chunk");
	a->count++;
	drop(a, n);
	a->at = 0;
	a->n = n - TAG;
	return 0;
}

ssize_t
age_read(struct age *a, void *buf, size_t n, struct err *e)
{
	if (a->failed)
		return err_set(e, ERR_BUG, "age file read after an error");
	while (a->at == a->n) {
		if (a->last)
			return 0;
		if (chunk(a, e) < 0) {
			a->failed = 1;
			a->at = a->n = 0;
			return -1;
		}
	}
	if (n > a->n - a->at)
		n = a->n - a->at;
	memcpy(buf, a->plain + a->at, n);
	a->at += n;
	return (ssize_t)n;
}

static ssize_t
age_in_read(void *ctx, void *buf, size_t n, struct err *e)
{
	return age_read(ctx, buf, n, e);
}

struct io_in
age_in(struct age *a)
{
	return (struct io_in){ age_in_read, a };
}

void
age_free(struct age *a)
{
	if (a)
		explicit_bzero(a, sizeof *a);
	free(a);
}
