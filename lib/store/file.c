#include "store/store_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/sa.h"
#include "base/when.h"

#define FILE_DEPTH 32
#define FILE_CHUNK 16384
/* After so long nobody works on a temporary file. */
#define FILE_STALE_MS (24 * 3600 * INT64_C(1000))

struct file {
	struct store st;
	char suffix[16];   /* ".<random>.tmp": two writers, two temporaries */
	char *swept;       /* folder whose stale temporaries are gone */
};

struct file_get {
	struct store_get g;
	int fd;
	uint64_t off, left;
	char *key;
};

static int64_t
file_ms(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

static void
file_stat(const struct stat *s, struct store_stat *out)
{
	out->size = (uint64_t)s->st_size;
	out->mtime_ms = out->litestream_ms = file_ms(&s->st_mtim);
}

static void
file_close(struct store *s)
{
	struct file *f = (struct file *)s;

	free(f->swept);
	free(f);
}

/* ---- listing ---- */

struct file_names {
	char **s;
	size_t n, a;
};

static void
file_names_free(struct file_names *l)
{
	while (l->n)
		free(l->s[--l->n]);
	free(l->s);
}

static int
file_names_add(struct file_names *l, const char *name, int dir,
    struct err *e)
{
	size_t n = strlen(name);
	char *s, **p = array_room(l->s, l->n, &l->a, sizeof *p);

	if (!p)
		return err_nomem(e);
	l->s = p;
	if (!(s = malloc(n + 2)))
		return err_nomem(e);
	memcpy(s, name, n);
	strcpy(s + n, dir ? "/" : "");
	l->s[l->n++] = s;
	return 0;
}

static int
file_names_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
file_is_temp(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && !strcmp(name + n - 4, ".tmp");
}

/* Names of regular files and, with a "/", of folders; links are neither. */
static int
file_names_read(DIR *d, const char *base, struct file_names *l,
    struct err *e)
{
	struct dirent *de;
	struct stat s;
	int dir, reg;

	for (errno = 0; (de = readdir(d)); errno = 0) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (strncmp(de->d_name, base, strlen(base))
		    || file_is_temp(de->d_name))
			continue;
		dir = de->d_type == DT_DIR;
		reg = de->d_type == DT_REG;
		if (de->d_type == DT_UNKNOWN) {
			if (fstatat(dirfd(d), de->d_name, &s,
			    AT_SYMLINK_NOFOLLOW)) {
				if (errno == ENOENT)
					continue;
				return err_sys(e, "look at %s", de->d_name);
			}
			dir = S_ISDIR(s.st_mode);
			reg = S_ISREG(s.st_mode);
		}
		if ((dir || reg) && file_names_add(l, de->d_name, dir, e))
			return -1;
	}
	if (errno)
		return err_sys(e, "read folder");
	if (l->n)
		qsort(l->s, l->n, sizeof *l->s, file_names_cmp);
	return 0;
}

struct file_walk {
	const char *after;
	store_list_fn *fn;
	void *ctx;
	stralloc path; /* ends in "/" between entries */
};

static int file_walk(struct file_walk *, const char *base, unsigned depth,
    struct err *);

static int
file_walk_one(struct file_walk *w, int fd, const char *name, unsigned depth,
    struct err *e)
{
	size_t len = w->path.len, n = strlen(name);
	struct store_stat st;
	struct stat s;
	int r = 0;

	if (!stralloc_cats(&w->path, name) || !stralloc_0(&w->path))
		return err_nomem(e);
	w->path.len--;
	if (name[n - 1] == '/') {
		/* Everything below sorts before start_after? */
		if (!w->after || strncmp(w->path.s, w->after, w->path.len) >= 0)
			r = depth < FILE_DEPTH
			    ? file_walk(w, "", depth + 1, e)
			    : err_set(e, ERR_DATA, "%s: folders nested too "
			        "deep", w->path.s);
	} else if (!w->after || strcmp(w->path.s, w->after) > 0) {
		/* What cannot be looked at is there all the same. */
		if (fstatat(fd, name, &s, AT_SYMLINK_NOFOLLOW)) {
			r = errno == ENOENT ? 0
			    : err_sys(e, "look at %s", w->path.s);
		} else if (S_ISREG(s.st_mode)) {
			file_stat(&s, &st);
			r = w->fn(w->ctx, w->path.s, &st, e);
		}
	}
	w->path.len = len;
	w->path.s[len] = 0;
	return r;
}

static int
file_walk(struct file_walk *w, const char *base, unsigned depth,
    struct err *e)
{
	struct file_names l = { 0 };
	int fd, r = 0;
	DIR *d;

	fd = open(w->path.s, O_RDONLY | O_DIRECTORY | O_CLOEXEC
	    | (depth ? O_NOFOLLOW : 0));
	if (fd < 0)
		return errno == ENOENT
		    || (depth && (errno == ENOTDIR || errno == ELOOP))
		    ? 0 : err_sys(e, "open folder %s", w->path.s);
	if (!(d = fdopendir(fd))) {
		err_sys(e, "open folder %s", w->path.s);
		close(fd);
		return -1;
	}
	if (file_names_read(d, base, &l, e))
		r = err_in(e, "%s", w->path.s);
	for (size_t i = 0; !r && i < l.n; i++)
		r = file_walk_one(w, fd, l.s[i], depth, e);
	closedir(d);
	file_names_free(&l);
	return r;
}

static int
file_list(struct store *s, const char *prefix, const char *after,
    store_list_fn *fn, void *ctx, struct err *e)
{
	struct file_walk w = { .after = after, .fn = fn, .ctx = ctx };
	const char *base = strrchr(prefix, '/');
	int r;

	(void)s;
	base = base ? base + 1 : prefix;
	if (!stralloc_catb(&w.path, prefix, (size_t)(base - prefix))
	    || (base == prefix && !stralloc_cats(&w.path, "./"))
	    || !stralloc_0(&w.path)) {
		stralloc_free(&w.path);
		return err_nomem(e);
	}
	w.path.len--;
	r = file_walk(&w, base, 0, e);
	stralloc_free(&w.path);
	return r;
}

/* ---- reading ---- */

static int
file_head(struct store *s, const char *key, struct store_stat *st,
    struct err *e)
{
	struct stat b;

	(void)s;
	if (stat(key, &b))
		return err_sys(e, "%s", key);
	if (!S_ISREG(b.st_mode))
		return err_set(e, ERR_DATA, "%s: not a regular file", key);
	file_stat(&b, st);
	return 0;
}

static ssize_t
file_get_read(struct store_get *sg, void *buf, size_t n, struct err *e)
{
	struct file_get *g = (struct file_get *)sg;
	ssize_t r;

	if (n > g->left)
		n = (size_t)g->left;
	if (!n)
		return 0;
	do
		r = pread(g->fd, buf, n, (off_t)g->off);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(e, "read %s", g->key);
	if (!r)
		return err_set(e, ERR_DATA, "read %s: it became shorter at "
		    "byte %llu", g->key, (unsigned long long)g->off);
	g->off += (uint64_t)r;
	g->left -= (uint64_t)r;
	return r;
}

static void
file_get_close(struct store_get *sg)
{
	struct file_get *g = (struct file_get *)sg;

	close(g->fd);
	free(g->key);
	free(g);
}

static int
file_get(struct store *s, const char *key, uint64_t off, uint64_t len,
    struct store_get **out, struct err *e)
{
	struct file_get *g = calloc(1, sizeof *g);
	uint64_t size;
	struct stat b;

	(void)s;
	if (!g || !(g->key = strdup(key))) {
		free(g);
		return err_nomem(e);
	}
	g->g.read = file_get_read;
	g->g.close = file_get_close;
	if ((g->fd = open(key, O_RDONLY | O_CLOEXEC)) < 0) {
		err_sys(e, "open %s", key);
		free(g->key);
		free(g);
		return -1;
	}
	if (fstat(g->fd, &b) || !S_ISREG(b.st_mode)) {
		err_set(e, ERR_DATA, "%s: not a regular file", key);
		goto bad;
	}
	size = (uint64_t)b.st_size;
	if (off > size || len > size - off) {
		err_set(e, ERR_DATA, "%s has %llu bytes, not %llu", key,
		    (unsigned long long)size, (unsigned long long)(off + len));
		goto bad;
	}
	g->off = off;
	g->left = len ? len : size - off;
	*out = &g->g;
	return 0;
bad:
	file_get_close(&g->g);
	return -1;
}

/* ---- writing ---- */

/* What a killed writer left; its own suffix is never met again. */
static void
file_sweep(struct file *f, const char *folder)
{
	int64_t stale = when_now() - FILE_STALE_MS;
	struct dirent *de;
	struct stat s;
	DIR *d;

	if (f->swept && !strcmp(f->swept, folder))
		return;
	free(f->swept);
	f->swept = strdup(folder);
	if (!(d = opendir(folder)))
		return;
	while ((de = readdir(d)))
		if (file_is_temp(de->d_name)
		    && !fstatat(dirfd(d), de->d_name, &s, AT_SYMLINK_NOFOLLOW)
		    && S_ISREG(s.st_mode)
		    && file_ms(&s.st_mtim) < stale)
			unlinkat(dirfd(d), de->d_name, 0);
	closedir(d);
}

static int
file_folder(struct file *f, const char *key, struct err *e)
{
	const char *slash = strrchr(key, '/');
	char *dir;
	int r;

	if (!slash || slash == key)
		return 0;
	if (!(dir = strndup(key, (size_t)(slash - key))))
		return err_nomem(e);
	r = io_mkdirs(dir, &f->st.conf->perm, e);
	if (!r)
		file_sweep(f, dir);
	free(dir);
	return r;
}

static int
file_fill(struct io_temp *t, const struct store_src *src,
    const struct store_put_opt *opt, struct err *e)
{
	unsigned char buf[FILE_CHUNK];
	int known = src->fd >= 0 || src->mem;
	uint64_t done = 0;
	ssize_t r;

	while ((r = store_src_read(src, done, buf, sizeof buf, e)) > 0) {
		if (io_pwriten(t->fd, buf, (size_t)r, (int64_t)done, e))
			return -1;
		done += (uint64_t)r;
		if (opt->progress)
			opt->progress(opt->ctx, done);
	}
	if (r < 0)
		return -1;
	if (known && done != src->len)
		return err_set(e, ERR_DATA, "source ended early");
	return 0;
}

/* Our own, of a try that failed after the rename, counts as put once its name
 * lasts. */
static int
file_exists(const char *key, struct err *e)
{
	const char *slash = strrchr(key, '/');
	char *dir = slash == key ? strdup("/") : slash
	    ? strndup(key, (size_t)(slash - key)) : strdup(".");
	int r = dir ? io_sync_dir(dir, e) : err_nomem(e);

	free(dir);
	return r ? -1 : err_set(e, ERR_EXISTS, "%s exists", key);
}

static int
file_put(struct store *s, const char *key, const struct store_src *src,
    const struct store_put_opt *opt, struct err *e)
{
	struct file *f = (struct file *)s;
	struct io_temp t = { .fd = -1 };

	if (opt->noreplace && !access(key, F_OK))
		return file_exists(key, e);
	if (file_folder(f, key, e)
	    || io_temp_begin(&t, key, f->suffix, &s->conf->perm, e)) {
		/* of the folder; what is written cannot be missing */
		if (e->kind == ERR_NOTFOUND)
			e->kind = ERR_TEMP;
		return err_in(e, "write %s", key);
	}
	if (file_fill(&t, src, opt, e)
	    || io_temp_commit(&t, opt->noreplace, opt->time_ms, e)) {
		io_temp_abort(&t);
		return err_in(e, "write %s", key);
	}
	return 0;
}

/* A second name for the same bytes costs nothing; the two share their time,
 * so it must be the one wanted. 1: not possible here. */
static int
file_link(struct file *f, const char *from, const char *to,
    const struct store_put_opt *opt, struct err *e)
{
	char *temp;
	struct stat s;
	int r = 0;

	if (stat(from, &s))
		return err_sys(e, "%s", from);
	if (!S_ISREG(s.st_mode)
	    || (opt->time_ms >= 0 && opt->time_ms != file_ms(&s.st_mtim)))
		return 1;
	if (opt->noreplace) {
		if (!link(from, to))
			return 0;
		return errno == EEXIST
		    ? err_set(e, ERR_EXISTS, "%s exists", to) : 1;
	}
	if (asprintf(&temp, "%s%s", to, f->suffix) < 0)
		return err_nomem(e);
	if (link(from, temp))
		r = 1;
	else if (rename(temp, to))
		r = err_sys(e, "rename %s", temp);
	/* Two names of one file are not renamed over each other. */
	unlink(temp);
	free(temp);
	return r;
}

static int
file_copy(struct store *s, const char *from, const char *to,
    const struct store_put_opt *opt, struct err *e)
{
	struct file *f = (struct file *)s;
	struct store_put_opt o = *opt;
	struct store_src src = { .fd = -1 };
	struct stat b;
	char *dir;
	int r;

	if (file_folder(f, to, e))
		return err_in(e, "write %s", to);
	if ((r = file_link(f, from, to, opt, e)) < 0)
		return -1;
	if (!r) {
		dir = strndup(to, (size_t)(strrchr(to, '/') - to));
		r = dir ? io_sync_dir(*dir ? dir : "/", e) : err_nomem(e);
		free(dir);
		return r;
	}
	if ((src.fd = open(from, O_RDONLY | O_CLOEXEC)) < 0)
		return err_sys(e, "open %s", from);
	if (fstat(src.fd, &b)) {
		r = err_sys(e, "%s", from);
	} else {
		src.len = (uint64_t)b.st_size;
		if (o.time_ms < 0)
			o.time_ms = file_ms(&b.st_mtim);
		r = file_put(s, to, &src, &o, e);
	}
	close(src.fd);
	return r;
}

static int
file_del(struct store *s, const char *const *keys, size_t n,
    enum err_kind *results, struct err *e)
{
	struct err one = { 0 };
	int r = 0;

	(void)s;
	for (size_t i = 0; i < n; i++) {
		if (!unlink(keys[i]) || errno == ENOENT || errno == ENOTDIR)
			continue;
		err_sys(&one, "delete %s", keys[i]);
		if (results)
			results[i] = one.kind;
		if (!r)
			*e = one;
		r = -1;
	}
	return r;
}

/* One that is not empty stays. Who is about to write there makes it anew. */
static void
file_del_folder(struct store *s, const char *prefix)
{
	(void)s;
	rmdir(prefix);
}

static const struct store_ops file_ops = {
	.close = file_close, .list = file_list, .head = file_head,
	.get = file_get, .put = file_put, .copy = file_copy, .del = file_del,
	.del_folder = file_del_folder
};

int
file_open(struct store **out, const struct store_conf *c, struct err *e)
{
	struct file *f;
	uint32_t r;

	if (!c->path || c->path[0] != '/')
		return err_set(e, ERR_CONF, "file replica %s: its path is not "
		    "absolute", c->path ? c->path : "");
	if (!(f = calloc(1, sizeof *f)))
		return err_nomem(e);
	if (getrandom(&r, sizeof r, 0) != sizeof r) {
		free(f);
		return err_sys(e, "get random bytes");
	}
	snprintf(f->suffix, sizeof f->suffix, ".%08x.tmp", r);
	f->st.ops = &file_ops;
	f->st.conf = c;
	f->st.caps = STORE_CAN_COPY | STORE_CAN_NOREPLACE;
	*out = &f->st;
	return 0;
}
