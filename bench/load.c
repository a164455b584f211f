/* load: the writer of the measurements, an ordinary application of SQLite:
 * WAL mode, synchronous=NORMAL, its own automatic checkpoints.
 *
 *   load fill DB MB           a database of this size, checkpointed
 *   load rate DB TPS SECONDS LOG
 *                             transactions of one new row and two changed
 *                             ones anywhere, paced by the clock (0.1: every
 *                             10 s); LOG gets the time of every commit, in ms
 *   load burst DB MB          transactions of about 100 kB, without pause
 *   load wal DB MB            the same with no checkpoint: all of it stays in
 *                             the WAL
 *
 * Prints one line: transactions=N seconds=S p50_us=N p99_us=N max_us=N
 * wal_mb=N (the largest size of the WAL). Half of every row is random, half
 * is text, so that LZ4 makes about half of it, as of ordinary databases. */

#include <errno.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ROW 400
#define BURST_ROWS 250

struct load {
	sqlite3 *db;
	sqlite3_stmt *begin, *insert, *update, *commit;
	const char *path;
	uint64_t random;
	uint32_t *us; /* of each transaction */
	size_t n, max;
	int updates;  /* of old rows, per transaction */
	int64_t rows; /* there were at the start */
	int64_t wal_max;
	FILE *log;
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "load: fatal: unable to %s: %s\n", what, why);
	exit(111);
}

static int64_t
now_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
run(struct load *l, const char *sql)
{
	if (sqlite3_exec(l->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(l->db));
}

static sqlite3_stmt *
prepare(struct load *l, const char *sql)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(l->db, sql, -1, &st, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(l->db));
	return st;
}

static void
step(struct load *l, sqlite3_stmt *st)
{
	int r = sqlite3_step(st);

	if (r != SQLITE_DONE && r != SQLITE_ROW)
		die("write", sqlite3_errmsg(l->db));
	sqlite3_reset(st);
}

static int64_t
integer(struct load *l, const char *sql)
{
	sqlite3_stmt *st = prepare(l, sql);
	int64_t v = 0;

	if (sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

static void
open_db(struct load *l, const char *path)
{
	l->path = path;
	l->random = 0x9e3779b97f4a7c15u ^ (uint64_t)now_us(CLOCK_MONOTONIC);
	if (sqlite3_open(path, &l->db) != SQLITE_OK)
		die("open", sqlite3_errmsg(l->db));
	sqlite3_busy_timeout(l->db, 10000);
	run(l, "PRAGMA journal_mode=wal");
	run(l, "PRAGMA synchronous=normal");
	run(l, "CREATE TABLE IF NOT EXISTS rows(id INTEGER PRIMARY KEY, v BLOB)");
	l->begin = prepare(l, "BEGIN IMMEDIATE");
	l->insert = prepare(l, "INSERT INTO rows(v) VALUES(?1)");
	l->update = prepare(l, "UPDATE rows SET v = ?1 WHERE id = ?2");
	l->commit = prepare(l, "COMMIT");
	l->rows = integer(l, "SELECT max(id) FROM rows");
}

static void
close_db(struct load *l)
{
	sqlite3_finalize(l->begin);
	sqlite3_finalize(l->insert);
	sqlite3_finalize(l->update);
	sqlite3_finalize(l->commit);
	sqlite3_close(l->db);
	free(l->us);
}

static void
put(struct load *l, sqlite3_stmt *st)
{
	static const char text[] = "The quick brown fox jumps over the lazy dog; ";
	unsigned char row[ROW];

	for (size_t i = 0; i < ROW / 2; i += 8) {
		l->random ^= l->random << 13;
		l->random ^= l->random >> 7;
		l->random ^= l->random << 17;
		memcpy(row + i, &l->random, 8);
	}
	for (size_t i = ROW / 2; i < ROW; i++)
		row[i] = (unsigned char)text[i % (sizeof text - 1)];
	sqlite3_bind_blob(st, 1, row, ROW, SQLITE_STATIC);
	if (st == l->update)
		sqlite3_bind_int64(st, 2,
		    1 + (int64_t)(l->random >> 1) % l->rows);
	step(l, st);
}

static void
watch_wal(struct load *l)
{
	char wal[4096];
	struct stat st;

	snprintf(wal, sizeof wal, "%s-wal", l->path);
	if (stat(wal, &st) == 0 && st.st_size > l->wal_max)
		l->wal_max = st.st_size;
}

static void
transaction(struct load *l, int rows)
{
	int64_t t = now_us(CLOCK_MONOTONIC);

	step(l, l->begin);
	for (int i = 0; i < rows; i++)
		put(l, l->insert);
	for (int i = 0; i < l->updates && l->rows > 0; i++)
		put(l, l->update);
	step(l, l->commit);
	t = now_us(CLOCK_MONOTONIC) - t;
	if (l->n == l->max) {
		l->max = l->max ? 2 * l->max : 4096;
		l->us = realloc(l->us, l->max * sizeof *l->us);
		if (l->us == NULL)
			die("go on", "out of memory");
	}
	l->us[l->n++] = (uint32_t)t;
	if (l->log != NULL)
		fprintf(l->log, "%.3f\n",
		    (double)now_us(CLOCK_REALTIME) / 1000);
	watch_wal(l);
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
report(struct load *l, int64_t us)
{
	if (l->n == 0)
		return;
	qsort(l->us, l->n, sizeof *l->us, compare);
	printf("transactions=%zu seconds=%.3f p50_us=%u p99_us=%u max_us=%u "
	    "wal_mb=%.1f\n", l->n, (double)us / 1e6, l->us[l->n / 2],
	    l->us[l->n * 99 / 100], l->us[l->n - 1],
	    (double)l->wal_max / 1e6);
}

static void
fill(struct load *l, int64_t bytes)
{
	run(l, "PRAGMA wal_autocheckpoint=10000");
	while (integer(l, "PRAGMA page_count") * 4096 < bytes)
		transaction(l, 2000);
	run(l, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static void
burst(struct load *l, int64_t bytes)
{
	for (int64_t i = 0; i < bytes / (ROW * BURST_ROWS); i++)
		transaction(l, BURST_ROWS);
}

static void
rate(struct load *l, double tps, int seconds)
{
	struct timespec ts;
	int64_t start = now_us(CLOCK_MONOTONIC);
	int64_t at;

	for (int64_t i = 0; i < (int64_t)(tps * seconds + 0.5); i++) {
		at = start + (int64_t)((double)i * 1e6 / tps);
		ts.tv_sec = at / 1000000;
		ts.tv_nsec = at % 1000000 * 1000;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts,
		    NULL) == EINTR)
			continue;
		transaction(l, 1);
	}
}

int
main(int argc, char **argv)
{
	struct load l = { 0 };
	int64_t t;
	const char *mode = argc > 1 ? argv[1] : "";

	if (!(strcmp(mode, "fill") == 0 && argc == 4)
	    && !(strcmp(mode, "burst") == 0 && argc == 4)
	    && !(strcmp(mode, "wal") == 0 && argc == 4)
	    && !(strcmp(mode, "rate") == 0 && argc == 6)) {
		fprintf(stderr, "usage: load fill|burst|wal DB MB | "
		    "load rate DB TPS SECONDS LOG\n");
		return 100;
	}
	open_db(&l, argv[2]);
	t = now_us(CLOCK_MONOTONIC);
	if (strcmp(mode, "fill") == 0) {
		fill(&l, atoll(argv[3]) * 1000000);
	} else if (strcmp(mode, "burst") == 0) {
		burst(&l, atoll(argv[3]) * 1000000);
	} else if (strcmp(mode, "wal") == 0) {
		sqlite3_db_config(l.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
		    NULL);
		run(&l, "PRAGMA wal_autocheckpoint=0");
		burst(&l, atoll(argv[3]) * 1000000);
	} else {
		l.log = fopen(argv[5], "w");
		if (l.log == NULL)
			die("open the log", strerror(errno));
		l.updates = 2;
		rate(&l, atof(argv[3]), atoi(argv[4]));
		fclose(l.log);
	}
	report(&l, now_us(CLOCK_MONOTONIC) - t);
	close_db(&l);
	return 0;
}
