#include "repl/restore_cmd.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include "base/hex.h"
#include "base/path.h"
#include "base/ready.h"
#include "base/url.h"
#include "base/when.h"
#include "repl/follow.h"
#include "repl/pin.h"
#include "repl/place.h"
#include "repl/restore_arg.h"

int
restore_cmd_option(struct restore_cmd *c, int id, const char *arg,
    struct err *e)
{
	struct restore_opt *o = &c->job.opt;

	switch (id) {
	case 'o': c->out = arg; break;
	case 't': return restore_arg_time(arg, &o->target, e);
	case RESTORE_TXID: return restore_arg_txid(arg, &o->target, e);
	case RESTORE_PIN: c->pin = arg; return pin_name(arg, e);
	case RESTORE_BESIDE: c->beside = 1; break;
	case RESTORE_GENERATION:
		return restore_arg_generation(arg, &c->job.v03, e);
	case RESTORE_INDEX: return restore_arg_index(arg, &c->job.v03, e);
	case 'i': c->if_missing = 1; break;
	case 'e': c->if_replica = 1; break;
	case 'p': return restore_arg_count(arg, &o->parallel, e);
	case 'c': c->config = arg; break;
	case RESTORE_RAW: c->no_expand_env = 1; break;
	case RESTORE_REPLICA: c->replica = arg; break;
	case 'n': c->dry = 1; break;
	case 'j': c->json = 1; break;
	case 'f': c->follow = 1; break;
	case 'd': return ready_scan(arg, &c->ready_fd, e);
	case RESTORE_INTERVAL:
		return restore_arg_interval(arg, &c->interval_ms, e);
	case RESTORE_DELTA: c->delta = arg; break;
	case RESTORE_DELTA_TXID:
		return restore_arg_txid(arg, &c->delta_at, e);
	case RESTORE_KEEP: c->keep = 1; break;
	case RESTORE_ASIDE: c->job.place |= PLACE_ASIDE; break;
	case RESTORE_ALL: c->all = 1; break;
	case RESTORE_OWNER: return restore_arg_owner(arg, &c->job.perm, e);
	case RESTORE_MODE:
		return restore_arg_mode(arg, &c->job.perm.file_mode, e);
	case 'q': c->log->level = LOG_WARN; break;
	case 'T': c->log->stamp = 1; break;
	}
	return 0;
}

int
restore_cmd_stdin(const struct restore_cmd *c)
{
	return c->source && !strcmp(c->source, "-");
}

static const char *
follow_conflict(const struct restore_cmd *c)
{
	const struct plan_target *t = &c->job.opt.target;
	int stdio = restore_cmd_stdin(c) || (c->out && !strcmp(c->out, "-"));

	if (c->follow && (t->txid || t->time_ms >= 0))
		return "-f follows the newest state: without -t and --txid";
	if (c->follow && (stdio || c->all || c->beside || c->dry || c->json
	    || c->job.place & PLACE_ASIDE || c->pin
	    || c->job.v03.by_generation || c->job.v03.by_index))
		return "-f is for one file and the newest state, without --all, "
		    "--beside, --move-aside, --pin, --generation, --index, -n "
		    "and -j";
	if (!c->follow && c->interval_ms)
		return "--follow-interval is of -f";
	if (!c->follow && c->ready_fd >= 0)
		return "-d is of -f";
	if (!c->delta && c->delta_at.txid)
		return "--delta-txid is of --delta";
	if (c->delta && (restore_cmd_stdin(c) || c->all))
		return "--delta is for one database out of its replica";
	return (c->keep || c->delta) && stdio ? "--delta and --keep-txid need "
	    "a file to restore to" : NULL;
}

const char *
restore_cmd_conflict(const struct restore_cmd *c)
{
	const struct plan_target *t = &c->job.opt.target;
	int v03 = c->job.v03.by_generation || c->job.v03.by_index;

	if (follow_conflict(c))
		return follow_conflict(c);
	if (t->txid && t->time_ms >= 0)
		return "-t or --txid, not both";
	if (c->pin && (t->txid || t->time_ms >= 0 || v03
	    || restore_cmd_stdin(c)))
		return "--pin is one state of a replica: without -t, --txid, "
		    "--generation, --index and LTX files on standard input";
	if (v03 && t->txid)
		return "--generation and --index are of Litestream 0.3, --txid "
		    "of 0.5: not both";
	if (c->job.v03.by_index && t->time_ms >= 0)
		return "-t or --index, not both";
	if (v03 && restore_cmd_stdin(c))
		return "--generation and --index are for replicas";
	if (c->all && (c->out || c->beside || c->json || t->txid || v03
	    || c->pin))
		return "--all is for the databases of the configuration, each "
		    "in its place";
	if (restore_cmd_stdin(c) && (!c->out || c->dry))
		return "LTX files on standard input need -o OUT, without -n";
	if (c->source && url_is(c->source) && !c->out && !c->dry)
		return "a replica URL needs -o OUT";
	if (c->if_missing && c->job.place & PLACE_ASIDE)
		return "-i leaves an existing database alone, --move-aside "
		    "replaces it";
	return c->out && !strcmp(c->out, "-") && (c->beside || c->if_missing
	    || c->job.place & PLACE_ASIDE) ? "--beside, --move-aside and -i "
	    "need a file to restore to" : NULL;
}

int
restore_cmd_out(struct restore_cmd *c, const char *path, const char *meta,
    char **beside, struct err *e)
{
	struct restore_job *j = &c->job;

	j->out = c->out ? c->out : path;
	j->out_fd = 1;
	if (c->out && !strcmp(c->out, "-"))
		j->out = NULL;
	if (!restore_cmd_stdin(c) && j->out && !c->beside && !c->follow) {
		j->state = !c->out || !path || path_same(c->out, path);
		j->meta = meta;
	}
	if (!c->beside)
		return 0;
	if (place_beside(j->out, when_now(), beside, e) < 0)
		return -1;
	j->out = *beside;
	return 0;
}

int
restore_cmd_wanted(const struct restore_cmd *c, int *there, struct err *e)
{
	const char *end = strrchr(c->job.out, '/');

	*there = 0;
	if (!*c->job.out || (end && !end[1]))
		return err_set(e, ERR_CONF, "\"%s\" is not the name of a file to "
		    "restore to", c->job.out);
	if (c->follow) /* what is there is a standby, or else refused */
		return 0;
	if (c->job.place & PLACE_ASIDE)
		return place_replaceable(c->job.out, e);
	if (place_wanted(c->job.out, c->if_missing, there, c->log, e) < 0)
		return -1;
	if (!*there && c->if_missing && c->if_replica)
		log_event(c->log, LOG_INFO, "No database found, restoring "
		    "from replica if exists", "db", c->job.out, NULL);
	return 0;
}

int
restore_cmd_delta(struct restore_cmd *c, struct delta *d, struct err *e)
{
	c->job.leave = c->follow ? RESTORE_LEAVE_STANDBY
	    : c->keep || c->delta ? RESTORE_LEAVE_POS : RESTORE_LEAVE_NONE;
	if (!c->delta)
		return 0;
	if (delta_open(d, c->delta, c->delta_at.txid, e) < 0)
		return -1;
	c->job.opt.delta = d;
	return 0;
}

int
restore_cmd_resumes(const struct restore_cmd *c)
{
	struct stat st;

	return c->follow && lstat(c->job.out, &st) == 0;
}

int
restore_cmd_follow(const struct restore_cmd *c, struct choose *replicas,
    size_t used, void (*on_end)(int), struct err *e)
{
	struct choose_replica *r;
	struct follow_opt opt = {
		.interval_ms = c->interval_ms ? c->interval_ms : 1000,
		.parallel = c->job.opt.parallel,
		.log = c->log
	};
	struct sigaction sa = { .sa_handler = on_end };
	struct standby *s;
	char txid[17];
	int x;

	if (!c->follow)
		return 0;
	r = &replicas->r[used];
	if (standby_open(&s, c->job.out, c->log, e) < 0)
		return -1;
	hex64_fmt(txid, standby_at(s)->txid);
	log_event(c->log, LOG_INFO, "following", "db", c->job.out, "replica",
	    r->conf->url, "txid", txid, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	ready_say(c->ready_fd);
	x = follow_run(s, r->st, &r->listing, &opt, e);
	standby_close(s);
	return x;
}
