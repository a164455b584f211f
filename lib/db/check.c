#include "db/check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* immutable=1: without it, reading a database in WAL mode would make a -wal
 * and a -shm beside the file. In a URI some bytes are to be escaped. */
static int
uri_of(const char *path, char *uri, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	/* of "file://a" SQLite takes a for a host */
	size_t n = snprintf(uri, len, *path == '/' ? "file://" : "file:");

	for (; *path; path++) {
		if (n + 16 > len)
			return -1;
		if (strchr("%?#", *path)) {
			uri[n++] = '%';
			uri[n++] = hex[(unsigned char)*path >> 4];
			uri[n++] = hex[*path & 15];
		} else {
			uri[n++] = *path;
		}
	}
	return snprintf(uri + n, len - n, "?immutable=1") < (int)(len - n)
	    ? 0 : -1;
}

int
check_kind_scan(const char *s, enum check_kind *k, struct err *e)
{
	*k = !strcmp(s, "full") ? CHECK_FULL
	    : !strcmp(s, "quick") ? CHECK_QUICK : CHECK_NONE;
	return *k || !strcmp(s, "none") ? 0
	    : err_set(e, ERR_USAGE, "%s is no integrity check: "
	    "none, quick or full", s);
}

int
check_open(const char *path, struct sqlite3 **db, struct err *err)
{
	char uri[4200];

	*db = 0;
	if (uri_of(path, uri, sizeof uri) < 0)
		return err_set(err, ERR_CONF, "path too long: %s", path);
	if (!sqlite3_open_v2(uri, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
	    | SQLITE_OPEN_NOMUTEX, 0))
		return 0;
	err_set(err, ERR_DATA, "%s: %s", path, sqlite3_errmsg(*db));
	sqlite3_close(*db);
	return -1;
}

int
check_file(const char *path, enum check_kind kind, struct err *err)
{
	sqlite3_stmt *st = 0;
	const char *text = 0;
	sqlite3 *db;
	int rc;

	if (kind == CHECK_NONE)
		return 0;
	if (check_open(path, &db, err) < 0)
		return -1;
	rc = sqlite3_prepare_v2(db, kind == CHECK_FULL
	    ? "pragma integrity_check(1)" : "pragma quick_check(1)", -1, &st,
	    0);
	if (!rc && (rc = sqlite3_step(st)) == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(st, 0);
	if (text && !strcmp(text, "ok"))
		rc = 0;
	else
		rc = err_set(err, ERR_DATA, "%s: integrity check: %s", path,
		    text ? text : sqlite3_errmsg(db));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return rc;
}

int
check_count(struct sqlite3 *db, int64_t *n, struct err *err)
{
	sqlite3_stmt *st = 0;
	int rc = sqlite3_prepare_v2(db, "select count(*) from sqlite_master "
	    "where type = 'table'", -1, &st, 0);

	if (!rc && (rc = sqlite3_step(st)) == SQLITE_ROW)
		*n = sqlite3_column_int64(st, 0);
	rc = rc == SQLITE_ROW ? 0 : err_set(err, ERR_DATA, "count tables: %s",
	    sqlite3_errmsg(db));
	sqlite3_finalize(st);
	return rc;
}

int
check_tables(const char *path, int64_t *n, struct err *err)
{
	sqlite3 *db;
	int r;

	if (check_open(path, &db, err) < 0)
		return -1;
	r = check_count(db, n, err);
	sqlite3_close(db);
	return r;
}
