#include "repl/restore_arg.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include "base/hex.h"
#include "base/when.h"

int
restore_arg_time(const char *s, struct plan_target *t, struct err *e)
{
	if (when_scan(s, &t->time_ms) < 0 || t->time_ms < 0)
		return err_set(e, ERR_USAGE, "%s is not a time as in "
		    "2026-01-02T15:04:05Z", s);
	return 0;
}

int
restore_arg_txid(const char *s, struct plan_target *t, struct err *e)
{
	size_t n = strspn(s, "0123456789abcdefABCDEF");

	t->txid = n && n <= 16 && !s[n] ? strtoull(s, NULL, 16) : 0;
	return t->txid ? 0 : err_set(e, ERR_USAGE, "%s is not a TXID: 1 to 16 "
	    "hex digits, not 0", s);
}

int
restore_arg_generation(const char *s, struct v03_want *w, struct err *e)
{
	w->by_generation = 1;
	return v03_generation_scan(s, &w->generation) == 0 ? 0
	    : err_set(e, ERR_USAGE, "%s is no generation: 16 hex digits, "
	    "lower case", s);
}

int
restore_arg_index(const char *s, struct v03_want *w, struct err *e)
{
	size_t n = strspn(s, "0123456789abcdefABCDEF");

	w->by_index = 1;
	if (!n || n > 16 || s[n])
		return err_set(e, ERR_USAGE, "%s is no index: 1 to 16 hex "
		    "digits", s);
	w->index = strtoull(s, NULL, 16);
	return 0;
}

int
restore_arg_interval(const char *s, int64_t *ms, struct err *e)
{
	if (when_dur_scan(s, ms) < 0 || *ms < 10 || *ms > 86400000)
		return err_set(e, ERR_USAGE, "%s is not a duration from 10ms to "
		    "24h, as in 1s", s);
	return 0;
}

static int
number(const char *s, int base, unsigned long max, unsigned long *v)
{
	char *end;

	if (*s < '0' || *s > '9')
		return -1;
	*v = strtoul(s, &end, base);
	return *end || *v > max ? -1 : 0;
}

int
restore_arg_count(const char *s, unsigned *n, struct err *e)
{
	unsigned long v;

	if (number(s, 10, 64, &v) < 0 || !v)
		return err_set(e, ERR_USAGE, "%s is not a number from 1 to 64",
		    s);
	*n = (unsigned)v;
	return 0;
}

static int
owner_user(const char *s, struct io_perm *perm, struct err *e)
{
	struct passwd *pw;
	unsigned long n;

	if (number(s, 10, 0xfffffffe, &n) == 0) {
		perm->uid = (uid_t)n;
		return 0;
	}
	pw = getpwnam(s);
	if (!pw)
		return err_set(e, ERR_USAGE, "no user %s", s);
	perm->uid = pw->pw_uid;
	perm->gid = pw->pw_gid;
	return 0;
}

static int
owner_group(const char *s, struct io_perm *perm, struct err *e)
{
	struct group *gr;
	unsigned long n;

	if (number(s, 10, 0xfffffffe, &n) == 0) {
		perm->gid = (gid_t)n;
		return 0;
	}
	gr = getgrnam(s);
	if (!gr)
		return err_set(e, ERR_USAGE, "no group %s", s);
	perm->gid = gr->gr_gid;
	return 0;
}

int
restore_arg_owner(const char *s, struct io_perm *perm, struct err *e)
{
	const char *colon = strchr(s, ':');
	char *user = colon ? strndup(s, (size_t)(colon - s)) : strdup(s);
	int r = 0;

	if (!user)
		return err_nomem(e);
	if (*user)
		r = owner_user(user, perm, e);
	else if (!colon || !colon[1])
		r = err_set(e, ERR_USAGE, "an owner is USER[:GROUP]");
	free(user);
	if (!r && colon && colon[1])
		r = owner_group(colon + 1, perm, e);
	return r;
}

int
restore_arg_mode(const char *s, mode_t *mode, struct err *e)
{
	unsigned long n;

	if (number(s, 8, 07777, &n) < 0 || !n)
		return err_set(e, ERR_USAGE, "a mode is octal digits, as 0640");
	*mode = (mode_t)n;
	return 0;
}
