#include "front/front.h"

#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/when.h"

/* What our programs say, in the words of the peer, or not at all. */
static const struct {
	const char *ours, *theirs; /* NULL: not said */
	int bare;                  /* without what we add */
} words[] = {
	{ "ready", NULL, 0 },
	{ "ending, shipping what is left", NULL, 0 },
	{ "ended, everything is shipped", NULL, 0 },
	{ "shipping failed", "sync error", 0 },
	{ "capture failed", "sync error", 0 },
	{ "shipping recovered", "replica sync recovered", 0 },
	{ "capture recovered", "sync recovered", 0 },
	{ "not everything was shipped", "shutdown sync failed after timeout", 0 },
	{ "ltx files shipped", "ltx file uploaded", 0 },
	{ "Database already exists, skipping restore",
	    "database already exists, skipping", 1 },
	{ "nothing to restore, the database will be a new one",
	    "no matching backups found", 1 },
	{ "No database found, restoring from replica if exists", NULL, 0 },
	{ "restoring", NULL, 0 },
	{ "restored", NULL, 0 },
	{ "compacted", "compaction complete", 0 },
	{ "snapshot made", "snapshot complete", 0 },
	{ "snapshot is there already", NULL, 0 },
	{ "new generation", "sync: new generation", 0 },
	{ "pruned", "retention enforced", 0 },
	{ "following", "entering follow mode", 0 },
	{ "applied", "follow: applied updates", 0 },
};

/* Of 0.3, which says it of every object. */
static const char *const objects[] = { "write snapshot", "snapshot written",
	"write wal segment", "wal segment written" };

static const struct {
	const char *msg, *ours, *theirs; /* keys of that message */
} keys[] = {
	{ "compaction complete", "min", "txid.min" },
	{ "compaction complete", "max", "txid.max" },
	{ "compaction complete", "bytes", "size" },
	{ "snapshot complete", "bytes", "size" },
	{ "snapshot written", "bytes", "sz" },
	{ "retention enforced", "deleted", "deleted_count" },
	{ "follow: applied updates", "from", "from_txid" },
	{ "follow: applied updates", "to", "to_txid" },
};

static const char *const levels[] = { "trace", "debug", "info", "warn",
	"error" };
static const char *const upper[] = { "TRACE", "DEBUG", "INFO", "WARN",
	"ERROR" };

char *
front_fatal(char *line)
{
	char *p = strstr(line, ": ");

	if (!p || strncmp(line, "ls-", 3))
		return NULL;
	if (!strncmp(p, ": usage: ", 9))
		return p + 9;
	if (strncmp(p, ": fatal: ", 9))
		return NULL;
	/* "unable to X: Y" */
	p += 9;
	return strncmp(p, "unable to ", 10) || !strstr(p, ": ") ? p
	    : strstr(p, ": ") + 2;
}

/* The level of a log line, or -1; *rest is what is after it. */
static int
level_of(const char *line, int json, const char **rest)
{
	static const char text_head[] = "level=", json_head[] = "{\"level\":\"";
	size_t n = json ? sizeof json_head - 1 : sizeof text_head - 1;

	if (strncmp(line, json ? json_head : text_head, n))
		return -1;
	for (int i = 0; i < 5; i++) {
		size_t k = strlen(levels[i]);

		if (!strncmp(line + n, levels[i], k)
		    && line[n + k] == (json ? '"' : ' ')) {
			*rest = line + n + k + (json ? 2 : 1);
			return i;
		}
	}
	return -1;
}

/* Where the message is in rest, its length without quotes; 0: none. */
static const char *
message(const char *rest, int json, size_t *len, const char **after)
{
	const char *p = strstr(rest, json ? "\"msg\":\"" : "msg="), *end;

	if (!p)
		return NULL;
	p += json ? 7 : 4;
	if (!json && *p != '"') {
		*len = strcspn(p, " ");
		*after = p + *len;
		return p;
	}
	p += !json;
	for (end = p; *end && *end != '"'; end++)
		end += *end == '\\' && end[1];
	*len = (size_t)(end - p);
	*after = *end ? end + 1 : end;
	return p;
}

/* The key at s, in what follows a message of the peer's, or NULL. */
static const char *
renamed(const char *msg, const char *s, int json, size_t *len)
{
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		*len = strlen(keys[i].ours);
		if (!strcmp(keys[i].msg, msg) && !strncmp(s, keys[i].ours, *len)
		    && s[*len] == (json ? '"' : '='))
			return keys[i].theirs;
	}
	return NULL;
}

/* The name of the replica whose URL is at s, and what the URL has there; NULL:
 * none. */
static const char *
name_of(const struct front *f, const char *s, size_t *len)
{
	for (size_t i = 0; i < f->conf.n; i++)
		for (size_t k = 0; k < f->conf.dbs[i].n; k++) {
			const struct conf_replica *r = &f->conf.dbs[i].replicas[k];

			*len = strlen(r->store.url);
			if (!strncmp(s, r->store.url, *len)
			    && strchr(" \"", s[*len]))
				return r->name;
		}
	return NULL;
}

/* The rest of a line, with the peer's keys; 0.3 has the names of replicas. */
static int
rest_of(const struct front *f, stralloc *s, const char *msg, const char *rest)
{
	const char *key, *replica = f->log.json ? "\"replica\":\"" : " replica=";
	size_t n;
	int ok = 1, json = f->log.json;

	for (; *rest && ok; rest++) {
		if (f->old && !strncmp(rest, replica, strlen(replica))
		    && (key = name_of(f, rest + strlen(replica), &n))) {
			ok = stralloc_cats(s, replica) && stralloc_cats(s, key);
			rest += strlen(replica) + n - 1;
			continue;
		}
		ok = stralloc_append(s, *rest);
		if ((json ? *rest == '"' && rest[-1] == ',' : *rest == ' ')
		    && (key = renamed(msg, rest + 1, json, &n))) {
			ok = ok && stralloc_cats(s, key);
			rest += n;
		}
	}
	return ok;
}

/* The message of a line, and what comes before it. */
static int
put_message(const struct front *f, stralloc *s, const char *msg)
{
	if (f->log.date)
		return stralloc_cats(s, msg);
	return stralloc_cats(s, f->log.json ? "\"msg\":\"" : "msg=\"")
	    && stralloc_cats(s, msg) && stralloc_append(s, '"');
}

static int
is_object(const char *msg, size_t len)
{
	for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
		if (strlen(objects[i]) == len && !strncmp(objects[i], msg, len))
			return 1;
	return 0;
}

/* As it is, or without the key of the message. */
static int
as_it_is(const struct front *f, stralloc *s, const char *rest, const char *msg,
    size_t len, const char *after)
{
	if (!f->log.date)
		return stralloc_cats(s, rest);
	return stralloc_catb(s, rest, (size_t)(strstr(rest, "msg=") - rest))
	    && stralloc_catb(s, msg, len) && rest_of(f, s, "", after);
}

/* 1: said; 0: not to be said here. */
static int
translate(const struct front *f, stralloc *s, const char *rest)
{
	int json = f->log.json;
	const char *after, *msg, *theirs;
	size_t len, i;

	if (!(msg = message(rest, json, &len, &after)))
		return stralloc_cats(s, rest);
	if (is_object(msg, len))
		return f->log.date ? as_it_is(f, s, rest, msg, len, after)
		    : stralloc_catb(s, rest, (size_t)(after - rest))
		    && rest_of(f, s, "", after);
	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i].ours) == len
		    && !strncmp(words[i].ours, msg, len))
			break;
	if (i == sizeof words / sizeof *words)
		return as_it_is(f, s, rest, msg, len, after);
	if (words[i].bare)
		front_info_line(f, words[i].theirs);
	if (words[i].bare || !words[i].theirs
	    || strstr(after, json ? "\"deleted\":\"0\"" : " deleted=0 "))
		return 0;
	theirs = words[i].theirs;
	if (f->old && !strcmp(theirs, "snapshot complete"))
		theirs = "snapshot written";
	return put_message(f, s, theirs) && rest_of(f, s, theirs, after);
}

/* Which of our programs it was is said where something is wrong. */
static const char *
without_prog(const char *rest, int json)
{
	const char *end;

	if (strncmp(rest, json ? "\"prog\":" : "prog=", json ? 7 : 5))
		return rest;
	end = strchr(rest, json ? ',' : ' ');
	return end ? end + 1 : rest;
}

static void
relay(const struct front *f, int level, const char *rest)
{
	stralloc s = STRALLOC_ZERO;
	char t[WHEN_FMT], head[120];
	struct io_out out;
	struct err ignored;
	int fd = f->log.fd;

	if (f->log.date)
		log_date(t, sizeof t);
	else
		when_fmt(t, when_now());
	snprintf(head, sizeof head, f->log.date ? "%s %s " : f->log.json
	    ? "{\"time\":\"%s\",\"level\":\"%s\"," : "time=%s level=%s ", t,
	    upper[level]);
	out = io_out_fd(&fd);
	if (level < LOG_WARN)
		rest = without_prog(rest, f->log.json);
	if (stralloc_cats(&s, head) && translate(f, &s, rest)
	    && stralloc_append(&s, '\n'))
		out.write(out.ctx, s.s, s.len, &ignored);
	stralloc_free(&s);
}

void
front_relay(const struct front *f, char *line)
{
	const char *rest, *fatal;
	int level;

	/* said already, when the configuration was read here */
	if (!strncmp(line, "ls-conf: warning: ", 18))
		return;
	level = level_of(line, f->log.json, &rest);
	if (f->old && level == LOG_DEBUG && f->log.level <= LOG_INFO) {
		const char *after, *msg;
		size_t len;

		msg = message(rest, f->log.json, &len, &after);
		if (msg && is_object(msg, len))
			level = LOG_INFO;
	}
	if (level >= (int)f->log.level)
		relay(f, level, rest);
	else if (level < 0 && (fatal = front_fatal(line)))
		log_event(&f->log, LOG_ERROR, fatal, NULL);
	else if (level < 0 && *line)
		log_event(&f->log, LOG_WARN, line, NULL);
}

void
front_listen(void *ctx, char *line)
{
	struct front_said *s = ctx;
	struct log l = s->f->log;
	const char *text = front_fatal(line), *rest;
	int level;

	if (text) {
		snprintf(s->fatal, sizeof s->fatal, "%s", text);
		return;
	}
	level = level_of(line, l.json, &rest);
	if (level < 0 && level_of(line, 0, &rest) >= 0) {
		/* a program that has no JSON */
		struct front f = *s->f;

		f.log.json = 0;
		front_relay(&f, line);
	} else if (!s->quiet || level >= LOG_WARN || level < 0) {
		front_relay(s->f, line);
	}
}
