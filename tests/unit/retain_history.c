#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "repl/plan.h"
#include "repl/retain.h"

/* Random histories of a replica, pruned now and then under random rules: what
 * the rules promise can be restored before and after, and pruning again finds
 * nothing. What is promised, the test works out in its own simple way. The
 * seed of a history that fails is printed; LS_SEED=N runs that one alone,
 * LS_RUNS=N so many. */

#define SECOND INT64_C(1000)
#define DAY (86400 * SECOND)
#define TXIDS 1500
#define LEVELS 3

/* ---- random numbers of our own: the same everywhere ---- */

static uint64_t rng;

static uint64_t
rnd(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng >> 11) % n;
}

static int
chance(unsigned percent)
{
	return rnd(100) < percent;
}

/* ---- the replica ---- */

static struct listing l;
static int64_t *own;          /* what the headers say, by index */
static size_t own_a;
static struct err err;
static int untold;            /* a store that lists no times */
static int steps;             /* the writer's clock is set now and then: halving,
                                 which takes it that times grow, is not tried */

static int64_t now;           /* of the store */
static int64_t skew;          /* of the writer's clock */
static uint64_t txid;
static int64_t state_time[TXIDS + 1];
static int64_t due[10], interval[10];
static struct retain_rules rules;

static void
put(unsigned level, uint64_t min, uint64_t max, int64_t header)
{
	struct replica_file f = { .min = min, .max = max, .level = (uint8_t)level,
	    .size = 300 + rnd(100) + (level == 9 ? 5000 : 10 * (max - min)),
	    .time_ms = now };
	size_t i = 0;

	assert_int_equal(listing_add(&l, &f, &err), 0);
	if (l.n > own_a) {
		own_a = l.a;
		own = realloc(own, own_a * sizeof *own);
	}
	while (i < l.n - 1 && (l.f[i].level < level || (l.f[i].level == level
	    && (l.f[i].min < min || (l.f[i].min == min && l.f[i].max < max)))))
		i++;
	memmove(&l.f[i + 1], &l.f[i], (l.n - 1 - i) * sizeof f);
	memmove(&own[i + 1], &own[i], (l.n - 1 - i) * sizeof *own);
	l.f[i] = f;
	own[i] = header;
}

static void
drop(size_t i)
{
	memmove(&l.f[i], &l.f[i + 1], (l.n - 1 - i) * sizeof *l.f);
	memmove(&own[i], &own[i + 1], (l.n - 1 - i) * sizeof *own);
	l.n--;
}

static uint64_t
level_max(unsigned level)
{
	uint64_t max = 0;

	for (size_t i = 0; i < l.n; i++)
		if (l.f[i].level == level && l.f[i].max > max)
			max = l.f[i].max;
	return max;
}

/* ---- what Litestream and ls-tend do ---- */

static void
commit(void)
{
	if (txid == TXIDS)
		return;
	txid++;
	state_time[txid] = now + skew;
	put(0, txid, txid, now + skew);
	if (txid == 1)
		put(9, 1, 1, now + skew);
}

static void
compact(unsigned level)
{
	uint64_t from = level_max(level) + 1, min = 0, max = 0;
	int64_t header = 0;

	for (size_t i = 0; i < l.n; i++) {
		const struct replica_file *f = &l.f[i];

		if (f->level != level - 1 || f->min < from)
			continue;
		if (min && f->min != max + 1)
			break; /* not over a gap */
		if (!min)
			min = f->min;
		max = f->max;
		header = own[i];
	}
	if (min)
		put(level, min, max, header);
}

static int
restorable(uint64_t t)
{
	const struct plan_target target = { t, -1 };
	struct plan p;
	int r = plan_make(&l, &target, &p, &err);

	plan_free(&p);
	return r == 0;
}

static void
snapshot(void)
{
	if (!txid || level_max(9) == txid)
		return;
	if (restorable(0))
		/* Litestream writes the time of the snapshot itself */
		put(9, 1, txid, chance(30) ? now + skew : state_time[txid]);
	else { /* a gap: a fresh full copy, as ls-walship makes it */
		commit();
		put(9, 1, txid, state_time[txid]);
	}
}

static void
tick(void)
{
	for (unsigned k = 1; k <= 9; k++) {
		if (k > LEVELS && k < 9)
			continue;
		if (now < due[k])
			continue;
		due[k] = now - now % interval[k] + interval[k];
		if (chance(8)) /* missed */
			continue;
		if (k < 9)
			compact(k);
		else
			snapshot();
	}
}

/* ---- what is promised, by brute force ---- */

struct promise {
	char state[TXIDS + 1];  /* must stay restorable */
};

static void
reach(unsigned from_level, char *ok)
{
	memset(ok, 0, TXIDS + 1);
	ok[0] = 1;
	for (uint64_t t = 1; t <= txid; t++)
		for (size_t i = 0; i < l.n && !ok[t]; i++) {
			if (l.f[i].max != t || l.f[i].level < from_level)
				continue;
			for (uint64_t k = l.f[i].min - 1; k < t; k++)
				ok[t] |= ok[k];
		}
}

static int64_t
listed(size_t i)
{
	return untold ? own[i] : l.f[i].time_ms;
}

static void
promise_windows(struct promise *p, const char *ok)
{
	uint64_t newest = level_max(9), from = newest ? newest : 1;

	for (size_t i = 0; i < l.n; i++)
		if (l.f[i].level == 9 && l.f[i].min == 1 && l.f[i].max < from
		    && listed(i) >= now - rules.retention_ms)
			from = l.f[i].max;
	for (size_t i = 0; i < l.n; i++)
		if (l.f[i].level && l.f[i].max >= from && ok[l.f[i].max])
			p->state[l.f[i].max] = 1;
	for (uint64_t t = txid; t; t--)
		if (ok[t]) {
			p->state[t] = 1;
			break;
		}
}

static void
promise_all(struct promise *p, const char *ok)
{
	int64_t t[TXIDS + 1], ref = INT64_MIN;
	char seen[TXIDS + 1] = { 0 };

	for (size_t i = 0; i < l.n; i++) { /* sorted: the lowest level first */
		uint64_t x = l.f[i].max;

		if (seen[x] || !ok[x])
			continue;
		seen[x] = 1;
		t[x] = listed(i);
		if (t[x] > ref)
			ref = t[x];
	}
	if (ref > now)
		ref = now;
	for (uint64_t x = 1; x <= txid; x++)
		if (seen[x] && t[x] >= ref - rules.keep.all_ms)
			p->state[x] = 1;
}

static int64_t
number_of(char unit, int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	char b[16];

	if (unit == 'd')
		return ms / DAY;
	gmtime_r(&s, &tm);
	if (unit == 'm')
		return tm.tm_year * 100 + tm.tm_mon;
	strftime(b, sizeof b, "%G%V", &tm);
	return atol(b);
}

/* Of the files from level 1 on that end with t: the last below level 9, or the
 * snapshot. */
static size_t
ends(uint64_t t, int snapshot)
{
	size_t best = l.n;

	for (size_t i = 0; i < l.n; i++)
		if (l.f[i].level && l.f[i].max == t
		    && (l.f[i].level == 9) == snapshot)
			best = i;
	return best;
}

static void
promise_periods(struct promise *p, char unit, unsigned count)
{
	int64_t ref = INT64_MIN, below = INT64_MAX, current;
	char ok[TXIDS + 1];

	reach(1, ok);
	for (size_t i = 0; i < l.n; i++)
		if (l.f[i].level && ok[l.f[i].max] && own[i] > ref)
			ref = own[i];
	if (ref == INT64_MIN)
		return;
	if (ref > now)
		ref = now;
	current = number_of(unit, ref);
	while (count) {
		int64_t newest = INT64_MIN;
		uint64_t last[2] = { 0, 0 };

		for (uint64_t t = 1; t <= txid; t++)
			for (int snap = 0; snap < 2; snap++) {
				size_t i = ok[t] ? ends(t, snap) : l.n;
				int64_t k;

				if (i == l.n)
					continue;
				k = number_of(unit, own[i]);
				if (k > current || k >= below || k < newest)
					continue;
				if (k > newest)
					last[0] = last[1] = 0;
				newest = k;
				last[snap] = t;
			}
		if (!last[0] && !last[1])
			return;
		p->state[last[1] ? last[1] : last[0]] = 1;
		count -= newest != current;
		below = newest;
	}
}

static void
promises(struct promise *p)
{
	char ok[TXIDS + 1];

	memset(p, 0, sizeof *p);
	reach(0, ok);
	promise_windows(p, ok);
	if (rules.keep.all_ms)
		promise_all(p, ok);
	promise_periods(p, 'd', rules.keep.daily);
	promise_periods(p, 'w', rules.keep.weekly);
	promise_periods(p, 'm', rules.keep.monthly);
}

/* ---- pruning ---- */

static void
decide(struct retain *r, int64_t clock)
{
	size_t from, to;
	int x;

	assert_int_equal(retain_begin(r, &l, clock, &rules, &err), 0);
	while ((x = retain_step(r, &l, &from, &to, &err)) > 0)
		for (from = steps ? 0 : from; from < (steps ? l.n : to);
		    from++) {
			l.f[from].time_ms = own[from];
			l.f[from].time_exact = 1;
		}
	assert_int_equal(x, 0);
}

/* The newest of level 0, and what is young. */
static void
level0_stays(const struct retain *r, int64_t clock)
{
	int young = 1, last = 1;

	for (size_t i = l.n; i--;) {
		if (l.f[i].level)
			continue;
		young &= rules.l0_ms == 0 || listed(i) >= clock - rules.l0_ms;
		assert_false(retain_goes(r->why[i]) && (young || last));
		last = 0;
	}
}

/* Times are told anew by every listing. */
static size_t
prune_once(int64_t clock, int64_t *told)
{
	size_t goes = 0, n = l.n;
	struct retain r;

	for (size_t i = 0; i < n; i++) {
		told[i] = l.f[i].time_ms;
		l.f[i].time_exact = 0;
		if (untold)
			l.f[i].time_ms = -1;
	}
	decide(&r, clock);
	for (size_t i = 0; i < n; i++)
		l.f[i].time_ms = told[i];
	level0_stays(&r, clock);
	for (size_t i = n; i--;)
		if (retain_goes(r.why[i])) {
			drop(i);
			goes++;
		}
	retain_free(&r);
	return goes;
}

static int
future(void)
{
	for (size_t i = 0; i < l.n; i++)
		if (own[i] > now)
			return 1;
	return 0;
}

static void
prune(void)
{
	static struct promise p;
	char ok[TXIDS + 1];
	uint64_t snap = level_max(9);
	int64_t *told = calloc(l.n + 1, sizeof *told), before = now;

	promises(&p);
	prune_once(now, told);
	reach(0, ok);
	for (uint64_t t = 1; t <= txid; t++)
		if (p.state[t] && (!ok[t] || !restorable(t)))
			fail_msg("TXID %d was promised", (int)t);
	assert_int_equal(level_max(9), snap);
	assert_int_equal(prune_once(now, told), 0);
	/* a clock far ahead loses none of the days, weeks and months (but where
	 * states claim to be of a later day, that day begins) */
	memset(&p, 0, sizeof p);
	promise_periods(&p, 'd', rules.keep.daily);
	promise_periods(&p, 'w', rules.keep.weekly);
	promise_periods(&p, 'm', rules.keep.monthly);
	if (chance(10) && !future()) {
		now += 400 * DAY;
		prune_once(now, told);
		now = before;
		for (uint64_t t = 1; t <= txid; t++)
			if (p.state[t] && !restorable(t))
				fail_msg("TXID %d was promised, then the clock "
				    "was ahead", (int)t);
	}
	free(told);
}

/* ---- histories ---- */

static int64_t
one_of(const int64_t *v, size_t n)
{
	return v[rnd(n)];
}

static void
begin(void)
{
	static const int64_t ret[] = { 0, DAY / 24, DAY, 3 * DAY };
	static const int64_t l0[] = { 0, SECOND, 300 * SECOND, DAY / 24 };
	static const int64_t all[] = { 0, 0, DAY / 24, DAY, 4 * DAY };
	static const int64_t one[] = { 30 * SECOND, 600 * SECOND };
	static const int64_t nine[] = { DAY / 4, DAY, 3 * DAY };

	l.n = 0;
	txid = 0;
	skew = 0;
	now = INT64_C(1700000000000) + (int64_t)rnd(400 * 86400) * SECOND;
	memset(due, 0, sizeof due);
	interval[1] = one_of(one, 2);
	interval[2] = interval[1] * (2 + (int64_t)rnd(10));
	interval[3] = interval[2] * (2 + (int64_t)rnd(10));
	interval[9] = one_of(nine, 3);
	rules = (struct retain_rules){ .retention_ms = one_of(ret, 4),
	    .l0_ms = one_of(l0, 4), .keep.all_ms = one_of(all, 5) };
	if (chance(70)) {
		rules.keep.daily = (unsigned)rnd(8);
		rules.keep.weekly = (unsigned)rnd(5);
		rules.keep.monthly = (unsigned)rnd(5);
	}
	untold = !steps && chance(20);
}

static void
history(void)
{
	/* how long between commits; how often something goes wrong */
	int64_t gap = (int64_t)1 << (3 + rnd(16));
	unsigned faults = chance(30) ? 3 : 0;
	unsigned n = 50 + (unsigned)rnd(350);

	begin();
	for (unsigned i = 0; i < n; i++) {
		int64_t wait = 1 + (int64_t)rnd((uint64_t)gap) * 2;

		if (chance(2))
			wait += (int64_t)rnd(40) * 86400; /* nobody writes */
		/* ls-tend looks now and then meanwhile, not all the time */
		for (int k = 0; k < 4; k++) {
			now += wait * SECOND / 4 + 1;
			tick();
		}
		if (steps && chance(3))
			skew = chance(50) ? 0 : ((int64_t)rnd(60 * 86400)
			    - 40 * 86400) * SECOND;
		if (chance(4))
			prune();
		commit();
		if (faults && l.n && chance(faults))
			drop(rnd(l.n));
		if (chance(12))
			prune();
	}
	prune();
}

static uint64_t running; /* the seed of the history */

static uint64_t
number(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 10) : otherwise;
}

static void
what_is_promised_stays(void **state)
{
	uint64_t seed = number("LS_SEED", 0), runs = number("LS_RUNS", 120);
	uint64_t first = seed ? seed : 1;

	(void)state;
	if (seed)
		runs = 1;
	for (uint64_t s = first; s < first + runs; s++) {
		running = s;
		rng = s * UINT64_C(0x9e3779b97f4a7c15) + 1;
		steps = s % 3 == 0;
		history();
	}
	running = 0;
}

static int
teardown(void **state)
{
	(void)state;
	if (running)
		fprintf(stderr, "# again with LS_SEED=%llu\n",
		    (unsigned long long)running);
	listing_free(&l);
	free(own);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_promised_stays, teardown),
	};

	return cmocka_run_group_tests(tests, 0, 0);
}
