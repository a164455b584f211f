#include "store/sftp_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "crypt/sha256.h"

#define TRUST_FILE_MAX (16u << 20)
#define TRUST_LINE (SFTP_TYPE_MAX + 1 + BASE64_LEN(SFTP_KEY_MAX))

/* A server offers several types of keys and proves one: the one that is
 * asked for, or the client's favourite. libcurl asks for the type it finds in
 * a known_hosts file, so it gets one with the type we know. Whether the key
 * is right is judged here. */
static const char trust_types[] = "ssh-ed25519\0ecdsa-sha2-nistp256\0"
    "ecdsa-sha2-nistp384\0ecdsa-sha2-nistp521\0ssh-rsa\0\0";

static int
trust_has(const stralloc *list, const char *s)
{
	for (size_t i = 0; i < list->len; i += strlen(list->s + i) + 1)
		if (!strcmp(list->s + i, s))
			return 1;
	return 0;
}

static int
trust_add(stralloc *list, const char *s, struct err *e)
{
	if (trust_has(list, s))
		return 0;
	return stralloc_cats(list, s) && stralloc_0(list) ? 0 : err_nomem(e);
}

static int
trust_has_type(const stralloc *list, const char *type)
{
	size_t n = strlen(type);

	for (size_t i = 0; i < list->len; i += strlen(list->s + i) + 1)
		if (!strncmp(list->s + i, type, n) && list->s[i + n] == ' ')
			return 1;
	return 0;
}

/* ---- what is known ---- */

struct trust_scan {
	stralloc *keys, *revoked;
	struct err *e;
	int bad, found;
};

static void
trust_on_key(void *ctx, const char *type, const char *base64, int revoked)
{
	struct trust_scan *t = ctx;
	char line[TRUST_LINE];

	snprintf(line, sizeof line, "%s %s", type, base64);
	t->found = 1;
	if (trust_add(revoked ? t->revoked : t->keys, line, t->e))
		t->bad = 1;
}

/* The keys of the host in a file, from its beginning. */
static int
trust_scan_fd(struct sftp *s, int fd, stralloc *keys, stralloc *revoked,
    int *found, struct err *e)
{
	struct trust_scan t = { keys, revoked, e, 0, 0 };
	struct stat b;
	char *text;
	size_t n;

	if (fstat(fd, &b))
		return err_sys(e, "look at it");
	if (!S_ISREG(b.st_mode) || b.st_size > TRUST_FILE_MAX)
		return err_set(e, ERR_CONF, "no file, or larger than %u bytes",
		    TRUST_FILE_MAX);
	n = (size_t)b.st_size;
	if (!(text = malloc(n + 1)))
		return err_nomem(e);
	if (n && io_preadn(fd, text, n, 0, e)) {
		free(text);
		return -1;
	}
	sftp_known_scan(text, n, s->name, trust_on_key, &t);
	free(text);
	*found = t.found;
	return t.bad ? -1 : 0;
}

/* A file that is not there knows nobody; one that cannot be read might. */
static int
trust_scan_file(struct sftp *s, const char *path, struct err *e)
{
	struct sftp_trust *t = &s->trust;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), found, r;

	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		err_sys(e, "read known host keys of %s", path);
		e->kind = ERR_CONF;
		return -1;
	}
	r = trust_scan_fd(s, fd, &t->keys, &t->revoked, &found, e);
	close(fd);
	if (r)
		return err_in(e, "read known host keys of %s", path);
	if (found && !t->from && !(t->from = strdup(path)))
		return err_nomem(e);
	return 0;
}

static int
trust_files(struct sftp *s, struct err *e)
{
	const char *home = getenv("HOME"), *x = getenv("XDG_STATE_HOME");
	const char *given = s->st.conf->known_hosts;
	struct sftp_trust *t = &s->trust;
	char *user = 0;
	int r = 0;

	if (home && *home != '/')
		home = 0;
	if (home && asprintf(&user, "%s/.ssh/known_hosts", home) < 0)
		return err_nomem(e);
	if (given)
		r = !(t->file = strdup(given)) ? -1 : 0;
	else if (x && *x == '/')
		r = asprintf(&t->file, "%s/ls-s6/known_hosts", x);
	else if (home)
		r = asprintf(&t->file, "%s/.local/state/ls-s6/known_hosts",
		    home);
	if (r < 0) {
		t->file = 0;
		free(user);
		return err_nomem(e);
	}
	r = user ? trust_scan_file(s, user, e) : 0;
	free(user);
	return !r && t->file ? trust_scan_file(s, t->file, e) : r;
}

static int
trust_pinned(struct sftp *s, const char *pin, struct err *e)
{
	char type[SFTP_TYPE_MAX], base64[BASE64_LEN(SFTP_KEY_MAX)];
	char line[TRUST_LINE];

	if (!strncmp(pin, "SHA256:", 7) && strspn(pin + 7,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
	    == 43) {
		s->trust.pin = pin;
		return 0;
	}
	if (sftp_known_line(pin, type, base64))
		return err_set(e, ERR_CONF, "host-key: is neither a line as "
		    "\"ssh-ed25519 AAAA...\" nor \"SHA256:...\"");
	snprintf(line, sizeof line, "%s %s", type, base64);
	return trust_add(&s->trust.keys, line, e);
}

/* What is asked for: the types that are known, then any, so that a server
 * that gave up a type is told from one that is away. */
static int
trust_wanted(struct sftp_trust *t, struct err *e)
{
	char type[SFTP_TYPE_MAX];

	if (t->pin)
		return stralloc_catb(&t->types, trust_types,
		    sizeof trust_types - 1) ? 0 : err_nomem(e);
	for (size_t i = 0; i < t->keys.len; i += strlen(t->keys.s + i) + 1) {
		size_t n = strcspn(t->keys.s + i, " ");

		memcpy(type, t->keys.s + i, n);
		type[n] = 0;
		for (const char *k = trust_types; *k; k += strlen(k) + 1)
			if (!strcmp(k, type) && trust_add(&t->types, type, e))
				return -1;
	}
	return stralloc_0(&t->types) ? 0 : err_nomem(e);
}

static int
trust_load(struct sftp *s, struct err *e)
{
	const char *pin = s->st.conf->host_key;

	if (pin ? trust_pinned(s, pin, e) : trust_files(s, e))
		return -1;
	if (trust_wanted(&s->trust, e))
		return -1;
	s->trust.ready = 1;
	return 0;
}

/* ---- the way out, for messages ---- */

static void
trust_print(char *out, size_t size, const unsigned char *key, size_t n)
{
	unsigned char sha[SHA256_LEN];
	char b[BASE64_LEN(SHA256_LEN)];

	sha256_of(key, n, sha);
	base64_fmt(b, sha, sizeof sha);
	b[strcspn(b, "=")] = 0;
	snprintf(out, size, "SHA256:%s", b);
}

/* What to write in host-key:, the whole where it is short enough to read. */
static const char *
trust_short(const char *line, const char *print)
{
	return strlen(line) < 200 ? line : print;
}

static int
trust_changed(struct sftp *s, const char *line, const char *print,
    struct err *e)
{
	const struct sftp_trust *t = &s->trust;

	return err_set(e, ERR_CONF, "the server's host key is not the one that "
	    "%s%s: it shows %s. Somebody may be in between. If it was given a "
	    "new key, %s%s%s\"%s\"", t->from ? "was known, of " : "is pinned",
	    t->from ? t->from : "", print, t->from ? "remove the lines of " : "",
	    t->from ? s->name : "", t->from ? " there, or pin host-key: "
	    : "pin host-key: ", trust_short(line, print));
}

static int
trust_unknown(struct sftp *s, const char *line, const char *print,
    struct err *e)
{
	return err_set(e, ERR_CONF, "the server's host key (%s) is not known "
	    "and LS_SFTP_STRICT refuses such; compare it with the server's, "
	    "then pin host-key: \"%s\", or add it to known_hosts as %s", print,
	    trust_short(line, print), s->name);
}

/* ---- remembering ---- */

static int
trust_append(int fd, const char *name, const char *line, struct err *e)
{
	char *text, last = '\n';
	off_t size = lseek(fd, 0, SEEK_END);
	int n, r = 0;

	if (size > 0 && io_preadn(fd, &last, 1, size - 1, e))
		return -1;
	n = asprintf(&text, "%s%s %s\n", last == '\n' ? "" : "\n", name, line);
	if (n < 0)
		return err_nomem(e);
	errno = 0;
	if (write(fd, text, (size_t)n) != n || fsync(fd)) {
		if (!errno)
			errno = ENOSPC; /* a part of it went */
		r = err_sys(e, "write");
		/* a part of a key may look like another key */
		if (ftruncate(fd, size))
			err_in(e, "and to take it back");
	}
	free(text);
	return r;
}

/* Under a lock: of several that meet the host at once one is the first. 1:
 * remembered; 0: it is there by now; -1, ERR_NO: another one is. */
static int
trust_remember(struct sftp *s, const char *line, struct err *e)
{
	struct sftp_trust *t = &s->trust;
	stralloc keys = STRALLOC_ZERO, revoked = STRALLOC_ZERO;
	char *slash = strrchr(t->file, '/');
	int fd, found = 0, r;

	*slash = 0;
	r = io_mkdirs(*t->file ? t->file : "/", 0, e);
	*slash = '/';
	if (r)
		return -1;
	fd = open(t->file, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, "open %s", t->file);
	if (flock(fd, LOCK_EX))
		r = err_sys(e, "lock %s", t->file);
	else if (!(r = trust_scan_fd(s, fd, &keys, &revoked, &found, e))) {
		if (trust_has(&keys, line))
			r = 0;
		else if (found)
			r = err_set(e, ERR_NO, "another key is there");
		else
			r = trust_append(fd, s->name, line, e) ? -1 : 1;
	}
	close(fd);
	stralloc_free(&keys);
	stralloc_free(&revoked);
	return r;
}

/* loud: nobody was told yet. */
static int
trust_first(struct sftp *s, const char *line, const char *print, int loud,
    struct err *e)
{
	const struct log *log = s->st.conf->log;
	struct sftp_trust *t = &s->trust;
	struct err why = { 0 };
	int r = t->file ? trust_remember(s, line, &why) : -1;

	if (r < 0 && why.kind == ERR_NO) {
		if (!t->from)
			t->from = strdup(t->file);
		return trust_changed(s, line, print, e);
	}
	if (r < 0 && loud)
		log_event(log, LOG_WARN, "SFTP server's host key taken as it "
		    "came, and not remembered: pin it", "host", s->name,
		    "host-key", line, "error", t->file ? why.msg
		    : "no HOME and no XDG_STATE_HOME", NULL);
	else if (r && loud)
		log_event(log, LOG_WARN, "SFTP server's host key taken as it "
		    "came the first time, and remembered; to be sure, compare "
		    "it and pin it", "host", s->name, "host-key", line, "file",
		    t->file, NULL);
	return trust_add(&t->keys, line, e);
}

/* ---- judging ---- */

static int
trust_judge(struct sftp *s, const unsigned char *key, size_t n, int loud,
    struct err *e)
{
	struct sftp_trust *t = &s->trust;
	char type[SFTP_TYPE_MAX], line[TRUST_LINE], print[80];
	size_t k;

	t->refused = 0;
	sftp_known_type(type, key, n);
	if (!*type || n > SFTP_KEY_MAX)
		return err_set(e, ERR_CONF, "the server's host key is none");
	k = (size_t)snprintf(line, sizeof line, "%s ", type);
	base64_fmt(line + k, key, n);
	trust_print(print, sizeof print, key, n);
	if (trust_has(&t->revoked, line))
		return err_set(e, ERR_CONF, "the server's host key (%s) is "
		    "marked as revoked in %s", print, t->from);
	if (t->pin ? !strncmp(t->pin, print, strlen(print))
	    && !t->pin[strlen(print) + strspn(t->pin + strlen(print), "=")]
	    : trust_has(&t->keys, line))
		return 0;
	if (!t->pin && !t->keys.len)
		return s->st.conf->strict_host ? trust_unknown(s, line, print,
		    e) : trust_first(s, line, print, loud, e);
	t->refused = !trust_has_type(&t->keys, type);
	return trust_changed(s, line, print, e);
}

static struct sftp_met *
trust_met(const struct sftp *s)
{
	struct sftp_met *m = s->pool->met;

	while (m && strcmp(m->name, s->name))
		m = m->next;
	return m;
}

static int
trust_on_host(void *ctx, const unsigned char *key, size_t n, struct err *e)
{
	struct sftp *s = ctx;
	struct sftp_met *m;

	if (trust_judge(s, key, n, 1, e))
		return -1;
	if (!(m = trust_met(s))) {
		if (!(m = calloc(1, sizeof *m))
		    || !(m->name = strdup(s->name))) {
			free(m);
			return err_nomem(e);
		}
		m->next = s->pool->met;
		s->pool->met = m;
	}
	memcpy(m->key, key, n);
	m->n = n;
	s->trust.judged = 1;
	return 0;
}

/* ---- for requests ---- */

/* A file for libcurl with one line of the type; no key is like it. */
static int
trust_file(struct sftp *s, const char *type, struct err *e)
{
	struct sftp_trust *t = &s->trust;
	char *text;
	int n, r = 0;

	n = asprintf(&text, "%s %s AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
	    s->name, type);
	if (n < 0)
		return err_nomem(e);
	t->fd = memfd_create("known_hosts", MFD_CLOEXEC);
	if (t->fd < 0 || write(t->fd, text, (size_t)n) != n)
		r = err_sys(e, "unable to write a file in memory");
	free(text);
	if (t->fd < 0)
		t->fd = 0;
	snprintf(t->path, sizeof t->path, "/proc/self/fd/%d", t->fd);
	return r;
}

int
sftp_trust_begin(struct sftp *s, struct http_sftp *wire, struct err *e)
{
	struct sftp_trust *t = &s->trust;
	struct sftp_met *m;

	if (!t->ready && trust_load(s, e))
		return -1;
	/* Connections are shared: what one store believed, the next may know
	 * better. */
	if (!t->judged && (m = trust_met(s))) {
		if (trust_judge(s, m->key, m->n, 0, e))
			return -1;
		t->judged = 1;
	}
	if (t->type < t->types.len && t->types.s[t->type] && !t->fd
	    && trust_file(s, t->types.s + t->type, e))
		return -1;
	wire->known = t->fd ? t->path : 0;
	wire->host_key = trust_on_host;
	wire->ctx = s;
	return 0;
}

int
sftp_trust_next(struct sftp *s)
{
	struct sftp_trust *t = &s->trust;
	size_t n;

	if (t->type >= t->types.len)
		return 0;
	n = t->type + strlen(t->types.s + t->type) + 1;
	if (n >= t->types.len)
		return 0;
	t->type = n;
	t->refused = 0;
	if (t->fd)
		close(t->fd);
	t->fd = 0;
	return 1;
}

void
sftp_trust_free(struct sftp *s)
{
	struct sftp_trust *t = &s->trust;

	stralloc_free(&t->keys);
	stralloc_free(&t->revoked);
	stralloc_free(&t->types);
	free(t->from);
	free(t->file);
	if (t->fd)
		close(t->fd);
}
