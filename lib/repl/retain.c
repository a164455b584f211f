#include "repl/retain.h"

#include "ltx/ltx.h"

/* Can a restore begin with it? */
static int
is_base(const struct replica_file *f)
{
	return f->min == 1 && f->size > LTX_HEADER_SIZE + LTX_TRAILER_SIZE;
}

/* Index of the last file of a level (the listing is sorted), l->n: none. */
static size_t
level_last(const struct listing *l, unsigned level)
{
	size_t last = l->n;

	for (size_t i = 0; i < l->n; i++)
		if (l->f[i].level == level
		    && (level != STORE_LEVEL_SNAPSHOT || is_base(&l->f[i]))
		    && (last == l->n || l->f[i].max >= l->f[last].max))
			last = i;
	return last;
}

void
retain_make(const struct listing *l, int64_t now_ms, int64_t retention_ms,
    enum retain_why *why)
{
	size_t last[STORE_LEVELS];
	uint64_t floor = 0; /* largest TXID of a snapshot that goes, */
	uint64_t stays = UINT64_MAX; /* at most the smallest of one that stays */

	for (unsigned i = 0; i < STORE_LEVELS; i++)
		last[i] = level_last(l, i);
	for (size_t i = 0; i < l->n; i++) {
		const struct replica_file *f = &l->f[i];

		if (f->level != STORE_LEVEL_SNAPSHOT)
			continue;
		if (i == last[f->level])
			why[i] = RETAIN_NEWEST;
		else if (!is_base(f))
			why[i] = RETAIN_NEEDED;
		else if (f->time_ms >= now_ms - retention_ms)
			why[i] = RETAIN_YOUNG;
		else {
			why[i] = RETAIN_OLD;
			if (f->max > floor)
				floor = f->max;
		}
		if (is_base(f) && !retain_goes(why[i]) && f->max < stays)
			stays = f->max;
	}
	if (floor > stays)
		floor = stays;
	for (size_t i = 0; i < l->n; i++) {
		const struct replica_file *f = &l->f[i];

		if (f->level == STORE_LEVEL_SNAPSHOT)
			continue;
		if (!f->level)
			why[i] = RETAIN_LEVEL0;
		else if (f->max >= floor)
			why[i] = RETAIN_NEEDED;
		else if (i == last[f->level])
			why[i] = RETAIN_LAST;
		else
			why[i] = RETAIN_COVERED;
	}
}

int
retain_goes(enum retain_why why)
{
	return why == RETAIN_OLD || why == RETAIN_COVERED;
}

const char *
retain_word(enum retain_why why)
{
	static const char *const words[] = {
		"level 0 goes only after compaction",
		"newest snapshot",
		"snapshot within the retention",
		"needed by states that can be restored",
		"last file of its level",
		"snapshot past the retention",
		"before the newest snapshot that goes"
	};

	return words[why];
}
