/* month DIR SEED COMMITS: the life of a replica over one simulated month, in
 * DIR: real LTX files, the real compaction, snapshots, retention and restore on
 * a file store; the clock, the application and the faults are simulated. Every
 * hour the newest state and an older one are restored and held against a model
 * of the database. Where an object was lost, what is restored must be right all
 * the same or refused, until a full copy mends it. Prints a summary; the last
 * line of what went wrong names the seed, which does the same again. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/crc64.h"
#include "base/when.h"
#include "ltx/ltx.h"
#include "repl/compact_level.h"
#include "repl/level.h"
#include "repl/plan.h"
#include "repl/prune.h"
#include "repl/restore.h"
#include "repl/snapshot.h"
#include "month.h"

/* In the place of libc's: an object appears by a rename or not at all. */
int
renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	if (m.fail && rnd(1000) < m.fail) {
		m.failed++;
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_renameat2, a, from, b, to, flags);
}

int
rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- files ---- */

static void
path_of(char *s, size_t n, int local, const struct replica_file *f)
{
	char name[LTX_NAME_LEN + 1];

	ltx_name_fmt(name, f->min, f->max);
	if (local)
		snprintf(s, n, "%s/%s", m.ltx0, name);
	else
		snprintf(s, n, "%s/r/ltx/%u/%s", m.dir, f->level, name);
}

static void
utime_of(const char *path, int64_t ms)
{
	struct timespec t[2] = { { ms / 1000, ms % 1000 * 1000000 } };

	t[1] = t[0];
	if (utimensat(AT_FDCWD, path, t, 0))
		wrong("utimensat: %s", strerror(errno));
}

/* Pages with dirty set, as MIN-MAX of a level; 0, or -1 if a fault hit. */
static int
write_ltx(const struct replica_file *f, int local, const char *dirty)
{
	struct ltx_header h = { .flags = LTX_FLAG_NOCHECKSUM, .page_size = PS,
	    .commit = m.pages, .min_txid = f->min, .max_txid = f->max,
	    .time_ms = m.now, .node = 77 };
	char path[320], tmp[330];
	struct ltx_enc *enc;
	int fd, r;

	path_of(path, sizeof path, local, f);
	snprintf(tmp, sizeof tmp, "%s.tmp", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ltx_enc_begin(&enc, &h, LTX_BLOCK, io_out_fd(&fd), NULL,
	    &err) < 0)
		wrong("write %s: %s", path, fd < 0 ? strerror(errno) : err.msg);
	for (uint32_t p = 1; p <= m.pages; p++)
		if ((!dirty || dirty[p - 1])
		    && ltx_enc_page(enc, p, m.page[p - 1], &err) < 0)
			wrong("page: %s", err.msg);
	if (ltx_enc_end(enc, 0, &err) < 0)
		wrong("end: %s", err.msg);
	ltx_enc_free(enc);
	close(fd);
	utime_of(tmp, m.now);
	r = local ? (int)syscall(SYS_renameat2, AT_FDCWD, tmp, AT_FDCWD, path, 0)
	    : rename(tmp, path);
	if (r < 0)
		unlink(tmp);
	return r;
}

/* What ls-walship does: to the state folder, then to the replica until it is
 * there; local files go when they are older than the retention of level 0. */
static void
ship(const char *dirty, int image)
{
	struct replica_file f = { .min = m.txid, .max = m.txid };

	if (write_ltx(&f, 1, dirty) < 0)
		wrong("a local file");
	while (write_ltx(&f, 0, dirty) < 0)
		;
	if (!image)
		return;
	f.min = 1;
	f.level = STORE_LEVEL_SNAPSHOT;
	while (write_ltx(&f, 0, NULL) < 0)
		;
}

static void
trim_local(void)
{
	static uint64_t next = 1;

	while (next < m.txid && m.time[next] < m.now - m.rules.l0_ms) {
		struct replica_file f = { .min = next, .max = next };
		char path[320];

		path_of(path, sizeof path, 1, &f);
		unlink(path);
		next++;
	}
}

static void
remember(void)
{
	uint64_t sum = 0;

	for (uint32_t p = 0; p < m.pages; p++)
		sum = crc64(sum, m.page[p], PS);
	m.sum[m.txid] = sum;
	m.time[m.txid] = m.now;
}

static void
commit(int full)
{
	char dirty[PAGES_MAX] = { 0 };
	uint32_t was = m.pages, n = 1 + (uint32_t)rnd(5);

	if (!m.txid)
		m.pages = 8;
	else if (rnd(8) == 0)
		m.pages = 4 + (uint32_t)rnd(PAGES_MAX - 4);
	m.txid++;
	for (uint32_t p = was; p < m.pages; p++) /* what grows is written */
		dirty[p] = 1;
	dirty[0] = 1;
	while (n--)
		dirty[rnd(m.pages)] = 1;
	for (uint32_t p = 0; p < m.pages; p++)
		for (int i = 0; dirty[p] && i < PS; i += 8)
			m.page[p][i] = (unsigned char)rnd(256);
	remember();
	ship(full || m.txid == 1 ? NULL : dirty, full || m.txid == 1);
	if (full)
		m.whole = m.txid;
	trim_local();
}

/* ---- the replica ---- */

static struct store *
list(struct listing *l)
{
	struct store *st;

	memset(l, 0, sizeof *l);
	if (store_open(&st, &m.conf, &err) < 0
	    || listing_read(st, LISTING_ALL, l, &err) < 0)
		wrong("list: %s", err.msg);
	return st;
}

/* Restores a TXID (0: the newest) and holds it against the model; returns its
 * TXID, 0: refused. */
static uint64_t
restore(uint64_t txid)
{
	struct restore_opt opt = { .target = { txid, -1 } };
	struct apply_done done;
	struct restore_plan p;
	unsigned char page[PS];
	char path[240];
	struct listing l;
	struct store *st = list(&l);
	uint64_t sum = 0, got = 0;
	int fd, r = restore_plan(&p, st, &l, &opt, &err);

	snprintf(path, sizeof path, "%s/restored", m.dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (!r) {
		r = restore_run(&p, st, &opt, fd, &done, &err);
		got = p.txid;
		restore_plan_free(&p);
	}
	for (uint32_t i = 0; !r && i < done.pages; i++) {
		if (pread(fd, page, PS, (off_t)i * PS) != PS)
			wrong("the restored database is short");
		sum = crc64(sum, page, PS);
	}
	close(fd);
	listing_free(&l);
	store_close(st);
	if (r)
		return 0;
	if (sum != m.sum[got])
		wrong("TXID %llu was restored wrongly", (unsigned long long)got);
	m.restores++;
	return got;
}

/* ---- ls-tend ---- */

/* A level that meets a gap has ls-walship make a full copy. */
static void
mend(void)
{
	if (!m.broken)
		wrong("a gap, and nothing was lost: %s", err.msg);
	commit(1);
	m.broken = 0;
	m.mended++;
}

static uint64_t
level_end(const struct listing *l, unsigned level)
{
	uint64_t max = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->f[i].level == level && l->f[i].max > max)
			max = l->f[i].max;
	return max;
}

static int
has_state(const struct listing *l, uint64_t txid)
{
	const struct plan_target t = { txid, -1 };
	struct plan p;
	int r = plan_make(l, &t, &p, &err);

	plan_free(&p);
	return r == 0;
}

/* From the oldest snapshot within the retention on, or the newest, no state
 * goes that a file of another level than 0 ends with. */
static void
same_window(const struct listing *was, const struct listing *is)
{
	uint64_t newest = level_end(was, STORE_LEVEL_SNAPSHOT), from = newest;
	struct plan_state *s;
	size_t n;

	for (size_t i = 0; i < was->n; i++)
		if (was->f[i].level == STORE_LEVEL_SNAPSHOT && was->f[i].max
		    < from && was->f[i].time_ms >= m.now - m.rules.retention_ms)
			from = was->f[i].max;
	if (plan_states(was, &s, &n, &err) < 0)
		wrong("%s", err.msg);
	for (size_t i = 0; i < n; i++)
		if (s[i].txid >= from && was->f[s[i].high].level
		    && !has_state(is, s[i].txid))
			wrong("TXID %llu is in the window",
			    (unsigned long long)s[i].txid);
	free(s);
}

static void
prune(int level0)
{
	struct changes none = { 0 };
	struct prune_done done;
	struct listing l, was;
	struct prune p;
	struct retain_rules rules = m.rules;

	rules.level0_only = level0;
	store_close(list(&was));
	if (prune_plan(&p, &m.conf, m.now, &rules, &none, NULL, &err) < 0)
		wrong("prune: %s", err.msg);
	if (prune_run(&p, &done, &err) < 0) {
		if (!m.broken)
			wrong("prune: %s", err.msg);
	} else {
		m.deleted += (unsigned)done.deleted;
	}
	store_close(list(&l));
	if (rnd(10) == 0 || !level0)
		same_window(&was, &l);
	listing_free(&was);
	for (size_t i = 0; i < p.retain.n; i++)
		if (!has_state(&l, p.retain.point[i].txid))
			wrong("TXID %llu was promised", (unsigned long long)
			    p.retain.point[i].txid);
	if (p.retain.n) {
		uint64_t t = p.retain.point[rnd(p.retain.n)].txid;

		if (restore(t) != t && !m.lost)
			wrong("TXID %llu was promised: %s",
			    (unsigned long long)t, err.msg);
		m.points++;
	}
	listing_free(&l);
	prune_free(&p);
}

static void
compact(unsigned level)
{
	struct compact_level_opt opt = { .level = level, .levels = 3,
	    .ltx0 = m.ltx0, .tmp = m.dir, .encoding = LTX_BLOCK };
	struct compact_level_done done;

	int r = compact_level(&m.conf, &opt, &done, &err);

	m.healed += (unsigned)done.healed;
	if (!r || err.kind == ERR_TEMP)
		return;
	if (err.kind != ERR_NO && err.kind != ERR_DATA)
		wrong("compaction: %s", err.msg);
	mend();
}

static void
snapshot(void)
{
	const struct snapshot_opt opt = { m.ltx0, m.dir, LTX_BLOCK, NULL, NULL };
	struct snapshot_done done;

	if (snapshot_put(&m.conf, &opt, &done, &err) == 0
	    || err.kind == ERR_TEMP)
		return;
	mend();
}

/* Everything that is due now. Returns when something will be. */
static int64_t
tend(void)
{
	struct level_todo todo;
	struct listing l;

	for (int i = 0; i < 20; i++) {
		store_close(list(&l));
		level_decide(&l, &m.level, &m.last, m.now, &todo);
		if (todo.job == LEVEL_COMPACT) {
			m.last.done_ms[todo.level] = m.now;
			m.last.upto[todo.level] = level_end(&l, todo.level - 1);
			compact(todo.level);
		} else if (todo.job == LEVEL_SNAPSHOT) {
			m.last.done_ms[STORE_LEVEL_SNAPSHOT] = m.now;
			m.last.upto[STORE_LEVEL_SNAPSHOT] = listing_max(&l);
			snapshot();
		} else if (todo.job) {
			if (todo.job == LEVEL_PRUNE)
				m.last.prune_ms = m.now;
			m.last.l0_ms = m.now;
			m.last.l0_upto = level_end(&l, 1);
			prune(todo.job == LEVEL_PRUNE0);
		}
		listing_free(&l);
		if (!todo.job)
			return todo.next_ms;
	}
	return m.now + SECOND;
}

/* ---- faults, checks, time ---- */

/* Any object, or one that the newest state is restored from. */
static void
lose(void)
{
	const struct plan_target latest = { 0, -1 };
	struct plan p = { 0 };
	struct listing l;
	char path[320];
	size_t i;

	store_close(list(&l));
	if (l.n > 1) {
		i = rnd(l.n);
		if (rnd(2) && plan_make(&l, &latest, &p, &err) == 0)
			i = p.idx[rnd(p.n)];
		path_of(path, sizeof path, 0, &l.f[i]);
		unlink(path);
		m.lost++;
		m.broken = 1;
	}
	plan_free(&p);
	listing_free(&l);
}

/* What was just shipped, and sometimes what the state folder has of it. */
static void
lose_newest(void)
{
	const struct replica_file f = { .min = m.txid, .max = m.txid };
	char path[320];

	for (uint64_t local = rnd(2) + 1; local--;) {
		path_of(path, sizeof path, (int)local, &f);
		unlink(path);
	}
	m.lost++;
	m.broken = 1;
}

static void
check(void)
{
	struct plan_state *s;
	struct listing l;
	size_t n;
	uint64_t t;

	if (restore(0) != m.txid) {
		if (!m.broken)
			wrong("the newest state cannot be restored: %s", err.msg);
		mend(); /* as ls-verify has it made */
		if (restore(0) != m.txid)
			wrong("a full copy mends nothing: %s", err.msg);
	}
	store_close(list(&l));
	if (plan_states(&l, &s, &n, &err) < 0)
		wrong("%s", err.msg);
	/* none where level 0 alone has what restores begin with: a full copy
	 * after what was lost */
	t = n ? s[rnd(n)].txid : m.txid;
	if (restore(t) != t)
		wrong("TXID %llu: %s", (unsigned long long)t, err.msg);
	free(s);
	listing_free(&l);
}

/* The days, weeks: a state of each of those that are over and had commits. */
static void
check_days(void)
{
	struct plan_state *s;
	struct listing l;
	int64_t day, unit[] = { 1, 7 };
	unsigned kept[] = { m.rules.keep.daily, m.rules.keep.weekly };
	size_t n;

	store_close(list(&l));
	if (plan_states(&l, &s, &n, &err) < 0)
		wrong("%s", err.msg);
	for (int k = 0; k < 2; k++) {
		int64_t now = (m.time[m.txid] / DAY + 3 * (k > 0)) / unit[k];
		uint64_t t = m.txid;

		for (; kept[k]; kept[k]--) {
			int found = 0;

			while (t && (m.time[t] / DAY + 3 * (k > 0)) / unit[k] >= now)
				t--;
			if (!t)
				break;
			day = now = (m.time[t] / DAY + 3 * (k > 0)) / unit[k];
			for (size_t i = 0; i < n; i++)
				found |= (m.time[s[i].txid] / DAY + 3 * (k > 0))
				    / unit[k] == day;
			if (!found)
				wrong("nothing is left of %s %lld", k ? "week"
				    : "day", (long long)day);
		}
	}
	free(s);
	listing_free(&l);
}

static void
begin(const char *dir, uint64_t seed, uint64_t commits)
{
	static const int64_t all[] = { 0, HOUR, 6 * HOUR };
	char path[256];

	m.seed = seed;
	m.rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	m.now = START;
	snprintf(m.dir, sizeof m.dir, "%s", dir);
	snprintf(m.ltx0, sizeof m.ltx0, "%s/local", dir);
	snprintf(path, sizeof path, "%s/r", dir);
	m.sum = calloc(2 * commits + 5000, sizeof *m.sum);
	m.time = calloc(2 * commits + 5000, sizeof *m.time);
	store_conf_init(&m.conf);
	m.conf.type = STORE_FILE;
	m.conf.path = strdup(path);
	m.conf.url = strdup("file://month");
	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof path, "%s/r/ltx/%d", dir, i);
		if (io_mkdirs(path, NULL, &err) < 0)
			wrong("%s", err.msg);
	}
	if (io_mkdirs(m.ltx0, NULL, &err) < 0)
		wrong("%s", err.msg);
	level_last_init(&m.last);
	m.rules = (struct retain_rules){ .retention_ms = DAY,
	    .l0_ms = 300 * SECOND, .keep = { all[rnd(3)], 7, 4, 12 } };
	m.level = (struct level_conf){ .n = 3, .snapshot_ms = DAY,
	    .retention_ms = DAY, .l0_ms = m.rules.l0_ms,
	    .l0_check_ms = 15 * SECOND };
	memcpy(m.level.level_ms, levels, sizeof levels);
	if (seed % 2)
		m.fail = 10;
}

int
main(int argc, char **argv)
{
	uint64_t commits = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
	int64_t gap, next, due, hour = START + HOUR, lull = 0;

	if (!commits)
		return 100;
	begin(argv[1], strtoull(argv[2], NULL, 10), commits);
	gap = LENGTH / (int64_t)commits;
	for (next = m.now; m.now < START + LENGTH; ) {
		if (m.now >= next) {
			commit(0);
			if (m.seed % 3 == 0 && rnd(150) == 0)
				lose_newest();
			/* bursts and lulls: nights, weekends */
			lull = rnd(40) ? 0 : (int64_t)rnd(100) * gap;
			next = m.now + 1 + lull + (int64_t)rnd(rnd(3)
			    ? (uint64_t)gap : 60 * SECOND);
		}
		due = tend();
		if (m.now >= hour) {
			check();
			/* faults: of every third month, some objects */
			for (uint64_t n = m.seed % 3 == 0 && rnd(100) < 2
			    ? 1 + rnd(6) : 0; n; n--)
				lose();
			hour += HOUR;
			due = tend();
		}
		if (due > next)
			due = next;
		m.now = due < hour ? due : hour;
	}
	if (!m.lost)
		check_days();
	printf("seed %llu: %llu transactions, %u restores, %u promised states, "
	    "%u deleted, %u renames failed, %u objects lost, %u healed, %u full copies\n",
	    (unsigned long long)m.seed, (unsigned long long)m.txid, m.restores,
	    m.points, m.deleted, m.failed, m.lost, m.healed,
	    m.mended);
	store_conf_free(&m.conf);
	free(m.sum);
	free(m.time);
	return 0;
}
