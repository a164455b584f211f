#include "front/front.h"

#include <stdio.h>
#include <string.h>

#include "front/flags.h"

#define NEW FRONT_IN_NEW
#define OLD FRONT_IN_OLD
#define DAEMON FRONT_DAEMON
#define CONFIG "config no-expand-env"
#define EITHER "DB_PATH\nREPLICA_URL"

static const struct front_cmd commands[] = {
{ "databases", "list databases specified in config file", "",
    "Lists the databases of the configuration and the kinds of their replicas.",
    CONFIG " json", NEW | OLD, front_databases },
{ "generations", "list available generations for a database", EITHER,
    "Lists the generations of a replica in the format of 0.3, how far each is\n"
    "behind the database, and the time it spans.",
    CONFIG " replica", OLD, front_generations },
{ "info", "show daemon information", "",
    "Shows what the running daemon is.",
    "json socket timeout", NEW | DAEMON, front_info },
{ "list", "list all managed databases", "",
    "Lists the databases of the running daemon.",
    "json socket timeout", NEW | DAEMON, front_list },
{ "ltx", "list available LTX files for a database", EITHER,
    "Lists the LTX files of a replica.",
    CONFIG " level json replica", NEW, front_ltx },
{ "register", "register a database for replication", "DB_PATH",
    "Has the running daemon replicate one more database. -replica is its\n"
    "replica's URL.",
    "replica timeout socket json", NEW | DAEMON, front_register },
{ "replicate", "runs a server to replicate databases", "\nDB_PATH REPLICA_URL...",
    "Replicates databases while they are written: those of the configuration,\n"
    "or the one that is named, to the replicas that are named.",
    CONFIG " exec once force-snapshot enforce-retention log-level "
    "restore-if-db-not-exists", NEW | OLD, front_replicate },
{ "reset", "reset local state for a database", "DB_PATH",
    "Removes the local LTX files of a database that is not being replicated,\n"
    "so that replication goes on with a full copy. The database stays as it is.",
    CONFIG " dry-run", NEW, front_reset },
{ "restore", "recovers database backup from a replica", EITHER,
    "Brings a database back from its replica.",
    CONFIG " txid timestamp o if-db-not-exists if-replica-exists dry-run force "
    "json f follow-interval parallelism integrity-check replica generation "
    "index v", NEW | OLD, front_restore },
{ "snapshots", "list available snapshots for a database", EITHER,
    "Lists the snapshots of a replica in the format of 0.3.",
    CONFIG " replica", OLD, front_snapshots },
{ "start", "start replication for a database", "DB_PATH",
    "Has the running daemon replicate a database that was stopped.",
    "timeout socket json", NEW | DAEMON, front_start },
{ "status", "display replication status for databases", "[DB_PATH]",
    "Shows for each database, or one, whether there is local state of it, its\n"
    "latest transaction and the size of its WAL.",
    CONFIG " json", NEW, front_status },
{ "stop", "stop replication for a database", "DB_PATH",
    "Has the running daemon ship what is left of a database and let go of it.",
    "timeout socket json", NEW | DAEMON, front_stop },
{ "sync", "force an immediate sync for a database", "DB_PATH",
    "Has the running daemon look for what is committed now.",
    "wait timeout socket json", NEW | DAEMON, front_sync },
{ "unregister", "unregister a database from replication", "DB_PATH",
    "Has the running daemon ship what is left of a database and forget it.",
    "timeout socket dry-run json", NEW | DAEMON, front_unregister },
{ "version", "prints the binary version", "",
    "Prints the version.", "verbose", NEW | OLD, front_version_cmd },
{ "wal", "list available WAL files for a database", EITHER,
    "Lists the WAL segments of a replica in the format of 0.3; of another one, "
    "what\nltx lists.",
    CONFIG " level json replica generation", OLD, front_wal },
};

const struct front_cmd *
front_cmd_find(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int
overview(stralloc *s, int old)
{
	char line[128];

	if (!stralloc_cats(s, "litestream is a tool for replicating SQLite "
	    "databases; this one is ls-s6.\n\nUsage:\n\n"
	    "\tlitestream <command> [arguments]\n\nThe commands are:\n\n"))
		return 0;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (!(commands[i].in & (old ? OLD : NEW)))
			continue;
		snprintf(line, sizeof line, "\t%-12s %s\n", commands[i].name,
		    commands[i].does);
		if (!stralloc_cats(s, line))
			return 0;
	}
	return stralloc_cats(s, "\n");
}

/* Lines of text, each after indent. */
static int
lines(stralloc *s, const char *indent, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, "\n");

		if (!stralloc_cats(s, indent) || !stralloc_catb(s, text, n)
		    || !stralloc_cats(s, "\n"))
			return 0;
		if (!text[n])
			return 1;
		text += n + 1;
	}
}

static int
usage(stralloc *s, const struct front_cmd *c)
{
	const char *u = c->usage;

	if (c->in & DAEMON)
		return stralloc_cats(s, "usage: litestream ")
		    && stralloc_cats(s, c->name)
		    && stralloc_cats(s, *u ? " [OPTIONS] " : " [OPTIONS]")
		    && stralloc_cats(s, u) && stralloc_cats(s, "\n\n")
		    && lines(s, "", c->text) && stralloc_cats(s, "\nOptions:");
	if (!lines(s, "", c->text) || !stralloc_cats(s, "\nUsage:\n\n"))
		return 0;
	for (;;) {
		size_t n = strcspn(u, "\n");

		if (!stralloc_cats(s, "\tlitestream ")
		    || !stralloc_cats(s, c->name)
		    || !stralloc_cats(s, n ? " [arguments] " : " [arguments]")
		    || !stralloc_catb(s, u, n) || !stralloc_cats(s, "\n\n"))
			return 0;
		if (!u[n])
			return stralloc_cats(s, "Arguments:\n");
		u += n + 1;
	}
}

int
front_help(stralloc *s, const struct front_cmd *c, int old)
{
	int daemon;

	if (!c)
		return overview(s, old);
	daemon = !!(c->in & DAEMON);
	if (!usage(s, c))
		return 0;
	for (const char *w = c->flags; *w; w += *w == ' ') {
		size_t n = strcspn(w, " ");
		const struct front_flag *f = front_flag_of(c->flags, w, n);

		if (!stralloc_cats(s, daemon ? "\n  -" : "\n\t-")
		    || !stralloc_cats(s, f->name)
		    || (f->arg && (!stralloc_cats(s, " ")
		    || !stralloc_cats(s, f->arg))) || !stralloc_cats(s, "\n")
		    || !lines(s, daemon ? "      " : "\t    ", f->help))
			return 0;
		w += n;
	}
	return stralloc_cats(s, "\n");
}
