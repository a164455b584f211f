#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/when.h"
#include "repl/tend_in.h"

/* One full proof per replica and interval, by ls-verify, only if something has
 * changed since the last one. */

/* So that not all of a server are proven at once. */
static int64_t
spread(const char *url, int64_t ms)
{
	uint32_t h = 2166136261u;

	for (; *url; url++)
		h = (h ^ (unsigned char)*url) * 16777619u;
	return ms > 0 ? (int64_t)(h % 1000) * (ms / 1000) : 0;
}

/* Wall clock; TEND_NEVER. Times to come are of a clock that was set back: it
 * counts from now on. */
static int64_t
due(struct tend_rep *r, int64_t now)
{
	int64_t each = r->db->conf->verify_ms;
	int64_t first = each < TEND_FIRST_PROOF_MS ? each : TEND_FIRST_PROOF_MS;

	if (!each || !r->present || !r->shipped
	    || r->shipped <= r->proven_txid)
		return TEND_NEVER;
	if (!r->seen_ms || r->seen_ms > now) {
		r->seen_ms = now;
		r->db->keep = 1;
	}
	if (r->tried_ms > now) {
		r->tried_ms = now;
		r->db->keep = 1;
	}
	return r->tried_ms ? r->tried_ms + each + spread(r->conf->url,
	    each / 10) : r->seen_ms + first;
}

int64_t
tend_proof_step(struct tend_rep *r, int64_t now)
{
	struct tend *t = r->db->t;
	struct err e = { 0 };
	int64_t at;

	if (!r->present || r->proof.pid || t->no_verify
	    || !tend_keep_take(r->db))
		return TEND_NEVER;
	at = due(r, now);
	if (at > now)
		return at == TEND_NEVER ? at : at - now;
	if (t->proving)
		return TEND_NEVER;
	r->proof.job = TEND_PROOF;
	r->tried_ms = now;
	r->proof_ok = 0;
	*r->proof_said = 0;
	r->db->keep = 1;
	if (tend_child_start(r, &r->proof, &e) < 0) {
		t->no_verify = e.kind == ERR_NOTFOUND;
		if (t->no_verify)
			log_event(t->conf->log, LOG_WARN, "ls-verify is not "
			    "there: nothing is proven", NULL);
		else
			tend_failed(r, &e, "no proof");
		return TEND_NEVER;
	}
	t->proving++;
	t->dirty = 1;
	return TEND_NEVER;
}

/* Our own program's lines, keys in the order it writes them. */
static void
value(const char *json, const char *key, char *out, size_t n)
{
	const char *p = strstr(json, key);
	size_t i = 0;

	if (p)
		for (p += strlen(key); *p && *p != '"' && i + 1 < n; p++) {
			if (*p == '\\' && p[1])
				p++;
			out[i++] = *p;
		}
	out[i] = 0;
}

void
tend_proof_line(struct tend_rep *r, const char *line)
{
	uint64_t txid;
	char t[17];

	if (*line != '{')
		return;
	value(line, "\"txid\":\"", t, sizeof t);
	if (strstr(line, "\"ok\":true") && strlen(t) == 16
	    && hex64_scan(t, &txid) == 0) {
		r->proven_txid = txid;
		r->proven_ms = when_now();
		r->proof_ok = 1;
	} else {
		value(line, "\"error\":\"", r->proof_said,
		    sizeof r->proof_said);
	}
}

/* What could not be told yet is no failed proof, nor does it mend one: it is
 * tried again after an hour, and ever longer times. */
static void
untold(struct tend_rep *r, const char *why)
{
	int64_t each = r->db->conf->verify_ms, wait = TEND_FIRST_PROOF_MS;

	for (unsigned i = 0; i < r->untold && wait < each; i++)
		wait *= 2;
	r->untold++;
	each += spread(r->conf->url, each / 10);
	if (wait < each)
		r->tried_ms += wait - each;
	log_event(r->db->t->conf->log, LOG_INFO, "not proven yet", "db",
	    r->db->conf->path, "replica", r->conf->url, "reason", why, NULL);
}

void
tend_proof_ended(struct tend_rep *r, struct tend_child *c)
{
	struct tend *t = r->db->t;
	enum tend_result result;
	const char *why;

	t->proving--;
	t->dirty = 1;
	if (t->ending) {
		r->tried_ms = r->proven_ms; /* after the restart, then */
		return;
	}
	why = *r->proof_said ? r->proof_said : *c->fatal ? c->fatal
	    : "ls-verify failed";
	r->db->keep = 1;
	result = c->status == 111 ? TEND_UNTOLD : c->status == 0 && r->proof_ok
	    ? TEND_SOUND : TEND_UNSOUND;
	r->proofs[result]++;
	tend_valid_count(r, tend_valid_levels(r), result);
	if (result == TEND_UNTOLD) {
		untold(r, why);
		return;
	}
	r->untold = 0;
	*r->proven_error = 0;
	if (result == TEND_SOUND) {
		log_event(t->conf->log, LOG_INFO, "proven restorable", "db",
		    r->db->conf->path, "replica", r->conf->url, NULL);
		return;
	}
	snprintf(r->proven_error, sizeof r->proven_error, "%s", why);
	log_event(t->conf->log, LOG_ERROR, "not proven restorable", "db",
	    r->db->conf->path, "replica", r->conf->url, "error", why, NULL);
}
