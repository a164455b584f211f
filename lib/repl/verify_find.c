#include "repl/verify_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ltx/ltx.h"
#include "repl/plan.h"

#define FINDINGS_MAX 10000 /* more say nothing more */

int
verify_add(struct verify *v, int bad, const char *object, const char *text,
    struct err *e)
{
	struct verify_report *r = v->rep;
	struct verify_finding *f;

	r->bad += bad != 0;
	if (r->n == FINDINGS_MAX)
		return 0;
	f = realloc(r->f, (r->n + 1) * sizeof *f);
	if (!f)
		return err_nomem(e);
	r->f = f;
	f += r->n;
	f->bad = bad;
	f->object = strdup(object);
	f->text = strdup(text);
	r->n++;
	return f->object && f->text ? 0 : err_nomem(e);
}

void
verify_report_free(struct verify_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->f[i].object);
		free(r->f[i].text);
	}
	free(r->f);
	memset(r, 0, sizeof *r);
}

void
verify_name(const struct replica_file *f, char name[VERIFY_NAME])
{
	char s[LTX_NAME_LEN + 1];

	ltx_name_fmt(s, f->min, f->max);
	snprintf(name, VERIFY_NAME, "level %u file %s", f->level, s);
}

void
verify_remains(const struct verify *v, char *text, size_t n)
{
	const struct plan_target latest = { 0, -1 };
	struct err e = { 0 };
	struct plan p;

	if (plan_make(&v->l, &latest, &p, &e) < 0) {
		/* which TXIDs are missing is said already */
		const char *s = strncmp(e.msg, "gap: ", 5) ? e.msg
		    : strstr(e.msg, "; ");

		snprintf(text, n, "%s", !v->l.n || !s ? "nothing can be "
		    "restored" : s == e.msg ? s : s + 2);
		return;
	}
	snprintf(text, n, "the newest state that can still be restored is TXID "
	    "%016" PRIx64, p.txid);
	plan_free(&p);
}

int
verify_drop(struct verify *v, size_t i, const struct err *why, struct err *e)
{
	char name[VERIFY_NAME], left[ERR_MSG_MAX], text[3 * ERR_MSG_MAX];
	struct listing *l = &v->l;
	const char *msg = why->msg;
	size_t n;

	verify_name(&l->f[i], name);
	n = strlen(name);
	if (!strncmp(msg, name, n) && !strncmp(msg + n, ": ", 2))
		msg += n + 2;
	if (listing_add(&v->bad, &l->f[i], e) < 0)
		return -1;
	memmove(&l->f[i], &l->f[i + 1], (l->n - i - 1) * sizeof *l->f);
	memmove(&v->seen[i], &v->seen[i + 1], l->n - i - 1);
	l->n--;
	verify_remains(v, left, sizeof left);
	snprintf(text, sizeof text, "%s; without it: %s", msg, left);
	return verify_add(v, 1, name, text, e);
}
