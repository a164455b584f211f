#!/bin/bash
# Whose replica is it? A state folder and a replica that do not belong
# together are told apart before anything is put.
. tests/lib.sh
need sqlite3
mkdir "$T/d" "$T/o"
name() { printf '%016x-%016x.ltx' $1 $1; }
insert() { sql "$1" "INSERT INTO t(v) VALUES ('$2')"; }
once() { timeout 20 ls-walship --once "$@"; }
count() { rm -f "$T"/r.db*; ls-restore -o "$T/r.db" "$1" >/dev/null 2>&1 &&
    integrity "$T/r.db" && sql "$T/r.db" "SELECT count(*) FROM t WHERE v = '$2'"; }
# lives DB URL N: that many level-0 files, one a life
lives() {
	for i in $(seq $3); do
		insert "$1" "life$i"
		once "$1" "$2" 2>"$T/lives.log" || diag "$(cat "$T/lives.log")"
	done
}

try() { # WHAT URL1 URL2
	rm -rf "$T/d" "$T/o"; mkdir "$T/d" "$T/o"
	db=$T/d/a.db other=$T/o/a.db state=$T/d/.a.db-litestream
	make_db "$db" 100
	make_db "$other" 100

	# a replica that already is another database's
	lives "$other" "$3" 2
	lives "$db" "$2" 4
	rm "$state/ltx/0/$(name 1)" "$state/ltx/0/$(name 2)"
	exits "$1: another database's replica is left alone" 102 \
	    once "$db" "$3"
	like "$1: and why" "$err" 'of another writer'
	is "$1: nothing was put there" \
	    "$(count "$3" life2) $(count "$3" life3)" '1 0'
	exits "$1: its own goes on" 0 once "$db" "$2"
	exits "$1: overruled, it is taken" 0 \
	    once --accept-replacement "$db" "$3"
	is "$1: wholly" "$(count "$3" life4)" 1

	# a writer that comes back after another went on
	cp -a "$T/d" "$T/stale"
	rm -rf "$T/d"; mkdir "$T/d"
	ok "$1: restored elsewhere" ls-restore -o "$db" "$2"
	lives "$db" "$2" 2
	rm -rf "$T/d"; mv "$T/stale" "$T/d"
	insert "$db" stale
	exits "$1: a writer that was replaced does not take over" 102 \
	    once "$db" "$2"
	like "$1: and why" "$err" 'of another writer'
	is "$1: nothing was put there" "$(count "$2" stale)" 0
	rm -f "$db" "$db-wal" "$db-shm"
	ok "$1: it restores" ls-restore -o "$db" "$2"
	insert "$db" back
	exits "$1: and goes on" 0 once "$db" "$2"
	is "$1: wholly" "$(count "$2" back)" 1

	# what continues another writer's replica does so after a kill too
	rm -rf "$T/d"; mkdir "$T/d"
	ok "$1: restored, without a state folder" ls-restore -o "$db" "$2"
	start walship ls-walship "$db" "$2"
	wait_for 10 ls-sync -w 5s "$db"
	kill -9 $pid_walship; ended walship
	rm -f "$LS_RUN_DIR/walship.sock"
	exits "$1: killed before the first write" 0 once "$db" "$2"
	insert "$db" unshipped
	start walship ls-walship "$db" "$4"
	wait_for 10 ls-sync --local -w 5s "$db"
	insert "$db" kept
	ls-sync --local -w 5s "$db"
	kill -9 $pid_walship; ended walship
	rm -f "$LS_RUN_DIR/walship.sock"
	exits "$1: killed before that was shipped" 0 once "$db" "$2"
	is "$1: nothing lost" "$(count "$2" unshipped) $(count "$2" kept)" '1 1'

	# all is gone, and the application began a new database
	start walship ls-walship "$db" "$2"
	wait_for 10 ls-sync -w 5s "$db"
	for i in 1 2; do # no page 1 in these files
		sql "$db" "UPDATE t SET v = 'u$i' WHERE id = 7"
		ls-sync -w 5s "$db"
	done
	stop walship
	rm -rf "$T/d"; mkdir "$T/d"
	sqlite3 "$db" 'PRAGMA journal_mode=wal; CREATE TABLE other(x)' >/dev/null
	exits "$1: an empty database does not replace the replica" 102 \
	    once "$db" "$2"
	is "$1: which is as it was" "$(count "$2" u2)" 1
}
dead="s3://b/p?endpoint=http://127.0.0.1:$(free_port)&region=us-east-1"
AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
try file "file://$T/one" "file://$T/two" "$dead"
if test -x "$PEERS/versitygw"; then
	s3_start
	try s3 "$(s3_url one)" "$(s3_url two)" "$dead"
	s3_stop
else
	skip s3 "no versitygw in $PEERS"
fi

# one file under two names
rm -rf "$T/d"; mkdir "$T/d"
make_db "$T/d/a.db" 1
ln "$T/d/a.db" "$T/d/b.db"
printf 'dbs:\n' >"$T/two.yml"
for i in a b; do
	printf '  - path: %s\n    replica: {url: "file://%s"}\n' \
	    "$T/d/$i.db" "$T/twice/$i" >>"$T/two.yml"
done
exits 'one file under two names' 102 once -c "$T/two.yml"
like 'and said' "$err" 'b.db: it is the same file as .*a.db'

# a name that becomes another one's later: opening and closing the file once
# more would drop the locks SQLite has on it
rm "$T/d/b.db"
start walship ls-walship -c "$T/two.yml"
ok 'the first name' wait_for 10 ls-sync -w 5s "$T/d/a.db"
ln -s a.db "$T/d/b.db"
ok 'a name that becomes a link is refused' wait_for 10 sh -c \
    "ls-status 2>&1 | grep -q 'b.db: it is the same file as .*a.db'"
sql "$T/d/a.db" "INSERT INTO t(v) VALUES ('after')"
ok 'the file is still locked: its last user leaves the WAL' \
    test -s "$T/d/a.db-wal"
ok 'and captured' ls-sync -w 5s "$T/d/a.db"
rm "$T/d/b.db"
ok 'a link that goes is waited for again' wait_for 20 sh -c \
    "ls-status 2>/dev/null | grep -q 'b.db  *waiting'"
stop walship
is 'ends well' $status 0

# ... and in one go, while its own file is being captured
for how in 'ln -s' ln; do
	rm -rf "$T/d" "$T/twice"; mkdir "$T/d"
	make_db "$T/d/a.db" 1
	make_db "$T/d/b.db" 1
	: >"$T/walship.log"
	start walship ls-walship -c "$T/two.yml"
	ok "$how: both" wait_for 20 ls-sync -w 5s
	sql "$T/d/a.db" "INSERT INTO t(v) VALUES ('before')"
	(cd "$T/d" && $how a.db c.db && mv c.db b.db)
	ok "$how over a captured file is refused" wait_for 10 sh -c \
	    "ls-status 2>/dev/null | grep -qE 'b.db  *(held|failed)'"
	sql "$T/d/a.db" "INSERT INTO t(v) VALUES ('after')"
	ok 'the other is still locked' test -s "$T/d/a.db-wal"
	ok 'and captured' ls-sync -w 5s "$T/d/a.db"
	stop walship
	is 'with one full copy' \
	    "$(grep -c "full copy.*a.db " "$T/walship.log")" 1
done
done_testing
