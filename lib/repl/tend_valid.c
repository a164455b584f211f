#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "repl/tend_in.h"
#include "repl/verify_chain.h"

/* "validation": every so often, where something has changed, what a replica
 * holds is listed anew, and the names of each level have to lead on. */

#define WORD "validation: "

int64_t
tend_valid_due(struct tend_rep *r, int64_t now)
{
	int64_t every = r->db->t->conf->validation_ms;

	if (!every || r->conf->v03 || r->shipped == r->valid_txid)
		return TEND_NEVER;
	if (!r->valid_ms || r->valid_ms > now)
		r->valid_ms = now;
	return r->valid_ms + every - now;
}

void
tend_valid_count(struct tend_rep *r, unsigned levels, enum tend_result result)
{
	for (unsigned i = 0; i < STORE_LEVELS; i++)
		r->looks[i][result] += levels >> i & 1;
}

unsigned
tend_valid_levels(const struct tend_rep *r)
{
	unsigned levels = 0;

	for (size_t i = 0; i < r->l.n; i++)
		levels |= 1u << r->l.f[i].level;
	return levels;
}

/* Which levels do not lead on; the error is of the first. What other levels
 * have all the same is no loss. */
static int
found(void *ctx, const struct verify_chain *c, struct err *e)
{
	unsigned *levels = ctx;

	if (c->kind == VERIFY_OVERLAP || c->covered || c->jumped)
		return 0;
	if (!*levels && c->kind == VERIFY_BASE)
		err_set(e, ERR_DATA, WORD "a snapshot does not begin at TXID 1");
	else if (!*levels)
		err_set(e, ERR_DATA, WORD "level %u: TXID %016" PRIx64 " to %016"
		    PRIx64 " are missing", c->level, c->from, c->to);
	*levels |= 1u << c->level;
	return 0;
}

void
tend_valid_check(struct tend_rep *r, int64_t now)
{
	const struct log *log = r->db->t->conf->log;
	struct err e = { 0 };
	unsigned bad = 0;
	int ours = !strncmp(r->proven_error, WORD, strlen(WORD));

	r->validating = 0;
	r->valid_ms = now;
	r->valid_txid = r->shipped;
	r->db->keep = 1;
	verify_chain(&r->l, found, &bad, &e);
	tend_valid_count(r, bad, TEND_UNSOUND);
	tend_valid_count(r, tend_valid_levels(r) & ~bad, TEND_SOUND);
	if (!bad) {
		if (ours)
			*r->proven_error = 0;
		log_event(log, LOG_DEBUG, "validation: every level leads on",
		    "db", r->db->conf->path, "replica", r->conf->url, NULL);
		return;
	}
	r->valid_txid = 0; /* looked at again, until it is mended */
	log_err(log, LOG_ERROR, &e, "validation error detected", "db",
	    r->db->conf->path, "replica", r->conf->url, NULL);
	if (ours || !*r->proven_error)
		snprintf(r->proven_error, sizeof r->proven_error, "%.*s",
		    (int)sizeof r->proven_error - 1, e.msg);
}
