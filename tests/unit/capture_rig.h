#ifndef TESTS_UNIT_CAPTURE_RIG_H
#define TESTS_UNIT_CAPTURE_RIG_H

/* What the tests of capture share: a folder, an application's connection and
 * a capture beside it. Everything here is of one process, where SQLite itself
 * keeps the connections apart. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>
#include "db/capture.h"
#include "db/state.h"

struct rig {
	char dir[64], db[96], wal[96], state[128], ltx0[160];
	sqlite3 *app;
	struct capture *c;
	struct capture_conf conf;
	struct capture_result res;
	struct err err;
};

static inline void
rig_sql(struct rig *r, const char *sql)
{
	char *msg = 0;

	if (sqlite3_exec(r->app, sql, 0, 0, &msg))
		fail_msg("%s: %s", sql, msg);
}

static inline void
rig_app(struct rig *r)
{
	assert_int_equal(sqlite3_open(r->db, &r->app), SQLITE_OK);
	sqlite3_busy_timeout(r->app, 1000);
}

static inline void
rig_quit(struct rig *r)
{
	assert_int_equal(sqlite3_close(r->app), SQLITE_OK);
	r->app = 0;
}

static inline void
rig_capture(struct rig *r)
{
	r->conf.path = r->db;
	assert_int_equal(capture_new(&r->c, &r->conf, &r->err), 0);
}

static inline int
rig_start(struct rig *r, uint64_t remote)
{
	struct capture_remote m;

	memset(&m, 0, sizeof m);
	m.max_txid = remote;
	return capture_start(r->c, &m, &r->res, &r->err);
}

/* Started, running, without a full copy unless dump says so. */
static inline void
rig_runs(struct rig *r, uint64_t remote, int dump)
{
	if (rig_start(r, remote) < 0)
		fail_msg("start: %s", r->err.msg);
	assert_int_equal(r->res.state, CAPTURE_RUNNING);
	assert_int_equal(r->res.gap_from != 0, dump);
}

static inline void
rig_sync(struct rig *r)
{
	if (capture_step(r->c, CAPTURE_SYNC, &r->res, &r->err) < 0)
		fail_msg("step: %s", r->err.msg);
	assert_int_equal(r->res.pending_bytes, 0);
}

static inline void
rig_stop(struct rig *r)
{
	if (capture_stop(r->c, &r->res, &r->err) < 0)
		fail_msg("stop: %s", r->err.msg);
	capture_free(r->c);
	r->c = 0;
}

/* As kill -9 leaves it. */
static inline void
rig_kill(struct rig *r)
{
	capture_free(r->c);
	r->c = 0;
}

static inline void
rig_new(struct rig *r)
{
	memset(r, 0, sizeof *r);
	strcpy(r->dir, "/tmp/capture-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->db, sizeof r->db, "%s/a.db", r->dir);
	snprintf(r->wal, sizeof r->wal, "%s/a.db-wal", r->dir);
	snprintf(r->state, sizeof r->state, "%s/.a.db-litestream", r->dir);
	snprintf(r->ltx0, sizeof r->ltx0, "%s/ltx/0", r->state);
	r->conf.min_checkpoint_pages = 1000;
	r->conf.sync_interval_ms = 1000;
	r->conf.max_sync_wal_bytes = 64 << 20;
	r->conf.encoding = LTX_BLOCK;
}

/* A database that its application has for itself. */
static inline void
rig_exclusive(struct rig *r)
{
	rig_new(r);
	rig_app(r);
	rig_sql(r, "pragma locking_mode=exclusive;pragma journal_mode=wal;"
	    "create table t(x)");
	rig_capture(r);
}

static inline void
rig_free(struct rig *r)
{
	char cmd[128];

	capture_free(r->c);
	sqlite3_close(r->app);
	snprintf(cmd, sizeof cmd, "rm -rf %s", r->dir);
	assert_int_equal(system(cmd), 0);
}

static inline int
rig_by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static inline int
rig_is_ltx(const struct dirent *e)
{
	return strlen(e->d_name) == LTX_NAME_LEN;
}

/* Applies one file to an image of the database. */
static inline uint32_t
rig_apply(const char *path, unsigned char **image, uint32_t *size)
{
	const unsigned char *page;
	struct ltx_dec *dec;
	struct err err;
	uint32_t pgno, commit;
	int n, fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(ltx_dec_begin(&dec, io_in_fd(&fd), &err), 0);
	*size = ltx_dec_header(dec)->page_size;
	commit = ltx_dec_header(dec)->commit;
	*image = realloc(*image, (size_t)commit * *size + 1);
	while ((n = ltx_dec_page(dec, &pgno, &page, &err)) > 0) {
		assert_true(pgno <= commit);
		memcpy(*image + (size_t)(pgno - 1) * *size, page, *size);
	}
	if (n)
		fail_msg("%s: %s", path, err.msg);
	ltx_dec_free(dec);
	close(fd);
	return commit;
}

/* All level-0 files in order make the database as it is. The application's
 * connection is closed for that, the capture has to be. */
static inline void
rig_compare(struct rig *r)
{
	struct dirent **names;
	unsigned char *image = 0, *real;
	uint32_t commit = 0, size = 0;
	char path[512];
	FILE *f;
	int i, n;

	if (!r->app)
		rig_app(r);
	rig_sql(r, "pragma wal_checkpoint(truncate)");
	rig_quit(r);
	n = scandir(r->ltx0, &names, rig_is_ltx, rig_by_name);
	assert_true(n > 0);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", r->ltx0,
		    names[i]->d_name);
		commit = rig_apply(path, &image, &size);
		free(names[i]);
	}
	free(names);
	f = fopen(r->db, "rb");
	real = malloc((size_t)commit * size + 1);
	assert_int_equal(fread(real, 1, (size_t)commit * size + 1, f),
	    (size_t)commit * size);
	fclose(f);
	assert_memory_equal(real, image, (size_t)commit * size);
	free(real);
	free(image);
}

#endif
