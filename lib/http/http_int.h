#ifndef LS_HTTP_HTTP_INT_H
#define LS_HTTP_HTTP_INT_H

/* What the http*.c files share; included by them alone. */

#include <curl/curl.h>

#include "base/sa.h"
#include "http/http.h"

#define HTTP_SPARE 8 /* idle handles kept, with their TLS sessions */

struct http {
	CURLM *multi;
	CURL *spare[HTTP_SPARE];
	unsigned spares;
	const char *ca;
	struct http_dog *dog; /* of SFTP, NULL before */
};

struct http_xfer {
	struct http *h;
	CURL *easy;
	struct curl_slist *list;
	struct http_req req;
	uint64_t sent, got;   /* bytes of the bodies */
	stralloc head;        /* header lines, each ended by a NUL */
	stralloc body;
	unsigned char *ring;  /* HTTP_BUFFER bytes from its first use */
	size_t at, fill;
	int64_t moved;        /* when_mono of the last byte, 0: none */
	int64_t began, left;  /* when_mono of the wait for it, and its end */
	int64_t mark;         /* when_mono it last was fast enough, 0: new */
	uint64_t mark_moved;  /* sent + got then */
	int status;
	int headers_done;     /* of the final answer */
	int paused;
	int truncated;        /* body cut at max_body */
	int done;
	CURLcode code;
	struct err failed;    /* from our own callbacks */
	char text[CURL_ERROR_SIZE];
};

/* Is its body for http_read, rather than kept whole? */
static inline int
http_is_stream(const struct http_xfer *x)
{
	return x->req.stream && x->status >= 200 && x->status < 300;
}

/* Milliseconds until x is late, less than 0 when it is. */
int64_t http_left(const struct http_xfer *, int64_t now);
int http_late(struct http_xfer *, int64_t now, struct err *);

/* http_sftp.c: the options of an SFTP request; what a failed one is. */
int http_sftp_options(struct http_xfer *, struct err *);
enum err_kind http_sftp_kind(const struct http_xfer *);
/* curl_multi_perform while x is waited for (NULL: none), not past its end. */
void http_sftp_perform(struct http *, struct http_xfer *x);
/* Before a transfer under way is ended, and before all of h is: its server may
 * not answer any more. */
void http_sftp_leave(struct http_xfer *);
void http_sftp_bye(struct http *);

/* http_dog.c: a thread that shuts every SFTP socket of h when a call of libcurl
 * has not come back in time; and which sockets those are, for libcurl to ask.
 * Without SFTP there is none, and nothing is done. */
int http_dog_new(struct http *, struct err *); /* the first time */
void http_dog_set(struct http *, int64_t at);  /* when_mono, 0: not at all */
int http_dog_bit(struct http *);               /* did it, since last asked? */
void http_dog_free(struct http *);
/* Shuts the one of this local port: it is not to be waited for. */
void http_dog_shut(struct http *, long port);
curl_socket_t http_dog_open(void *h, curlsocktype, struct curl_sockaddr *);
int http_dog_close(void *h, curl_socket_t);

/* Libcurl's callbacks; the last argument is the transfer. */
size_t http_on_header(char *, size_t, size_t, void *);
size_t http_on_body(char *, size_t, size_t, void *);
size_t http_on_send(char *, size_t, size_t, void *);
int http_on_seek(void *, curl_off_t, int);

#endif
