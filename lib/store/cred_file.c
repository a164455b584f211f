#include "store/cred.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "base/io.h"
#include "base/sa.h"

#define SHARED_MAX (256u << 10)

struct span {
	const char *s;
	size_t n;
};

static struct span
trim(const char *s, size_t n)
{
	while (n && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
		n--;
	return (struct span){ s, n };
}

static int
is(struct span a, const char *s)
{
	return a.n == strlen(s) && !strncasecmp(a.s, s, a.n);
}

/* "[name]" or "[profile name]", with any blanks. */
static int
is_section(struct span line, const char *name)
{
	struct span in;

	if (!line.n || line.s[line.n - 1] != ']')
		return 0;
	in = trim(line.s + 1, line.n - 2);
	if (in.n > 8 && !memcmp(in.s, "profile", 7)
	    && (in.s[7] == ' ' || in.s[7] == '\t'))
		in = trim(in.s + 8, in.n - 8);
	return in.n == strlen(name) && !memcmp(in.s, name, in.n);
}

static int
take(char **to, struct span v, struct err *err)
{
	if (*to || !v.n || memchr(v.s, 0, v.n))
		return 0;
	return (*to = strndup(v.s, v.n)) ? 0 : err_nomem(err);
}

static int
setting(struct span key, struct span v, struct cred_value *out,
    const char **refused, struct err *err)
{
	static const char *const services[] = {
		"role_arn", "credential_process", "sso_session",
		"sso_start_url", "web_identity_token_file", "login_session"
	};

	if (is(key, "aws_access_key_id"))
		return take(&out->access_key, v, err);
	if (is(key, "aws_secret_access_key"))
		return take(&out->secret_key, v, err);
	if (is(key, "aws_session_token"))
		return take(&out->session_token, v, err);
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (is(key, services[i]))
			*refused = services[i];
	return 0;
}

int
cred_file_scan(const char *s, size_t n, const char *section,
    struct cred_value *out, const char **refused, struct err *err)
{
	const char *end = s + n;
	int in = 0, found = 0;

	for (const char *next; s < end; s = next) {
		const char *nl = memchr(s, '\n', (size_t)(end - s)), *eq;
		struct span line;

		next = nl ? nl + 1 : end;
		line = trim(s, (size_t)((nl ? nl : end) - s));
		/* indented lines belong to settings of settings */
		if (!line.n || *line.s == '#' || *line.s == ';'
		    || (in && line.s != s))
			continue;
		if (*line.s == '[') {
			in = is_section(line, section);
			found |= in;
			continue;
		}
		eq = memchr(line.s, '=', line.n);
		if (in && eq && setting(trim(line.s, (size_t)(eq - line.s)),
		    trim(eq + 1, (size_t)(line.s + line.n - eq - 1)), out,
		    refused, err) < 0)
			return -1;
	}
	return found;
}

/* The shared file named by var, else ~/.aws/NAME: 1 read, 0 not there. */
static int
shared(const char *var, const char *name, stralloc *sa, struct err *err)
{
	const char *v = getenv(var), *home = getenv("HOME");
	struct io_in in;
	char path[4096];
	ssize_t r = 0;
	int fd;

	if (v && *v)
		snprintf(path, sizeof path, "%s", v);
	else if (home && *home)
		snprintf(path, sizeof path, "%s/.aws/%s", home, name);
	else
		return 0;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
		if (errno == ENOENT || errno == ENOTDIR
		    || (errno == EACCES && (!v || !*v)))
			return 0;
		return err_sys(err, "open %s", path);
	}
	in = io_in_fd(&fd);
	do {
		if (!stralloc_readyplus(sa, 4096))
			r = err_nomem(err);
		else if ((r = in.read(in.ctx, sa->s + sa->len, 4096, err)) > 0)
			sa->len += (size_t)r;
	} while (r > 0 && sa->len <= SHARED_MAX);
	close(fd);
	if (r >= 0 && sa->len > SHARED_MAX)
		r = err_set(err, ERR_CONF, "longer than %u bytes", SHARED_MAX);
	return r < 0 ? err_in(err, "%s", path) : 1;
}

int
cred_file_read(const char *asked, struct cred_value *out, struct err *err)
{
	static const char *const files[][2] = {
		{ "AWS_SHARED_CREDENTIALS_FILE", "credentials" },
		{ "AWS_CONFIG_FILE", "config" }
	};
	const char *env = getenv("AWS_PROFILE"), *refused = 0;
	const char *profile = asked ? asked : env && *env ? env : "default";
	int found = 0, r;

	for (int i = 0; i < 2 && !(out->access_key && out->secret_key); i++) {
		stralloc sa = STRALLOC_ZERO;

		r = shared(files[i][0], files[i][1], &sa, err);
		if (r > 0)
			r = cred_file_scan(sa.s ? sa.s : "", sa.len, profile,
			    out, &refused, err);
		if (sa.s)
			explicit_bzero(sa.s, sa.len);
		stralloc_free(&sa);
		if (r < 0)
			return -1;
		found |= r;
	}
	if (out->access_key && out->secret_key)
		return 1;
	if (out->access_key || out->secret_key)
		return err_set(err, ERR_CONF, "profile %.80s of the shared "
		    "files has half of a pair of keys", profile);
	if (refused)
		return err_set(err, ERR_CONF, "profile %.80s of the shared "
		    "files uses %s, which is not supported; put keys there, "
		    "as from: aws configure export-credentials", profile,
		    refused);
	if (!found && (asked || (env && *env)))
		return err_set(err, ERR_CONF, "the shared files have no "
		    "profile %.80s", profile);
	return 0;
}
