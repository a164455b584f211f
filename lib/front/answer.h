#ifndef LS_FRONT_ANSWER_H
#define LS_FRONT_ANSWER_H

#include <cjson/cJSON.h>

#include "front/front.h"

/* One request of the control socket and its answer: answer.c, answer_get.c
 * and answer_post.c. */

/* A database as ls-walship lists it. */
struct answer_db {
	char path[2048];
	int known, stopped, going; /* going: not yet stopped */
	uint64_t txid;           /* captured */
	uint64_t replicated;     /* in every replica */
};

struct answer {
	const char *pid, *version, *sock, *status_file, *query, *allow;
	int64_t start_ms, wait_ms;
	cJSON *json;             /* the body of a POST */
	struct answer_db db;     /* its path alone, at first */
	int status, text;        /* text: not JSON */
	stralloc body;
};

/* Each fills status and body. 1, or 0: no memory. */
int answer_info(struct answer *);
int answer_list(struct answer *);
int answer_txid(struct answer *);
int answer_sync_status(struct answer *);
int answer_sync(struct answer *);
int answer_start(struct answer *);
int answer_stop(struct answer *);
int answer_register(struct answer *);
int answer_unregister(struct answer *);

/* The path that is asked about, as ls-walship knows it: absolute. 0, or -1:
 * it is empty or too long. */
int answer_path(struct answer *, const char *);

int answer_error(struct answer *, int status, const char *text,
    const char *details);
int answer_unknown(struct answer *, int status, const char *path);

/* What ls-walship knows of the database now. */
int answer_look(const struct answer *, struct answer_db *, struct err *);
/* A request to it about one path, with one more argument or NULL. */
int answer_control(const struct answer *, int64_t ms, struct err *,
    const char *word, const char *path, const char *arg);
/* Waits until a database that was let go of is shipped. */
int answer_settle(const struct answer *, struct answer_db *, int64_t until,
    struct err *);

#endif
