#include "db/conn.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/when.h"

static enum err_kind
kind_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY: case SQLITE_LOCKED: case SQLITE_PROTOCOL:
		return ERR_BUSY;
	case SQLITE_FULL: return ERR_FULL;
	case SQLITE_NOTADB: case SQLITE_CORRUPT: return ERR_DATA;
	case SQLITE_PERM: case SQLITE_AUTH: case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return ERR_DENIED;
	case SQLITE_MISUSE: return ERR_BUG;
	default: return ERR_TEMP;
	}
}

static int
fail(struct conn *c, int rc, const char *what, struct err *err)
{
	const char *why = c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);
	int sys = c->db ? sqlite3_system_errno(c->db) : 0;
	enum err_kind kind = kind_of(rc);

	/* Too many open files is no refusal */
	if ((rc & 0xff) == SQLITE_CANTOPEN && (sys == EMFILE || sys == ENFILE
	    || sys == ENOMEM)) {
		errno = sys;
		return err_sys(err, "%s: %s", what, why);
	}
	return err_set(err, kind, "%s: %s (SQLite %d)%s", what, why,
	    c->db ? sqlite3_extended_errcode(c->db) : rc,
	    kind == ERR_DENIED ? "; the database and its folder must be "
	    "writable" : "");
}

static pthread_once_t configured_once = PTHREAD_ONCE_INIT;

/* Pages one by one: a bulk of 20 for each of hundreds of connections that
 * only ever look at page 1 is most of their memory. Refused, without harm,
 * once SQLite is at work. Not safe beside another thread in SQLite. */
static void
configure(void)
{
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, (void *)0, 0, 0);
	sqlite3_initialize();
}

int
conn_open(struct conn *c, const char *path, struct err *err)
{
	struct stat st;
	int rc, one = 1;

	memset(c, 0, sizeof *c);
	if (stat(path, &st) < 0)
		return err_sys(err, "stat %s", path);
	pthread_once(&configured_once, configure);
	rc = sqlite3_open_v2(path, &c->db,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, 0);
	if (rc) {
		fail(c, rc, "open", err);
		if ((rc = sqlite3_system_errno(c->db))) {
			errno = rc;
			err_sys(err, "open %s", path);
		}
		conn_close(c);
		return -1;
	}
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_LOOKASIDE, (void *)0, 0, 0);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
	    (int *)0);
	sqlite3_wal_autocheckpoint(c->db, 0);
	sqlite3_file_control(c->db, "main", SQLITE_FCNTL_PERSIST_WAL, &one);
	return 0;
}

void
conn_close(struct conn *c)
{
	sqlite3_finalize(c->read);
	if (c->writing)
		sqlite3_exec(c->db, "rollback", 0, 0, 0);
	sqlite3_close(c->db);
	memset(c, 0, sizeof *c);
}

void
conn_tidy(struct conn *c)
{
	int zero = 0;

	sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0,
	    (int *)0);
	sqlite3_file_control(c->db, "main", SQLITE_FCNTL_PERSIST_WAL, &zero);
}

int
conn_moved(struct conn *c)
{
	int moved = 0;

	sqlite3_file_control(c->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved;
}

/* A writer in exclusive mode keeps the wal-index in its own memory: a WAL
 * without -shm while the file is locked. */
static int
exclusive(struct conn *c)
{
	char path[4096];
	struct stat st;
	const char *db = sqlite3_db_filename(c->db, "main");

	if (snprintf(path, sizeof path, "%s-wal", db) >= (int)sizeof path
	    || stat(path, &st) < 0)
		return 0;
	snprintf(path, sizeof path, "%s-shm", db);
	return stat(path, &st) < 0;
}

int
conn_begin(struct conn *c, uint32_t *cookie, struct err *err)
{
	int rc = SQLITE_OK;

	if (c->reading)
		return err_set(err, ERR_BUG, "a read transaction is open");
	/* Reads one field of page 1: a transaction without a schema */
	if (!c->read)
		rc = sqlite3_prepare_v3(c->db, "pragma schema_version", -1,
		    SQLITE_PREPARE_PERSISTENT, &c->read, 0);
	if (!rc)
		rc = sqlite3_step(c->read);
	if (rc == SQLITE_ROW) {
		c->reading = c->attached = 1;
		if (cookie)
			*cookie = (uint32_t)sqlite3_column_int64(c->read, 0);
		return 0;
	}
	fail(c, rc, "begin a read transaction", err);
	sqlite3_finalize(c->read);
	c->read = 0;
	if (err->kind == ERR_BUSY && exclusive(c))
		return err_set(err, ERR_CONF, "another process has it open in "
		    "exclusive locking mode; let the application use PRAGMA "
		    "locking_mode=NORMAL");
	return -1;
}

void
conn_end(struct conn *c)
{
	if (c->read)
		sqlite3_reset(c->read);
	c->reading = 0;
}

int
conn_lock(struct conn *c, int64_t wait_ms, struct err *err)
{
	int64_t until = when_mono() + wait_ms;
	int rc;

	/* Writers let go for a moment only: SQLite's own waiting, with longer
	 * and longer pauses, would miss it */
	while (((rc = sqlite3_exec(c->db, "begin immediate", 0, 0, 0)) & 0xff)
	    == SQLITE_BUSY && when_mono() < until)
		usleep(500);
	if (rc)
		return fail(c, rc, "take the write lock", err);
	c->writing = 1;
	return 0;
}

void
conn_unlock(struct conn *c)
{
	sqlite3_exec(c->db, "rollback", 0, 0, 0);
	c->writing = 0;
}

int
conn_checkpoint(struct conn *c, struct err *err)
{
	int log, done;
	int rc = sqlite3_wal_checkpoint_v2(c->db, "main",
	    SQLITE_CHECKPOINT_PASSIVE, &log, &done);

	if (rc)
		return fail(c, rc, "checkpoint", err);
	return 0;
}

int
conn_set_wal(struct conn *c, int64_t wait_ms, struct err *err)
{
	sqlite3_stmt *st = 0;
	const char *mode = 0;
	int rc;

	sqlite3_busy_timeout(c->db, (int)wait_ms);
	rc = sqlite3_prepare_v2(c->db, "pragma journal_mode=wal", -1, &st, 0);
	if (!rc)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		mode = (const char *)sqlite3_column_text(st, 0);
	if (rc != SQLITE_ROW)
		fail(c, rc, "switch to WAL mode", err);
	else if (!mode || strcmp(mode, "wal"))
		err_set(err, ERR_CONF, "it stays in journal mode %s and "
		    "cannot be captured; run PRAGMA journal_mode=WAL on it",
		    mode ? mode : "unknown");
	rc = rc == SQLITE_ROW && mode && !strcmp(mode, "wal") ? 0 : -1;
	sqlite3_finalize(st);
	sqlite3_busy_timeout(c->db, 0);
	return rc;
}

static sqlite3_file *
file_of(struct conn *c, int op)
{
	sqlite3_file *f = 0;

	sqlite3_file_control(c->db, "main", op, &f);
	return f && f->pMethods ? f : 0;
}

const volatile unsigned char *
conn_shm(struct conn *c)
{
	sqlite3_file *f = file_of(c, SQLITE_FCNTL_FILE_POINTER);
	void volatile *p = 0;

	if (!c->attached || !f || f->pMethods->iVersion < 2
	    || f->pMethods->xShmMap(f, 0, 32768, 0, &p))
		return 0;
	return p;
}

static int
read_file(struct conn *c, int op, void *buf, size_t len, int64_t off,
    int *got, struct err *err)
{
	sqlite3_file *f = file_of(c, op);
	int rc;

	if (!f)
		return err_set(err, ERR_BUG, "no open file");
	rc = f->pMethods->xRead(f, buf, (int)len, off);
	if (got)
		*got = rc == SQLITE_OK;
	if (rc && rc != SQLITE_IOERR_SHORT_READ)
		return err_set(err, ERR_TEMP, "read at byte %lld: %s",
		    (long long)off, sqlite3_errstr(rc));
	return 0;
}

int
conn_read_db(struct conn *c, void *buf, size_t len, int64_t off, int *got,
    struct err *err)
{
	if (read_file(c, SQLITE_FCNTL_FILE_POINTER, buf, len, off, got, err))
		return err_in(err, "database file");
	return 0;
}

int
conn_read_wal(struct conn *c, void *buf, size_t len, int64_t off, int *got,
    struct err *err)
{
	if (read_file(c, SQLITE_FCNTL_JOURNAL_POINTER, buf, len, off, got,
	    err))
		return err_in(err, "WAL file");
	return 0;
}

static int
size_of(struct conn *c, int op, int64_t *size, struct err *err)
{
	sqlite3_file *f = file_of(c, op);
	sqlite3_int64 n;
	int rc;

	if (!f)
		return err_set(err, ERR_NOTFOUND, "no open file");
	if ((rc = f->pMethods->xFileSize(f, &n)))
		return err_set(err, ERR_TEMP, "size: %s", sqlite3_errstr(rc));
	*size = n;
	return 0;
}

int
conn_db_size(struct conn *c, int64_t *size, struct err *err)
{
	return size_of(c, SQLITE_FCNTL_FILE_POINTER, size, err);
}

int
conn_wal_size(struct conn *c, int64_t *size, struct err *err)
{
	return size_of(c, SQLITE_FCNTL_JOURNAL_POINTER, size, err);
}
