#!/bin/bash
# A replica that answers late may hold what those that did before do not: it
# is not shipped over, whenever it comes.
. tests/lib.sh
need sqlite3
ready() { wait_for 10 grep -q msg=ready "$T/walship.log"; }
holds() { rm -f "$T"/r.db*; ls-restore -o "$T/r.db" "$1" >/dev/null 2>&1 &&
    sql "$T/r.db" "SELECT count(*) FROM t WHERE v = 'precious'"; }
# down B: a file where its folder was; back B
down() { mv "$1" "$1.away"; : >"$1"; }
back() { rm "$1"; mv "$1.away" "$1"; }
# a replica with a good state of a database that is gone
good() {
	rm -rf "$T/d" "$T/n" "$T/A" "$T/B"
	mkdir "$T/d" "$T/n"
	make_db "$T/d/a.db" 100
	ls-walship --once "$T/d/a.db" "file://$T/B" 2>/dev/null
	sql "$T/d/a.db" "INSERT INTO t(v) VALUES ('precious')"
	ls-walship --once "$T/d/a.db" "file://$T/B" 2>/dev/null
	down "$T/B"
}
up() { rm -f "$LS_RUN_DIR/walship.sock"; start walship ls-walship "$T/n/a.db" \
    "file://$T/A" "file://$T/B"; ready; }
db=$T/n/a.db

# before the database is there
good
up
back "$T/B"
ok 'it answers while there is no database' \
    wait_for 15 grep -q recovered "$T/walship.log"
sql "$db" 'PRAGMA journal_mode=WAL; CREATE TABLE t(v)' >/dev/null
ok 'one that is made empty then is held' \
    wait_for 10 grep -q 'held, not shipped' "$T/walship.log"
is 'and not shipped over what is there' "$(holds "file://$T/B")" 1
stop walship

# the same, restored from it
good
up
back "$T/B"
wait_for 15 grep -q recovered "$T/walship.log"
ls-restore -o "$db" "file://$T/B" 2>/dev/null
ok 'one that is restored from it then' ls-sync -w 20s --any "$db"
like 'goes on' "$(cat "$T/walship.log")" 'capture goes on.*restored from'
stop walship

# after capture has begun with the one that was empty
good
make_db "$db" 3
up
ls-sync --any -w 20s "$db"
back "$T/B"
ok "another writer's replica that comes then is fenced" \
    wait_for 15 grep -q 'another writer' "$T/walship.log"
is 'and not shipped over either' "$(holds "file://$T/B")" 1
stop walship
done_testing
