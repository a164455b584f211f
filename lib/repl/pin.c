#include "repl/pin.h"

#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "ltx/ltx.h"

int
pin_name(const char *s, struct err *e)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvw"
	    "xyz0123456789._-");

	if (!n || n > PIN_MAX || s[n])
		return err_set(e, ERR_USAGE, "%.80s is not the name of a pin: 1 "
		    "to 64 letters, digits, \".\", \"_\" and \"-\"", s);
	return 0;
}

int
pin_remove(const struct store_conf *conf, const char *name, struct err *e)
{
	struct store_stat stat;
	struct store *st;
	char *key;
	int r;

	if (store_pin_key(conf, name, &key, e) < 0)
		return -1;
	r = store_open(&st, conf, e);
	if (!r) {
		r = store_head(st, key, &stat, e);
		if (!r)
			r = store_del(st, (const char *const *)&key, 1, NULL,
			    e);
		else if (e->kind == ERR_NOTFOUND)
			r = err_set(e, ERR_NO, PIN_ABSENT, name);
		store_close(st);
	}
	free(key);
	return r;
}

/* ---- what there is ---- */

static int
read_header(struct store *st, const char *key, struct replica_file *f,
    struct err *e)
{
	unsigned char raw[LTX_HEADER_SIZE];
	struct ltx_header h;

	f->level = STORE_LEVEL_PIN;
	if (f->size < LTX_HEADER_SIZE + LTX_TRAILER_SIZE)
		return err_set(e, ERR_DATA, "%s: not an LTX file", key);
	if (store_get_range(st, key, 0, raw, sizeof raw, e) < 0
	    || ltx_header_unpack(&h, raw, e) < 0)
		return err_in(e, "%s", key);
	f->min = h.min_txid;
	f->max = h.max_txid;
	f->time_ms = h.time_ms;
	f->time_exact = 1;
	return 0;
}

int
pin_read(struct store *st, const char *name, struct replica_file *f,
    struct err *e)
{
	struct store_stat stat;
	char *key;
	int r;

	memset(f, 0, sizeof *f);
	if (store_pin_key(store_conf(st), name, &key, e) < 0)
		return -1;
	r = store_head(st, key, &stat, e);
	if (!r) {
		f->size = stat.size;
		r = read_header(st, key, f, e);
	}
	if (r && e->kind == ERR_NOTFOUND)
		err_set(e, ERR_NO, PIN_ABSENT, name);
	free(key);
	return r;
}

int
pin_view(struct store *st, struct listing *l, struct err *e)
{
	struct replica_file f;

	l->n = l->foreign = 0;
	if (pin_read(st, store_conf(st)->pin, &f, e) == 0)
		return listing_add(l, &f, e);
	if (e->kind != ERR_NO)
		return -1;
	err_clear(e);
	return 0;
}

struct names {
	size_t skip;   /* bytes of the prefix */
	struct pin *v;
	size_t n, a;
};

static int
name_found(void *ctx, const char *key, const struct store_stat *st,
    struct err *e)
{
	struct names *x = ctx;
	const char *s = key + x->skip;
	size_t n = strlen(s);
	struct err ignored;
	struct pin *v, p = { .file.size = st->size };

	if (!store_name_ltx(s) || n - 4 > PIN_MAX)
		return 0;
	memcpy(p.name, s, n - 4);
	if (pin_name(p.name, &ignored) < 0)
		return 0;
	if (!(v = array_room(x->v, x->n, &x->a, sizeof *v)))
		return err_nomem(e);
	x->v = v;
	x->v[x->n++] = p;
	return 0;
}

int
pin_list(struct store *st, struct pin **v, size_t *n, struct err *e)
{
	struct names x = { 0 };
	char *prefix;
	int r;

	*v = NULL;
	*n = 0;
	if (store_pin_prefix(store_conf(st), &prefix, e) < 0)
		return -1;
	x.skip = strlen(prefix);
	r = store_list(st, prefix, NULL, name_found, &x, e);
	free(prefix);
	for (size_t i = 0; !r && i < x.n; i++)
		r = pin_read(st, x.v[i].name, &x.v[i].file, e);
	if (r) {
		free(x.v);
		return -1;
	}
	*v = x.v;
	*n = x.n;
	return 0;
}
