#include "db/row.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include "base/hex.h"
#include "db/check.h"

#define WAIT_MS 10000
#define MAKE "create table if not exists _litestream_verification " \
	"(id integer primary key, uuid blob)"

static int
fail(sqlite3 *db, int rc, const char *what, struct err *e)
{
	enum err_kind k;

	switch (rc & 0xff) {
	case SQLITE_BUSY: case SQLITE_LOCKED: k = ERR_BUSY; break;
	case SQLITE_FULL: k = ERR_FULL; break;
	case SQLITE_CORRUPT: case SQLITE_NOTADB: case SQLITE_ERROR:
		k = ERR_DATA;
		break;
	case SQLITE_READONLY: case SQLITE_PERM: case SQLITE_CANTOPEN:
		k = ERR_DENIED;
		break;
	default: k = ERR_TEMP;
	}
	return err_set(e, k, "%s: %s", what, sqlite3_errmsg(db));
}

/* A statement with the uuid for its parameter. Its last result in *rc. */
static int
with_uuid(sqlite3 *db, const char *sql, const char *uuid)
{
	sqlite3_stmt *st = 0;
	int rc = sqlite3_prepare_v2(db, sql, -1, &st, 0);

	if (!rc)
		rc = sqlite3_bind_text(st, 1, uuid, -1, SQLITE_STATIC);
	if (!rc)
		rc = sqlite3_step(st);
	sqlite3_finalize(st);
	return rc;
}

static int
uuid_make(char uuid[ROW_UUID], struct err *e)
{
	unsigned char b[16];
	char h[33];

	if (getrandom(b, sizeof b, 0) != sizeof b)
		return err_sys(e, "random bytes");
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	hex_fmt(h, b, 16);
	h[32] = 0;
	snprintf(uuid, ROW_UUID, "%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8, h + 12,
	    h + 16, h + 20);
	return 0;
}

static int
open_rw(const char *path, sqlite3 **db, struct err *e)
{
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return err_sys(e, "stat %s", path);
	rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE
	    | SQLITE_OPEN_NOMUTEX, 0);
	if (!rc)
		rc = sqlite3_busy_timeout(*db, WAIT_MS);
	if (!rc)
		return 0;
	fail(*db, rc, "open", e);
	sqlite3_close(*db);
	return err_in(e, "%s", path);
}

int
row_insert(const char *path, char uuid[ROW_UUID], struct err *e)
{
	sqlite3 *db;
	int rc, r = 0;

	if (uuid_make(uuid, e) < 0 || open_rw(path, &db, e) < 0)
		return -1;
	rc = sqlite3_exec(db, MAKE, 0, 0, 0);
	if (!rc)
		rc = with_uuid(db, "insert into _litestream_verification (uuid) "
		    "values (?)", uuid);
	if (rc != SQLITE_DONE)
		r = fail(db, rc, "insert a row", e);
	sqlite3_close(db);
	return r < 0 ? err_in(e, "%s", path) : 0;
}

int
row_delete(const char *path, const char *uuid, struct err *e)
{
	sqlite3 *db;
	int rc, r = 0;

	if (open_rw(path, &db, e) < 0)
		return -1;
	rc = with_uuid(db, "delete from _litestream_verification where "
	    "uuid = ?", uuid);
	if (rc != SQLITE_DONE)
		r = fail(db, rc, "delete the row", e);
	sqlite3_close(db);
	return r < 0 ? err_in(e, "%s", path) : 0;
}

int
row_check(const char *path, const char *uuid, struct err *e)
{
	sqlite3 *db;
	int rc, r = 0;

	if (check_open(path, &db, e) < 0)
		return -1;
	rc = with_uuid(db, "select 1 from _litestream_verification where "
	    "uuid = ?", uuid);
	if (rc == SQLITE_DONE || (rc & 0xff) == SQLITE_ERROR)
		r = err_set(e, ERR_NO, "the row is not in the restored "
		    "database%s", rc == SQLITE_DONE ? "" : ", nor the table");
	else if (rc != SQLITE_ROW)
		r = fail(db, rc, "look for the row", e);
	sqlite3_close(db);
	return r;
}
