#ifndef TESTS_UNIT_SHIP_RIG_H
#define TESTS_UNIT_SHIP_RIG_H

/* What the tests of shipping share: a folder with local level-0 files, another
 * one that is the replica, and a ship between them. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "ltx/ltx.h"
#include "repl/ship.h"

static char dir[32], meta[64], ltx0[64], replica[64];
static struct store_conf conf;
static struct store *st;
static struct ship s;
static struct err e;

/* TXID n: every page where full, else page 2 alone; each is of its number and
 * fill. */
static inline void
make_file(const char *folder, uint64_t n, struct ltx_header h, int full,
    int fill)
{
	char path[200], name[LTX_NAME_LEN + 1], page[65536];
	struct ltx_enc *enc;
	int fd;

	h.flags = LTX_FLAG_NOCHECKSUM;
	h.min_txid = h.max_txid = n;
	ltx_name_fmt(name, n, n);
	snprintf(path, sizeof path, "mkdir -p %s", folder);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(ltx_enc_begin(&enc, &h, LTX_BLOCK, io_out_fd(&fd),
	    NULL, &e), 0);
	for (uint32_t p = full ? 1 : 2; p <= (full ? h.commit : 2); p++) {
		memset(page, fill + (int)p, sizeof page);
		assert_int_equal(ltx_enc_page(enc, p, page, &e), 0);
	}
	assert_int_equal(ltx_enc_end(enc, 0, &e), 0);
	ltx_enc_free(enc);
	close(fd);
}

static inline void
gone(const char *folder, uint64_t n)
{
	char path[200], name[LTX_NAME_LEN + 1];

	ltx_name_fmt(name, n, n);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(unlink(path), 0);
}

static inline void
probe(uint64_t upto)
{
	uint64_t backlog;
	int got;

	assert_int_equal(ship_probe(&s, st, upto, NULL, &got, &backlog, &e), 0);
}

static inline int
run(uint64_t upto, struct ship_result *r)
{
	err_clear(&e);
	return ship_run(&s, st, upto, 100, r, &e);
}

/* c without what is set here. */
static inline int
begin(struct ship_conf c)
{
	strcpy(dir, "/tmp/ls-ship.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(meta, sizeof meta, "%s/meta", dir);
	snprintf(ltx0, sizeof ltx0, "%s/meta/ltx/0", dir);
	snprintf(replica, sizeof replica, "%s/replica", dir);
	store_conf_init(&conf);
	conf.type = STORE_FILE;
	conf.path = replica;
	conf.url = replica;
	conf.perm.uid = (uid_t)-1;
	conf.perm.gid = (gid_t)-1;
	c.store = &conf;
	c.ltx0 = ltx0;
	c.dir = meta;
	ship_init(&s, &c);
	return store_open(&st, &conf, &e);
}

static inline int
teardown(void **state)
{
	char cmd[100];

	(void)state;
	ship_free(&s);
	store_close(st);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	return system(cmd);
}

#endif
