#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "v03/keep.h"

#define MAX 400
#define NOW 100000
#define RETENTION 24000

static struct err e;

/* A replica in few words: "A s0 10 w0 20 w0 30 s1 40": generation A, a
 * snapshot of index 0 made at 10, WAL of index 0 put at 20, ... */
struct replica {
	struct v03_object o[MAX];
	size_t n;
	struct v03_generation *g;
	size_t n_g;
	enum v03_keep_why why[MAX];
};

static int
cmp(const void *a, const void *b)
{
	return v03_name_cmp(&((const struct v03_object *)a)->name,
	    &((const struct v03_object *)b)->name);
}

static void
done(struct replica *r)
{
	qsort(r->o, r->n, sizeof *r->o, cmp);
	assert_int_equal(v03_plan_generations(r->o, r->n, &r->g, &r->n_g, &e),
	    0);
}

static struct v03_object *
add(struct replica *r, uint64_t gen, enum v03_kind kind, uint64_t index,
    uint64_t offset, int64_t time)
{
	struct v03_object *o = &r->o[r->n++];

	assert_true(r->n <= MAX);
	memset(o, 0, sizeof *o);
	o->name.generation = gen;
	o->name.kind = (uint8_t)kind;
	o->name.index = index;
	o->name.offset = offset;
	o->time_ms = time;
	o->size = 100;
	return o;
}

static void
parse(struct replica *r, const char *s)
{
	uint64_t gen = 0, index = 0, last = UINT64_MAX, offset = 0;
	char word[20];
	int64_t time;
	int n;

	memset(r, 0, sizeof *r);
	while (sscanf(s, "%19s%n", word, &n) == 1) {
		s += n;
		if (word[0] < 'a') {
			gen = (uint64_t)word[0];
			last = UINT64_MAX;
			continue;
		}
		index = strtoull(word + 1, NULL, 10);
		assert_int_equal(sscanf(s, "%ld%n", &time, &n), 1);
		s += n;
		offset = index == last ? offset + 500 : 0;
		if (word[0] == 'w')
			last = index;
		add(r, gen, word[0] == 'w' ? V03_WAL : V03_SNAPSHOT, index,
		    word[0] == 'w' ? offset : 0, time);
	}
	done(r);
}

/* "n" needed, "y" young, "w" whole, "u" unknown, "p" past, "g" generation:
 * snapshots, then WAL, of each generation. */
static void
keeps(const char *replica, const char *want)
{
	struct replica r;
	char got[MAX + 1];

	parse(&r, replica);
	v03_keep_make(r.o, r.g, r.n_g, NOW, RETENTION, r.why);
	for (size_t i = 0; i < r.n; i++)
		got[i] = "nywupg"[r.why[i]];
	got[r.n] = 0;
	assert_string_equal(got, want);
	free(r.g);
}

/* Before 76000 is past. */
static void
what_stays_and_what_goes(void **state)
{
	(void)state;
	keeps("", "");
	/* nothing old enough to begin with */
	keeps("A s0 80000 w0 81000", "ww");
	keeps("A s0 70000 w0 75000 w1 81000", "nnn");
	/* the snapshot before the retention leads into it */
	keeps("A s0 1 w0 2 w1 3 s2 70000 w2 71000 w2 77000", "pnppnn");
	/* the last before it, and those after it */
	keeps("A s0 1 w0 2 s1 50000 w1 50001 s2 70000 w2 71000 s3 80000 "
	    "w3 90000", "ppnyppnn");
	/* made between two segments of its index, and the retention begins
	 * before the next: only the one before has that state */
	keeps("A s0 1 w0 2 w1 3 s1 75000 w1 80000", "nnnnn");
	keeps("A s0 1 w0 2 w1 3 s1 75000 w1 75001", "pnpnn");
	/* idle for long: the newest state stays */
	keeps("A s0 1 w0 2 w1 3", "nnn");
	keeps("A s0 1 w0 2 w1 3 s1 4", "pnpn");
	/* generations */
	keeps("A s0 1 w0 2 w0 70000 B s0 75000 w0 75001", "gggnn");
	keeps("A s0 1 w0 2 w0 76000 B s0 76001 w0 76002", "nnnww");
	/* the state of 76000 is that of 60000: B began later */
	keeps("A s0 1 w0 60000 B s0 80000", "nnw");
	keeps("A s0 1 w0 60000 B s0 2 w0 50000 C s0 80000", "nnggw");
	/* nobody knows */
	keeps("A s0 -1 w0 2 s1 70000 w1 71000 w1 80000", "uuuuu");
	/* a clock that was ahead: what was put after 2 may be of any time */
	keeps("A s0 1 w0 2 w1 99000 w2 70000 s2 70001 w2 70002 w2 80000",
	    "nnnnnnn");
	/* one that went back: at 77000 the last that counts is of 74000, before
	 * the second snapshot */
	keeps("A s0 1 w0 2 w1 3 s1 75000 w1 75001 w1 77000 w1 74000 w1 78000",
	    "nnnnnnnn");
}

static void
a_snapshot_is_due_where_none_is_young(void **state)
{
	static const struct {
		const char *replica;
		int due;
		uint64_t index;
	} t[] = {
		{ "A s0 1 w0 2", 0, 0 },             /* nowhere to make it */
		{ "A s0 1 w0 2 w1 3", 1, 1 },
		{ "A s0 1 w0 2 w1 3 w5 4 s1 5", 1, 5 },
		{ "A s0 1 w0 2 w1 3 s1 4", 0, 0 },   /* idle */
		{ "A s0 76000 w0 76001 w1 76002", 1, 1 },
		{ "A s0 76001 w0 76002 w1 76003", 0, 0 },
		{ "A w0 2 w1 3", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct replica r;
		uint64_t index = 0;

		parse(&r, t[i].replica);
		assert_int_equal(v03_keep_due(r.o, r.g, NOW, RETENTION),
		    t[i].due);
		if (t[i].due) {
			assert_true(v03_keep_place(r.o, r.g, &index));
			assert_int_equal(index, t[i].index);
		}
		free(r.g);
	}
}

/* ---- whatever is promised, can be restored before and after ---- */

static uint32_t
rnd(uint32_t *x, uint32_t n)
{
	*x = *x * 1664525u + 1013904223u;
	return n ? (*x >> 8) % n : 0;
}

static uint64_t next_gen;

/* One writer: segments, logs that end, snapshots now and then, which are made
 * of the last index that has WAL. jumps: its clock goes back at times. */
static int64_t
life(struct replica *r, uint32_t *x, int64_t t, int jumps)
{
	uint64_t gen = ++next_gen * 7919 % 1000, index = 0, offset = 0;
	int n = (int)rnd(x, 25), any = 0;
	int64_t step = 1 + rnd(x, 6000);

	add(r, gen, V03_SNAPSHOT, 0, 0, t);
	while (n--) {
		t += rnd(x, (uint32_t)step);
		if (jumps && !rnd(x, 12))
			t -= rnd(x, 5000);
		if (any && !rnd(x, 5) && r->o[r->n - 1].name.kind == V03_WAL
		    && index) {
			/* there may be one of this index: then it is newer */
			for (size_t i = 0; i < r->n; i++)
				if (r->o[i].name.generation == gen
				    && r->o[i].name.kind == V03_SNAPSHOT
				    && r->o[i].name.index == index)
					r->o[i--] = r->o[--r->n];
			add(r, gen, V03_SNAPSHOT, index, 0, t);
			t += rnd(x, 2);
		}
		if (any && !rnd(x, 3)) {
			index++;
			offset = 0;
		}
		add(r, gen, V03_WAL, index, offset, t);
		offset += 100 + rnd(x, 1000);
		any = 1;
	}
	return t;
}

struct end {
	uint64_t generation;
	int wal;
	struct v03_name last; /* of the WAL */
};

/* The restore of ours at t (-1: the newest): 1 and where it ends. */
static int
restore(const struct replica *r, int64_t t, struct end *end)
{
	const struct v03_target to = { .index = V03_ANY, .time_ms = t,
	    .below = V03_ANY };
	struct v03_plan best = { .time_ms = -1 }, p;

	memset(end, 0, sizeof *end);
	for (size_t i = 0; i < r->n_g; i++) {
		if (v03_plan_make(r->o, &r->g[i], &to, &p, &e) < 0
		    || p.time_ms <= best.time_ms)
			continue;
		best = p;
		end->generation = r->g[i].id;
		end->wal = p.n_wal > 0;
		if (p.n_wal)
			end->last = r->o[p.wal + p.n_wal - 1].name;
	}
	return best.time_ms >= 0;
}

/* That of 0.3.13, by its own rules. */
static int
restore_old(const struct replica *r, int64_t t, struct end *end)
{
	const struct v03_generation *g = NULL;
	const struct v03_object *s = NULL, *o;
	uint64_t index;

	memset(end, 0, sizeof *end);
	for (size_t i = 0; i < r->n_g; i++)
		if (r->g[i].start_ms <= t && t <= r->g[i].end_ms
		    && (!g || r->g[i].end_ms > g->end_ms))
			g = &r->g[i];
	if (!g)
		return 0;
	for (o = r->o + g->first; o < r->o + g->first + g->n_snapshots; o++)
		if (o->time_ms <= t && (!s || o->time_ms > s->time_ms))
			s = o;
	if (!s)
		return 0;
	end->generation = g->id;
	index = s->name.index;
	for (o = r->o + g->first + g->n_snapshots; o < r->o + g->first
	    + g->n_snapshots + g->n_wal && o->time_ms <= t; o++) {
		if (o->name.index < s->name.index)
			continue;
		if (o->name.index > index + 1)
			return 0;
		index = o->name.index;
		end->wal = 1;
		end->last = o->name;
	}
	return 1;
}

static void
prune(const struct replica *r, struct replica *kept)
{
	memset(kept, 0, sizeof *kept);
	for (size_t i = 0; i < r->n; i++)
		if (!v03_keep_goes(r->why[i]))
			kept->o[kept->n++] = r->o[i];
	done(kept);
}

static void
same(const struct replica *a, const struct replica *b, int64_t t,
    int (*fn)(const struct replica *, int64_t, struct end *))
{
	struct end x, y;

	if (!fn(a, t, &x))
		return;
	if (!fn(b, t, &y) || x.generation != y.generation)
		fail_msg("at %ld: generation %lu became %lu", (long)t,
		    (unsigned long)x.generation, (unsigned long)y.generation);
	/* WAL before the snapshot is the same state without WAL */
	if (x.wal && y.wal && v03_name_cmp(&x.last, &y.last))
		fail_msg("at %ld: another state", (long)t);
	if (x.wal && !y.wal)
		fail_msg("at %ld: its WAL went", (long)t);
}

static void
every_promised_state_is_there_before_and_after(void **state)
{
	static struct replica r, kept;
	size_t went = 0, all = 0;

	(void)state;
	for (uint32_t seed = 1; seed <= 20000; seed++) {
		uint32_t x = seed * 2654435761u;
		int64_t t = 1000, now, cutoff;

		memset(&r, 0, sizeof r);
		for (int n = 1 + (int)rnd(&x, 4); n; n--) {
			t = life(&r, &x, t, seed % 4 == 0);
			/* the next one begins later, or meanwhile */
			t += rnd(&x, 20000);
			t -= rnd(&x, 4) ? 0 : rnd(&x, 20000);
			t = t < 1000 ? 1000 : t;
		}
		done(&r);
		now = t + rnd(&x, 30000);
		cutoff = now - rnd(&x, 2) * 24000 - rnd(&x, 40000);
		v03_keep_make(r.o, r.g, r.n_g, now, now - cutoff, r.why);
		prune(&r, &kept);
		same(&r, &kept, INT64_MAX, restore);
		for (size_t i = 0; i <= r.n; i++) {
			int64_t at = i < r.n ? r.o[i].time_ms : cutoff;

			for (int64_t d = -1; d <= 1; d++) {
				if (at + d < cutoff)
					continue;
				same(&r, &kept, at + d, restore);
				if (seed % 4)
					same(&r, &kept, at + d, restore_old);
			}
		}
		all += r.n;
		went += r.n - kept.n;
		/* and a second time nothing more, where no clock was wrong:
		 * that may be over with what went */
		v03_keep_make(kept.o, kept.g, kept.n_g, now, now - cutoff,
		    kept.why);
		for (size_t i = 0; i < kept.n; i++)
			assert_true(seed % 4 == 0
			    || !v03_keep_goes(kept.why[i]));
		free(r.g);
		free(kept.g);
	}
	/* it does delete */
	assert_true(went > all / 5 && went < all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stays_and_what_goes),
		cmocka_unit_test(a_snapshot_is_due_where_none_is_young),
		cmocka_unit_test(every_promised_state_is_there_before_and_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
