#include "http/http_int.h"

#include <stdio.h>
#include <string.h>

#include "base/when.h"

#define SFTP_CONNECT_MS 30000 /* with the exchange of keys and the login */
#define SFTP_AHEAD (1 << 19)  /* bytes sent before their answers are in */
#define SFTP_PLOD 16384       /* less than one message of the protocol has */
#define SFTP_DOG_MS 100       /* after a deadline that libcurl does not see */
#define SFTP_BYE_MS 500       /* libcurl waits a second, then lets it leak */

int
http_has_sftp(struct err *e)
{
	const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
	const char *const *p = v->protocols;
	const char *ssh = v->libssh_version ? v->libssh_version : "";

	while (*p && strcmp(*p, "sftp"))
		p++;
	if (!*p)
		return err_set(e, ERR_CONF, "this system's libcurl %s is built "
		    "without SFTP; it takes one built with libssh2, as Debian "
		    "has it", v->version);
	if (strncmp(ssh, "libssh2/", 8))
		return err_set(e, ERR_CONF, "this system's libcurl %s does SFTP "
		    "by %.40s; it takes one built with libssh2, as Debian has "
		    "it", v->version, *ssh ? ssh : "a library unknown");
	return 0;
}

const char *
http_sftp_old(void)
{
	const char *v = curl_version_info(CURLVERSION_NOW)->libssh_version;
	unsigned major = 0, minor = 0;

	sscanf(v ? v : "", "libssh2/%u.%u", &major, &minor);
	return v && (major < 1 || (major == 1 && minor < 11)) ? v : 0;
}

int
http_sftp_stale(const struct http_xfer *x)
{
	long opened = 0;

	curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &opened);
	return !opened && http_sftp_old();
}

static int
sftp_on_host_key(void *ctx, int type, const char *key, size_t n)
{
	struct http_xfer *x = ctx;
	const struct http_sftp *s = x->req.sftp;

	(void)type;
	if (!s->host_key(s->ctx, (const unsigned char *)key, n, &x->failed))
		return CURLKHMATCH_OK;
	return CURLKHMATCH_MISMATCH;
}

void
http_sftp_leave(struct http_xfer *x)
{
	long port = 0;

	if (!x->req.sftp || x->done
	    || curl_easy_getinfo(x->easy, CURLINFO_LOCAL_PORT, &port))
		return;
	http_dog_shut(x->h, port);
}

/* The end of a transfer is waited for inside libcurl: this alone can stop
 * that. Who is paused waits for us. */
static int
sftp_on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c,
    curl_off_t d)
{
	struct http_xfer *x = ctx;
	int64_t now = when_mono();

	(void)a, (void)b, (void)c, (void)d;
	int64_t left = http_left(x, now);

	if (x->paused)
		return 0;
	http_dog_set(x->h, now + left + SFTP_DOG_MS);
	if (left > 0)
		return 0;
	if (!x->failed.kind)
		http_late(x, now, &x->failed);
	http_sftp_leave(x);
	return 1;
}

static int
sftp_commands(struct http_xfer *x)
{
	struct curl_slist *l = 0, *n;
	const char *const *p = x->req.sftp->commands;

	for (; p && *p; p++, l = n)
		if (!(n = curl_slist_append(l, *p))) {
			curl_slist_free_all(l);
			return -1;
		}
	x->list = l;
	return 0;
}

/* Without these the host would not be known: an option that is not there is
 * an error. */
static int
sftp_trust(struct http_xfer *x, struct err *e)
{
	const struct http_sftp *s = x->req.sftp;
	CURL *c = x->easy;

	if (curl_easy_setopt(c, CURLOPT_SSH_HOSTKEYFUNCTION, sftp_on_host_key)
	    || curl_easy_setopt(c, CURLOPT_SSH_HOSTKEYDATA, x)
	    || (s->known
	        && curl_easy_setopt(c, CURLOPT_SSH_KNOWNHOSTS, s->known)))
		return err_set(e, ERR_CONF, "this libcurl cannot check the "
		    "host keys of SFTP servers");
	return 0;
}

int
http_sftp_options(struct http_xfer *x, struct err *e)
{
	const struct http_sftp *s = x->req.sftp;
	CURL *c = x->easy;
	long auth = 0;

	x->status = 200;
	x->headers_done = 1;
	if (s->key_file)
		auth |= CURLSSH_AUTH_PUBLICKEY;
	if (s->password)
		auth |= CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD;
	if (s->agent)
		auth |= CURLSSH_AUTH_AGENT;
	if (sftp_commands(x))
		return err_nomem(e);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "sftp");
	curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)SFTP_CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_USERNAME, s->user);
	curl_easy_setopt(c, CURLOPT_PASSWORD, s->password);
	curl_easy_setopt(c, CURLOPT_SSH_AUTH_TYPES, auth);
	curl_easy_setopt(c, CURLOPT_SSH_PRIVATE_KEYFILE, s->key_file);
	curl_easy_setopt(c, CURLOPT_QUOTE, x->list);
	curl_easy_setopt(c, CURLOPT_RANGE, s->range);
	curl_easy_setopt(c, CURLOPT_DIRLISTONLY, s->names ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT,
	    s->fresh || (s->max_age_ms && s->max_age_ms < 1000) ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_MAXLIFETIME_CONN,
	    (long)(s->max_age_ms / 1000));
	curl_easy_setopt(c, CURLOPT_FILETIME,
	    strcmp(x->req.method, "HEAD") ? 0L : 1L);
	curl_easy_setopt(c, CURLOPT_FTP_CREATE_MISSING_DIRS,
	    (long)CURLFTP_CREATE_DIR);
	/* It is allocated while something is sent: no more than it takes. */
	curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, s->plod
	    ? (long)SFTP_PLOD : x->req.body.len < HTTP_BUFFER
	    ? (long)HTTP_BUFFER : (long)SFTP_AHEAD);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, sftp_on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, x);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, http_dog_open);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, x->h);
	curl_easy_setopt(c, CURLOPT_CLOSESOCKETFUNCTION, http_dog_close);
	curl_easy_setopt(c, CURLOPT_CLOSESOCKETDATA, x->h);
	return http_dog_new(x->h, e) ? -1 : sftp_trust(x, e);
}

void
http_sftp_perform(struct http *h, struct http_xfer *x)
{
	int running;

	if (h->dog)
		http_dog_set(h, when_mono() + SFTP_DOG_MS
		    + (x ? http_left(x, when_mono()) : HTTP_STALL_MS));
	curl_multi_perform(h->multi, &running);
	http_dog_set(h, 0);
	if (http_dog_bit(h) && x && !x->failed.kind)
		http_late(x, when_mono(), &x->failed);
}

void
http_sftp_bye(struct http *h)
{
	http_dog_set(h, when_mono() + SFTP_BYE_MS);
}

enum err_kind
http_sftp_kind(const struct http_xfer *x)
{
	switch (x->code) {
	case CURLE_LOGIN_DENIED:
	case CURLE_REMOTE_ACCESS_DENIED:
		return ERR_DENIED;
	case CURLE_REMOTE_FILE_NOT_FOUND:
		return ERR_NOTFOUND;
	case CURLE_REMOTE_FILE_EXISTS:
		return ERR_EXISTS;
	case CURLE_REMOTE_DISK_FULL:
		return ERR_FULL;
	case CURLE_BAD_DOWNLOAD_RESUME:
		return ERR_DATA;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_NOT_BUILT_IN:
		return ERR_CONF;
	case CURLE_QUOTE_ERROR:
		/* a command was answered with no, or with nothing */
		if (strstr(x->text, "Unknown error in libssh2"))
			return ERR_TEMP;
		return strstr(x->text, "Permission denied") ? ERR_DENIED
		    : strstr(x->text, "No such file") ? ERR_NOTFOUND : ERR_NO;
	default:
		return ERR_TEMP;
	}
}

int64_t
http_length(const struct http_xfer *x)
{
	curl_off_t n = -1;

	curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &n);
	return n;
}

int64_t
http_filetime(const struct http_xfer *x)
{
	curl_off_t t = -1;

	curl_easy_getinfo(x->easy, CURLINFO_FILETIME_T, &t);
	return t < 0 ? -1 : t * 1000;
}
