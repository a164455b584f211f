#include "repl/v03_snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "repl/v03_restore.h"
#include "v03/keep.h"
#include "v03/pack.h"

static int
upload(struct store *st, const char *key, int fd, struct err *e)
{
	struct store_put_opt opt = { .time_ms = -1 };
	struct store_src src = { .fd = -1 };
	struct v03_pack *pack;
	int r;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "unable to rewind a temporary file");
	if (v03_pack_begin(&pack, io_in_fd(&fd), e) < 0)
		return -1;
	src.in = v03_pack_in(pack);
	r = store_put(st, key, &src, &opt, e);
	v03_pack_free(pack);
	return r;
}

/* What was at the end of the index before, as the snapshot of this one. */
static int
make(struct v03_restore *r, struct store *st, const char *tmp,
    const struct log *log, struct v03_snapshot_done *done, struct err *e)
{
	struct v03_want want = { 1, 1, done->generation, done->index - 1 };
	struct restore_opt opt = { .log = log };
	struct v03_set *set = r->set;
	struct v03_name name = { .generation = done->generation,
	    .kind = V03_SNAPSHOT, .index = done->index };
	struct apply_done a = { 0 };
	char *key = NULL;
	int fd, x;

	if ((fd = io_anon(tmp, e)) < 0)
		return -1;
	x = v03_restore_plan(r, st, set, &want, -1, log, e);
	if (x == 0)
		x = v03_restore_run(r, st, &opt, fd, &a, e);
	if (x == 0)
		x = v03_name_key(set->path, &name, &key, e);
	if (x == 0)
		x = upload(st, key, fd, e);
	done->raw = (uint64_t)a.pages * a.page_size;
	done->files = a.files;
	free(key);
	close(fd);
	return x;
}

int
v03_snapshot_put(const struct store_conf *conf, const char *tmp,
    const struct log *log, struct v03_snapshot_done *done, struct err *e)
{
	struct v03_want newest = { 0 };
	struct v03_set set = { 0 };
	struct v03_restore r;
	struct store *st;
	int x;

	memset(done, 0, sizeof *done);
	if (store_open(&st, conf, e) < 0)
		return -1;
	x = v03_set_read(st, &set, e);
	if (x == 0)
		x = v03_restore_plan(&r, st, &set, &newest, -1, log, e);
	if (x == 0) {
		done->generation = r.g->id;
		done->index = set.o[r.plan.snapshot].name.index;
		done->present = !v03_keep_place(set.o, r.g, &done->index);
		if (!done->present)
			x = make(&r, st, tmp, log, done, e);
	}
	v03_set_free(&set);
	store_close(st);
	if (x < 0 && e->kind == ERR_DATA)
		err_in(e, "no snapshot can be made before another generation "
		    "begins (ls-sync --full DB has ls-walship begin one)");
	return x < 0 ? err_in(e, "%s", conf->url) : 0;
}
