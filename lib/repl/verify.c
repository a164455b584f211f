#include "repl/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/when.h"
#include "repl/verify_chain.h"
#include "repl/verify_in.h"

#define LOOK_MS 500 /* between listings while waiting */

static int
is_behind(void *ctx, const struct verify_chain *c, struct err *e)
{
	(void)e;
	*(int *)ctx |= c->kind == VERIFY_BEHIND;
	return 0;
}

/* Until the replica has TXID txid, or the time is up. A listing may show files
 * made of others that came after it had shown their level: looked at once
 * more. */
static int
settle(struct verify *v, uint64_t txid, struct err *e)
{
	int64_t until = when_mono() + v->opt->wait_ms;
	const struct timespec nap = { 0, LOOK_MS * 1000000 };
	int again = 0;

	while (listing_max(&v->l) < txid && when_mono() < until) {
		nanosleep(&nap, NULL);
		if (verify_relist(v, e) < 0)
			return -1;
	}
	verify_chain(&v->l, is_behind, &again, e);
	return again ? verify_relist(v, e) : 0;
}

static int
behind(struct verify *v, const struct verify_snap *snap, struct err *e)
{
	char text[200];

	snprintf(text, sizeof text, "it ends at TXID %016" PRIx64 ", the "
	    "database at %016" PRIx64 ", and nothing came in %" PRId64 " ms",
	    listing_max(&v->l), snap->txid, v->opt->wait_ms);
	return verify_add(v, 1, "the replica", text, e);
}

/* 0, 1 and -1 as verify_replica. */
static int
check(struct verify *v, const struct verify_snap *snap, struct err *e)
{
	int r;

	if (settle(v, snap ? snap->txid : 0, e) < 0)
		return -1;
	v->rep->newest = listing_max(&v->l);
	if (!v->l.n)
		return err_set(e, ERR_NOTFOUND, "the replica is empty");
	if (verify_names(v, e) < 0)
		return -1;
	if (snap && v->rep->newest < snap->txid) {
		if (behind(v, snap, e) < 0)
			return -1;
		snap = NULL; /* nothing to compare with */
	}
	r = verify_merge(v, snap, e);
	if (!r)
		r = verify_objects(v, e);
	return r ? r : verify_pins(v, e);
}

int
verify_replica(struct choose_replica *r, const struct verify_snap *snap,
    const struct verify_opt *opt, struct verify_report *rep, struct err *e)
{
	struct verify v = { .st = r->st, .url = r->conf->url,
	    .l = r->listing, .opt = opt, .rep = rep };
	int x;

	memset(&r->listing, 0, sizeof r->listing);
	pace_begin(&v.pace, opt->pace, when_mono());
	v.seen = calloc(v.l.n + 1, 1);
	x = v.seen ? check(&v, snap, e) : err_nomem(e);
	/* something of it, not the replica */
	if (x < 0 && e->kind == ERR_NOTFOUND && v.l.n)
		e->kind = ERR_TEMP;
	listing_free(&v.l);
	listing_free(&v.bad);
	free(v.seen);
	return x;
}
