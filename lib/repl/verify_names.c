#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "repl/restore.h"
#include "repl/verify_chain.h"
#include "repl/verify_in.h"

#define FOREIGN_MAX 20 /* named */
#define TEXT (3 * ERR_MSG_MAX)

/* A full copy after a hole begins anew: the writer had lost its position. */
static int
begins_anew(struct verify *v, const struct replica_file *f, int *anew,
    struct err *e)
{
	*anew = restore_full(v->st, f, e);
	if (*anew >= 0)
		return 0;
	*anew = 0; /* damaged or gone: told when it is read */
	return e->kind == ERR_DATA || e->kind == ERR_NOTFOUND ? 0 : -1;
}

static int
hole(struct verify *v, const struct verify_chain *c, struct err *e)
{
	const struct replica_file *f = v->l.f;
	char a[VERIFY_NAME], b[VERIFY_NAME], left[ERR_MSG_MAX], text[TEXT];
	const char *why = "";
	int anew, meant;

	if (begins_anew(v, &f[c->after], &anew, e) < 0)
		return -1;
	meant = v->opt->sparse && c->jumped;
	if (anew)
		why = ", where the writer began anew with a full copy";
	else if (meant)
		why = ", as rules for what is kept may leave it";
	else if (c->covered)
		why = "; files of other levels hold them, but not each state";
	verify_name(&f[c->before], a);
	verify_name(&f[c->after], b);
	verify_remains(v, left, sizeof left);
	snprintf(text, sizeof text, "TXID %016" PRIx64 " to %016" PRIx64
	    " are missing between %s and %s%s: %s", c->from, c->to, a, b, why,
	    left);
	snprintf(a, sizeof a, "level %u", c->level);
	return verify_add(v, !anew && !meant, a, text, e);
}

static int
found(void *ctx, const struct verify_chain *c, struct err *e)
{
	struct verify *v = ctx;
	const struct replica_file *f = v->l.f;
	char a[VERIFY_NAME], b[VERIFY_NAME], left[ERR_MSG_MAX], text[TEXT];
	int bad = 0;

	if (c->kind == VERIFY_HOLE)
		return hole(v, c, e);
	verify_name(&f[c->before], a);
	verify_name(&f[c->after], b);
	verify_remains(v, left, sizeof left);
	switch (c->kind) {
	case VERIFY_OVERLAP:
		snprintf(text, sizeof text, "TXID %016" PRIx64 " to %016" PRIx64
		    " are in %s as well: %s", c->from, c->to, a, left);
		return verify_add(v, 0, b, text, e);
	case VERIFY_BEHIND:
		bad = 1;
		snprintf(text, sizeof text, "its newest files, up to TXID %016"
		    PRIx64 ", are missing after %s: %s", c->to, a, left);
		snprintf(a, sizeof a, "level %u", c->level);
		break;
	default:
		bad = 1;
		snprintf(text, sizeof text, "a snapshot begins at TXID 1: %s",
		    left);
	}
	return verify_add(v, bad, a, text, e);
}

struct foreign {
	struct verify *v;
	size_t skip, n;
};

static int
foreign_object(void *ctx, const char *key, const struct store_stat *st,
    struct err *e)
{
	struct foreign *f = ctx;
	uint64_t min, max;

	(void)st;
	if (!key[f->skip] || !ltx_name_scan(key + f->skip, &min, &max)
	    || f->n++ >= FOREIGN_MAX)
		return 0;
	return verify_add(f->v, 0, key, "is no LTX file by its name, and left "
	    "alone by everybody", e);
}

/* They are only counted when listing: looked at again where there are some. */
static int
foreign(struct verify *v, struct err *e)
{
	struct foreign f = { v, 0, 0 };
	char text[80], *prefix;
	int r = 0;

	for (unsigned i = 0; v->l.foreign && i < STORE_LEVELS && !r; i++) {
		if (store_level_prefix(store_conf(v->st), i, &prefix, e) < 0)
			return -1;
		f.skip = strlen(prefix);
		r = store_list(v->st, prefix, NULL, foreign_object, &f, e);
		free(prefix);
	}
	if (r || v->l.foreign <= f.n)
		return r;
	snprintf(text, sizeof text, "%zu more objects that are no LTX files",
	    v->l.foreign - f.n);
	return verify_add(v, 0, "the replica", text, e);
}

int
verify_names(struct verify *v, struct err *e)
{
	size_t bad = v->rep->bad;
	const struct plan_target latest = { 0, -1 };
	struct plan p;

	if (verify_chain(&v->l, found, v, e) < 0 || foreign(v, e) < 0)
		return -1;
	if (v->rep->bad > bad)
		return 0;
	/* whatever else keeps the newest state from being reached */
	if (restore_plan_files(v->st, &v->l, &latest, v->opt->log, &p, e)
	    == 0) {
		plan_free(&p);
		return 0;
	}
	return e->kind == ERR_DATA || e->kind == ERR_NO
	    ? verify_add(v, 1, "the chain", e->msg, e) : -1;
}
