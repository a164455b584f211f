#include "repl/place_perm.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

static int
number(const char *s, int base, unsigned long max, unsigned long *v)
{
	char *end;

	if (*s < '0' || *s > '9')
		return -1;
	*v = strtoul(s, &end, base);
	return *end || *v > max ? -1 : 0;
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
place_perm_owner(const char *s, struct io_perm *perm, struct err *e)
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
place_perm_mode(const char *s, mode_t *mode, struct err *e)
{
	unsigned long n;

	if (number(s, 8, 07777, &n) < 0 || !n)
		return err_set(e, ERR_USAGE, "a mode is octal digits, as 0640");
	*mode = (mode_t)n;
	return 0;
}
