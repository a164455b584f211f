#include "http/http_int.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/when.h"

#define HTTP_CONNECT_MS 10000
#define HTTP_CONNECTIONS 32 /* idle connections kept */

static pthread_once_t http_once = PTHREAD_ONCE_INIT;

static void
http_global(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

int
http_new(struct http **out, struct err *e)
{
	struct http *h = calloc(1, sizeof *h);

	if (!h)
		return err_nomem(e);
	pthread_once(&http_once, http_global);
	if (!(h->multi = curl_multi_init())) {
		free(h);
		return err_nomem(e);
	}
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS,
	    (long)HTTP_CONNECTIONS);
	h->ca = getenv("AWS_CA_BUNDLE");
	if (!h->ca || !*h->ca)
		h->ca = getenv("SSL_CERT_FILE");
	if (h->ca && !*h->ca)
		h->ca = 0;
	*out = h;
	return 0;
}

/* libcurl's TLS writes with write(2): on a connection the peer has closed
 * that is SIGPIPE. It is blocked for this thread meanwhile, and swallowed
 * if it was not pending before. */
struct http_pipe {
	sigset_t pipe, old;
	int pending;
};

static void
http_pipe_begin(struct http_pipe *p)
{
	sigset_t now;

	sigemptyset(&p->pipe);
	sigaddset(&p->pipe, SIGPIPE);
	sigpending(&now);
	p->pending = sigismember(&now, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &p->pipe, &p->old);
}

static void
http_pipe_end(struct http_pipe *p)
{
	static const struct timespec zero;
	sigset_t now;

	sigpending(&now);
	if (!p->pending && sigismember(&now, SIGPIPE))
		sigtimedwait(&p->pipe, 0, &zero);
	pthread_sigmask(SIG_SETMASK, &p->old, 0);
}

void
http_free(struct http *h)
{
	struct http_pipe sig;

	if (!h)
		return;
	http_pipe_begin(&sig);
	http_sftp_bye(h);
	while (h->spares)
		curl_easy_cleanup(h->spare[--h->spares]);
	curl_multi_cleanup(h->multi);
	http_dog_free(h);
	http_pipe_end(&sig);
	free(h);
}

/* ---- driving ---- */

static void
http_reap(struct http *h)
{
	CURLMsg *m;
	int n;

	while ((m = curl_multi_info_read(h->multi, &n))) {
		struct http_xfer *x;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
		x->done = 1;
		x->code = m->data.result;
	}
}

/* Enough for whoever waits: the answer of x, or with bytes, some of them. */
static int
http_enough(const struct http_xfer *x, int bytes)
{
	if (x->done)
		return 1;
	if (!x->headers_done || !http_is_stream(x))
		return 0;
	/* without headers the first bytes are what tells */
	return (!bytes && !x->req.sftp) || x->fill;
}

static int64_t
http_stall(const struct http_xfer *x)
{
	return x->req.stall_ms ? x->req.stall_ms : HTTP_STALL_MS;
}

/* A byte now and then is no progress either: between two marks, which are so
 * many bytes apart, no more than ten times the stall may pass. */
static int64_t
http_slow(const struct http_xfer *x)
{
	return HTTP_SLOW * http_stall(x);
}

static void
http_mark(struct http_xfer *x, int64_t now)
{
	uint64_t moved = x->sent + x->got;

	if (moved - x->mark_moved < (uint64_t)http_slow(x) * HTTP_RATE / 1000)
		return;
	x->mark_moved = moved;
	x->mark = now;
}

int64_t
http_left(const struct http_xfer *x, int64_t now)
{
	int64_t stall = http_stall(x);
	int64_t moved = x->moved > x->began ? x->moved : x->began;
	int64_t left = moved + stall - now;

	if (x->mark && x->mark + http_slow(x) - now < left)
		left = x->mark + http_slow(x) - now;
	if (x->req.deadline && x->req.deadline - now < left)
		left = x->req.deadline - now;
	return left;
}

int
http_late(struct http_xfer *x, int64_t now, struct err *e)
{
	if (x->req.deadline && now >= x->req.deadline)
		return err_set(e, ERR_TEMP, "no complete answer in time");
	if (x->mark && now >= x->mark + http_slow(x)) {
		x->moved = 0; /* no reason to try for longer */
		return err_set(e, ERR_TEMP, "less than %d bytes a second "
		    "moved for %lld ms", HTTP_RATE, (long long)http_slow(x));
	}
	return err_set(e, ERR_TEMP, "nothing moved for %lld ms",
	    (long long)http_stall(x));
}

static int
http_drive(struct http_xfer *x, int bytes, struct err *e)
{
	struct http *h = x->h;
	struct http_pipe sig;
	int64_t left;
	int r = 0;

	x->began = when_mono();
	/* the time nobody waited for it does not count */
	x->mark = x->mark ? x->mark + x->began - x->left : x->began;
	http_pipe_begin(&sig);
	for (;;) {
		http_sftp_perform(h, x);
		http_reap(h);
		if (http_enough(x, bytes))
			break;
		http_mark(x, when_mono());
		left = http_left(x, when_mono());
		if (left <= 0) {
			r = http_late(x, when_mono(), e);
			break;
		}
		curl_multi_poll(h->multi, 0, 0,
		    left < 60000 ? (int)left : 60000, 0);
	}
	http_pipe_end(&sig);
	x->left = when_mono();
	return r;
}

void
http_sleep(struct http *h, int64_t ms)
{
	struct http_pipe sig;
	int64_t end = when_mono() + ms, left;
	int active;

	http_pipe_begin(&sig);
	while ((left = end - when_mono()) > 0) {
		http_sftp_perform(h, 0);
		http_reap(h);
		curl_multi_poll(h->multi, 0, 0,
		    left < 60000 ? (int)left : 60000, &active);
	}
	http_pipe_end(&sig);
}

/* ---- transfers ---- */

static int
http_failed(const struct http_xfer *x, struct err *e)
{
	enum err_kind kind = ERR_TEMP;

	if (x->failed.kind) {
		*e = x->failed;
		return -1;
	}
	switch (x->code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_NOT_BUILT_IN:
		kind = ERR_CONF;
		break;
	default:
		break;
	}
	if (x->req.sftp)
		kind = http_sftp_kind(x);
	if (x->code == CURLE_SEND_FAIL_REWIND)
		return err_set(e, ERR_TEMP, "connection was lost");
	return err_set(e, kind, "%s",
	    x->text[0] ? x->text : curl_easy_strerror(x->code));
}

static CURL *
http_easy(struct http *h)
{
	return h->spares ? h->spare[--h->spares] : curl_easy_init();
}

static int
http_lists(struct http_xfer *x)
{
	struct curl_slist *l = curl_slist_append(0, "Expect:");

	for (const char *const *p = x->req.headers; l && p && *p; p++) {
		struct curl_slist *n = curl_slist_append(l, *p);

		if (!n)
			curl_slist_free_all(l);
		l = n;
	}
	x->list = l;
	return l ? 0 : -1;
}

static void
http_method(struct http_xfer *x)
{
	const char *m = x->req.method;
	CURL *c = x->easy;

	if (!strcmp(m, "PUT") || !strcmp(m, "POST")) {
		curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE,
		    x->req.body.len == HTTP_UNKNOWN ? (curl_off_t)-1
		    : (curl_off_t)x->req.body.len);
		curl_easy_setopt(c, CURLOPT_READFUNCTION, http_on_send);
		curl_easy_setopt(c, CURLOPT_READDATA, x);
		curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, http_on_seek);
		curl_easy_setopt(c, CURLOPT_SEEKDATA, x);
	} else if (!strcmp(m, "HEAD") || !strcmp(m, "DO")) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	} else {
		curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
	}
	if (strcmp(m, "GET") && strcmp(m, "HEAD") && !x->req.sftp)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, m);
}

/* What only HTTP has. */
static void
http_web_options(struct http_xfer *x)
{
	CURL *c = x->easy;

	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->list);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "ls-s6/" LS_VERSION);
	curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, (long)HTTP_BUFFER);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS);
	if (x->h->ca)
		curl_easy_setopt(c, CURLOPT_CAINFO, x->h->ca);
	if (x->req.direct)
		curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	if (x->req.skip_verify) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static int
http_options(struct http_xfer *x, struct err *e)
{
	CURL *c = x->easy;

	curl_easy_setopt(c, CURLOPT_PRIVATE, x);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->text);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_URL, x->req.url);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)HTTP_BUFFER);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, http_on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, http_on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	http_method(x);
	if (x->req.sftp)
		return http_sftp_options(x, e);
	http_web_options(x);
	return 0;
}

int
http_begin(struct http *h, const struct http_req *req,
    struct http_xfer **out, struct err *e)
{
	struct http_xfer *x = calloc(1, sizeof *x);
	struct http_pipe sig;

	if (!x)
		return err_nomem(e);
	x->h = h;
	x->req = *req;
	x->began = when_mono();
	if ((!req->sftp && http_lists(x)) || !(x->easy = http_easy(h))) {
		http_end(x);
		return err_nomem(e);
	}
	if (http_options(x, e)) {
		http_end(x);
		return -1;
	}
	if (curl_multi_add_handle(h->multi, x->easy)) {
		http_end(x);
		return err_nomem(e);
	}
	http_pipe_begin(&sig);
	http_sftp_perform(h, x);
	http_reap(h);
	http_pipe_end(&sig);
	*out = x;
	return 0;
}

int
http_wait(struct http_xfer *x, struct err *e)
{
	if (http_drive(x, 0, e))
		return -1;
	/* An error page that was cut is an answer all the same. */
	if (x->done && x->code && !(x->truncated && x->status >= 300))
		return http_is_stream(x) && x->headers_done && x->fill ? 0
		    : http_failed(x, e);
	return 0;
}

int
http_call(struct http *h, const struct http_req *req,
    struct http_xfer **out, struct err *e)
{
	*out = 0;
	if (http_begin(h, req, out, e))
		return -1;
	if (!http_wait(*out, e))
		return 0;
	http_end(*out);
	*out = 0;
	return -1;
}

int
http_status(const struct http_xfer *x)
{
	return x->status;
}

uint64_t
http_sent(const struct http_xfer *x)
{
	return x->sent;
}

int64_t
http_moved(const struct http_xfer *x)
{
	return x->moved;
}

const char *
http_header(const struct http_xfer *x, const char *name)
{
	size_t n = strlen(name);
	const char *p = x->head.s, *end = p + x->head.len;

	for (; x->head.len && p < end; p += strlen(p) + 1)
		if (!strncasecmp(p, name, n) && p[n] == ':') {
			p += n + 1;
			return p + strspn(p, " \t");
		}
	return 0;
}

const char *
http_body(const struct http_xfer *x, size_t *len)
{
	*len = x->body.len;
	return x->body.len ? x->body.s : "";
}

/* A body ends verified if its length was told, or it came in chunks;
 * libcurl then compares. */
static int
http_end_known(const struct http_xfer *x)
{
	const char *te = http_header(x, "transfer-encoding");

	/* of a file the store knows its length, a listing has an end */
	if (x->req.sftp)
		return 1;
	return http_header(x, "content-length")
	    || (te && strcasestr(te, "chunked"));
}

ssize_t
http_read(struct http_xfer *x, void *buf, size_t n, struct err *e)
{
	size_t first;

	if (!x->fill && !x->done) {
		if (x->paused) {
			x->paused = 0;
			curl_easy_pause(x->easy, CURLPAUSE_CONT);
		}
		if (!x->fill && http_drive(x, 1, e))
			return -1;
	}
	if (!x->fill) {
		if (x->code)
			return http_failed(x, e);
		if (!http_end_known(x))
			return err_set(e, ERR_DATA,
			    "answer without a length: its end is not known");
		return 0;
	}
	if (n > x->fill)
		n = x->fill;
	first = n < HTTP_BUFFER - x->at ? n : HTTP_BUFFER - x->at;
	memcpy(buf, x->ring + x->at, first);
	memcpy((char *)buf + first, x->ring, n - first);
	x->at = (x->at + n) % HTTP_BUFFER;
	x->fill -= n;
	if (x->paused && x->fill <= HTTP_BUFFER / 2) {
		x->paused = 0;
		curl_easy_pause(x->easy, CURLPAUSE_CONT);
	}
	return (ssize_t)n;
}

void
http_end(struct http_xfer *x)
{
	struct http_pipe sig;

	if (!x)
		return;
	if (x->easy) {
		http_pipe_begin(&sig);
		http_sftp_leave(x);
		curl_multi_remove_handle(x->h->multi, x->easy);
		if (x->h->spares < HTTP_SPARE) {
			curl_easy_reset(x->easy);
			x->h->spare[x->h->spares++] = x->easy;
		} else {
			curl_easy_cleanup(x->easy);
		}
		http_pipe_end(&sig);
	}
	curl_slist_free_all(x->list);
	stralloc_free(&x->head);
	stralloc_free(&x->body);
	free(x->ring);
	free(x);
}
