#include "db/start.h"

int
start_same_file(const struct state_facts *a, const struct state_facts *b)
{
	if (a->ino != b->ino)
		return 0;
	return a->btime_ns && b->btime_ns ? a->btime_ns == b->btime_ns
	    : a->dev == b->dev;
}

/* What page 1 can rule out. SQLite raises the change counter and the schema
 * cookie, VACUUM included, and never lowers them. */
static const char *
set_back(const struct state_facts *was, const struct state_facts *now)
{
	if (now->page_size != was->page_size && now->page_size
	    && was->page_size
	    && now->schema_cookie <= was->schema_cookie)
		return "its page size is another";
	if (now->schema_cookie < was->schema_cookie)
		return "its schema cookie is lower than that of what was "
		    "shipped";
	if (now->change_counter < was->change_counter)
		return "its change counter is lower than that of what was "
		    "shipped";
	return 0;
}

/* Why it cannot continue what was shipped, or NULL. Higher counters alone
 * prove nothing: a database made anew gets there too; and with the same
 * schema it may even have the same page 1. */
static const char *
replaced(const struct start_in *in)
{
	const struct state_facts *was = &in->shipped, *now = &in->now;
	const char *why = in->have_shipped ? set_back(was, now) : 0;

	if (why || in->kin > 0)
		return why;
	if (in->have_shipped && was->ino)
		return start_same_file(was, now) ? 0 : "it is another file "
		    "(inode) and does not continue what was shipped";
	if (in->have_shipped && now->page1 == was->page1
	    && (in->local || !in->kin))
		return 0;
	/* A state folder without our notes, Litestream's: what it holds was
	 * taken from the database beside it */
	if (in->local && (!in->have_shipped
	    || now->change_counter > was->change_counter
	    || now->schema_cookie > was->schema_cookie))
		return 0;
	return "nothing shows that it continues what the replica holds";
}

static int
by_marker(const struct start_in *in, struct start_out *out)
{
	if (!in->marker || in->marker_txid < in->local
	    || in->marker_txid < in->remote)
		return 0;
	if (in->tail == START_TAIL_HERE && in->tail_txid == in->marker_txid)
		return 0; /* the same, told more exactly by the tail */
	out->action = START_NEW_WAL;
	out->txid = in->marker_txid;
	out->reason = in->marker == MARKER_STOP ? "clean stop"
	    : "restored from the replica";
	return 1;
}

static int
by_tail(const struct start_in *in, struct start_out *out)
{
	if (in->tail_txid < in->local || in->tail_txid < in->remote)
		return 0;
	if (in->tail == START_TAIL_HERE) {
		out->action = START_AFTER_TAIL;
		out->reason = "the WAL continues the last file";
	} else if (in->tail == START_TAIL_BEFORE) {
		out->action = START_NEW_WAL;
		out->reason = "the last file was the end of the WAL before";
	} else {
		return 0;
	}
	out->txid = in->tail_txid;
	return 1;
}

/* No file goes on from one of another page size: with a number left out every
 * replica gets a snapshot to begin with. */
static int
resized(const struct start_in *in)
{
	return in->have_shipped && in->shipped.page_size && in->now.page_size
	    && in->shipped.page_size != in->now.page_size;
}

void
start_decide(const struct start_in *in, struct start_out *out)
{
	const char *why = 0;
	uint64_t max = in->local > in->remote ? in->local : in->remote;

	out->gap = 0;
	out->accepted = 0;
	if (by_marker(in, out)
	    || (!in->gone && !in->strange && by_tail(in, out)))
		return;
	out->action = START_DUMP;
	out->txid = max + 1;
	if (!max) {
		out->reason = "nothing shipped yet";
		return;
	}
	out->txid += resized(in);
	out->gap = out->txid;
	if (in->gone)
		why = "it was deleted or replaced while it was captured";
	else
		why = replaced(in);
	if (why && !in->accept) {
		out->action = START_HOLD;
		out->txid = max;
		out->gap = 0;
		out->reason = why;
	} else if (why) {
		out->reason = "replacement accepted";
		out->accepted = 1;
	} else if (in->strange) {
		out->reason = "the database file was written to by something "
		    "that is not SQLite";
	} else if (in->remote > in->local) {
		out->reason = "the replica is ahead of the state folder";
	} else if (in->tail == START_TAIL_NONE) {
		out->reason = "the last level-0 file is missing or damaged";
	} else {
		out->reason = "the WAL went on while nobody captured";
	}
}
