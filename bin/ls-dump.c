#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/json.h"
#include "base/opt.h"
#include "base/prog.h"
#include "base/when.h"
#include "ltx/ltx.h"

#define PROG "ls-dump"
#define SYNOPSIS "[-jp] [FILE...]"
#define PURPOSE "Prints LTX files as text and verifies them. FILE \"-\", or " \
	"none, is standard input.\nEach may hold several LTX files in a row."

static const struct opt opts[] = {
	{ 'p', "pages", NULL, "one line a page" },
	{ 'j', "json", NULL, "one JSON object a line and LTX file" },
	PROG_OPTS
};
static const struct prog prog = { PROG, SYNOPSIS, PURPOSE, opts };

struct dump {
	const char *file;
	int json, pages;
	int open; /* 1: in a JSON object, 2: also in its array of pages */
};

static void
put_string(const char *s)
{
	stralloc j = STRALLOC_ZERO;
	struct err e = { 0 };

	if (!json_string(&j, s)) {
		err_nomem(&e);
		exit(prog_fatal(PROG, "print", &e));
	}
	fwrite(j.s, 1, j.len, stdout);
	stralloc_free(&j);
}

static void
put_key(const struct dump *d, const char *key)
{
	if (d->json)
		printf("%s\"%s\":", d->open ? "," : "{", key);
	else
		printf("%s ", key);
}

static void
put_text(struct dump *d, const char *key, const char *s)
{
	put_key(d, key);
	if (d->json)
		put_string(s);
	else
		printf("%s\n", s);
	d->open = 1;
}

static void
put_int(struct dump *d, const char *key, int64_t v)
{
	put_key(d, key);
	printf("%" PRId64 "%s", v, d->json ? "" : "\n");
	d->open = 1;
}

static void
put_hex(struct dump *d, const char *key, uint64_t v)
{
	char s[17];

	hex64_fmt(s, v);
	put_text(d, key, s);
}

static void
put_header(struct dump *d, const struct ltx_dec *dec)
{
	static const char *const formats[] = { "1", "1-lz4", "2", "3" };
	const struct ltx_header *h = ltx_dec_header(dec);
	char s[WHEN_FMT];

	put_text(d, "file", d->file);
	put_text(d, "format", formats[ltx_dec_format(dec)]);
	put_text(d, "checksums", h->flags & LTX_FLAG_NOCHECKSUM
	    ? "none" : "tracked");
	put_int(d, "page-size", h->page_size);
	put_int(d, "commit", h->commit);
	put_hex(d, "min-txid", h->min_txid);
	put_hex(d, "max-txid", h->max_txid);
	when_fmt(s, h->time_ms);
	put_text(d, "time", s);
	put_hex(d, "pre-apply", h->pre_apply);
	put_int(d, "wal-offset", h->wal_offset);
	put_int(d, "wal-size", h->wal_size);
	put_hex(d, "wal-salt", (uint64_t)h->salt1 << 32 | h->salt2);
	put_hex(d, "node", h->node);
}

static void
put_page(struct dump *d, const struct ltx_dec *dec, uint32_t pgno)
{
	static const char *const names[] = {
		[LTX_BLOCK] = "block", [LTX_FRAME] = "frame", [LTX_V1] = "raw"
	};
	uint64_t at = ltx_dec_page_offset(dec);
	uint64_t size = ltx_dec_offset(dec) - at;
	const char *name = names[ltx_dec_payload(dec).encoding];

	if (d->json)
		printf("%s{\"pgno\":%" PRIu32 ",\"offset\":%" PRIu64
		    ",\"size\":%" PRIu64 ",\"encoding\":\"%s\"}",
		    d->open < 2 ? ",\"page\":[" : ",", pgno, at, size, name);
	else
		printf("page %" PRIu32 " offset %" PRIu64 " size %" PRIu64
		    " %s\n", pgno, at, size, name);
	d->open = 2;
}

/* One LTX file whose header was read. */
static int
dump_one(struct dump *d, struct ltx_dec *dec, struct err *err)
{
	const unsigned char *data;
	uint32_t pgno, n = 0;
	int r;

	put_header(d, dec);
	while ((r = ltx_dec_page(dec, &pgno, &data, err)) > 0) {
		if (d->pages)
			put_page(d, dec, pgno);
		n++;
	}
	if (d->open == 2 && d->json)
		putchar(']');
	put_int(d, "pages", n);
	if (r < 0)
		return -1;
	put_hex(d, "post-apply", ltx_dec_post_apply(dec));
	put_hex(d, "checksum", ltx_dec_checksum(dec));
	put_int(d, "size", (int64_t)ltx_dec_offset(dec));
	return 0;
}

static void
put_verdict(struct dump *d, const char *s)
{
	put_text(d, "verdict", s);
	if (d->json)
		puts("}");
	d->open = 0;
}

static int
dump_stream(struct dump *d, int fd, struct err *err)
{
	struct ltx_dec *dec;
	int r = ltx_dec_begin(&dec, io_in_fd(&fd), err) ? -1 : 1;

	while (r > 0) {
		r = dump_one(d, dec, err);
		if (r < 0)
			break;
		put_verdict(d, "ok");
		r = ltx_dec_next(dec, err);
	}
	if (r < 0 && err->kind == ERR_DATA) {
		if (!d->open)
			put_text(d, "file", d->file);
		put_verdict(d, err->msg);
	}
	ltx_dec_free(dec);
	return r;
}

static int
dump_file(struct dump *d, struct err *err)
{
	int fd = 0, r;

	if (strcmp(d->file, "-")) {
		fd = open(d->file, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(err, "open");
	}
	r = dump_stream(d, fd, err);
	if (fd)
		close(fd);
	return r;
}

static int
dump_all(struct dump *d, char *const *files)
{
	struct err err = { 0 };
	char doing[4200];
	int code = 0, flush;

	for (; *files; files++) {
		d->file = *files;
		d->open = 0;
		if (!dump_file(d, &err))
			continue;
		fflush(stdout);
		snprintf(doing, sizeof doing, "read %s", *files);
		code = prog_fatal(PROG, doing, &err);
	}
	if ((flush = prog_flush(PROG)))
		code = flush;
	return code;
}

static int
option(void *ctx, int id, const char *arg, struct err *e)
{
	struct dump *d = ctx;

	(void)arg;
	(void)e;
	if (id == 'p')
		d->pages = 1;
	else
		d->json = 1;
	return 0;
}

int
main(int argc, char **argv)
{
	static char *const standard_input[] = { "-", NULL };
	struct dump d = { 0 };
	int code = prog_args(&prog, argc, &argv, option, &d, 0, INT_MAX);

	if (code >= 0)
		return code;
	return dump_all(&d, *argv ? argv : standard_input);
}
