#!/bin/bash
# Restore where ls-walship was at work: what the state folder holds beyond
# the replica, replication that goes on without a new full copy, and kills in
# the middle.
. tests/lib.sh
need sqlite3
mkdir "$T/d"
db=$T/d/a.db url=file://$T/r state=$T/d/.a.db-litestream
export REPLICA_URL=$url
make_db "$db" 1000
up() { rm -f "$LS_RUN_DIR/walship.sock" "$T/walship.log"
    start walship ls-walship "$db" "$url" &&
    wait_for 10 test -S "$LS_RUN_DIR/walship.sock"; }
insert() { sql "$db" "INSERT INTO t(v) VALUES ('$1')"; }
# what is written before that may have left the WAL: a full copy
attached() { wait_for 10 grep -q msg=attached "$T/walship.log"; }
has() { sql "$db" "SELECT count(*) FROM t WHERE v = '$1'"; }
last() { ls "$1" | tail -n 1; }
dumps() { find "$T/r/ltx/0" -name '*.ltx' -size +50k | wc -l; }

# shipped, then more that only the state folder has
up
insert shipped
ls-sync -w 10s "$db" || bail 'ls-sync'
mv "$T/r/ltx/0" "$T/r/ltx/away"
: >"$T/r/ltx/0"
was=$(last "$state/ltx/0")
more() { test "$(last "$state/ltx/0")" != "$was"; }
insert kept
wait_for 10 more || bail 'not captured'
stop walship KILL
rm "$T/r/ltx/0"
mv "$T/r/ltx/away" "$T/r/ltx/0"
if test "$(last "$T/r/ltx/0")" \< "$(last "$state/ltx/0")"
then pass 'the state folder is ahead of the replica'
else fail 'the state folder is ahead of the replica'; fi

# only the main file is deleted
ls-restore -n "$db" >"$T/plan"
like 'the plan has the local file' "$(cat "$T/plan")" '^local	'
echo "dbs: [{ path: $db, replica: { url: '$url' } }]" >"$T/o.yml"
ln -s d "$T/e"
for o in a.db ./a.db ../e/a.db "$db"; do
	(cd "$T/d" && ls-restore -n -c "$T/o.yml" -o "$o" "$db") >"$T/plan"
	like "also with -o $o" "$(cat "$T/plan")" '^local	'
done
ls-restore -n -c "$T/o.yml" -o "$T/other.db" "$db" >"$T/plan"
unlike 'not with -o to another path' "$(cat "$T/plan")" '^local	'
rm "$db"
test -s "$db-wal" || bail 'no -wal to be left'
exits 'only the main file was deleted' 0 ls-restore "$db"
like 'the -wal is moved aside with a warning' "$err" 'level=warn .*a.db-wal'
is 'what was shipped is there' "$(has shipped)" 1
is 'and what only the state folder had' "$(has kept)" 1
is 'and everything else' "$(sql "$db" 'SELECT count(*) FROM t')" 1002
ok 'and it is sound' integrity "$db"

# replication goes on
n=$(dumps)
up
attached
insert 'went on'
ok 'replication goes on' ls-sync -w 10s "$db"
stop walship
like 'pain 781, 521: from there' "$(cat "$T/walship.log")" \
    'capture goes on.*restored from the replica'
is 'pain 627: without a new full copy' "$(dumps)" "$n"
rm -f "$T"/c.db*
ok 'and the replica is whole' ls-restore -q -o "$T/c.db" "$url"
ok 'page by page' pages_equal "$db" "$T/c.db"

# everything local is lost
rm -rf "$T/d"
exits 'restore to nothing at all' 0 ls-restore "$db"
is 'has it all' "$(has 'went on')" 1
up
attached
insert 'and on'
ok 'replication goes on' ls-sync -w 10s "$db"
stop walship
is 'without a new full copy' "$(dumps)" "$n"

# ls-walship waits for a database that is restored under it
rm -f "$db"*
up
exits 'restore while ls-walship waits for it' 0 ls-restore "$db"
wait_for 10 grep -q 'capture goes on.*restored' "$T/walship.log"
attached
insert 'once more'
ok 'it goes on' ls-sync -w 10s "$db"
stop walship
is 'without a new full copy' "$(dumps)" "$n"

# a state folder of another history: it lags, or went another way
cp -r "$state" "$T/old"
up; insert more; ls-sync -w 10s "$db"; stop walship
rm -rf "$db"* "$state"; cp -r "$T/old" "$state"
exits 'an old state folder' 0 ls-restore "$db"
like 'is moved aside' "$err" 'ltx.orphan-[0-9]*'
is 'the replica counts' "$(has more)" 1

# a kill in the middle leaves nothing that could be taken for a database
sql "$db" "CREATE TABLE b(x); INSERT INTO b VALUES(randomblob(30000000))"
up; ls-sync -w 20s "$db"; stop walship
mkdir "$T/k"
left=0 done=0
for i in $(seq 1 25); do
	ls-restore -q -o "$T/k/k.db" "$url" 2>>"$T/k.log" & p=$!
	sleep "0.0$((i * 7 % 90 + 5))"
	kill -9 $p 2>/dev/null; wait $p 2>/dev/null
	for f in "$T"/k/*; do
		test -e "$f" || continue
		case $f in
		*/k.db) cmp -s "$f" "$db" || left=$((left + 100)); done=$((done + 1)) ;;
		*) left=$((left + 1))
		   head -c 15 "$f" | grep -q 'SQLite format 3' &&
		   ! cmp -s "$f" "$db" && left=$((left + 100)) ;;
		esac
	done
	rm -f "$T/k/k.db"
done
diag "$left temporary files seen, $done restores ended before the kill"
if test $left -lt 100 && test $left -gt 0
then pass 'kill -9: nothing half restored looks like a database'
else fail 'kill -9: nothing half restored looks like a database' "$left"; fi
ok 'a later restore works' ls-restore -q -o "$T/k/k.db" "$url"
is 'and clears away what the killed ones left' "$(ls "$T/k")" k.db
done_testing
