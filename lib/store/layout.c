#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

/* Litestream joins its S3 keys without cleaning them: an empty path makes
 * "/0000/...", a path "." makes "./0000/...". File paths have "ltx/" and the
 * level as a plain digit. */

static int
layout_join(const struct store_conf *c, const char *folder, const char *name,
    const char *end, char **out, struct err *e)
{
	const char *path = c->path ? c->path : "";
	size_t len = strlen(path);

	while (c->type != STORE_S3 && len && path[len - 1] == '/')
		len--;
	if (asprintf(out, "%.*s%s%s/%s%s", (int)len, path, *path
	    || c->type == STORE_S3 ? "/" : "", folder, name, end) < 0) {
		*out = 0;
		return err_nomem(e);
	}
	return 0;
}

static int
layout_make(const struct store_conf *c, unsigned level, const char *name,
    char **out, struct err *e)
{
	char folder[16];

	if (level == STORE_LEVEL_PIN && c->pin)
		return store_pin_key(c, c->pin, out, e);
	if (level >= STORE_LEVELS)
		return err_set(e, ERR_BUG, "level %u", level);
	snprintf(folder, sizeof folder, c->type == STORE_S3 ? "%04x" : "ltx/%u",
	    level);
	return layout_join(c, folder, name, "", out, e);
}

int
store_pin_prefix(const struct store_conf *c, char **out, struct err *e)
{
	return layout_join(c, "pins", "", "", out, e);
}

int
store_pin_key(const struct store_conf *c, const char *name, char **out,
    struct err *e)
{
	return layout_join(c, "pins", name, ".ltx", out, e);
}

int
store_level_prefix(const struct store_conf *c, unsigned level, char **out,
    struct err *e)
{
	return layout_make(c, level, "", out, e);
}

int
store_ltx_key(const struct store_conf *c, unsigned level, uint64_t min,
    uint64_t max, char **out, struct err *e)
{
	char name[40];

	hex64_fmt(name, min);
	name[16] = '-';
	hex64_fmt(name + 17, max);
	strcpy(name + 33, ".ltx");
	return layout_make(c, level, name, out, e);
}

int
store_name_ltx(const char *name)
{
	size_t n = strlen(name);

	return n >= 4 && !strcmp(name + n - 4, ".ltx");
}

static int
layout_name(const char *s)
{
	uint64_t v;

	return strlen(s) == 37 && !hex64_scan(s, &v) && s[16] == '-'
	    && !hex64_scan(s + 17, &v) && !strcmp(s + 33, ".ltx");
}

/* Has it a component ".."? */
static int
layout_leaves(const char *name)
{
	size_t n;

	for (; *name; name += n + (name[n] == '/')) {
		n = strcspn(name, "/");
		if (n == 2 && name[0] == '.' && name[1] == '.')
			return 1;
	}
	return 0;
}

int
store_name_key(const struct store_conf *c, int level, const char *name,
    char **out, struct err *e)
{
	const char *path = c->path ? c->path : "", *slash = strchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) : 0;

	*out = 0;
	if (!*name)
		return err_set(e, ERR_USAGE, "the KEY is empty");
	if (layout_name(name))
		return layout_make(c, level < 0 ? 0 : (unsigned)level, name,
		    out, e);
	if ((n == 1 || (n == 4 && !strncmp(name, "000", 3)))
	    && slash[-1] >= '0' && slash[-1] <= '9' && layout_name(slash + 1))
		return layout_make(c, (unsigned)(slash[-1] - '0'), slash + 1,
		    out, e);
	if (c->type != STORE_S3 && name[strlen(name) - 1] == '/')
		return err_set(e, ERR_USAGE, "%s is a folder, no object", name);
	if (c->type != STORE_S3 && layout_leaves(name))
		return err_set(e, ERR_USAGE, "%s leads out of the replica",
		    name);
	if (asprintf(out, "%s%s%s", path, *path || c->type == STORE_S3 ? "/"
	    : "", name) < 0) {
		*out = 0;
		return err_nomem(e);
	}
	return 0;
}
