#include "repl/v03_fetch.h"

#include <stdlib.h>
#include <string.h>
#include "crypt/age.h"
#include "v03/segment.h"

#define AHEAD_MAX 64

struct v03_fetch {
	struct store *st;
	const struct v03_set *set;
	const struct v03_plan *plan;
	struct age_keys keys;
	struct store_get *get[AHEAD_MAX + 1]; /* of objects next-1 .. opened-1 */
	size_t opened, next;
	unsigned ahead;
	struct store_get *now;     /* the one at hand */
	size_t object;
	uint64_t bytes;
	unsigned char head[AGE_MAGIC_LEN]; /* its first bytes */
	size_t head_at, head_n;
	struct age *age;
	struct v03_segment *segment;
};

static size_t
object_of(const struct v03_fetch *f, size_t i)
{
	return i ? f->plan->wal + i - 1 : f->plan->snapshot;
}

static int
named(const struct v03_fetch *f, size_t object, struct err *e)
{
	char name[V03_NAME_MAX];

	v03_name_fmt(name, &f->set->o[object].name);
	return err_in(e, "%s", name);
}

int
v03_fetch_begin(struct v03_fetch **out, struct store *st,
    const struct v03_set *set, const struct v03_plan *plan, unsigned ahead,
    struct err *e)
{
	struct v03_fetch *f = calloc(1, sizeof *f);
	const char *text = store_conf(st)->age_identities;

	if (!f)
		return err_nomem(e);
	f->st = st;
	f->set = set;
	f->plan = plan;
	f->ahead = ahead < 1 ? 1 : ahead > AHEAD_MAX ? AHEAD_MAX : ahead;
	if (text && age_keys_scan(&f->keys, text, e) < 0) {
		v03_fetch_free(f);
		return -1;
	}
	*out = f;
	return 0;
}

/* ---- the bytes of the object at hand ---- */

static ssize_t
stored(void *ctx, void *buf, size_t n, struct err *e)
{
	struct v03_fetch *f = ctx;
	ssize_t r;

	if (f->head_at < f->head_n) {
		if (n > f->head_n - f->head_at)
			n = f->head_n - f->head_at;
		memcpy(buf, f->head + f->head_at, n);
		f->head_at += n;
		return (ssize_t)n;
	}
	r = store_get_read(f->now, buf, n, e);
	if (r > 0)
		f->bytes += (uint64_t)r;
	return r;
}

/* Whether it is encrypted its first bytes tell: what came before age was
 * set is not. */
static int
unwrap(struct v03_fetch *f, struct err *e)
{
	struct io_in in = { stored, f };
	ssize_t r = 1;

	f->head_at = f->head_n = 0;
	while (r && f->head_n < sizeof f->head) {
		r = store_get_read(f->now, f->head + f->head_n,
		    sizeof f->head - f->head_n, e);
		if (r < 0)
			return -1;
		f->head_n += (size_t)r;
		f->bytes += (uint64_t)r;
	}
	age_free(f->age);
	f->age = NULL;
	if (f->head_n == sizeof f->head && age_is(f->head)) {
		if (age_begin(&f->age, &f->keys, in, e) < 0)
			return -1;
		in = age_in(f->age);
	}
	if (!f->segment)
		return v03_segment_begin(&f->segment, in, e);
	v03_segment_next(f->segment, in);
	return 0;
}

static ssize_t
content(void *ctx, void *buf, size_t n, struct err *e)
{
	struct v03_fetch *f = ctx;
	ssize_t r = v03_segment_read(f->segment, buf, n, e);

	if (r < 0)
		named(f, f->object, e);
	return r;
}

/* ---- one after the other ---- */

static int
open_ahead(struct v03_fetch *f, size_t n, struct err *e)
{
	while (f->opened < n && f->opened < f->next + f->ahead) {
		struct store_get **g = &f->get[f->opened % (f->ahead + 1)];
		size_t object = object_of(f, f->opened);
		char *key;
		int x;

		if (v03_set_key(f->set, object, &key, e) < 0)
			return -1;
		x = store_get(f->st, key, 0, 0, g, e);
		free(key);
		if (x < 0)
			return named(f, object, e);
		f->opened++;
	}
	return 0;
}

static void
close_one(struct v03_fetch *f, size_t i)
{
	struct store_get **g = &f->get[i % (f->ahead + 1)];

	store_get_close(*g);
	*g = NULL;
}

int
v03_fetch_next(struct v03_fetch *f, size_t *object, struct io_in *in,
    struct err *e)
{
	size_t n = f->plan->n_wal + 1;

	if (f->next)
		close_one(f, f->next - 1);
	if (open_ahead(f, n, e) < 0)
		return -1;
	if (f->next == n)
		return 0;
	f->object = *object = object_of(f, f->next);
	f->now = f->get[f->next++ % (f->ahead + 1)];
	if (unwrap(f, e) < 0)
		return named(f, f->object, e);
	*in = (struct io_in){ content, f };
	return 1;
}

uint64_t
v03_fetch_bytes(const struct v03_fetch *f)
{
	return f->bytes;
}

void
v03_fetch_free(struct v03_fetch *f)
{
	if (!f)
		return;
	for (size_t i = 0; i <= AHEAD_MAX; i++)
		if (f->get[i])
			store_get_close(f->get[i]);
	age_free(f->age);
	v03_segment_free(f->segment);
	age_keys_free(&f->keys);
	free(f);
}
