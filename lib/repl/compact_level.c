#include "repl/compact_level.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/hex.h"
#include "repl/compact_put.h"
#include "repl/level.h"
#include "repl/restore.h"

#define ROUNDS 1000 /* files made, or damaged ones left out, in one call */

struct step {
	struct store *st;
	const struct compact_level_opt *opt;
	struct listing l;
	struct level_inputs in;
	struct compact_level_done *done;
	int no_bridge;        /* see level_inputs */
	int given;            /* the listing is what somebody knew of it */
	int local;            /* are local copies the replica's? -1: not asked */
	struct err bad;       /* of the last damaged file left out: */
	struct replica_file bad_file;
};

static void
say(const struct step *s, const char *word, const struct replica_file *f)
{
	changes_say(s->opt->changes, s->opt->log, word, f);
}

/* The local level-0 folder, if the newest file there is the replica's. */
static int
local(struct step *s, const char **ltx0, struct err *e)
{
	struct listing tail = { 0 };
	uint64_t max = 0;
	int same;

	*ltx0 = NULL;
	if (!s->opt->ltx0)
		return 0;
	for (size_t i = 0; i < s->l.n && !s->l.f[i].level; i++)
		max = s->l.f[i].max;
	if (s->local < 0) {
		if (restore_tail(s->st, &s->l, s->opt->ltx0, max, s->opt->log,
		    &tail, &same, e) < 0)
			return -1;
		listing_free(&tail);
		s->local = same && max;
	}
	if (s->local)
		*ltx0 = s->opt->ltx0;
	return 0;
}

/* ---- gaps ---- */

/* 1: put again, or to be read locally; 0: there is no good local file; -1. */
static int
put_again(struct step *s, const char *ltx0, uint64_t n, struct err *e)
{
	struct replica_file f = { .min = n, .max = n };
	struct store_put_opt opt = { .noreplace = 1 };
	struct listing_facts facts;
	struct store_src src = { 0 };
	struct err no = { 0 };
	struct stat st;
	char *key;
	int r;

	src.fd = listing_open_local(ltx0, n, n, &no);
	if (src.fd < 0)
		return 0;
	if (fstat(src.fd, &st) < 0
	    || listing_check_in(io_in_fd(&src.fd), &f, &facts, &no) < 0) {
		close(src.fd);
		return 0;
	}
	opt.time_ms = facts.time_ms;
	f.size = src.len = (uint64_t)st.st_size;
	f.time_ms = compact_put_time(s->st, opt.time_ms);
	r = listing_key(s->st, &f, &key, e);
	if (!r) {
		r = store_put(s->st, key, &src, &opt, e);
		log_event(s->opt->log, LOG_WARN, r ? "damaged in the replica, "
		    "read from the local copy" : "missing in the replica, put "
		    "again from the local copy", "key", key, NULL);
		free(key);
	}
	close(src.fd);
	if (!r)
		say(s, "add", &f);
	else if (e->kind != ERR_EXISTS)
		return -1;
	s->done->healed += !r;
	return listing_add(&s->l, &f, e) < 0 ? -1 : 1;
}

/* 1: the gap is closed, 0: it is not, -1. */
static int
heal(struct step *s, struct err *e)
{
	const char *ltx0;
	uint64_t n = s->in.gap_min, end = s->in.gap_max;
	struct err no;
	int fd, r = 1;

	if (local(s, &ltx0, e) < 0)
		return -1;
	if (!ltx0)
		return 0;
	/* all or nothing: half a gap is one */
	for (uint64_t k = n; k <= end; k++) {
		if ((fd = listing_open_local(ltx0, k, k, &no)) < 0)
			return 0;
		close(fd);
	}
	for (; n <= end && r > 0; n++)
		r = put_again(s, ltx0, n, e);
	listing_sort(&s->l);
	return r;
}

static int
gap(struct step *s, struct err *e)
{
	struct replica_file f = { .min = s->in.gap_min, .max = s->in.gap_max,
	    .level = (uint8_t)(s->done->level - 1), .time_ms = -1 };
	const char *of = s->bad.kind ? s->bad.msg : "no file has them";
	int r = heal(s, e);

	if (r)
		return r < 0 ? -1 : 0;
	say(s, "gap", &f);
	return err_set(e, ERR_NO, "a gap: TXIDs %016" PRIx64 " to %016" PRIx64
	    " of level %u, and no good local copies (%.300s); a fresh full "
	    "copy mends it (ls-sync --full DB; ls-tend asks for one by "
	    "itself)", f.min, f.max,
	    f.level, of);
}

/* ---- damaged inputs ---- */

static int
damaged(struct step *s, const struct replica_file *f, const char *ltx0,
    int *is_local, struct err *e)
{
	int fd = compact_put_local(ltx0, f), r;

	*is_local = fd >= 0;
	if (fd < 0)
		return listing_check(s->st, f, e);
	r = listing_check_in(io_in_fd(&fd), f, NULL, e);
	close(fd);
	return r < 0 ? err_in(e, "local copy") : 0;
}

/* After a merge that met damage: 1 if a file was left out, so that others may
 * take its place, else 0 and *e stays what it was. What is not there is no
 * gap before the replica itself has said so: others compact and delete, too. */
static int
leave_out(struct step *s, const char *ltx0, struct err *e)
{
	struct err bad = { 0 };
	size_t i, k = 0;
	int is_local = 0;

	while (k < s->in.n && damaged(s, &s->l.f[s->in.idx[k]], ltx0,
	    &is_local, &bad) == 0)
		k++;
	if (k == s->in.n || (bad.kind != ERR_DATA && bad.kind != ERR_NOTFOUND))
		return 0;
	i = s->in.idx[k];
	if (is_local) { /* the replica's own, then */
		log_err(s->opt->log, LOG_WARN, &bad, "local files are not used",
		    NULL);
		s->local = 0;
		return 1;
	}
	if (bad.kind == ERR_NOTFOUND)
		say(s, "stale", &s->l.f[i]);
	if (bad.kind == ERR_NOTFOUND && s->given) {
		s->given = 0;
		s->local = -1;
		return listing_read(s->st, LISTING_ALL, &s->l, e) < 0 ? -1 : 1;
	}
	log_err(s->opt->log, LOG_WARN, &bad, "input left out", "replica",
	    store_conf(s->st)->url, NULL);
	s->bad = bad;
	s->bad_file = s->l.f[i];
	memmove(&s->l.f[i], &s->l.f[i + 1], (s->l.n - i - 1) * sizeof *s->l.f);
	s->l.n--;
	return 1;
}

/* ---- the file ---- */

static int
header_at(struct step *s, const char *ltx0, const struct replica_file *f,
    struct ltx_header *h, struct err *e)
{
	unsigned char b[LTX_HEADER_SIZE];
	int fd = compact_put_local(ltx0, f), r;

	if (fd >= 0) {
		r = io_preadn(fd, b, sizeof b, 0, e);
		close(fd);
	} else {
		r = listing_get_range(s->st, f, 0, b, sizeof b, e);
	}
	return r < 0 ? -1 : ltx_header_unpack(h, b, e);
}

/* Pages of the database before TXID min, 0: no file says so. Asked of the
 * header that ends there, of local files as a rule. */
static uint32_t
pages_before(struct step *s, const char *ltx0, uint64_t min)
{
	struct ltx_header h;
	struct err no;

	if (min > 1)
		for (size_t i = 0; i < s->l.n; i++)
			if (s->l.f[i].max == min - 1
			    && header_at(s, ltx0, &s->l.f[i], &h, &no) == 0
			    && h.max_txid == min - 1)
				return h.commit;
	return 0;
}

static int
put(struct step *s, const char *ltx0, struct replica_file *to, struct err *e)
{
	struct compact_opt opt = { ltx0, s->opt->tmp, s->opt->encoding,
	    s->in.whole ? s->in.min : 0, 0 };
	const struct replica_file **files = calloc(s->in.n, sizeof *files);
	struct compact_done made;
	int r;

	if (!files)
		return err_nomem(e);
	for (size_t i = 0; i < s->in.n; i++)
		files[i] = &s->l.f[s->in.idx[i]];
	/* levels above were made of what was looked at already */
	if (s->done->level == 1)
		opt.pages = pages_before(s, ltx0, s->in.min);
	r = compact_put(s->st, files, s->in.n, &opt, to, 1, &made, e);
	free(files);
	return r;
}

/* The one input again. 0: done; 1: not by this way; -1. */
static int
copy(struct step *s, struct replica_file *to, struct err *e)
{
	const struct replica_file *f = &s->l.f[s->in.idx[0]];
	struct compact_source src;
	uint32_t before;
	int r;

	if (s->in.n != 1 || s->in.whole
	    || !(store_caps(s->st) & STORE_CAN_COPY))
		return 1;
	r = compact_put_source(s->st, f, s->opt->ltx0, &src, e);
	if (!r && s->done->level == 1 && src.facts.hole) {
		before = pages_before(s, src.same ? s->opt->ltx0 : NULL,
		    s->in.min);
		if (before && before < src.facts.hole)
			return 1; /* as a merge finds, and names the page */
	}
	if (!r)
		r = compact_put_copy(s->st, f, &src, to, 1, e);
	if (r < 0 && e->kind == ERR_DATA) {
		err_clear(e); /* the local copy may be good */
		return 1;
	}
	return r;
}

/* What is there under the name of the result: as good as ours? */
static int
there_already(struct step *s, struct replica_file *to, struct err *e)
{
	struct store_stat stat;
	char *key;
	int r = listing_key(s->st, to, &key, e);

	if (!r) {
		r = store_head(s->st, key, &stat, e);
		free(key);
	}
	to->size = stat.size;
	if (!r)
		r = listing_check(s->st, to, e);
	if (r < 0)
		return err_in(e, "it was there already, and is never replaced; "
		    "once deleted it is made again");
	log_event(s->opt->log, LOG_INFO, "it was there already", "replica",
	    store_conf(s->st)->url, NULL);
	return 0;
}

static int
verify(struct step *s, const struct replica_file *to, struct err *e)
{
	const char *k;
	struct err no;
	char *key;

	if (!s->opt->verify || listing_check(s->st, to, e) == 0)
		return 0;
	if (e->kind == ERR_DATA || e->kind == ERR_NOTFOUND)
		say(s, "unsound", to);
	if (e->kind == ERR_DATA && listing_key(s->st, to, &key, &no) == 0) {
		k = key;
		if (store_del(s->st, &k, 1, NULL, &no) == 0)
			err_in(e, "deleted again");
		free(key);
	}
	return err_in(e, "what was just written");
}

static void
report(const struct step *s, const struct replica_file *to)
{
	char level[4] = { (char)('0' + to->level), 0 }, min[17], max[17];
	char files[24], bytes[24];

	hex64_fmt(min, to->min);
	hex64_fmt(max, to->max);
	snprintf(files, sizeof files, "%zu", s->in.n);
	snprintf(bytes, sizeof bytes, "%" PRIu64, to->size);
	log_event(s->opt->log, LOG_INFO, "compacted", "replica",
	    store_conf(s->st)->url, "level", level, "min", min, "max", max,
	    "files", files, "bytes", bytes, NULL);
	if (s->in.overlaps)
		log_event(s->opt->log, LOG_WARN, "files overlapped: more than "
		    "one program compacts this replica", "replica",
		    store_conf(s->st)->url, NULL);
}

/* 0: the next try may do better; -1. */
static int
not_made(struct step *s, const char *ltx0, struct err *e)
{
	struct replica_file f = { .min = s->in.min, .max = s->in.max,
	    .time_ms = -1 };
	int r;

	if (e->kind != ERR_DATA && e->kind != ERR_NOTFOUND)
		return -1;
	if ((r = leave_out(s, ltx0, e)))
		return r < 0 ? -1 : 0;
	if (s->in.whole) {
		s->no_bridge = 1;
		return 0;
	}
	/* as a page that no file has */
	if (e->kind == ERR_DATA && s->done->level == 1)
		say(s, "gap", &f);
	return -1;
}

/* 0: made, or what was in the way was left out; -1. */
static int
make(struct step *s, struct err *e)
{
	struct replica_file to = { .min = s->in.min, .max = s->in.max,
	    .level = (uint8_t)s->done->level };
	const char *ltx0 = NULL;
	int r = copy(s, &to, e);

	if (r > 0) {
		if (local(s, &ltx0, e) < 0)
			return -1;
		r = put(s, ltx0, &to, e);
	}
	if (r && e->kind != ERR_EXISTS)
		return not_made(s, ltx0, e);
	r = r ? there_already(s, &to, e) : verify(s, &to, e);
	if (r)
		return -1;
	s->done->made++;
	s->done->files += s->in.n;
	s->done->bytes += to.size;
	report(s, &to);
	to.time_ms = compact_put_time(s->st, to.time_ms);
	say(s, "add", &to);
	if (listing_add(&s->l, &to, e) < 0)
		return -1;
	listing_sort(&s->l);
	return 0;
}

/* There is nothing more to do; because the newest file is damaged? It leaves no
 * gap before another comes. (One that is gone is of a listing too old.) */
static int
ended(struct step *s, struct err *e)
{
	if (s->bad.kind != ERR_DATA || listing_max(&s->l) >= s->bad_file.max)
		return 0;
	say(s, "gap", &s->bad_file);
	return err_set(e, ERR_DATA, "the newest state is damaged (%.300s), and "
	    "there is no good local copy; a fresh full copy mends it (ls-sync "
	    "--full DB; ls-tend asks for one by itself)", s->bad.msg);
}

static int
run(struct step *s, struct err *e)
{
	for (int round = 0; round < ROUNDS; round++) {
		int r = level_inputs(&s->l, s->done->level,
		    !s->no_bridge, &s->in, e);

		if (r < 0)
			return -1;
		if (r == LEVEL_NONE)
			return ended(s, e);
		if ((r == LEVEL_GAP ? gap(s, e) : make(s, e)) < 0)
			return -1;
	}
	return err_set(e, ERR_BUG, "compaction comes to no end");
}

/* The lowest level that is behind, 0: none. */
static int
choose(struct step *s, struct err *e)
{
	int r = LEVEL_NONE;

	s->done->level = s->opt->level;
	for (unsigned i = 1; i <= s->opt->levels && !s->opt->level
	    && r == LEVEL_NONE; i++) {
		r = level_inputs(&s->l, i, 1, &s->in, e);
		if (r > LEVEL_NONE)
			s->done->level = i;
	}
	return r < 0 ? -1 : 0;
}

int
compact_level(const struct store_conf *conf,
    const struct compact_level_opt *opt, struct compact_level_done *done,
    struct err *e)
{
	struct step s = { .opt = opt, .done = done, .local = -1,
	    .given = opt->changes && opt->changes->listing };
	struct changes asked = { 0 };
	int r;

	memset(done, 0, sizeof *done);
	if (store_open(&s.st, conf, e) < 0)
		return -1;
	r = changes_read(opt->changes ? opt->changes : &asked, s.st,
	    LISTING_ALL, &s.l, e);
	if (!r)
		r = choose(&s, e);
	if (!r && done->level)
		r = run(&s, e);
	level_inputs_free(&s.in);
	listing_free(&s.l);
	store_close(s.st);
	return r < 0 ? err_in(e, "%s", conf->url) : 0;
}
