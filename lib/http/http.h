#ifndef LS_HTTP_HTTP_H
#define LS_HTTP_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/io.h"

/* HTTP/1.1, and SFTP, over libcurl. A struct http belongs to one thread and owns its
 * connections; while any call below blocks, all its transfers advance, and
 * between calls nothing runs. Proxies come from the usual environment,
 * certificates from AWS_CA_BUNDLE, SSL_CERT_FILE or the system. Redirects
 * are not followed. No signal is raised or handled. */

#define HTTP_BUFFER 65536         /* of one streamed answer */
#define HTTP_HEADERS_MAX 16384    /* of one answer */
#define HTTP_BODY_MAX 65536       /* of an answer that is not streamed */
#define HTTP_STALL_MS 30000
#define HTTP_SLOW 10              /* stalls after which a transfer is given up */
#define HTTP_RATE 1024            /* that moved fewer bytes a second */

struct http;
struct http_xfer;

/* What to send: mem, or a descriptor's bytes from off, or in, read once.
 * Nothing is sent twice by one transfer. */
struct http_body {
	const void *mem;
	int fd;           /* used if mem is NULL; -1: not this */
	int64_t off;
	struct io_in in;  /* used if mem is NULL and fd is -1 */
	uint64_t len;     /* HTTP_UNKNOWN: until in ends; SFTP alone */
};
#define HTTP_UNKNOWN UINT64_MAX

/* What an SFTP request has beyond an HTTP one. Its methods are GET (a file, or
 * a folder where the path ends in "/"), PUT, HEAD, and DO for the commands
 * alone. Stays until http_end, with all it points to. */
struct http_sftp {
	const char *user, *password; /* password: NULL for none */
	const char *key_file;        /* private key, or NULL */
	int agent;                   /* ask ssh-agent */
	const char *known;           /* a known_hosts file: its type of host key
	                                is asked for; or NULL */
	/* The host's public key as the protocol has it. 0, or -1 with the
	 * reason to go no further. */
	int (*host_key)(void *ctx, const unsigned char *, size_t, struct err *);
	void *ctx;
	const char *const *commands; /* as "rename \"a\" \"b\"", NULL-ended;
	                                may be NULL; before anything else */
	const char *range;           /* "0-99", "100-", or NULL */
	int names;                   /* of a folder: names alone */
	int fresh;                   /* on a connection of its own */
	int64_t max_age_ms;          /* or one not opened before; 0: any */
	int plod;                    /* one write at a time */
};

/* One request. What body points to must stay until http_end, the rest only
 * while http_begin runs. */
struct http_req {
	const char *method;          /* PUT and POST send the body */
	const char *url;             /* encoded; its path is sent as it is */
	const char *const *headers;  /* "Name: value", NULL-ended; or NULL */
	const struct http_sftp *sftp; /* an sftp:// URL; NULL: HTTP */
	struct http_body body;
	size_t max_body;             /* 0: HTTP_BODY_MAX */
	int stream;                  /* a 2xx body is for http_read */
	int direct;                  /* past any proxy */
	int skip_verify;
	int64_t deadline;            /* when_mono, 0: none */
	int64_t stall_ms;            /* without progress; 0: HTTP_STALL_MS */
	void (*progress)(void *ctx, uint64_t sent); /* may be NULL */
	void *ctx;
};

/* SFTP: may a failed transfer tell the answer to an earlier request of its
 * connection for its own? libssh2 before 1.11 keeps that, and libcurl asks
 * for it where the connection broke. */
int http_sftp_stale(const struct http_xfer *);

/* The libssh2 where it is one before 1.11, else NULL: it has no RSA but the one
 * with SHA-1, which servers refuse. */
const char *http_sftp_old(void);

/* Can this libcurl do SFTP as we need it? ERR_CONF says what it lacks. */
int http_has_sftp(struct err *);

int http_new(struct http **, struct err *);
/* After every transfer has ended. Idempotent on NULL. */
void http_free(struct http *);

/* Starts a request; it advances while any call blocks. */
int http_begin(struct http *, const struct http_req *, struct http_xfer **,
    struct err *);

/* Until the answer is complete; for stream with a 2xx status, until its
 * headers are. 0: there is an answer, whatever its status. -1: ERR_TEMP,
 * or ERR_CONF for certificates and addresses that cannot work. */
int http_wait(struct http_xfer *, struct err *);

/* http_begin and http_wait. On failure there is no transfer left. */
int http_call(struct http *, const struct http_req *, struct http_xfer **,
    struct err *);

int http_status(const struct http_xfer *);
/* SFTP: bytes of the file, or of the range of it, once some came or the
 * transfer ended; -1: the server does not say, or none. */
int64_t http_length(const struct http_xfer *);
/* SFTP, after HEAD: when the file was changed (ms since the epoch), or -1. */
int64_t http_filetime(const struct http_xfer *);
/* Bytes of the body that were sent. */
uint64_t http_sent(const struct http_xfer *);
/* When a byte last went or came (when_mono), 0: none ever. */
int64_t http_moved(const struct http_xfer *);
/* Value of a header (any case), without blanks around it, or NULL. Valid
 * until http_end. */
const char *http_header(const struct http_xfer *, const char *name);
/* The body, NUL-ended, cut at max_body; *len without the NUL. */
const char *http_body(const struct http_xfer *, size_t *len);

/* Next bytes of a streamed body, 0 at its verified end, -1. */
ssize_t http_read(struct http_xfer *, void *, size_t, struct err *);

/* Ends a transfer at any time. NULL is valid. */
void http_end(struct http_xfer *);

/* Waits while the transfers advance. */
void http_sleep(struct http *, int64_t ms);

#endif
