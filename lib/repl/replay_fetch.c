#include "repl/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AHEAD_MAX 64

struct slot {
	struct store_get *get; /* or */
	int fd;
};

struct replay_fetch {
	struct store *st;
	const char *local;
	const struct replica_file *const *files;
	size_t n, opened, next; /* slots of files next-1 .. opened-1 are open */
	unsigned ahead;
	struct slot slot[AHEAD_MAX + 1];
};

static struct slot *
slot_of(struct replay_fetch *f, size_t i)
{
	return &f->slot[i % (f->ahead + 1)];
}

static void
slot_close(struct slot *s)
{
	if (s->get)
		store_get_close(s->get);
	if (s->fd >= 0)
		close(s->fd);
	s->get = NULL;
	s->fd = -1;
}

static int
slot_open(struct replay_fetch *f, size_t i, struct err *e)
{
	struct slot *s = slot_of(f, i);

	if (f->files[i]->level == REPLAY_LOCAL)
		return (s->fd = listing_open_local(f->local, f->files[i]->min,
		    f->files[i]->max, e)) < 0 ? -1 : 0;
	return listing_get(f->st, f->files[i], 0, 0, &s->get, e);
}

int
replay_fetch_begin(struct replay_fetch **out, struct store *st,
    const char *local, const struct replica_file *const *files, size_t n,
    unsigned ahead, struct err *e)
{
	struct replay_fetch *f = calloc(1, sizeof *f);

	if (!f)
		return err_nomem(e);
	f->st = st;
	f->local = local;
	f->files = files;
	f->n = n;
	f->ahead = ahead < 1 ? 1 : ahead > AHEAD_MAX ? AHEAD_MAX : ahead;
	for (size_t i = 0; i <= AHEAD_MAX; i++)
		f->slot[i].fd = -1;
	*out = f;
	return 0;
}

static int
fetch_next(void *ctx, const struct replica_file **file, struct io_in *in,
    struct err *e)
{
	struct replay_fetch *f = ctx;
	struct slot *s;

	*file = NULL;
	if (f->next)
		slot_close(slot_of(f, f->next - 1));
	while (f->opened < f->n && f->opened < f->next + f->ahead) {
		if (slot_open(f, f->opened, e) < 0) {
			*file = f->files[f->opened];
			return -1;
		}
		f->opened++;
	}
	if (f->next == f->n)
		return 0;
	*file = f->files[f->next];
	s = slot_of(f, f->next++);
	*in = s->get ? store_get_in(s->get) : io_in_fd(&s->fd);
	return 1;
}

struct replay_source
replay_fetch_source(struct replay_fetch *f)
{
	return (struct replay_source){ fetch_next, f };
}

void
replay_fetch_free(struct replay_fetch *f)
{
	if (!f)
		return;
	for (size_t i = 0; i <= AHEAD_MAX; i++)
		slot_close(&f->slot[i]);
	free(f);
}
