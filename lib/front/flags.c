#include "front/front.h"

#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "front/flags.h"

#define AT(field) offsetof(struct front_opts, field)

static const struct front_flag flags[] = {
{ "config", "PATH", 's', AT(config), "The configuration file.\n"
    "Defaults to $LITESTREAM_CONFIG, then /etc/litestream.yml" },
{ "no-expand-env", NULL, 'b', AT(no_expand),
    "Leaves $NAME in the configuration file as it is." },
{ "json", NULL, 'b', AT(json), "Prints JSON instead of text." },
{ "level", "LEVEL", 'l', AT(level), "Only this level, 0 to 9, or \"all\".\n"
    "Defaults to 0." },
{ "replica", "NAME", 's', AT(replica), "Only the replica of this name." },
{ "generation", "NAME", 's', AT(generation),
    "Only this generation, of a replica in the format of 0.3." },
{ "index", "NUM", 's', AT(index), "The state up to this WAL index, in hex, "
    "of a replica\nin the format of 0.3. Defaults to the highest." },
{ "txid", "TXID", 't', AT(txid), "The state of this transaction, 16 hex "
    "digits.\nDefaults to the highest." },
{ "timestamp", "TIMESTAMP", 's', AT(timestamp),
    "The newest state not after this time.\nDefaults to the latest." },
{ "o", "PATH", 's', AT(output), "Where the database goes.\n"
    "Defaults to its own path." },
{ "if-db-not-exists", NULL, 'b', AT(if_db_missing),
    "An existing database is a success, and left alone." },
{ "if-replica-exists", NULL, 'b', AT(if_replica),
    "An empty replica is a success." },
{ "dry-run", NULL, 'b', AT(dry_run),
    "Only prints what would be done." },
{ "force", NULL, 'b', AT(force), "An existing output is moved aside first, "
    "not overwritten." },
{ "f", NULL, 'b', AT(follow), "Follows: goes on applying what is new. The "
    "result is to be read only.\nNot with -txid or -timestamp." },
{ "follow-interval", "DURATION", 'd', AT(follow_interval),
    "How often -f looks. Defaults to 1s." },
{ "parallelism", "NUM", 'n', AT(parallelism),
    "Accepted, without effect in the format of 0.5." },
{ "integrity-check", "MODE", 's', AT(check), "Checks what was restored: "
    "none, quick or full.\nDefaults to none." },
{ "v", NULL, 'b', AT(verbose), "Says more." },
{ "exec", "CMD", 's', AT(exec), "A program to run once replication is "
    "ready. When it ends,\nwhat it wrote is shipped and litestream ends." },
{ "once", NULL, 'b', AT(once), "Ships what is committed, then ends. Not "
    "with -exec." },
{ "force-snapshot", NULL, 'b', AT(force_snapshot),
    "Makes a snapshot of every database. Only with -once." },
{ "enforce-retention", NULL, 'b', AT(enforce_retention),
    "Deletes what is past its retention. Only with -once." },
{ "log-level", "LEVEL", 's', AT(log_level),
    "trace, debug, info, warn or error; before that of the file." },
{ "restore-if-db-not-exists", NULL, 'b', AT(restore_missing),
    "Restores a database that is not there before it begins.\n"
    "Where there is no replica either, it goes on." },
{ "verbose", NULL, 'b', AT(verbose), "Says where it runs, too." },
{ "socket", "PATH", 's', AT(socket), "The daemon's control socket "
    "(default: " FRONT_SOCKET ")." },
{ "timeout", "SECONDS", 'n', AT(timeout),
    "Longest time to wait, in seconds (default: 30; info, list: 10)." },
{ "wait", NULL, 'b', AT(wait), "Also waits until the replica has it." },
};

const struct front_flag *
front_flag_of(const char *names, const char *name, size_t n)
{
	for (const char *w = names; *w; w += strcspn(w, " "), w += *w == ' ')
		if (strcspn(w, " ") == n && !strncmp(w, name, n))
			for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
				if (strlen(flags[i].name) == n
				    && !strncmp(flags[i].name, name, n))
					return &flags[i];
	return NULL;
}

/* Go's strconv.ParseBool. 1, 0 or -1. */
static int
boolean(const char *s)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE",
	    "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE",
	    "False" };

	for (size_t i = 0; i < 6; i++)
		if (!strcmp(s, yes[i]) || !strcmp(s, no[i]))
			return !strcmp(s, yes[i]);
	return -1;
}

/* What is wrong with a value, or NULL. */
static const char *
wrong(const struct front_flag *f, const char *v)
{
	int64_t ms;
	char *end;

	switch (f->kind) {
	case 'n':
		strtol(v, &end, 10);
		return *v && !*end ? NULL : "parse error";
	case 'd':
		return when_dur_scan(v, &ms) < 0 ? "parse error" : NULL;
	case 't':
		return strlen(v) == 16 && strspn(v, "0123456789abcdefABCDEF")
		    == 16 ? NULL : "invalid txid format";
	case 'l':
		if (!strcmp(v, "all"))
			return NULL;
		strtol(v, &end, 10);
		if (!*v || *end)
			return "invalid level: must be 0-9 or \"all\"";
		return v[1] ? "level must be between 0 and 9" : NULL;
	}
	return NULL;
}

static int
set(const struct front_flag *f, struct front_opts *o, const char *v,
    struct err *e)
{
	char *at = (char *)o + f->at;
	const char *why;
	int b = 1;

	if (f->kind == 'b') {
		if (v && (b = boolean(v)) < 0)
			return err_set(e, ERR_USAGE, "invalid boolean value "
			    "\"%s\" for -%s: parse error", v, f->name);
		*(int *)(void *)at = b;
		return 0;
	}
	if (!v)
		return err_set(e, ERR_USAGE, "flag needs an argument: -%s",
		    f->name);
	if ((why = wrong(f, v)))
		return err_set(e, ERR_USAGE, "invalid value \"%s\" for flag "
		    "-%s: %s", v, f->name, why);
	*(const char **)(void *)at = v;
	return 0;
}

int
front_flags(const struct front_cmd *c, int argc, char *const *argv,
    struct front_opts *o, int *n, struct err *e)
{
	const struct front_flag *f;
	int i = 0;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		const char *name = argv[i] + 1 + (argv[i][1] == '-');
		size_t len = strcspn(name, "=");
		const char *v = name[len] ? name + len + 1 : NULL;

		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (!len || *name == '-')
			return err_set(e, ERR_USAGE, "bad flag syntax: %s",
			    argv[i]);
		if (!(f = front_flag_of(c->flags, name, len))) {
			if (!strcmp(name, "h") || !strcmp(name, "help"))
				return 1;
			return err_set(e, ERR_USAGE, "flag provided but not "
			    "defined: -%.*s", (int)len, name);
		}
		if (!v && f->kind != 'b' && i + 1 < argc)
			v = argv[++i];
		if (set(f, o, v, e) < 0)
			return -1;
	}
	*n = i;
	return 0;
}
