#include "repl/changes.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "repl/listing_fmt.h"

#define CHUNK 65536

int
changes_option(struct changes *c, int id, const char *arg)
{
	if (id == CHANGES_LISTING)
		c->listing = arg;
	else if (id == CHANGES_SAY)
		c->say = 1;
	else
		return 0;
	return 1;
}

/* A chunk at a time: whole lines are taken, the rest is kept. */
static int
scan_fd(struct listing *l, int fd, struct err *e)
{
	struct io_in in = io_in_fd(&fd);
	char buf[CHUNK];
	size_t n = 0, used;
	ssize_t r;

	while ((r = in.read(in.ctx, buf + n, sizeof buf - n, e)) > 0) {
		char *nl;

		n += (size_t)r;
		nl = memrchr(buf, '\n', n);
		used = nl ? (size_t)(nl - buf) + 1 : 0;
		if (!used && n == sizeof buf)
			return err_set(e, ERR_DATA, "a line of the listing has "
			    "no end");
		if (listing_fmt_scan(l, buf, used, e) < 0)
			return -1;
		memmove(buf, buf + used, n -= used);
	}
	if (!r && n)
		return err_set(e, ERR_DATA, "the listing ends within a line");
	return r < 0 ? -1 : 0;
}

static int
read_given(const char *path, struct listing *l, struct err *e)
{
	int own = strcmp(path, "-"), fd = own
	    ? open(path, O_RDONLY | O_CLOEXEC) : 0, r;

	l->n = l->foreign = 0;
	if (fd < 0) {
		err_sys(e, "open %s", path);
		/* of the file, not of the replica */
		return err_set(e, e->kind == ERR_NOTFOUND ? ERR_CONF : e->kind,
		    "open %s: %s", path, strerror(e->sys));
	}
	r = scan_fd(l, fd, e);
	if (own)
		close(fd);
	if (r < 0) {
		l->n = 0;
		return err_in(e, "%s", own ? path : "standard input");
	}
	return 0;
}

/* Those of the wanted levels alone. */
static void
keep_levels(struct listing *l, unsigned levels)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (levels >> l->f[i].level & 1)
			l->f[n++] = l->f[i];
	l->n = n;
}

int
changes_read(struct changes *c, struct store *st, unsigned levels,
    struct listing *l, struct err *e)
{
	if (!c->listing)
		return listing_read(st, levels, l, e);
	if (c->taken)
		return err_set(e, ERR_USAGE, "--listing is of one replica, and "
		    "several are meant (--replica NAME)");
	c->taken = 1;
	if (read_given(c->listing, l, e) < 0)
		return -1;
	keep_levels(l, levels);
	return 0;
}

void
changes_say(const struct changes *c, const struct log *log, const char *word,
    const struct replica_file *f)
{
	stralloc s = STRALLOC_ZERO;
	struct err e = { 0 };
	int fd = 1, r;

	if (!c || !c->say)
		return;
	if (stralloc_cats(&s, word) && stralloc_cats(&s, "\t")
	    && listing_fmt_tsv(&s, f) && stralloc_cats(&s, "\n"))
		r = io_out_fd(&fd).write(&fd, s.s, s.len, &e);
	else
		r = err_nomem(&e);
	if (r < 0)
		log_err(log, LOG_WARN, &e, "a change could not be told", NULL);
	stralloc_free(&s);
}
