/* LTX files for the tests, by the library alone:
 *   ltxmake db ENCODING MIN MAX DB [PGNO...]   pages of a database, all
 *   ltxmake tracked ENCODING MIN MAX DB        with database checksums
 *   ltxmake merge ENCODING FILE...             oldest first
 * to standard output. LTX_TIME: of a db, ms. ENCODING is block, frame, v1 or v1-lz4. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/spill.h"
#include "ltx/ltx.h"

static struct err err;
static int out = 1;

static void
die(const char *what)
{
	fprintf(stderr, "ltxmake: fatal: %s: %s\n", what, err.msg);
	exit(err_exit(err.kind ? err.kind : ERR_USAGE));
}

static int
open_in(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && err_sys(&err, "open"))
		die(path);
	return fd;
}

struct db {
	int fd;
	struct ltx_header h;
	unsigned char page[LTX_PAGE_MAX];
	uint64_t sum;
};

static void
put(struct ltx_enc *e, struct db *db, uint32_t pgno)
{
	uint32_t size = db->h.page_size;

	if (io_preadn(db->fd, db->page, size, (int64_t)(pgno - 1) * size,
	    &err) || ltx_enc_page(e, pgno, db->page, &err))
		die("page");
	db->sum ^= ltx_page_checksum(pgno, db->page, size);
}

static void
from_db(int tracked, enum ltx_encoding encoding, uint32_t flags, char **argv)
{
	static struct db db;
	struct spill s;
	struct ltx_spill spill = { spill_out(&s), spill_in(&s), spill_rewind,
		&s };
	unsigned char head[100];
	struct ltx_enc *e;

	spill_init(&s, NULL);
	db.fd = open_in(argv[2]);
	if (io_preadn(db.fd, head, sizeof head, 0, &err))
		die("header");
	db.h.page_size = be16_unpack(head + 16);
	if (db.h.page_size == 1)
		db.h.page_size = 65536;
	db.h.commit = (uint32_t)(lseek(db.fd, 0, SEEK_END)
	    / db.h.page_size);
	db.h.min_txid = strtoull(argv[0], NULL, 16);
	db.h.max_txid = strtoull(argv[1], NULL, 16);
	db.h.time_ms = getenv("LTX_TIME") ? atoll(getenv("LTX_TIME"))
	    : 1700000000123;
	db.h.flags = (tracked ? 0 : LTX_FLAG_NOCHECKSUM) | flags;
	db.h.node = 0x123456789abcdef;
	if (ltx_enc_begin(&e, &db.h, encoding, io_out_fd(&out), &spill, &err))
		die("begin");
	if (argv[3])
		for (argv += 3; *argv; argv++)
			put(e, &db, (uint32_t)strtoul(*argv, NULL, 10));
	else
		for (uint32_t p = 1; p <= db.h.commit; p++)
			if (p != ltx_lock_page(db.h.page_size))
				put(e, &db, p);
	if (ltx_enc_end(e, tracked ? db.sum | LTX_CHECKSUM_FLAG : 0, &err))
		die("end");
	ltx_enc_free(e);
	spill_free(&s);
	close(db.fd);
}

static void
from_files(enum ltx_encoding encoding, char **argv, size_t n)
{
	struct ltx_dec **d = calloc(n, sizeof *d);
	int *fd = calloc(n, sizeof *fd), r;
	const unsigned char *data;
	struct ltx_payload payload;
	struct ltx_merge *m;
	struct ltx_enc *e;
	uint32_t pgno;

	for (size_t i = 0; i < n; i++) {
		fd[i] = open_in(argv[i]);
		if (ltx_dec_begin(&d[i], io_in_fd(&fd[i]), &err))
			die(argv[i]);
	}
	if (ltx_merge_begin(&m, d, n, &err)
	    || ltx_enc_begin(&e, ltx_merge_header(m), encoding,
	    io_out_fd(&out), NULL, &err))
		die("merge");
	while ((r = ltx_merge_page(m, &pgno, &data, &payload, &err)) > 0)
		if (ltx_enc_page_reuse(e, pgno, data, &payload, &err))
			die("merge");
	if (r || ltx_enc_end(e, 0, &err))
		die("merge");
	ltx_enc_free(e);
	ltx_merge_free(m);
	for (size_t i = 0; i < n; i++) {
		ltx_dec_free(d[i]);
		close(fd[i]);
	}
	free(d);
	free(fd);
}

int
main(int argc, char **argv)
{
	enum ltx_encoding encoding = LTX_BLOCK;
	uint32_t flags = 0;

	if (argc < 4)
		die("usage");
	if (!strcmp(argv[2], "frame"))
		encoding = LTX_FRAME;
	if (!strncmp(argv[2], "v1", 2))
		encoding = LTX_V1;
	if (!strcmp(argv[2], "v1-lz4"))
		flags = LTX_FLAG_LZ4;
	if (!strcmp(argv[1], "merge"))
		from_files(encoding, argv + 3, (size_t)argc - 3);
	else if (argc > 5)
		from_db(!strcmp(argv[1], "tracked"), encoding, flags,
		    argv + 3);
	else
		die("usage");
	return 0;
}
