#ifndef LS_STORE_SFTP_INT_H
#define LS_STORE_SFTP_INT_H

/* What the sftp*.c files share; included by them alone. */

#include "base/sa.h"
#include "http/http.h"
#include "store/sftp_known.h"
#include "store/store_int.h"

#define SFTP_READS 4   /* under way at once, each on a connection */
#define SFTP_TEMPS 8   /* temporary files met, looked at before a put */

/* The host key of connections that are open. */
struct sftp_met {
	struct sftp_met *next;
	char *name;
	size_t n;
	unsigned char key[SFTP_KEY_MAX];
};

struct sftp_get;

/* Connections of one thread, shared by its stores. */
struct sftp_pool {
	struct http *h;
	struct sftp_met *met;
	struct sftp_get *gets;     /* the newest first */
	unsigned reads;            /* of them that have a transfer */
	char *temps[SFTP_TEMPS];   /* NULL: none */
	int refused;               /* a server's no is kept by a connection */
	int64_t broke;             /* when one last broke, 0: none did */
	unsigned refs;
};

/* Whom to believe (sftp_trust.c). Zeroed is: not read yet. */
struct sftp_trust {
	int ready;
	int judged;          /* the connections there are were, with this */
	stralloc keys;       /* "TYPE BASE64" each ended by NUL, the host's */
	stralloc revoked;    /* the same */
	stralloc types;      /* of keys; to be asked for, one after the other */
	size_t type;         /* offset of the one at present */
	const char *pin;     /* SHA256:... */
	char *from;          /* file with the first of them; NULL: host-key: */
	char *file;          /* where to remember, NULL: nowhere */
	int fd;              /* a known_hosts file for libcurl, 0: none */
	char path[32];       /* of it */
	int refused;         /* the last key was not one of keys */
};

struct sftp {
	struct store st;
	struct sftp_pool *pool;
	struct sftp_trust trust;
	char *origin;      /* "sftp://host[:port]", encoded */
	char *name;        /* of the host as known_hosts has it */
	const char *how;   /* it logs in, for messages */
	struct http_sftp login;
	char suffix[16];   /* ".<random>.tmp": two writers, two temporaries */
	int doubt;         /* an answer is to be had on another connection */
};

/* One request. Zeroed but for what is a GET of the root. */
struct sftp_op {
	const char *what;     /* for messages: "put", "list" */
	const char *method;
	const char *key;      /* DO: for messages */
	struct http_body body;
	const char *const *commands;
	const char *range;
	int stream, names;
	void (*progress)(void *, uint64_t);
	void *ctx;
	struct http_sftp wire; /* filled by sftp_try */
};

/* One try, started. op stays until http_end. fresh: not on a connection
 * that was open. */
int sftp_try(struct sftp *, struct sftp_op *, int fresh,
    struct http_xfer **, int64_t deadline, struct err *);
/* After a failure of a try: says more of it. *again as of s3_judge. */
void sftp_judge(struct sftp *, const struct http_xfer *, int *again,
    struct err *);
/* One try, to its end. On 0 the caller ends *x. */
int sftp_once(struct sftp *, struct sftp_op *, const struct store_tries *,
    struct http_xfer **, int *again, struct err *);
/* With its repetitions. */
int sftp_call(struct sftp *, struct sftp_op *, struct http_xfer **,
    struct err *);
/* "put sftp://host/key" for messages. */
int sftp_in(const struct sftp *, const struct sftp_op *, struct err *);

/* A command with one or two names, quoted; b may be NULL. Allocated. */
char *sftp_command(const char *word, const char *a, const char *b);

/* What connections ask of the host's key, filled into wire. */
int sftp_trust_begin(struct sftp *, struct http_sftp *wire, struct err *);
/* After a failure: 1 if another type of key is worth a try. */
int sftp_trust_next(struct sftp *);
void sftp_trust_free(struct sftp *);

/* ERR_CONF where a private key cannot be read or has a passphrase. */
int sftp_key_check(const char *path, struct err *);

int sftp_head(struct store *, const char *key, struct store_stat *,
    struct err *);
int sftp_get(struct store *, const char *key, uint64_t off, uint64_t len,
    struct store_get **, struct err *);
int sftp_put(struct store *, const char *key, const struct store_src *,
    const struct store_put_opt *, struct err *);
int sftp_del(struct store *, const char *const *keys, size_t n,
    enum err_kind *results, struct err *);
int sftp_walk(struct store *, const char *prefix, const char *after,
    store_list_fn *, void *ctx, struct err *);

#endif
